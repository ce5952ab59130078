//! Weights between coarse weights.

use gradpool_ops::{Interpolation, PathLayout, interpolate};

use crate::alone::assert_independent;
use crate::common::Numbers;
use crate::{assert_close, both};

/// Paths of every kind: with and without rest and a first block that is held, strides within and beyond blocks, blocks of
/// several pieces, a window that ends on the first row of a ramp.
pub(crate) fn layouts() -> Vec<PathLayout> {
    let methods = [Interpolation::Linear, Interpolation::ApproxOptimal, Interpolation::ApproxOptimalExact];
    let sizes = [
        (24, 24, 1, true, 24 * 9 + 1),
        (10, 7, 3, false, 100),
        (3, 2, 7, true, 90),
        (1, 1, 1, false, 20),
        (200, 150, 2, true, 1230),
    ];
    let with = |interpolation| {
        sizes.map(|(block_rows, ramp_rows, stride, constant_first_block, rows)| PathLayout {
            block_rows,
            ramp_rows,
            interpolation,
            constant_first_block,
            rows,
            stride,
        })
    };
    methods.into_iter().flat_map(with).collect()
}

#[test]
fn weights_of_every_row() {
    for (index, layout) in layouts().iter().enumerate() {
        let assets = 2 + index % 3;
        // More positions than the rows need have no gradient.
        let shape = [3, layout.positions() + index % 2, assets];
        let positions = Numbers(13).weights(shape[0] * shape[1], assets);
        let found = both(&[(positions, shape)], &|inputs| interpolate(inputs[0].clone(), layout));
        assert_close(&found, 1e-6, 1e-5);
    }
}

#[test]
fn sets_do_not_touch_each_other() {
    let (sets, layout) = (4, layouts()[9]);
    let shape = [sets, layout.positions(), 3];
    let positions = Numbers(29).weights(shape[0] * shape[1], 3);
    assert_independent(&[(positions, shape)], sets, &|inputs| interpolate(inputs[0].clone(), &layout));
}
