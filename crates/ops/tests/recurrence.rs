//! The recurrence: both forms, their gradients, and the arithmetic that streaming relies on.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use burn::tensor::{DType, Device, Tensor};
use common::{Numbers, devices, differences, distance, loss, on_threads, tensor, values};
use gradpool_ops::recurrence::{dead_zone, reference, step};
use gradpool_ops::{RecurrenceForm, RecurrenceOptions, recurrence};
use proptest::prelude::*;

type Recurrence = fn(Tensor<3>, Tensor<2>, Tensor<2>, RecurrenceOptions) -> Tensor<3>;

const SEQUENTIAL: RecurrenceOptions = RecurrenceOptions { form: RecurrenceForm::Sequential, dead_zone: None };
const BLOCKED: RecurrenceOptions = RecurrenceOptions { form: RecurrenceForm::Blocked, dead_zone: None };

#[derive(Clone, Debug)]
struct Case {
    sets: usize,
    rows: usize,
    assets: usize,
    shared: bool,
    input: Vec<f64>,
    decay: Vec<f64>,
    initial: Vec<f64>,
}

impl Case {
    fn new(sets: usize, rows: usize, assets: usize, shared: bool, highest_decay: f64, seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let inputs = if shared { 1 } else { sets };
        Self {
            sets,
            rows,
            assets,
            shared,
            input: numbers.list(inputs * rows * assets, -1.0, 1.0),
            decay: numbers.list(sets * assets, highest_decay - 0.2, highest_decay),
            initial: numbers.list(sets * assets, -1.0, 1.0),
        }
    }

    fn tensors(&self, device: &Device, dtype: DType) -> (Tensor<3>, Tensor<2>, Tensor<2>) {
        let inputs = if self.shared { 1 } else { self.sets };
        let per_set = [self.sets, self.assets];
        (
            tensor(&self.input, [inputs, self.rows, self.assets], device, dtype),
            tensor(&self.decay, per_set, device, dtype),
            tensor(&self.initial, per_set, device, dtype),
        )
    }

    fn run(&self, f: Recurrence, options: RecurrenceOptions, device: &Device) -> Vec<f64> {
        let (input, decay, initial) = self.tensors(device, DType::F64);
        values(&f(input, decay, initial, options))
    }

    /// Gradients with respect to input, decay and initial value, and the output.
    fn gradients(&self, f: Recurrence, options: RecurrenceOptions, device: &Device) -> [Vec<f64>; 4] {
        let (input, decay, initial) = self.tensors(&device.clone().autodiff(), DType::F64);
        let (input, decay, initial) = (input.require_grad(), decay.require_grad(), initial.require_grad());
        let output = f(input.clone(), decay.clone(), initial.clone(), options);
        let found = values(&output);
        let gradients = loss(output).backward();
        [
            values(&input.grad(&gradients).unwrap()),
            values(&decay.grad(&gradients).unwrap()),
            values(&initial.grad(&gradients).unwrap()),
            found,
        ]
    }

    fn assert_fused_equals_reference(&self, options: RecurrenceOptions) {
        for device in devices() {
            let fused = self.gradients(recurrence, options, &device);
            let expected = self.gradients(reference::recurrence, options, &device);
            for (index, name) in ["d input", "d decay", "d initial", "value"].iter().enumerate() {
                let apart = distance(&fused[index], &expected[index]);
                let allowed = if *name == "value" { 1e-13 } else { 1e-10 };
                assert!(apart < allowed, "{name} differs by {apart:e}");
            }
        }
    }
}

