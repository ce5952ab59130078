//! The guardrails against spec 03: published derivatives, the reference form, differences, and their laws.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use burn::tensor::{DType, Device, Tensor, TensorData};
use gradpool_ops::guardrails::{
    GuardrailBounds, GuardrailInputs, GuardrailSettings, guardrail_step, guardrails, reference,
};
use proptest::prelude::*;

fn settings(minimum_weight: f64, interpolation_rows: usize, maximum_change_per_row: f64) -> GuardrailSettings {
    GuardrailSettings {
        interpolation_rows,
        minimum_weight,
        maximum_change_per_row,
        straight_through_limits: false,
        straight_through_cap: false,
    }
}

fn tensor<const D: usize>(values: &[f64], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (device, DType::F64))
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Row `i` of d next / d output for the case of spec 03, "Gradient reference".
fn derivative_rows(settings: &GuardrailSettings) -> Vec<Vec<f64>> {
    let device = Device::flex().autodiff();
    (0..4)
        .map(|row| {
            let outputs = tensor(&[0.5, -0.3, -0.1, -0.1], [1, 1, 4], &device).require_grad();
            let initial = tensor(&[0.25; 4], [1, 4], &device);
            let inputs = GuardrailInputs { outputs: outputs.clone(), initial, retention: None, bounds: None };
            let next = guardrails(inputs, &[0], 1, settings).slice([0..1, 1..2, row..row + 1]);
            host(outputs.grad(&next.sum().backward()).unwrap())
        })
        .collect()
}

fn assert_rows(found: &[Vec<f64>], expected: [[f64; 4]; 4]) {
    for (found, expected) in found.iter().zip(expected) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 6e-5, "{found} against {expected}");
        }
    }
}

#[test]
fn derivatives_are_those_of_the_specification() {
    let plain = [
        [0.2639, 0.0, -0.6599, -0.6599],
        [0.0, 0.0, 0.0, 0.0],
        [-0.132, 0.0, 0.7918, -0.132],
        [-0.132, 0.0, -0.132, 0.7918],
    ];
    assert_rows(&derivative_rows(&settings(0.03, 10, 1.0)), plain);

    let mut straight = settings(0.03, 10, 1.0);
    straight.straight_through_limits = true;
    let mut expected = plain;
    expected[1] = [0.05, 1.05, 0.05, 0.05];
    assert_rows(&derivative_rows(&straight), expected);

    let mut straight = settings(0.03, 10, 1e-3);
    straight.straight_through_cap = true;
    assert_rows(&derivative_rows(&straight), plain);

    let capped = derivative_rows(&settings(0.03, 10, 1e-3));
    assert_rows(
        &capped,
        [[0.0; 4], [0.003, 0.0, -0.0074, -0.0074], [-0.0015, 0.0, 0.0141, -0.0067], [-0.0015, 0.0, -0.0067, 0.0141]],
    );
}

/// A random call: sets, windows, assets, and everything that goes in.
#[derive(Clone, Debug)]
struct Call {
    sets: usize,
    assets: usize,
    output_rows: usize,
    ramps: usize,
    first_outputs: Vec<usize>,
    outputs: Vec<f64>,
    initial: Vec<f64>,
    retention: Option<Vec<f64>>,
    bounds: Option<Vec<f64>>,
    settings: GuardrailSettings,
    cotangent: Vec<f64>,
}

