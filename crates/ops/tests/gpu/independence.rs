//! What runs beside a set changes no bit of it, neither of values nor of gradients.

use std::sync::Arc;

use gradpool_ops::guardrails::{GuardrailInputs, GuardrailSettings, guardrails};
use gradpool_ops::recurrence::{RecurrenceForm, RecurrenceOptions, recurrence};
use gradpool_ops::{ArbitragePlan, Costs, Interpolation, PathLayout, PricedWindows, arbitrage, growth};

use crate::alone::assert_independent;
use crate::common::{Numbers, growth_plan};

const SETS: usize = 5;
const ASSETS: usize = 3;

#[test]
fn recurrences_of_sets() {
    for form in [RecurrenceForm::Sequential, RecurrenceForm::Blocked] {
        let rows = 150;
        let mut numbers = Numbers(31);
        let input = numbers.list(SETS * rows * ASSETS, -0.01, 0.01);
        let decay = numbers.list(SETS * ASSETS, 0.9, 0.999);
        let initial = numbers.list(SETS * ASSETS, -0.01, 0.01);
        let inputs = [(input, [SETS, rows, ASSETS]), (decay, [SETS, 1, ASSETS]), (initial, [SETS, 1, ASSETS])];
        assert_independent(&inputs, SETS, &|inputs| {
            let [decay, initial] = [1, 2].map(|index| inputs[index].clone().squeeze_dim::<2>(1));
            recurrence(inputs[0].clone(), decay, initial, RecurrenceOptions { form, dead_zone: None })
        });
    }
}

#[test]
fn guardrails_of_sets() {
    let (rows, ramps, windows) = (40, 20, 2);
    let mut numbers = Numbers(37);
    let outputs = numbers.list(SETS * rows * ASSETS, -0.1, 0.1);
    let initial = numbers.weights(SETS * windows, ASSETS);
    let settings = GuardrailSettings {
        interpolation_rows: 24,
        minimum_weight: 0.05,
        maximum_change_per_row: 2e-3,
        straight_through_limits: false,
        straight_through_cap: false,
    };
    let inputs = [(outputs, [SETS, rows, ASSETS]), (initial, [SETS * windows, 1, ASSETS])];
    assert_independent(&inputs, SETS, &|inputs| {
        let initial = inputs[1].clone().squeeze_dim::<2>(1);
        let inputs = GuardrailInputs { outputs: inputs[0].clone(), initial, retention: None, bounds: None };
        guardrails(inputs, &[0, 7], ramps, &settings)
    });
}

/// Positions of windows, set by set, and how their rows lie.
fn path(windows: usize, rows: usize) -> (PathLayout, (Vec<f64>, [usize; 3])) {
    let layout = PathLayout {
        block_rows: 24,
        ramp_rows: 24,
        interpolation: Interpolation::Linear,
        constant_first_block: true,
        rows,
        stride: 1,
    };
    let shape = [SETS * windows, layout.positions(), ASSETS];
    (layout, (Numbers(41).weights(shape[0] * shape[1], ASSETS), shape))
}

#[test]
fn growth_of_sets() {
    let (windows, rows) = (2, 24 * 80 + 5);
    let (layout, positions) = path(windows, rows);
    let prices: Vec<f64> = (0..windows).flat_map(|window| Numbers(window as u64).log_prices(rows, ASSETS)).collect();
    let samples: Vec<usize> = (1..rows).filter(|row| row % 24 == 0 || row + 1 == rows).collect();
    let plan = Arc::new(growth_plan(&layout, windows, ASSETS, &prices, &samples));
    assert_independent(&[positions], SETS, &|inputs| growth(inputs[0].clone(), &plan).unsqueeze_dim(2));
}

#[test]
fn arbitrage_of_sets() {
    let (windows, rows) = (2, 310);
    let (layout, positions) = path(windows, rows);
    let prices: Vec<f64> = Numbers(43).log_prices(400, ASSETS).iter().map(|log| (log * 0.2).exp()).collect();
    let starts = [3, 50];
    let blocks = positions.1[1];
    let reserves: Vec<f64> = (0..SETS * windows)
        .flat_map(|entry| {
            let weights = &positions.0[entry * blocks * ASSETS..][..ASSETS];
            let prices = &prices[starts[entry % windows] * ASSETS..][..ASSETS];
            weights.iter().zip(prices).map(|(weight, price)| 1e3 * weight / price).collect::<Vec<_>>()
        })
        .collect();
    let fees = Numbers(47).list(SETS * windows, 0.001, 0.004);
    let inputs = [positions, (reserves, [SETS * windows, 1, ASSETS]), (fees, [SETS * windows, 1, 1])];
    let costs = Costs { gas_cost: 0.2, noise_trader_ratio: 0.5, protocol_fee_share: 0.25, ..Costs::default() };
    let windows = PricedWindows::new(layout, starts, ASSETS, prices.into(), vec![99, 200, rows - 1]).unwrap();
    let plan = Arc::new(ArbitragePlan::new(windows, costs).unwrap());
    assert_independent(&inputs, SETS, &|inputs| {
        let [reserves, fees] = [1, 2].map(|index| inputs[index].clone().squeeze_dim::<2>(1));
        arbitrage(inputs[0].clone(), reserves, fees, &plan)
    });
}
