//! Pools of two assets that are no weighted pools.

use gradpool_cli::conformance::treatment::Treatment;
use gradpool_cli::simulation::{ComputedBy, Simulation};
use gradpool_metrics::Metric;
use gradpool_strategy::ParameterValues;

use crate::common::{assert_close, shared};
use crate::{final_value, subject};

/// Trained weights of a CoW pool, which the reference keeps fixed: by differences.
#[test]
fn weights_of_a_cow_pool_have_a_gradient() {
    for (name, quality) in [("cow_zero", "1.0"), ("cow_zero", "0.3"), ("cow_fees", "1.0")] {
        let Some(shared) = shared(name) else { return };
        let quality = format!("pool.cow.arbitrage_quality={quality}");
        let set = ["pool.initial_weights=\"learned\"", &quality];
        let (_, mut subject) = subject(&shared, name, Treatment::PLAIN, &set);
        let (_, gradient) = subject.gradient(Metric::FinalValue, false).unwrap();
        let leaf = "initial_weights_logits";
        let step = 1e-4;
        let centre = subject.values.leaves[leaf].clone();
        let mut value_at = |moved: f64| {
            subject.values = ParameterValues::new([(leaf, vec![centre[0] + moved, centre[1]])]);
            final_value(&subject)
        };
        let expected = (value_at(step) - value_at(-step)) / (2.0 * step);
        let what = format!("{name} {quality}");
        assert_close(&what, &gradient.leaves[leaf][..1], &[expected], 1e-6, 0.0);
    }
}

/// The reserves and value at the end, and the gradient of that value for alpha, beta, lam and phi, by the formulas of spec 04
/// sec. 4.8.5 as they stand, evaluated with 50 digits (the gradient by differences of 1e-20).
struct Exact {
    switches: &'static [&'static str],
    reserves: [f64; 2],
    value: f64,
    gradient: [f64; 4],
}

/// At `phi` = 0.000597 and `lam` = 60 the plain formulas subtract numbers that agree to nine digits, and most of what the
/// reference publishes is rounding (`ROUNDING_OF_THE_ELLIPSE` in `gradpool_cli::conformance::treatment`). So we are held to the
/// exact numbers.
fn check_gyroscope(name: &str, exact: &Exact) {
    let Some(shared) = shared(name) else { return };
    let (_, subject) = subject(&shared, name, Treatment::PLAIN, exact.switches);
    let rows = subject.setup.simulated_rows(&subject.config);
    let simulation = Simulation::new(&subject.setup, &subject.values, rows).unwrap();
    let simulated = simulation.run(ComputedBy::Scan).unwrap();
    let last = simulation.rows() - 1;
    let close = |what: &str, found: &[f64], expected: &[f64]| {
        assert_close(&format!("{name} {what}"), found, expected, 1e-11, 0.0);
    };
    close("reserves", &simulated.reserves[2 * last..], &exact.reserves);
    close("value", &simulated.values[last..], &[exact.value]);
    let (_, gradient) = subject.gradient(Metric::FinalValue, false).unwrap();
    for (leaf, expected) in ["alpha", "beta", "lam", "phi"].into_iter().zip(exact.gradient) {
        let what = format!("{name} d final_value / d {leaf}");
        // Along lam the value is flat to 1e-13 of it.
        let floor = if leaf == "lam" { 1e-2 } else { 0.0 };
        assert_close(&what, &gradient.leaves[leaf], &[expected], 1e-7, floor);
    }
}

#[test]
fn gyro_zero() {
    let exact = Exact {
        switches: &[],
        reserves: [287.629_074_589_129, 674_325.693_939_972_9],
        value: 1_025_814.633_557_432_8,
        gradient: [58.107_511_501_211_32, 3.309_040_510_409_107, -3.396_557_2e-7, -24.453_364_351_342_72],
    };
    check_gyroscope("gyro_zero", &exact);
}

/// The band of trades that do not pay as the reference has it (T4.9).
#[test]
fn gyro_fees() {
    let exact = Exact {
        switches: &["pool.compat.eclp_band_of_reserves=true"],
        reserves: [285.353_569_357_109_9, 676_891.295_167_150_1],
        value: 1_025_598.040_891_246_3,
        gradient: [57.633_725_300_640_33, 3.325_230_870_111_591, -3.384_657_15e-7, -24.385_490_367_608_955],
    };
    check_gyroscope("gyro_fees", &exact);
}

#[test]
fn gyro_fees_by_the_price_of_the_pool() {
    let exact = Exact {
        switches: &[],
        reserves: [291.683_156_630_512_4, 675_846.323_607_861],
        value: 1_032_290.931_999_882_5,
        gradient: [73.084_532_645_356_1, 2.862_116_408_492_242_5, -3.731_294_98e-7, -26.335_697_414_736_49],
    };
    check_gyroscope("gyro_fees", &exact);
}