fn cases(longest: usize) -> impl Strategy<Value = Case> {
    (1usize..4, 1..longest, 1usize..11, any::<bool>(), 0.2..0.99999f64, any::<u64>())
        .prop_map(|(sets, rows, assets, shared, decay, seed)| Case::new(sets, rows, assets, shared, decay, seed))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sequential_equals_its_reference(case in cases(40)) {
        case.assert_fused_equals_reference(SEQUENTIAL);
    }

    #[test]
    fn sequential_with_a_dead_zone_equals_its_reference(case in cases(40), threshold in 0.0..0.8f64) {
        case.assert_fused_equals_reference(RecurrenceOptions { dead_zone: Some(threshold), ..SEQUENTIAL });
    }

    #[test]
    fn blocked_equals_its_reference(case in cases(400)) {
        case.assert_fused_equals_reference(BLOCKED);
    }

    #[test]
    fn blocked_equals_sequential(case in cases(2000)) {
        let device = Device::flex();
        let blocked = case.gradients(recurrence, BLOCKED, &device);
        let sequential = case.gradients(recurrence, SEQUENTIAL, &device);
        for (blocked, sequential) in blocked.iter().zip(&sequential) {
            prop_assert!(distance(blocked, sequential) < 1e-12, "{:e}", distance(blocked, sequential));
        }
    }

    #[test]
    fn gradients_equal_central_differences(case in cases(90), blocked in any::<bool>()) {
        let options = if blocked { BLOCKED } else { SEQUENTIAL };
        let device = Device::flex();
        let [_, by_decay, by_initial, _] = case.gradients(recurrence, options, &device);
        let total = |case: &Case| {
            let (input, decay, initial) = case.tensors(&device, DType::F64);
            values(&loss(recurrence(input, decay, initial, options)))[0]
        };
        let numeric = differences(&case.decay, 1e-4, |decay| total(&Case { decay: decay.to_vec(), ..case.clone() }));
        prop_assert!(distance(&by_decay, &numeric) < 1e-7);
        let numeric = differences(&case.initial, 1e-3, |initial| total(&Case { initial: initial.to_vec(), ..case.clone() }));
        prop_assert!(distance(&by_initial, &numeric) < 1e-8);
    }
}

#[test]
fn smallest_and_widest_shapes_work_in_both_forms() {
    for (rows, assets) in [(1, 1), (1, 8), (2, 2), (64, 1), (65, 9), (257, 8), (512, 17)] {
        for options in [SEQUENTIAL, BLOCKED] {
            Case::new(2, rows, assets, false, 0.9, 3).assert_fused_equals_reference(options);
        }
    }
}

#[test]
fn blocked_equals_sequential_over_long_memory() {
    let case = Case { decay: vec![0.999_99, 0.999_9, 0.99], ..Case::new(1, 200_000, 3, true, 0.9, 5) };
    let device = Device::flex();
    let apart = distance(&case.run(recurrence, BLOCKED, &device), &case.run(recurrence, SEQUENTIAL, &device));
    assert!(apart < 1e-12, "{apart:e}");
}

#[test]
fn sequential_form_is_the_scalar_step_bit_for_bit() {
    let case = Case::new(2, 500, 5, true, 0.97, 11);
    let options = RecurrenceOptions { dead_zone: Some(0.3), ..SEQUENTIAL };
    for (options, threshold) in [(SEQUENTIAL, 0.0), (options, 0.3)] {
        let found = case.run(recurrence, options, &Device::flex());
        for set in 0..2 {
            for asset in 0..5 {
                let mut state = case.initial[set * 5 + asset];
                for row in 0..500 {
                    state = step(state, case.decay[set * 5 + asset], case.input[row * 5 + asset]);
                    state = dead_zone(state, threshold);
                    assert_eq!(state.to_bits(), found[(set * 500 + row) * 5 + asset].to_bits());
                }
            }
        }
    }
}

#[test]
fn a_value_in_the_dead_zone_is_zero_and_stops_its_gradient() {
    let device = Device::flex().autodiff();
    let input = tensor(&[1.0, -0.55, 0.0], [1, 3, 1], &device, DType::F64).require_grad();
    let [decay, initial] = [0.5, 0.0].map(|value| tensor(&[value], [1, 1], &device, DType::F64));
    let options = RecurrenceOptions { dead_zone: Some(0.1), ..SEQUENTIAL };
    let output = recurrence(input.clone(), decay, initial, options);
    assert_eq!(values(&output), [1.0, 0.0, 0.0]);
    let gradients = output.sum().backward();
    assert_eq!(values(&input.grad(&gradients).unwrap()), [1.0, 0.0, 0.0]);
}

