//! Reserves under arbitrage.

use std::sync::Arc;

use gradpool_ops::{ArbitragePlan, Costs, Interpolation, PathLayout, PricedWindows, arbitrage};

use crate::common::Numbers;
use crate::{assert_close, both};

#[test]
fn arbitrage_with_fees() {
    let costs = |fee_rate| Costs { fee_rate, ..Costs::default() };
    let all =
        Costs { gas_cost: 0.2, arbitrage_fee: 1e-4, noise_trader_ratio: 0.5, protocol_fee_share: 0.25, ..costs(0.003) };
    for (assets, costs, rests, fee_columns) in
        [(3, all, false, 3), (2, costs(0.0005), true, 1), (4, costs(0.0), false, 1)]
    {
        let (sets, windows, block, stride) = (2, 2, 60, 1);
        let layout = PathLayout {
            block_rows: block,
            ramp_rows: 45,
            interpolation: Interpolation::Linear,
            constant_first_block: true,
            rows: 310,
            stride,
        };
        let mut numbers = Numbers(23);
        let prices: Vec<f64> = numbers.log_prices(400, assets).iter().map(|log| (log * 0.2).exp()).collect();
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
        let samples: Vec<usize> = (0..310).filter(|visit| visit % 50 == 49 || *visit == 309).collect();
        let windows_ = PricedWindows::new(layout, starts, assets, prices.into(), samples).unwrap();
        let plan = ArbitragePlan::new(windows_, costs).unwrap().with_fee_rows(100);
        let plan = Arc::new(if rests { plan.resting_with_weights() } else { plan });
        let entries = sets * windows;
        let fees = vec![costs.fee_rate; entries * fee_columns];
        let inputs = [
            (positions, [entries, blocks, assets]),
            (initial, [1, entries, assets]),
            (fees, [1, entries, fee_columns]),
        ];
        let mut found = both(&inputs, &|inputs| {
            let [initial, fees] = [1, 2].map(|index| inputs[index].clone().squeeze_dim::<2>(0));
            arbitrage(inputs[0].clone(), initial, fees, &plan)
        });
        if costs.fee_rate == 0.0 {
            // It is rounding that says which token enters, and so what a fee would do.
            found.iter_mut().for_each(|(_, gradients)| gradients.truncate(2));
        }
        assert_close(&found, 1e-5, 1e-3);
    }
}
