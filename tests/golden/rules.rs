//! Rules that the reference computes otherwise than its own words say.

use gradpool_cli::conformance::treatment::Treatment;

use crate::common::{assert_close, shared};
use crate::{final_value, subject};

const TOLERANCE: f64 = 1e-9;

/// The reference inherits momentum's step for anti_momentum (T2.2): its scan returns momentum. Ours returns what the
/// reference's vectorized path returns.
#[test]
fn the_scan_of_anti_momentum_is_anti_momentum() {
    let name = "anti_scan_1440_zero";
    let Some(shared) = shared(name) else { return };
    let (_, scanned) = subject(&shared, name, Treatment::PLAIN, &["pool.weights=scan"]);
    let (vectorized, _) = subject(&shared, "anti_vec_1440_zero", Treatment::PLAIN, &[]);
    let expected = vectorized.number(&["final_value"]).unwrap();
    assert_close(name, &[final_value(&scanned)], &[expected], TOLERANCE, 0.0);
}

/// The reference's minimum variance knows a price one update before it can (T2.1). Without the switch that reproduces it, the pool
/// of this case ends with another value.
#[test]
fn minimum_variance_does_not_look_ahead() {
    let name = "minvar_vec_1440_zero";
    let Some(shared) = shared(name) else { return };
    let (golden, honest) = subject(&shared, name, Treatment::PLAIN, &[]);
    let values = [final_value(&honest), golden.number(&["final_value"]).unwrap()];
    assert_close(name, &values, &[991_601.326_772_109_3, 993_058.097_459_746], TOLERANCE, 0.0);
}

/// The reference takes supplies from the start of their files instead of the dates of the prices (T2.6). Those of the right dates,
/// which differ little here, move the last value by 9e-13 of it.
#[test]
fn supplies_are_those_of_their_dates() {
    let name = "index_mcap_zero";
    let Some(shared) = shared(name) else { return };
    let (mut golden, _) = subject(&shared, name, Treatment::PLAIN, &[]);
    let published = golden.number(&["final_value"]).unwrap();
    golden.arrays.remove("aux.chunkwise_supply_used").unwrap();
    let case = crate::Case::load(&golden, Treatment::PLAIN, &crate::with_settings(&[])).unwrap();
    let values = [final_value(&case.subject(&[]).unwrap()), published];
    assert_close(name, &values, &[873_954.304_501_153_9, 873_954.304_500_373_1], 1e-13, 0.0);
}
