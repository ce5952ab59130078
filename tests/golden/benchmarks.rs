//! Portfolios that are rebalanced on a market.

use gradpool_cli::simulation::{ComputedBy, Simulation};
use gradpool_metrics::{Metric, evaluate_all};

use crate::case::{Case, WAYS};
use crate::common::{Golden, assert_close, shared};

/// Everything that the reference published, on both paths, and the stream's own recursion. Of the metrics `apart` the growth is
/// compared, not the return.
fn check(name: &str, apart: &[Metric], prepare: impl Fn(Case) -> Case) {
    let Some(shared) = shared(name) else { return };
    for (path, valuation) in WAYS {
        let (path, valuation) = (format!("pool.weights={path}"), format!("pool.valuation={valuation}"));
        let case = Case::load(&shared, name, &[path.as_str(), valuation.as_str()]);
        let case = prepare(case);
        let (run, series) = case.dense();
        case.series_agree(&run, &series);
        case.metrics_agree_except(&run, apart);
        for metric in apart {
            let found = evaluate_all(&[*metric], &case.setup.experiment.series(&run)).unwrap()[0][0].value;
            let expected = case.golden.number(&["metrics", metric.name()]);
            assert_close(&format!("{name} {}", metric.name()), &[1.0 + found], &[1.0 + expected], 1e-9, 0.0);
        }
        case.gradients_agree();
        case.objective_agrees();
        if case.golden.array("coarse.actual_starts").is_some() {
            case.coarse_weights_agree(&run);
        }
        let rows = case.setup.simulated_rows(&case.config);
        let stream = Simulation::new(&case.setup, &case.values, rows).unwrap().run(ComputedBy::Stream).unwrap();
        let last = [case.golden.number(&["final_value"])];
        assert_close(&format!("{name} stream"), &stream.values[stream.values.len() - 1..], &last, 1e-10, 0.0);
    }
}

#[test]
fn lvr_mom() {
    check("lvr_mom", &[], |case| case);
}

/// The reference's weights sum to one less 1.1e-16, and each of 14 400 rows multiplies its value by that sum twice: 3e-12 in all. A return
/// over holding is a small part of the growth, which its annual form raises to the power 36.
#[test]
fn lvr_balancer_zero() {
    let over_holding = [
        Metric::ReturnsOverHodl,
        Metric::AnnualisedReturnsOverHodl,
        Metric::ReturnsOverUniformHodl,
        Metric::AnnualisedReturnsOverUniformHodl,
    ];
    check("lvr_balancer_zero", &over_holding, |case| case);
}

/// The reference takes the spreads of the days that stand as far from the start of the file as the window from the start of its
/// prices (T4.12): ten weeks too early. With them we get its numbers.
#[test]
fn rvr_mom() {
    check("rvr_mom", &[], Case::with_published_spreads);
}

/// Here the reference's spreads are those of the right days; its supplies are not (T2.6).
#[test]
fn trad_hodling_index_fees() {
    check("trad_hodling_index_fees", &[], |case| case.with_published_supplies().with_published_spreads());
}

/// Where our own spreads are, and which days the reference took.
#[test]
fn spreads_are_those_of_their_days() {
    let name = "spreads";
    let Some(shared) = shared(name) else { return };
    for (case, days_off) in [("rvr_mom", 69), ("trad_hodling_index_fees", 0)] {
        let golden = Golden::load(&shared, case);
        let (_, used) = golden.array("aux.spread_used_daily").unwrap();
        let source = Case::load(&shared, case, &[]).config.data.source();
        let prices = gradpool_market::load(&source).unwrap();
        let spreads = gradpool_market::load_spreads(&source, *prices.grid()).unwrap();
        let into_window = golden.number(&["data", "start_idx"]) as i64 * 60_000;
        let start_ms = golden.number(&["data", "first_unix_ms"]) as i64 + into_window;
        let day = prices.grid().row_of(start_ms).unwrap() / 1440 - days_off;
        let found = &spreads.spreads()[day * 3..][..used.len()];
        assert_close(case, found, used, 1e-11, 0.0);
        // The files end with one row of another day.
        assert_eq!(spreads.undefined_days(), [1, 1, 1]);
    }
}