#[test]
fn only_tracked_inputs_get_a_gradient_and_it_is_the_same() {
    for options in [SEQUENTIAL, BLOCKED] {
        let case = Case::new(3, 70, 2, true, 0.9, 13);
        let all = case.gradients(recurrence, options, &Device::flex());
        let (input, decay, initial) = case.tensors(&Device::flex().autodiff(), DType::F64);
        let decay = decay.require_grad();
        let output = recurrence(input.clone(), decay.clone(), initial.clone(), options);
        let gradients = loss(output).backward();
        assert_eq!(values(&decay.grad(&gradients).unwrap()), all[1]);
        assert!(input.grad(&gradients).is_none() && initial.grad(&gradients).is_none());
    }
}

#[test]
fn constants_may_live_on_the_plain_device() {
    let case = Case::new(2, 30, 2, true, 0.9, 17);
    let (input, _, initial) = case.tensors(&Device::flex(), DType::F64);
    let (_, decay, _) = case.tensors(&Device::flex().autodiff(), DType::F64);
    let decay = decay.require_grad();
    let gradients = loss(recurrence(input, decay.clone(), initial, SEQUENTIAL)).backward();
    let all = case.gradients(recurrence, SEQUENTIAL, &Device::flex());
    assert_eq!(values(&decay.grad(&gradients).unwrap()), all[1]);
}

#[test]
fn tensors_that_are_not_contiguous_are_read_in_the_right_order() {
    let case = Case::new(2, 12, 3, false, 0.9, 19);
    let device = Device::flex();
    let (input, decay, initial) = case.tensors(&device, DType::F64);
    let twisted = input.swap_dims(1, 2).mul_scalar(1.0).swap_dims(1, 2);
    assert_eq!(values(&recurrence(twisted, decay, initial, SEQUENTIAL)), case.run(recurrence, SEQUENTIAL, &device));
}

#[test]
fn thread_count_changes_no_bit() {
    for shared in [false, true] {
        let case = Case::new(6, 20_000, 3, shared, 0.999, 23);
        for options in [SEQUENTIAL, BLOCKED] {
            let [one, two] =
                [1, 2].map(|threads| on_threads(threads, || case.gradients(recurrence, options, &Device::flex())));
            assert_eq!(one, two);
        }
    }
}

#[test]
fn single_precision_follows_double_precision() {
    let case = Case::new(2, 300, 3, true, 0.99, 29);
    for device in devices() {
        for options in [SEQUENTIAL, BLOCKED] {
            let (input, decay, initial) = case.tensors(&device, DType::F32);
            let single = recurrence(input, decay, initial, options);
            assert_eq!(single.dtype(), DType::F32);
            assert!(distance(&values(&single), &case.run(recurrence, options, &device)) < 1e-5);
        }
    }
}

#[test]
fn a_missing_number_spreads_forward_only() {
    for options in [SEQUENTIAL, BLOCKED] {
        let mut case = Case::new(1, 300, 1, true, 0.9, 31);
        case.input[130] = f64::NAN;
        let [by_input, _, _, found] = case.gradients(recurrence, options, &Device::flex());
        assert!(found[..130].iter().all(|value| value.is_finite()));
        assert!(found[130..].iter().all(|value| value.is_nan()));
        assert_eq!(by_input.len(), 300);
    }
}

#[test]
#[should_panic(expected = "decay and initial [S, A]")]
fn mismatched_shapes_are_refused() {
    let device = Device::flex();
    let input = Tensor::<3>::zeros([2, 5, 3], (&device, DType::F64));
    let other = Tensor::<2>::zeros([2, 4], (&device, DType::F64));
    let _ = recurrence(input, other.clone(), other, SEQUENTIAL);
}

#[test]
#[should_panic(expected = "all f64 or all f32")]
fn mixed_data_types_are_refused() {
    let device = Device::flex();
    let input = Tensor::<3>::zeros([1, 5, 3], (&device, DType::F32));
    let other = Tensor::<2>::zeros([1, 3], (&device, DType::F64));
    let _ = recurrence(input, other.clone(), other, SEQUENTIAL);
}

#[test]
#[should_panic(expected = "a dead zone needs the sequential form")]
fn a_dead_zone_in_blocks_is_refused() {
    let case = Case::new(1, 3, 1, true, 0.9, 1);
    let _ = case.run(recurrence, RecurrenceOptions { dead_zone: Some(0.1), ..BLOCKED }, &Device::flex());
}
