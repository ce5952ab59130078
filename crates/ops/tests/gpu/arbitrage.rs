//! Reserves under arbitrage, with every option.

use std::sync::Arc;

use gradpool_ops::arbitrage::{RowInputs, UserTrade};
use gradpool_ops::{ArbitragePlan, Costs, Interpolation, PathLayout, PricedWindows, arbitrage};

use crate::common::Numbers;
use crate::{assert_close, both};

const ROWS: usize = 310;
const TABLE_ROWS: usize = 400;

/// One comparison with the CPU.
#[derive(Clone)]
struct Case {
    assets: usize,
    costs: Costs,
    /// Fees that hold for 100 rows each.
    fee_columns: usize,
    rests: bool,
    stride: usize,
    interpolation: Interpolation,
    inputs: RowInputs,
}

impl Case {
    fn of(assets: usize, costs: Costs) -> Self {
        let (interpolation, inputs) = (Interpolation::Linear, RowInputs::default());
        Self { assets, costs, fee_columns: 1, rests: false, stride: 1, interpolation, inputs }
    }

    fn check(&self) {
        let Self { assets, costs, stride, .. } = *self;
        let (sets, windows) = (2, 2);
        let layout = PathLayout {
            block_rows: 60,
            ramp_rows: 45,
            interpolation: self.interpolation,
            constant_first_block: true,
            rows: ROWS,
            stride,
        };
        let mut numbers = Numbers(23);
        let prices: Vec<f64> = numbers.log_prices(TABLE_ROWS, assets).iter().map(|log| (log * 0.2).exp()).collect();
        let starts = [3, 50];
        let blocks = layout.positions();
        let positions = numbers.weights(sets * windows * blocks, assets);
        let initial: Vec<f64> = (0..sets * windows)
            .flat_map(|entry| {
                let weights = &positions[entry * blocks * assets..][..assets];
                let prices = &prices[starts[entry % windows] * assets..][..assets];
                weights.iter().zip(prices).map(|(weight, price)| 1e3 * weight / price).collect::<Vec<_>>()
            })
            .collect();
        let last = layout.visited() - 1;
        let samples: Vec<usize> = (0..=last).filter(|visit| visit % 50 == 49 || *visit == last).collect();
        let windows_ = PricedWindows::new(layout, starts, assets, prices.into(), samples).unwrap();
        let inputs = self.inputs.clone().check(TABLE_ROWS, assets).unwrap();
        let plan = ArbitragePlan::new(windows_, costs).unwrap().with_fee_rows(100).with_inputs(inputs).unwrap();
        let plan = Arc::new(if self.rests { plan.resting_with_weights() } else { plan });
        let entries = sets * windows;
        let fees = vec![costs.fee_rate; entries * self.fee_columns];
        let inputs = [
            (positions, [entries, blocks, assets]),
            (initial, [1, entries, assets]),
            (fees, [1, entries, self.fee_columns]),
        ];
        let mut found = both(&inputs, &|inputs| {
            let [initial, fees] = [1, 2].map(|index| inputs[index].clone().squeeze_dim::<2>(0));
            arbitrage(inputs[0].clone(), initial, fees, &plan)
        });
        if costs.fee_rate == 0.0 {
            // It is rounding that says which token enters, and so what a fee would do.
            for (_, gradients) in &mut found {
                gradients.truncate(2);
            }
        }
        assert_close(&found, 1e-5, 1e-3);
    }
}

fn costs(fee_rate: f64) -> Costs {
    Costs { fee_rate, ..Costs::default() }
}

/// Everybody takes part.
fn all_costs() -> Costs {
    Costs { gas_cost: 0.2, arbitrage_fee: 1e-4, noise_trader_ratio: 0.5, protocol_fee_share: 0.25, ..costs(0.003) }
}

#[test]
fn constant_costs() {
    Case { fee_columns: 3, ..Case::of(3, all_costs()) }.check();
    Case { rests: true, ..Case::of(2, costs(0.0005)) }.check();
    Case::of(4, costs(0.0)).check();
}

#[test]
fn pairs() {
    for costs in [all_costs(), costs(0.0)] {
        Case { fee_columns: 3, ..Case::of(4, Costs { pairs_only: true, ..costs }) }.check();
    }
}

/// Fees, gas and the arbitrageur's own fee of every row, shares issued and redeemed, and users' trades there and back.
fn row_inputs(assets: usize) -> RowInputs {
    let mut numbers = Numbers(41);
    let mut series = |low: f64, high: f64| Some(numbers.list(TABLE_ROWS, low, high).into());
    let trades = (0..TABLE_ROWS).step_by(11).flat_map(|row| {
        let (one, other) = (row % assets, (row + 1) % assets);
        let trade = |token_in, token_out| UserTrade { row, token_in, token_out, amount_in: 1.0 + (row % 7) as f64 };
        [trade(one, other), trade(other, one)]
    });
    RowInputs {
        fee_rate: series(0.001, 0.004),
        gas_cost: series(0.0, 0.3),
        arbitrage_fee: series(0.0, 2e-4),
        lp_supply: series(90.0, 110.0),
        trades: trades.collect(),
    }
}

#[test]
fn series_by_row_and_users() {
    let inputs = row_inputs(3);
    Case { inputs: inputs.clone(), ..Case::of(3, all_costs()) }.check();
    Case { inputs, stride: 2, rests: true, ..Case::of(3, all_costs()) }.check();
}

#[test]
fn geometric_interpolation() {
    for interpolation in [Interpolation::ApproxOptimal, Interpolation::ApproxOptimalExact] {
        Case { interpolation, fee_columns: 3, ..Case::of(3, all_costs()) }.check();
    }
    Case { interpolation: Interpolation::ApproxOptimal, stride: 7, ..Case::of(3, costs(0.0)) }.check();
}

#[test]
fn dynamic_form_with_all_else() {
    let inputs = RowInputs { fee_rate: None, ..row_inputs(3) };
    let costs = Costs { dynamic_form: true, pairs_only: true, ..all_costs() };
    let interpolation = Interpolation::ApproxOptimal;
    Case { inputs, interpolation, fee_columns: 3, ..Case::of(3, costs) }.check();
}
