//! Pools of two assets that are no weighted pools.

use crate::case::Case;
use crate::common::shared;

fn check(name: &str, tolerances: (f64, f64), set: &[&str]) {
    let Some(shared) = shared(name) else { return };
    let case = Case::load(&shared, name, set).within(tolerances.0, tolerances.1);
    let (run, series) = case.dense();
    case.series_agree(&run, &series);
    case.metrics_agree(&run);
    case.gradients_agree();
    case.objective_agrees();
}

const FREE: (f64, f64) = (1e-9, 1e-7);
const FEES: (f64, f64) = (1e-8, 1e-6);

macro_rules! cases {
    ($($name:ident: $tolerances:expr, $set:expr;)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name), $tolerances, $set);
            }
        )*
    };
}

cases!(
    cow_zero: FREE, &[];
    cow_fees: FEES, &[];
    gyro_zero: FREE, &[];
    gyro_fees: FEES, &["pool.compat.eclp_band_of_reserves=true"];
    reclamm_zero: FREE, &[];
    reclamm_fees: FEES, &[];
    reclamm_arc_fees: FEES, &[];
    reclamm_arc_learn: FEES, &[];
);
