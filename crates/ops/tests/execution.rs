//! Execution against the contracts' integers, the form in tensor operations, differences, and its laws.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use burn::tensor::{DType, Device, Tensor, TensorData};
use gradpool_chain::decimal::{from_f64, to_f64, weights_from_f64};
use gradpool_chain::guard::guard;
use gradpool_chain::interpolation::StoredWeights;
use gradpool_chain::{Int256, multiplier};
use gradpool_ops::execution::{
    Executed, ExecutionSettings, deployed_weights, execution, execution_update, interpolate_run, reference,
    weights_of_runs,
};
use gradpool_ops::guardrails::GuardrailInputs;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

const DAY: u32 = 86_400;

fn tensor<const D: usize>(values: &[f64], shape: [usize; D], device: &Device) -> Tensor<D> {
    common::tensor(values, shape, device, DType::F64)
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// A random call: sets, windows, assets, and everything that goes in.
#[derive(Clone, Debug)]
struct Call {
    sets: usize,
    assets: usize,
    output_rows: usize,
    updates: usize,
    first_outputs: Vec<usize>,
    outputs: Vec<f64>,
    initial: Vec<f64>,
    retention: Option<Vec<f64>>,
    settings: ExecutionSettings,
    cotangent: Vec<f64>,
    to_seconds: f64,
}

fn calls() -> impl Strategy<Value = Call> {
    let assets = prop::sample::select(vec![2usize, 3, 4, 8]);
    let interval = prop::sample::select(vec![60u32, 3600, DAY, 7 * DAY]);
    let late = prop::sample::select(vec![1.0, 1.0, 1.7, 6.0, 60.0]);
    let size = prop::sample::select(vec![1e-4, 0.02, 0.3, 3.0]);
    let limit = prop::sample::select(vec![1e-5, 0.031_234_567, 1.0]);
    (1usize..4, assets, 0usize..14, prop::collection::vec(0usize..4, 1..4), interval, late, size, limit)
        .prop_flat_map(|(sets, assets, updates, first_outputs, interval, late, size, limit)| {
            let output_rows = updates + 4;
            let numbers = |count: usize, size: f64| prop::collection::vec(-size..size, count);
            let entries = sets * first_outputs.len();
            (
                Just((sets, assets, output_rows, updates, first_outputs, interval, late, size, limit)),
                numbers(sets * output_rows * assets, 1.0),
                numbers(entries * assets, 1.0),
                proptest::option::of(prop::collection::vec(0.0..1.0f64, sets * assets)),
                (any::<bool>(), any::<bool>(), 0.1..0.9f64),
                numbers(entries * (updates + 1) * assets, 1.0),
            )
        })
        .prop_map(|(sizes, mut outputs, mut initial, retention, (clips, cap, rail), cotangent)| {
            let (sets, assets, output_rows, updates, first_outputs, interval, late, size, limit) = sizes;
            for row in outputs.chunks_mut(assets) {
                let mean = row.iter().sum::<f64>() / assets as f64;
                let total: f64 = row.iter().map(|value| value.exp()).sum();
                for value in row.iter_mut() {
                    // A target, pulled at by a half on average; a change has no sum.
                    *value = if retention.is_some() { value.exp() / total * 0.5 } else { size * (*value - mean) };
                }
            }
            for row in initial.chunks_mut(assets) {
                // No pool is deployed below its rail.
                let total: f64 = row.iter().map(|value| value.exp()).sum();
                for value in row {
                    *value = rail / assets as f64 + (1.0 - rail) * value.exp() / total;
                }
            }
            let settings = ExecutionSettings {
                minimum_weight: rail / assets as f64,
                largest_change: limit,
                interval_seconds: interval,
                elapsed_seconds: (f64::from(interval) * late) as u32,
                straight_through_limits: clips,
                straight_through_cap: cap,
            };
            Call {
                sets,
                assets,
                output_rows,
                updates,
                first_outputs,
                outputs,
                initial,
                retention,
                settings,
                cotangent,
                to_seconds: 0.3 / f64::from(interval),
            }
        })
}

type Form<'a> = &'a dyn Fn(GuardrailInputs, &[usize], usize, &ExecutionSettings) -> Executed;

/// The weights of every entry, row by row, and the seconds of every run.
type Found = (Vec<f64>, Vec<f64>, [Vec<f64>; 3]);

impl Call {
    fn entries(&self) -> usize {
        self.sets * self.first_outputs.len()
    }

    /// Weights, seconds, and gradients of outputs, initial weights and retention for the call's cotangent.
    fn run(&self, form: Form) -> Found {
        let device = Device::flex().autodiff();
        let outputs = tensor(&self.outputs, [self.sets, self.output_rows, self.assets], &device).require_grad();
        let initial = tensor(&self.initial, [self.entries(), self.assets], &device).require_grad();
        let retention =
            self.retention.as_ref().map(|values| tensor(values, [self.sets, self.assets], &device).require_grad());
        let inputs = GuardrailInputs {
            outputs: outputs.clone(),
            initial: initial.clone(),
            retention: retention.clone(),
            bounds: None,
        };
        let executed = form(inputs, &self.first_outputs, self.updates, &self.settings);
        let shape = executed.weights.dims();
        let mut loss = (executed.weights.clone() * tensor(&self.cotangent, shape, &device)).sum();
        if self.updates > 0 {
            loss = loss + executed.run_seconds.clone().sum() * self.to_seconds;
        }
        let gradients = loss.backward();
        let found = |gradient: Option<Vec<f64>>, len: usize| gradient.unwrap_or(vec![0.0; len]);
        (
            host(executed.weights),
            host(executed.run_seconds),
            [
                found(outputs.grad(&gradients).map(host), self.outputs.len()),
                found(initial.grad(&gradients).map(host), self.initial.len()),
                retention.map_or(vec![], |leaf| found(leaf.grad(&gradients).map(host), self.sets * self.assets)),
            ],
        )
    }

    fn loss(&self, weights: &[f64], seconds: &[f64]) -> f64 {
        let along: f64 = weights.iter().zip(&self.cotangent).map(|(weight, by)| weight * by).sum();
        along + seconds.iter().sum::<f64>() * self.to_seconds
    }

    fn of_entry(&self, entry: usize) -> (usize, usize) {
        let windows = self.first_outputs.len();
        (entry / windows, self.first_outputs[entry % windows])
    }
}

fn fused(inputs: GuardrailInputs, first: &[usize], updates: usize, settings: &ExecutionSettings) -> Executed {
    execution(inputs, first, updates, settings)
}

fn in_tensors(inputs: GuardrailInputs, first: &[usize], updates: usize, settings: &ExecutionSettings) -> Executed {
    reference::execution(inputs, first, updates, settings, true)
}

fn uncut(inputs: GuardrailInputs, first: &[usize], updates: usize, settings: &ExecutionSettings) -> Executed {
    reference::execution(inputs, first, updates, settings, false)
}

fn integers(values: &[f64]) -> Vec<Int256> {
    values.iter().map(|value| from_f64(*value).unwrap()).collect()
}

/// Weights before every update and after the last, by the contracts' own integers.
fn on_chain(call: &Call, entry: usize) -> Vec<f64> {
    let (set, first) = call.of_entry(entry);
    let (assets, settings) = (call.assets, &call.settings);
    let as_u64 = |value: f64| from_f64(value).unwrap().to_i128().unwrap() as u64;
    let (rail, limit) = (as_u64(settings.minimum_weight), as_u64(settings.largest_change));
    let mut time = 1_700_000_000;
    let mut values = weights_from_f64(&call.initial[entry * assets..][..assets]).unwrap();
    values.resize(2 * assets, Int256::ZERO);
    let mut pool = StoredWeights::new(&values, assets, time, time).unwrap();
    let mut path = Vec::new();
    for update in 0..=call.updates {
        time += u64::from(settings.elapsed_seconds);
        let now = pool.at(time).unwrap();
        path.extend(now.iter().map(|weight| to_f64(*weight)));
        if update == call.updates {
            break;
        }
        let row = (set * call.output_rows + first + update) * assets;
        let output = integers(&call.outputs[row..row + assets]);
        let raw: Vec<Int256> = (0..assets)
            .map(|asset| {
                let kept = match &call.retention {
                    None => now[asset],
                    Some(kept) => from_f64(kept[set * assets + asset] * to_f64(now[asset])).unwrap(),
                };
                kept.checked_add(output[asset]).unwrap()
            })
            .collect();
        let guarded = guard(&raw, &now, limit, rail).unwrap();
        let run = multiplier::run(&now, &guarded, u64::from(settings.interval_seconds), rail, time).unwrap();
        let stored = [now, run.multipliers].concat();
        pool = StoredWeights::new(&stored, assets, time, run.last_interpolation_time).unwrap();
    }
    path
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) -> Result<(), TestCaseError> {
    let scale = expected.iter().fold(1.0f64, |largest, value| largest.max(value.abs()));
    prop_assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        prop_assert!((found - expected).abs() <= tolerance * scale, "{} against {}", found, expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn weights_are_those_of_the_contracts_digit_by_digit(call in calls()) {
        let (weights, _, _) = call.run(&fused);
        for (entry, weights) in weights.chunks((call.updates + 1) * call.assets).enumerate() {
            prop_assert_eq!(weights, &on_chain(&call, entry)[..]);
        }
    }

    #[test]
    fn fused_and_reference_agree_in_value_and_gradient(call in calls()) {
        let (weights, seconds, gradients) = call.run(&fused);
        let (expected, expected_seconds, expected_gradients) = call.run(&in_tensors);
        // Neither is wrong where a cut or a floor lies within a float's rounding; the integers decide (test above).
        let flipped = seconds.iter().zip(&expected_seconds).any(|(left, right)| left != right)
            || weights.iter().zip(&expected).any(|(left, right)| (left - right).abs() > 1e-10);
        prop_assume!(!flipped);
        assert_close(&weights, &expected, 1e-13)?;
        // Of two assets both change the most, up to rounding, and the reference gives the slope of a tie to one of them.
        if call.assets > 2 || call.settings.straight_through_cap {
            for (found, expected) in gradients.iter().zip(&expected_gradients) {
                assert_close(found, expected, 1e-7)?;
            }
        }
    }

    #[test]
    fn threads_change_no_bit(call in calls()) {
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let one = pool(1).install(|| call.run(&fused));
        let two = pool(2).install(|| call.run(&fused));
        prop_assert_eq!(one, two);
    }

    #[test]
    fn single_updates_are_the_rows_of_the_whole(call in calls()) {
        let (weights, seconds, _) = call.run(&fused);
        for (entry, weights) in weights.chunks((call.updates + 1) * call.assets).enumerate() {
            let (set, first) = call.of_entry(entry);
            let initial = &call.initial[entry * call.assets..][..call.assets];
            prop_assert_eq!(&deployed_weights(initial)[..], &weights[..call.assets]);
            let retention = call.retention.as_ref().map(|values| &values[set * call.assets..][..call.assets]);
            for update in 0..call.updates {
                let row = set * call.output_rows + first + update;
                let output = &call.outputs[row * call.assets..][..call.assets];
                let start = &weights[update * call.assets..][..call.assets];
                let step = execution_update(start, output, retention, &call.settings);
                prop_assert_eq!(&step.end[..], &weights[(update + 1) * call.assets..][..call.assets]);
                prop_assert_eq!(step.run_seconds, seconds[entry * call.updates + update]);
            }
        }
    }

    #[test]
    fn rows_of_runs_are_lines_that_stop(
        weights in prop::collection::vec(0.0..1.0f64, 2 * 5 * 3),
        runs in prop::collection::vec(prop::sample::select(vec![0.0, 0.4, 3.0, 5.7, 12.0]), 2 * 4),
    ) {
        let device = Device::flex();
        let rows = 12;
        let found = host(weights_of_runs(tensor(&weights, [2, 5, 3], &device), tensor(&runs, [2, 4], &device), rows));
        for batch in 0..2 {
            for run in 0..4 {
                let [start, end] = [run, run + 1].map(|at| &weights[(batch * 5 + at) * 3..][..3]);
                let mut expected = vec![0.0; rows * 3];
                interpolate_run(start, end, rows, runs[batch * 4 + run], &mut expected);
                let first = (batch * (4 * rows + 1) + run * rows) * 3;
                prop_assert_eq!(&found[first..first + rows * 3], &expected[..]);
            }
        }
    }
}

/// How often floats and integers fall on different sides of a cut or a floor.
#[test]
fn cuts_of_tensor_operations_rarely_flip() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut updates, mut flips) = (0, 0);
    for _ in 0..300 {
        let call = calls().new_tree(&mut runner).unwrap().current();
        let (_, seconds, _) = call.run(&fused);
        let (_, expected, _) = call.run(&in_tensors);
        updates += seconds.len();
        flips += seconds.iter().zip(&expected).filter(|(left, right)| left != right).count();
    }
    assert!(updates > 1000 && flips * 200 < updates, "{flips} of {updates}");
}

