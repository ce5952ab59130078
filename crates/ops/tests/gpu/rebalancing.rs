//! Rebalanced portfolios.

use std::sync::Arc;

use gradpool_ops::{
    DailySpreads, Interpolation, PathLayout, PricedWindows, RebalancingPlan, RebalancingTerms, rebalancing,
};

use crate::alone::assert_independent;
use crate::common::Numbers;
use crate::{assert_close, both};

const DAILY: PathLayout = PathLayout {
    block_rows: 24,
    ramp_rows: 24,
    interpolation: Interpolation::Linear,
    constant_first_block: true,
    rows: 400,
    stride: 1,
};

fn plan(layout: PathLayout, assets: usize, starts: [usize; 2], terms: RebalancingTerms) -> Arc<RebalancingPlan> {
    let table = layout.rows + starts[1];
    let prices: Vec<f64> = Numbers(41).log_prices(table, assets).iter().map(|log| log.exp()).collect();
    let executed = |visit: &usize| !terms.only_in_ramps || visit * layout.stride % layout.block_rows < layout.ramp_rows;
    // None in the first rows, some that follow each other, many a stretch apart.
    let samples: Vec<usize> = (2..layout.visited()).filter(executed).filter(|visit| visit % 90 < 3).collect();
    let windows = PricedWindows::new(layout, starts, assets, prices.into(), samples).unwrap();
    Arc::new(RebalancingPlan::new(windows, terms).unwrap())
}

fn spreads(layout: &PathLayout, assets: usize) -> DailySpreads {
    let days = (layout.rows + 5 + 3).div_ceil(7);
    let spreads = Numbers(43).list(days * assets, 0.0, 0.01).into();
    DailySpreads { spreads, rows_per_day: 7, rows_before: 3 }
}

#[test]
fn rebalanced_with_every_option() {
    let fee = RebalancingTerms { fee_rate: 0.003, ..RebalancingTerms::default() };
    let in_ramps = RebalancingTerms { only_in_ramps: true, streaming_fee: 1e-5, ..fee.clone() };
    let row_fees = |layout: &PathLayout| Some(Numbers(47).list(layout.rows + 5, 0.0, 0.01).into());
    let resting = PathLayout { block_rows: 200, ramp_rows: 150, rows: 2130, stride: 2, ..DAILY };
    // A geometric path is differentiated where it moves all the time: normalising weights that rest moves them by rounding,
    // and what that would cost has a slope.
    let geometric = PathLayout { interpolation: Interpolation::ApproxOptimal, constant_first_block: false, ..DAILY };
    let held = PathLayout { interpolation: Interpolation::ApproxOptimalExact, ..resting };
    let cases = [
        (2, DAILY, RebalancingTerms { spreads: Some(spreads(&DAILY, 2)), ..fee.clone() }),
        (3, PathLayout { block_rows: 10, ramp_rows: 7, stride: 3, ..DAILY }, in_ramps.clone()),
        (3, PathLayout { block_rows: 1, ramp_rows: 1, ..DAILY }, fee.clone()),
        (
            2,
            resting,
            RebalancingTerms {
                row_fee_rates: row_fees(&resting),
                spreads: Some(spreads(&resting, 2)),
                ..in_ramps.clone()
            },
        ),
        (3, geometric, fee),
        (2, held, RebalancingTerms { fee_rate: 0.0, ..in_ramps }),
    ];
    for (assets, layout, terms) in cases {
        let plan = plan(layout, assets, [0, 5], terms);
        let shape = [4, layout.positions(), assets];
        let positions = Numbers(53).weights(shape[0] * shape[1], assets);
        let found = both(&[(positions, shape)], &|inputs| rebalancing(inputs[0].clone(), &plan).unsqueeze_dim(2));
        assert_close(&found, 1e-5, 1e-3);
    }
}

/// Weights that move by less in a row than single precision resolves of them.
#[test]
fn slow_weights_pay_for_every_change() {
    let layout = PathLayout { block_rows: 1440, ramp_rows: 1440, rows: 3 * 1440, ..DAILY };
    let terms = RebalancingTerms { fee_rate: 0.1, ..RebalancingTerms::default() };
    let plan = plan(layout, 2, [0, 5], terms);
    let shape = [2, layout.positions(), 2];
    let moves = Numbers(61).list(shape[0] * shape[1], -1e-5, 1e-5);
    let positions = moves.iter().flat_map(|moved| [0.4 + moved, 0.6 - moved]).collect();
    let found = both(&[(positions, shape)], &|inputs| rebalancing(inputs[0].clone(), &plan).unsqueeze_dim(2));
    assert_close(&found, 1e-5, 1e-3);
}

#[test]
fn sets_do_not_touch_each_other() {
    let (sets, assets) = (4, 3);
    let terms =
        RebalancingTerms { fee_rate: 0.003, spreads: Some(spreads(&DAILY, assets)), ..RebalancingTerms::default() };
    let plan = plan(DAILY, assets, [0, 5], terms);
    let shape = [sets * 2, DAILY.positions(), assets];
    let positions = Numbers(59).weights(shape[0] * shape[1], assets);
    assert_independent(&[(positions, shape)], sets, &|inputs| rebalancing(inputs[0].clone(), &plan).unsqueeze_dim(2));
}
