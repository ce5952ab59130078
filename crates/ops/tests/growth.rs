//! Value of a zero-fee pool: in closed form and row by row.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use burn::tensor::{DType, Device, Tensor};
use common::{
    Numbers, assert_gradient, assert_same, devices, distance, growth_plan, on_threads, steps_plan, tensor,
    value_and_gradient, values,
};
use gradpool_ops::{
    GrowthPlan, Interpolation, PathLayout, PlanError, Segment, Span, StepsPlan, growth, growth_steps, interpolate,
};
use proptest::prelude::*;
use std::sync::Arc;

/// Windows of several sets, for both forms.
#[derive(Debug)]
struct Case {
    shape: [usize; 3],
    positions: Vec<f64>,
    samples: Vec<usize>,
    closed: Arc<GrowthPlan>,
    steps: Arc<StepsPlan>,
}

impl Case {
    fn new(layout: PathLayout, sets: usize, windows: usize, assets: usize, samples: Vec<usize>, seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let visited = layout.visited();
        let prices: Vec<f64> = (0..windows).flat_map(|_| numbers.log_prices(visited, assets)).collect();
        let shape = [sets * windows, layout.positions().max(2), assets];
        Self {
            shape,
            positions: numbers.weights(shape[0] * shape[1], assets),
            closed: Arc::new(growth_plan(&layout, windows, assets, &prices, &samples)),
            steps: steps_plan(layout, windows, assets, &prices),
            samples,
        }
    }

    /// Row-by-row growth at the rows that the closed form samples.
    fn steps_at_samples(&self, positions: Tensor<3>) -> Tensor<2> {
        let all = growth_steps(positions, &self.steps);
        let columns = self.samples.iter().map(|&sample| all.clone().narrow(1, sample, 1));
        Tensor::cat(columns.collect(), 1)
    }
}

fn linear(block: usize, ramp: usize, stride: usize, constant_first_block: bool, visited: usize) -> PathLayout {
    PathLayout {
        block_rows: block * stride,
        ramp_rows: ramp * stride,
        interpolation: Interpolation::Linear,
        constant_first_block,
        rows: (visited - 1) * stride + 1,
        stride,
    }
}

prop_compose! {
    fn cases()(
        block in 1usize..40, part in 0.0..1.0f64, stride in 1usize..4, first in any::<bool>(), visited in 2usize..120,
        sets in 1usize..3, windows in 1usize..4, assets in 1usize..9, every in 1usize..30, seed in any::<u64>(),
    ) -> Case {
        let ramp = 1 + (part * block as f64) as usize % block;
        let mut samples: Vec<usize> = (1..visited).step_by(every).collect();
        if samples.last() != Some(&(visited - 1)) {
            samples.push(visited - 1);
        }
        Case::new(linear(block, ramp, stride, first, visited), sets, windows, assets, samples, seed)
    }
}

prop_compose! {
    fn any_steps()(
        block in 1usize..9, part in 0.0..1.0f64, stride in 1usize..4, first in any::<bool>(), rows in 1usize..40,
        method in 0usize..3, sets in 1usize..3, windows in 1usize..3, assets in 1usize..9, seed in any::<u64>(),
    ) -> (PathLayout, usize, usize, usize, u64) {
        let methods = [Interpolation::Linear, Interpolation::ApproxOptimal, Interpolation::ApproxOptimalExact];
        let layout = PathLayout {
            block_rows: block,
            ramp_rows: 1 + (part * block as f64) as usize % block,
            interpolation: methods[method],
            constant_first_block: first,
            rows,
            stride,
        };
        (layout, sets, windows, assets, seed)
    }
}