/// Clamped, limited, late and free updates, chosen so that no input lies on a kink.
fn smooth_calls() -> Vec<Call> {
    let settings = ExecutionSettings {
        minimum_weight: 0.06,
        largest_change: 1.0,
        interval_seconds: DAY,
        elapsed_seconds: DAY,
        straight_through_limits: false,
        straight_through_cap: false,
    };
    let base = Call {
        sets: 2,
        assets: 3,
        output_rows: 6,
        updates: 4,
        first_outputs: vec![0, 2],
        outputs: (0..36).map(|i| 0.021 * f64::sin(1.7 * f64::from(i) + 0.3)).collect(),
        // Not on a cut.
        initial: [0.5, 0.3, 0.2, 0.31, 0.36, 0.33, 0.4, 0.35, 0.25, 0.28, 0.32, 0.4]
            .chunks(3)
            .flat_map(|row| [row[0] + 3e-10, row[1] + 3e-10, row[2] - 6e-10])
            .collect(),
        retention: None,
        settings,
        cotangent: (0..60).map(|i| f64::cos(f64::from(i))).collect(),
        to_seconds: 1e-6,
    };
    let large: Vec<f64> = base.outputs.iter().map(|output| 12.0 * output).collect();
    let late = ExecutionSettings { elapsed_seconds: 6 * DAY, ..settings };
    let limited = ExecutionSettings { largest_change: 0.02, ..settings };
    let smoothed = Call {
        outputs: (0..36).map(|i| 0.1 + 0.05 * f64::sin(1.7 * f64::from(i) + 0.3)).collect(),
        retention: Some(vec![0.8, 0.5, 0.65, 0.7, 0.9, 0.55]),
        ..base.clone()
    };
    vec![
        Call { outputs: large.clone(), ..base.clone() },
        Call { outputs: large.clone(), settings: limited, ..base.clone() },
        Call { settings: late, ..base.clone() },
        Call { settings: late, outputs: large, ..base.clone() },
        Call { settings: late, ..smoothed.clone() },
        smoothed,
        base,
    ]
}

