//! Growth row by row.

use gradpool_ops::{Interpolation, PathLayout, growth_steps};

use crate::alone::assert_independent;
use crate::common::{Numbers, steps_plan};
use crate::interpolation::layouts;
use crate::{Found, assert_close, both};

fn run(layout: &PathLayout, sets: usize, windows: usize, assets: usize) -> [Found; 2] {
    let mut numbers = Numbers(17);
    let visited = layout.visited();
    let prices: Vec<f64> = (0..windows).flat_map(|_| numbers.log_prices(visited, assets)).collect();
    let plan = steps_plan(*layout, windows, assets, &prices);
    let shape = [sets * windows, layout.positions().max(2), assets];
    let positions = numbers.weights(shape[0] * shape[1], assets);
    both(&[(positions, shape)], &|inputs| growth_steps(inputs[0].clone(), &plan).unsqueeze_dim(2))
}

#[test]
fn growth_row_by_row() {
    for (index, layout) in layouts().iter().enumerate() {
        assert_close(&run(layout, 2, 2, 2 + index % 3), 1e-5, 1e-4);
    }
}

#[test]
fn growth_at_one_row_is_none() {
    let layout = PathLayout { rows: 1, ..layouts()[0] };
    for (values, gradients) in run(&layout, 1, 2, 2) {
        assert!(values.iter().chain(&gradients[0]).all(|value| *value == 0.0));
    }
}

/// A month of minutes. Sums that go through all rows in single precision, one after the other, are off by more.
#[test]
fn growth_of_many_rows_keeps_its_digits() {
    let (block_rows, rows) = (1440, 30 * 1440 + 7);
    for interpolation in [Interpolation::Linear, Interpolation::ApproxOptimal] {
        let layout =
            PathLayout { block_rows, ramp_rows: 1440, interpolation, constant_first_block: true, rows, stride: 1 };
        let found = run(&layout, 1, 1, 3);
        let [(expected, _), (values, _)] = &found;
        let naive = |total: &mut f32, pair: &[f64]| {
            *total += (pair[1] - pair[0]) as f32;
            Some((f64::from(*total) - pair[1]).abs())
        };
        let naive = expected.windows(2).scan(0.0f32, |total, pair| naive(total, pair)).fold(0.0, f64::max);
        let apart = |(found, expected): (&f64, &f64)| (found - expected).abs();
        let off = values.iter().zip(expected).map(apart).fold(0.0, f64::max);
        assert!(off * 3.0 < naive, "off by {off:e}, a running sum by {naive:e}");
        assert_close(&found, 1e-6, 1e-4);
    }
}

#[test]
fn sets_do_not_touch_each_other() {
    let (sets, windows, assets) = (4, 2, 3);
    let layout = layouts()[9];
    let mut numbers = Numbers(19);
    let prices: Vec<f64> = (0..windows).flat_map(|_| numbers.log_prices(layout.visited(), assets)).collect();
    let plan = steps_plan(layout, windows, assets, &prices);
    let shape = [sets * windows, layout.positions(), assets];
    let positions = numbers.weights(shape[0] * shape[1], assets);
    assert_independent(&[(positions, shape)], sets, &|inputs| growth_steps(inputs[0].clone(), &plan).unsqueeze_dim(2));
}