fn steps_of(
    (layout, sets, windows, assets, seed): (PathLayout, usize, usize, usize, u64),
) -> (Arc<StepsPlan>, Vec<f64>, [usize; 3]) {
    let mut numbers = Numbers(seed);
    let prices: Vec<f64> = (0..windows).flat_map(|_| numbers.log_prices(layout.visited(), assets)).collect();
    let shape = [sets * windows, layout.positions(), assets];
    let positions = numbers.weights(shape[0] * shape[1], assets);
    (steps_plan(layout, windows, assets, &prices), positions, shape)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn closed_form_equals_its_reference(case in cases()) {
        assert_same(
            &|x| growth(x, &case.closed),
            &|x| gradpool_ops::growth::reference::growth(x, &case.closed),
            &case.positions,
            case.shape,
        );
    }

    #[test]
    fn closed_form_equals_row_by_row(case in cases()) {
        let device = Device::flex();
        let closed = value_and_gradient(&|x| growth(x, &case.closed), &case.positions, case.shape, &device);
        let steps = value_and_gradient(&|x| case.steps_at_samples(x), &case.positions, case.shape, &device);
        prop_assert!(distance(&closed.0, &steps.0) < 1e-12);
        prop_assert!(distance(&closed.1, &steps.1) < 1e-10);
    }

    #[test]
    fn closed_form_gradient_equals_central_differences(case in cases()) {
        assert_gradient(&|x| growth(x, &case.closed), &case.positions, case.shape, 1e-4, 1e-7);
    }

    #[test]
    fn row_by_row_equals_its_reference(case in any_steps()) {
        let (plan, positions, shape) = steps_of(case);
        assert_same(
            &|x| growth_steps(x, &plan),
            &|x| gradpool_ops::growth_steps::reference::growth_steps(x, &plan),
            &positions,
            shape,
        );
    }

    #[test]
    fn row_by_row_gradient_equals_central_differences(case in any_steps()) {
        let (plan, positions, shape) = steps_of(case);
        if plan.layout().visited() > 1 {
            assert_gradient(&|x| growth_steps(x, &plan), &positions, shape, 1e-4, 1e-7);
        }
    }

    #[test]
    fn row_by_row_follows_reserves(case in any_steps()) {
        // The recursion on reserves of spec 04 sec. 4.2, from which value is only read at the end.
        let (layout, _, _, assets, seed) = case;
        let (plan, positions, _) = steps_of((layout, 1, 1, assets, seed));
        let prices: Vec<f64> = {
            let mut numbers = Numbers(seed);
            numbers.log_prices(layout.visited(), assets).iter().map(|price| price.exp()).collect()
        };
        let shape = [1, layout.positions(), assets];
        let at = tensor(&positions, shape, &Device::flex(), DType::F64);
        let weights = values(&interpolate(at.clone(), &layout));
        let found = values(&growth_steps(at, &plan));
        let mut reserves: Vec<f64> = (0..assets).map(|asset| weights[asset] / prices[asset]).collect();
        for visit in 1..layout.visited() {
            let row = |table: &[f64], visit: usize| table[visit * assets..(visit + 1) * assets].to_vec();
            let (old, new) = (row(&weights, visit - 1), row(&weights, visit));
            let (before, now) = (row(&prices, visit - 1), row(&prices, visit));
            let moved: f64 = (0..assets).map(|i| old[i] * (now[i] / before[i]).ln()).sum::<f64>().exp();
            let shifted: f64 = (0..assets).map(|i| new[i] * (new[i] / old[i]).ln()).sum::<f64>().exp();
            for i in 0..assets {
                reserves[i] *= moved / (now[i] / before[i]) * (new[i] / old[i]) / shifted;
            }
            let value: f64 = (0..assets).map(|i| reserves[i] * now[i]).sum();
            prop_assert!((value.ln() - found[visit]).abs() < 1e-12);
        }
    }
}

#[test]
fn days_of_minutes_agree_between_both_forms() {
    let days = 40;
    let layout = linear(1440, 1440, 1, true, days * 1440 + 1);
    let case = Case::new(layout, 1, 2, 3, (1..=days).map(|day| day * 1440).collect(), 5);
    let device = Device::flex();
    let closed = value_and_gradient(&|x| growth(x, &case.closed), &case.positions, case.shape, &device);
    let steps = value_and_gradient(&|x| case.steps_at_samples(x), &case.positions, case.shape, &device);
    assert!(distance(&closed.0, &steps.0) < 1e-12, "{:e}", distance(&closed.0, &steps.0));
    assert!(distance(&closed.1, &steps.1) < 1e-11, "{:e}", distance(&closed.1, &steps.1));
}

#[test]
fn weights_near_zero_keep_both_forms_equal() {
    let layout = linear(500, 400, 1, false, 1501);
    let mut case = Case::new(layout, 1, 1, 2, vec![17, 433, 500, 1500], 9);
    case.positions = vec![1e-4, 0.9999, 0.6, 0.4, 1e-5, 0.99999, 0.5, 0.5];
    case.shape = [1, 4, 2];
    let device = Device::flex();
    let closed = value_and_gradient(&|x| growth(x, &case.closed), &case.positions, case.shape, &device);
    let steps = value_and_gradient(&|x| case.steps_at_samples(x), &case.positions, case.shape, &device);
    assert!(distance(&closed.0, &steps.0) < 1e-12);
    assert!(distance(&closed.1, &steps.1) < 1e-10);
    let reference = value_and_gradient(
        &|x| gradpool_ops::growth::reference::growth(x, &case.closed),
        &case.positions,
        case.shape,
        &device,
    );
    assert!(distance(&closed.0, &reference.0) < 1e-13);
    assert!(distance(&closed.1, &reference.1) < 1e-10);
}