#[test]
fn gradients_of_the_uncut_form_equal_central_differences() {
    for (index, call) in smooth_calls().into_iter().enumerate() {
        let (_, _, gradients) = call.run(&uncut);
        let step = 1e-7;
        let difference = |change: &dyn Fn(&mut Call, f64)| {
            let at = |size: f64| {
                let mut moved = call.clone();
                change(&mut moved, size);
                let (weights, seconds, _) = moved.run(&uncut);
                call.loss(&weights, &seconds)
            };
            (at(step) - at(-step)) / (2.0 * step)
        };
        let check = |found: f64, expected: f64, what: &str| {
            let close = (found - expected).abs() < 2e-6 * expected.abs().max(1.0);
            assert!(close, "{what} of call {index}: {found} against {expected}");
        };
        for index in 0..call.outputs.len() {
            check(gradients[0][index], difference(&|call, size| call.outputs[index] += size), "output");
        }
        // Along directions that keep the sum.
        for index in (0..call.initial.len()).filter(|index| index % 3 < 2) {
            let expected = difference(&|call, size| {
                call.initial[index] += size;
                call.initial[index + 1] -= size;
            });
            check(gradients[1][index] - gradients[1][index + 1], expected, "initial");
        }
        for index in 0..call.retention.as_ref().map_or(0, Vec::len) {
            let expected = difference(&|call, size| call.retention.as_mut().unwrap()[index] += size);
            check(gradients[2][index], expected, "retention");
        }
    }
}