fn calls() -> impl Strategy<Value = Call> {
    let assets = prop::sample::select(vec![2usize, 3, 4, 8]);
    (1usize..4, assets, 0usize..7, prop::collection::vec(0usize..4, 1..4), 1usize..20)
        .prop_flat_map(|(sets, assets, ramps, first_outputs, interpolation_rows)| {
            let output_rows = ramps + 4;
            let numbers = |count: usize, size: f64| prop::collection::vec(-size..size, count);
            let entries = sets * first_outputs.len();
            let cotangents = entries * (ramps + 1) * assets;
            (
                Just((sets, assets, output_rows, ramps, first_outputs, interpolation_rows)),
                numbers(sets * output_rows * assets, 0.4),
                numbers(entries * assets, 1.0),
                proptest::option::of(prop::collection::vec(0.0..1.0f64, sets * assets)),
                proptest::option::of(numbers(sets * assets, 1.0)),
                (any::<bool>(), any::<bool>(), 1e-3..0.2f64),
                numbers(cotangents, 1.0),
            )
        })
        .prop_map(|(sizes, mut outputs, initial, retention, bounds, (limits, cap, change), cotangent)| {
            let (sets, assets, output_rows, ramps, first_outputs, interpolation_rows) = sizes;
            for row in outputs.chunks_mut(assets) {
                let mean = row.iter().sum::<f64>() / assets as f64;
                for value in row.iter_mut() {
                    // A target is at least zero; a change has no sum.
                    *value = if retention.is_some() { value.abs() + 0.05 } else { *value - mean };
                }
            }
            let initial: Vec<f64> = initial
                .chunks(assets)
                .flat_map(|row| {
                    let total: f64 = row.iter().map(|value| value.exp()).sum();
                    row.iter().map(move |value| value.exp() / total).collect::<Vec<_>>()
                })
                .collect();
            let bounds = bounds.map(|draws| {
                draws
                    .chunks(assets)
                    .flat_map(|row| {
                        let lower = row.iter().map(|draw| (0.6 + 0.3 * draw) / assets as f64);
                        let upper = row.iter().map(|draw| (1.5 + 0.3 * draw) / assets as f64);
                        lower.chain(upper).collect::<Vec<_>>()
                    })
                    .collect()
            });
            let settings = GuardrailSettings {
                interpolation_rows,
                minimum_weight: 0.1 / assets as f64,
                maximum_change_per_row: change,
                straight_through_limits: limits,
                straight_through_cap: cap,
            };
            Call {
                sets,
                assets,
                output_rows,
                ramps,
                first_outputs,
                outputs,
                initial,
                retention,
                bounds,
                settings,
                cotangent,
            }
        })
}

type Form = fn(GuardrailInputs, &[usize], usize, &GuardrailSettings) -> Tensor<3>;

impl Call {
    /// Positions, and gradients of outputs, initial weights, retention and bounds for the call's cotangent.
    fn run(&self, form: Form) -> (Vec<f64>, [Vec<f64>; 4]) {
        let device = Device::flex().autodiff();
        let outputs = tensor(&self.outputs, [self.sets, self.output_rows, self.assets], &device).require_grad();
        let entries = self.sets * self.first_outputs.len();
        let initial = tensor(&self.initial, [entries, self.assets], &device).require_grad();
        let retention =
            self.retention.as_ref().map(|values| tensor(values, [self.sets, self.assets], &device).require_grad());
        let bounds =
            self.bounds.as_ref().map(|bounds| tensor(bounds, [self.sets, 2, self.assets], &device).require_grad());
        let inputs = GuardrailInputs {
            outputs: outputs.clone(),
            initial: initial.clone(),
            retention: retention.clone(),
            bounds: bounds.clone(),
        };
        let positions = form(inputs, &self.first_outputs, self.ramps, &self.settings);
        let shape = positions.dims();
        let loss = (positions.clone() * tensor(&self.cotangent, shape, &device)).sum();
        let gradients = loss.backward();
        let found = |gradient: Option<Tensor<3>>, len: usize| gradient.map_or(vec![0.0; len], host);
        let width = self.sets * self.assets;
        (
            host(positions),
            [
                found(outputs.grad(&gradients), self.outputs.len()),
                found(initial.grad(&gradients).map(Tensor::unsqueeze), self.initial.len()),
                retention.map_or(vec![], |leaf| found(leaf.grad(&gradients).map(Tensor::unsqueeze), width)),
                bounds.map_or(vec![], |bounds| found(bounds.grad(&gradients), 2 * width)),
            ],
        )
    }

    fn loss(&self, positions: &[f64]) -> f64 {
        positions.iter().zip(&self.cotangent).map(|(position, weight)| position * weight).sum()
    }
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
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn fused_and_reference_agree_in_value_and_gradient(call in calls()) {
        // With two assets the two largest changes tie up to rounding, and the reference gives the slope of a tie to one
        // of them; only the sum over the pair is defined. Gradients are compared where nothing ties.
        let (fused, gradients) = call.run(guardrails);
        let (reference, expected) = call.run(reference::guardrails);
        assert_close(&fused, &reference, 1e-13)?;
        if call.assets > 2 || call.settings.straight_through_cap {
            for (found, expected) in gradients.iter().zip(&expected) {
                assert_close(found, expected, 1e-10)?;
            }
        }
    }

    #[test]
    fn positions_keep_their_laws(call in calls()) {
        let (positions, _) = call.run(guardrails);
        let entries = call.sets * call.first_outputs.len();
        for entry in positions.chunks(positions.len() / entries) {
            let rows: Vec<&[f64]> = entry.chunks(call.assets).collect();
            for row in &rows {
                prop_assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            }
            for pair in rows.windows(2) {
                for (before, after) in pair[0].iter().zip(pair[1]) {
                    let per_row = (after - before).abs() / call.settings.interpolation_rows as f64;
                    prop_assert!(per_row <= call.settings.maximum_change_per_row + 1e-15);
                }
            }
        }
    }