#[test]
fn one_step_of_one_block_is_the_formula() {
    let segment = Segment { span: Span::Ramp { block: 0, offset: 0 }, steps: 1, stride: 1, sample: true };
    let plan = Arc::new(GrowthPlan::new([segment], 1, 1, 2, vec![0.1, -0.2], vec![0.0, 0.0]).unwrap());
    for device in devices() {
        let at = tensor(&[0.3, 0.7, 0.5, 0.5], [1, 2, 2], &device, DType::F64);
        let expected = 0.3 * 0.1 - 0.7 * 0.2 - 0.5 * (0.5f64 / 0.3).ln() - 0.5 * (0.5f64 / 0.7).ln();
        assert!((values(&growth(at, &plan))[0] - expected).abs() < 1e-16);
    }
}

#[test]
fn thread_count_changes_no_bit() {
    let case = Case::new(linear(60, 40, 1, true, 6001), 3, 3, 3, (1..=100).map(|day| day * 60).collect(), 11);
    let run = |threads| {
        on_threads(threads, || {
            let device = Device::flex();
            (
                value_and_gradient(&|x| growth(x, &case.closed), &case.positions, case.shape, &device),
                value_and_gradient(&|x| growth_steps(x, &case.steps), &case.positions, case.shape, &device),
            )
        })
    };
    assert_eq!(run(1), run(2));
}

#[test]
fn single_precision_follows_double_precision() {
    let case = Case::new(linear(20, 20, 1, true, 101), 1, 2, 3, vec![100], 13);
    for device in devices() {
        let [double, single] =
            [DType::F64, DType::F32].map(|dtype| tensor(&case.positions, case.shape, &device, dtype));
        assert!(
            distance(&values(&growth(single.clone(), &case.closed)), &values(&growth(double.clone(), &case.closed)))
                < 1e-5
        );
        assert!(
            distance(&values(&growth_steps(single, &case.steps)), &values(&growth_steps(double, &case.steps))) < 1e-5
        );
    }
}

#[test]
fn a_missing_number_spreads_and_never_panics() {
    let mut case = Case::new(linear(20, 10, 1, true, 101), 1, 2, 2, vec![20, 60, 100], 17);
    case.positions[2 * 2] = f64::NAN; // position 2 of window 0: reached by the ramp that starts at row 40
    let at = tensor(&case.positions, case.shape, &Device::flex(), DType::F64);
    let closed = values(&growth(at.clone(), &case.closed));
    let steps = values(&growth_steps(at, &case.steps));
    assert!(closed[0].is_finite() && closed[1].is_nan() && closed[2].is_nan());
    assert!(closed[3..].iter().all(|value| value.is_finite()));
    assert!(steps[..41].iter().all(|value| value.is_finite()) && steps[41].is_nan() && steps[101].is_finite());
    for f in [&(|x| growth(x, &case.closed)) as &dyn Fn(Tensor<3>) -> Tensor<2>, &|x| growth_steps(x, &case.steps)] {
        let _ = value_and_gradient(f, &case.positions, case.shape, &Device::flex());
    }
}

#[test]
fn plans_that_contradict_themselves_are_refused() {
    let ramp = |offset, steps| Segment { span: Span::Ramp { block: 0, offset }, steps, stride: 2, sample: true };
    let new = |segment: Segment, length: usize| {
        GrowthPlan::new([segment], 10, 1, 2, vec![0.0; length], vec![0.0; 2]).unwrap_err().to_string()
    };
    assert_eq!(new(ramp(4, 4), 2), "segment 0 covers rows 4 to 12 of a ramp of 10 rows; it must end within the ramp");
    assert_eq!(new(ramp(0, 5), 3), "s0 holds 3 values, but 2 are needed (windows x segments x assets)");
    assert_eq!(new(ramp(0, 0), 2), "steps must be at least 1");
    assert_eq!(new(Segment { sample: false, ..ramp(0, 5) }, 2), PlanError::NoSample.to_string());
    let layout = PathLayout { ramp_rows: 4, block_rows: 3, ..linear(3, 3, 1, false, 5) };
    assert!(matches!(StepsPlan::new(layout, [0], 2, [].into()), Err(PlanError::Ramp { .. })));
    assert!(matches!(
        StepsPlan::new(linear(3, 3, 1, false, 5), [0], 2, [0.0; 6].into()),
        Err(PlanError::Length { .. })
    ));
}

#[test]
#[should_panic(expected = "positions must be [sets * 2, at least 2, 3]")]
fn positions_that_do_not_fit_are_refused() {
    let case = Case::new(linear(2, 2, 1, false, 3), 1, 2, 3, vec![2], 1);
    let _ = growth(Tensor::zeros([3, 2, 3], (&Device::flex(), DType::F64)), &case.closed);
}