#[test]
fn gradients_through_the_cuts_are_those_of_the_reference() {
    for (index, call) in smooth_calls().into_iter().enumerate() {
        let (_, seconds, gradients) = call.run(&fused);
        let (_, expected_seconds, expected) = call.run(&in_tensors);
        assert_eq!(seconds, expected_seconds, "call {index}");
        for (found, expected) in gradients.iter().zip(&expected) {
            assert!(common::distance(found, expected) < 1e-9, "call {index}: {found:?} against {expected:?}");
        }
    }
}

#[test]
fn single_precision_runs() {
    let device = Device::flex();
    let outputs =
        Tensor::<3>::from_data(TensorData::new(vec![0.1f32, -0.1, 0.05, -0.05], [1, 2, 2]), (&device, DType::F32));
    let initial = Tensor::<2>::from_data(TensorData::new(vec![0.5f32, 0.5], [1, 2]), (&device, DType::F32));
    let inputs = GuardrailInputs { outputs, initial, retention: None, bounds: None };
    let settings = ExecutionSettings { interval_seconds: 60, elapsed_seconds: 60, ..smooth_calls()[0].settings };
    let weights = host(execution(inputs, &[0], 2, &settings).weights);
    for (found, expected) in weights.iter().zip([0.5, 0.5, 0.6, 0.4, 0.65, 0.35]) {
        assert!((found - expected).abs() < 2e-7, "{weights:?}");
    }
}

#[test]
fn non_finite_outputs_stay_visible() {
    let settings = smooth_calls()[0].settings;
    let update = execution_update(&[0.5, 0.5], &[f64::NAN, 0.0], None, &settings);
    assert!(update.end.iter().all(|weight| weight.is_nan()));
    let call = Call { outputs: vec![f64::NAN; 36], ..smooth_calls()[0].clone() };
    let (weights, _, gradients) = call.run(&fused);
    assert!(weights[0].is_finite() && weights[3].is_nan() && gradients[1][0].is_nan());
}
