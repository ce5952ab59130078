//! Every primitive on a GPU in single precision against the CPU in double, on any wgpu device, software ones included.
#![cfg(feature = "wgpu")]
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Device, DeviceKind, Tensor};
use common::{Numbers, distance, growth_plan, loss, tensor, values};
use gradpool_ops::guardrails::{GuardrailInputs, GuardrailSettings, guardrails};
use gradpool_ops::recurrence::{RecurrenceForm, RecurrenceOptions, recurrence};
use gradpool_ops::{ArbitragePlan, Costs, Interpolation, PathLayout, PricedWindows, arbitrage, growth};
use std::sync::Arc;

/// Values and the gradients of every input.
type Found = (Vec<f64>, Vec<Vec<f64>>);

/// Runs a function of a few inputs, given as values and shapes, on the CPU in f64 and on the GPU in f32.
fn both(inputs: &[(Vec<f64>, [usize; 3])], f: &dyn Fn(&[Tensor<3>]) -> Tensor<3>) -> [Found; 2] {
    let gpu = Device::wgpu(DeviceKind::DefaultDevice);
    [(Device::flex(), DType::F64), (gpu, DType::F32)].map(|(device, dtype)| {
        let device = device.autodiff();
        let place = |(values, shape): &(Vec<f64>, [usize; 3])| tensor(values, *shape, &device, dtype).require_grad();
        let inputs: Vec<Tensor<3>> = inputs.iter().map(place).collect();
        let output = f(&inputs);
        let found = values(&output);
        let gradients = loss(output).backward();
        let gradient = |input: &Tensor<3>| values(&input.grad(&gradients).unwrap());
        (found, inputs.iter().map(gradient).collect())
    })
}

fn assert_close([expected, found]: &[Found; 2], value: f64, gradient: f64) {
    let off = distance(&found.0, &expected.0);
    assert!(off < value, "values differ by {off:e}");
    for (input, (found, expected)) in found.1.iter().zip(&expected.1).enumerate() {
        let off = distance(found, expected);
        assert!(off < gradient, "the gradient of input {input} differs by {off:e}: {found:?} {expected:?}");
    }
}

#[test]
fn recurrences() {
    for (form, dead_zone) in
        [(RecurrenceForm::Sequential, None), (RecurrenceForm::Sequential, Some(0.05)), (RecurrenceForm::Blocked, None)]
    {
        for (sets, inputs, rows, assets) in [(1, 1, 5, 2), (3, 1, 150, 3), (2, 2, 200, 5)] {
            let mut numbers = Numbers(7);
            let input = numbers.list(inputs * rows * assets, -1.0, 1.0);
            let decay = numbers.list(sets * assets, 0.5, 0.999);
            let initial = numbers.list(sets * assets, -1.0, 1.0);
            let inputs = [(input, [inputs, rows, assets]), (decay, [1, sets, assets]), (initial, [1, sets, assets])];
            let found = both(&inputs, &|inputs| {
                let [decay, initial] = [1, 2].map(|index| inputs[index].clone().squeeze_dim::<2>(0));
                recurrence(inputs[0].clone(), decay, initial, RecurrenceOptions { form, dead_zone })
            });
            assert_close(&found, 1e-5, 1e-4);
        }
    }
}

