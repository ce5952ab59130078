//! Pools with costs of trading, by trades of one token for one other as the reference knows them (T4.2).
//!
//! Tolerances are those of the golden files' own schema for such cases: 1e-8 for values, 1e-6 for gradients.

use crate::case::Case;
use crate::common::shared;

/// Everything that the reference published, on both paths; gradients to their tolerance where the case is smooth.
fn check(name: &str, smooth: bool) {
    let Some(shared) = shared(name) else { return };
    for path in ["vectorized", "scan"] {
        let path = format!("pool.weights={path}");
        let set = ["pool.arbitrage=pairwise", path.as_str(), compatibility(name)];
        let case = Case::load(&shared, name, &set).within(1e-8, 1e-6);
        agree(&case, smooth);
        if smooth {
            case.objective_agrees();
        }
    }
}

fn agree(case: &Case, smooth: bool) {
    let (run, series) = case.dense();
    case.series_agree(&run, &series);
    case.metrics_agree(&run);
    if smooth {
        case.gradients_agree();
    } else {
        case.slopes_are_nearer_than_differences();
    }
}

/// With two tokens the optimal trade is one of a pair: the default gives the same numbers.
#[test]
fn mom_2tok_fees_by_the_optimal_trade() {
    let name = "mom_2tok_fees";
    let Some(shared) = shared(name) else { return };
    let case = Case::load(&shared, name, &["pool.arbitrage=optimal"]).within(1e-8, 1e-6);
    let (run, series) = case.dense();
    case.series_agree(&run, &series);
    case.gradients_agree();
}

fn compatibility(name: &str) -> &'static str {
    if name.starts_with("minvar") { "pool.compat.min_variance_lookahead=true" } else { "pool.arbitrate=true" }
}

macro_rules! cases {
    ($smooth:literal: $($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name), $smooth);
            }
        )*
    };
}

cases!(true:
    mom_2tok_fees,
    mom_vec_60_opt_fees,
    mom_6tok_fees,
    mom_arbfreq7_fees,
    mom_protocol_split,
    mom_noise_trader,
    bounded_mom_fees,
    diffmom_60_fees,
    minvar_4tok_fees,
    power_nopre_fees,
    mom_vec_1440_costs,
    mom_4tok_costs,
    mom_gas_only,
);

cases!(false: mom_vec_1440_fees, mom_scan_1440_fees, mrc_vec_60_fees, ttmrc_fees);

/// Supplies as the reference used them (T2.6).
fn check_index(name: &str, set: &str, tolerances: Option<(f64, f64)>, smooth: bool) {
    let Some(shared) = shared(name) else { return };
    let case = Case::load(&shared, name, &[set]).with_published_supplies();
    let case = match tolerances {
        Some((values, gradients)) => case.within(values, gradients),
        None => case,
    };
    agree(&case, smooth);
}

#[test]
fn index_mcap_fees() {
    check_index("index_mcap_fees", "pool.arbitrage=pairwise", Some((1e-8, 1e-6)), false);
}

#[test]
fn hodling_index_fees() {
    check_index("hodling_index_fees", "pool.arbitrage=pairwise", Some((1e-8, 1e-6)), true);
}

/// Without fees the reference forgets what prices did while the pool rested (T4.7).
#[test]
fn hodling_index_zero() {
    check_index("hodling_index_zero", "pool.compat.hodling_forgets_drift=true", None, true);
}