    #[test]
    fn threads_change_no_bit(call in calls()) {
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let one = pool(1).install(|| call.run(guardrails));
        let two = pool(2).install(|| call.run(guardrails));
        prop_assert_eq!(one, two);
    }

    #[test]
    fn single_steps_are_the_rows_of_the_whole(call in calls()) {
        let (positions, _) = call.run(guardrails);
        let windows = call.first_outputs.len();
        for (entry, positions) in positions.chunks((call.ramps + 1) * call.assets).enumerate() {
            let set = entry / windows;
            let bounds = call.bounds.as_ref().map(|bounds| {
                let (lower, upper) = bounds[2 * set * call.assets..][..2 * call.assets].split_at(call.assets);
                GuardrailBounds { lower, upper }
            });
            let retention = call.retention.as_ref().map(|values| &values[set * call.assets..][..call.assets]);
            for ramp in 0..call.ramps {
                let row = set * call.output_rows + call.first_outputs[entry % windows] + ramp;
                let step = guardrail_step(
                    &positions[ramp * call.assets..][..call.assets],
                    &call.outputs[row * call.assets..][..call.assets],
                    retention,
                    bounds,
                    &call.settings,
                );
                prop_assert_eq!(&step.end[..], &positions[(ramp + 1) * call.assets..][..call.assets]);
            }
        }
    }
}

#[test]
fn gradients_equal_central_differences_away_from_kinks() {
    // Clamped, capped, bounded and free steps, chosen so that no input lies on a kink.
    let base = Call {
        sets: 2,
        assets: 3,
        output_rows: 6,
        ramps: 4,
        first_outputs: vec![0, 2],
        outputs: (0..36).map(|i| 0.21 * f64::sin(1.7 * f64::from(i) + 0.3)).collect(),
        initial: vec![0.5, 0.3, 0.2, 0.31, 0.36, 0.33, 0.4, 0.35, 0.25, 0.28, 0.32, 0.4],
        retention: None,
        bounds: None,
        settings: settings(0.06, 7, 0.02),
        cotangent: (0..60).map(|i| f64::cos(f64::from(i))).collect(),
    };
    let bounds = vec![0.1, 0.12, 0.05, 0.6, 0.55, 0.52, 0.14, 0.2, 0.11, 0.46, 0.5, 0.44];
    let smoothed = Call {
        outputs: (0..36).map(|i| 0.1 + 0.05 * f64::sin(1.7 * f64::from(i) + 0.3)).collect(),
        retention: Some(vec![0.8, 0.5, 0.65, 0.7, 0.9, 0.55]),
        ..base.clone()
    };
    let both = Call { bounds: Some(bounds.clone()), ..smoothed.clone() };
    for call in [Call { bounds: Some(bounds), ..base.clone() }, base, smoothed, both] {
        let (_, gradients) = call.run(guardrails);
        let step = 1e-6;
        let difference = |change: &dyn Fn(&mut Call, f64)| {
            let at = |size: f64| {
                let mut moved = call.clone();
                change(&mut moved, size);
                call.loss(&moved.run(guardrails).0)
            };
            (at(step) - at(-step)) / (2.0 * step)
        };
        let check = |found: f64, expected: f64, what: &str| {
            assert!((found - expected).abs() < 2e-8, "{what}: {found} against {expected}");
        };
        for index in 0..call.outputs.len() {
            let expected = difference(&|call, size| call.outputs[index] += size);
            check(gradients[0][index], expected, "output");
        }
        for index in 0..call.initial.len() {
            let expected = difference(&|call, size| call.initial[index] += size);
            check(gradients[1][index], expected, "initial");
        }
        for index in 0..call.retention.as_ref().map_or(0, Vec::len) {
            let expected = difference(&|call, size| call.retention.as_mut().unwrap()[index] += size);
            check(gradients[2][index], expected, "retention");
        }
        for index in 0..call.bounds.as_ref().map_or(0, Vec::len) {
            let expected = difference(&|call, size| call.bounds.as_mut().unwrap()[index] += size);
            check(gradients[3][index], expected, "bounds");
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
    let positions = host(guardrails(inputs, &[0], 2, &settings(0.05, 1, 1.0)));
    for (found, expected) in positions.iter().zip([0.5, 0.5, 0.6, 0.4, 0.65, 0.35]) {
        assert!((found - expected).abs() < 1e-6);
    }
}

#[test]
fn non_finite_outputs_stay_visible() {
    let step = guardrail_step(&[0.5, 0.5], &[f64::NAN, 0.0], None, None, &settings(0.05, 1, 1.0));
    assert!(step.end.iter().any(|weight| weight.is_nan()));
}
