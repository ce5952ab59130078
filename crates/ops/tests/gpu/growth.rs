//! Growth in closed form.

use std::sync::Arc;

use gradpool_ops::{Interpolation, PathLayout, growth};

use crate::common::{Numbers, growth_plan};
use crate::{assert_close, both};

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