#[test]
fn guardrails_with_every_option() {
    let (sets, windows, rows, ramps) = (3, 2, 20, 12);
    for (assets, straight) in [(2, false), (4, true), (8, false)] {
        for (has_retention, has_bounds) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut numbers = Numbers(11);
            let outputs = numbers.list(sets * rows * assets, -0.1, 0.1);
            let initial = numbers.weights(sets * windows, assets);
            let retention = numbers.list(sets * assets, 0.6, 0.95);
            let (low, high) = (0.3 / assets as f64, 1.8 / assets as f64);
            let bounds = (0..sets).flat_map(|_| [vec![low; assets], vec![high; assets]].concat()).collect();
            let inputs = [
                (outputs, [sets, rows, assets]),
                (initial, [1, sets * windows, assets]),
                (retention, [1, sets, assets]),
                (bounds, [sets, 2, assets]),
            ];
            let wanted = [true, true, has_retention, has_bounds];
            let given: Vec<_> =
                inputs.into_iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(input, _)| input).collect();
            let settings = GuardrailSettings {
                interpolation_rows: 24,
                minimum_weight: 0.05,
                maximum_change_per_row: 2e-3,
                straight_through_limits: straight,
                straight_through_cap: straight,
            };
            let found = both(&given, &|inputs| {
                let mut inputs = inputs.iter().cloned();
                let mut next = || inputs.next().unwrap();
                let (outputs, initial) = (next(), next().squeeze_dim::<2>(0));
                let inputs = GuardrailInputs {
                    outputs,
                    // Which of two equal changes is the largest is rounding; along weights that sum to one it does not matter.
                    initial: initial.clone() / initial.sum_dim(1),
                    retention: has_retention.then(|| next().squeeze_dim::<2>(0)),
                    bounds: has_bounds.then(&mut next),
                };
                guardrails(inputs, &[0, 7], ramps, &settings)
            });
            assert_close(&found, 1e-5, 1e-3);
        }
    }
}

#[test]
fn growth_in_closed_form() {
    // Ramps with and without rest, strides, few and many steps, short ramps whose steps are summed one by one.
    for (block, ramp, stride, first, visited) in [
        (24, 24, 1, true, 24 * 80 + 5),
        (40, 20, 2, false, 130),
        (1440, 1440, 1, true, 1440 * 4 + 1),
        (3, 2, 1, false, 31),
    ] {
        for assets in [2, 5] {
            let (sets, windows) = (2, 3);
            let layout = PathLayout {
                block_rows: block * stride,
                ramp_rows: ramp * stride,
                interpolation: Interpolation::Linear,
                constant_first_block: first,
                rows: (visited - 1) * stride + 1,
                stride,
            };
            let mut numbers = Numbers(5);
            let prices: Vec<f64> = (0..windows).flat_map(|_| numbers.log_prices(visited, assets)).collect();
            let samples: Vec<usize> = (1..visited).filter(|row| row % block == 0 || row + 1 == visited).collect();
            let plan = Arc::new(growth_plan(&layout, windows, assets, &prices, &samples));
            let shape = [sets * windows, layout.positions().max(2), assets];
            let positions = numbers.weights(shape[0] * shape[1], assets);
            let found = both(&[(positions, shape)], &|inputs| growth(inputs[0].clone(), &plan).unsqueeze_dim(2));
            assert_close(&found, 1e-5, 1e-4);
        }
    }
}

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

/// What runs beside a set changes no bit of it.
#[test]
fn sets_do_not_touch_each_other() {
    let (sets, rows, assets) = (5, 150, 3);
    let mut numbers = Numbers(31);
    let input = numbers.list(sets * rows * assets, -0.01, 0.01);
    let decay = numbers.list(sets * assets, 0.9, 0.999);
    let initial = numbers.weights(sets, assets);
    let settings = GuardrailSettings {
        interpolation_rows: 24,
        minimum_weight: 0.05,
        maximum_change_per_row: 2e-3,
        straight_through_limits: false,
        straight_through_cap: false,
    };
    let device = Device::wgpu(DeviceKind::DefaultDevice);
    let run = |set: usize, count: usize| {
        let part = |all: &[f64], width: usize| all[set * width..(set + count) * width].to_vec();
        let place = |values: Vec<f64>, shape: [usize; 3]| tensor(&values, shape, &device, DType::F32);
        let input = place(part(&input, rows * assets), [count, rows, assets]);
        let decay = place(part(&decay, assets), [1, count, assets]).squeeze_dim::<2>(0);
        let initial = place(part(&initial, assets), [1, count, assets]).squeeze_dim::<2>(0);
        let blocked = RecurrenceOptions { form: RecurrenceForm::Blocked, dead_zone: None };
        let outputs = recurrence(input, decay, initial.clone() * 0.0, blocked);
        let inputs = GuardrailInputs { outputs, initial, retention: None, bounds: None };
        values(&guardrails(inputs, &[4], rows - 10, &settings))
    };
    let (all, alone) = (run(0, sets), run(3, 1));
    assert_eq!(all[3 * alone.len()..4 * alone.len()], alone);
}
