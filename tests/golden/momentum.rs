//! The rule momentum.

use crate::case;
use crate::common::shared;

const CASES: [&str; 18] = [
    "mom_vec_1440_zero",
    "mom_vec_60_zero",
    "mom_scan_1440_zero",
    "mom_scan_60_zero",
    "mom_arbfreq5_zero",
    "mom_6tok_zero",
    "mom_altlamb",
    "mom_lamb_capped",
    "mom_minweight",
    "mom_maxchange_tight",
    "mom_ragged",
    "mom_offset_start",
    "mom_interp_short",
    "mom_vec_1440_opt",
    "mom_turnover",
    "mom_scalar_params",
    "mom_ste",
    "mom_ste_scan",
];

/// Settings that reproduce a documented defect, for the one case that has it.
fn compatibility(name: &str) -> &'static [&'static str] {
    if name == "mom_scalar_params" { &["pool.compat.scalar_gain_offset=true"] } else { &[] }
}

fn check(name: &str) {
    let Some(shared) = shared(name) else { return };
    case::check(&shared, name, compatibility(name));
}

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        $(#[test] fn $name() { check(stringify!($name)); })*

        #[test]
        fn every_case_has_its_test() {
            assert_eq!(CASES, [$(stringify!($name)),*]);
        }
    };
}

cases!(
    mom_vec_1440_zero,
    mom_vec_60_zero,
    mom_scan_1440_zero,
    mom_scan_60_zero,
    mom_arbfreq5_zero,
    mom_6tok_zero,
    mom_altlamb,
    mom_lamb_capped,
    mom_minweight,
    mom_maxchange_tight,
    mom_ragged,
    mom_offset_start,
    mom_interp_short,
    mom_vec_1440_opt,
    mom_turnover,
    mom_scalar_params,
    mom_ste,
    mom_ste_scan,
);
