//! Interpolation in plain tensor operations.

use super::{PathLayout, Place};
use burn::tensor::{Bool, Int, Tensor, TensorData};

/// [`interpolate`](super::interpolate) in tensor operations, on any device, with burn's own gradient.
///
/// # Panics
/// When the layout contradicts itself or needs more positions than there are.
pub fn interpolate(positions: Tensor<3>, layout: &PathLayout) -> Tensor<3> {
    layout.check(&positions.dims());
    let (device, dtype) = (positions.device(), positions.dtype());
    let [batch, available, assets] = positions.dims();
    let visited = layout.visited();
    let places: Vec<Place> = (0..visited).map(|visit| layout.place(visit)).collect();
    // A row at a position is a ramp from that position to itself.
    let column = |of: &dyn Fn(Place) -> f64| {
        let values: Vec<f64> = places.iter().map(|&place| of(place)).collect();
        Tensor::<3>::from_data(TensorData::new(values, [1, visited, 1]), (&device, dtype))
    };
    let gather = |of: &dyn Fn(Place) -> usize| {
        let indices: Vec<i64> = places.iter().map(|&place| of(place) as i64).collect();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [visited]), &device);
        positions.clone().select(1, indices)
    };
    let start = gather(&|place| match place {
        Place::At(position) => position,
        Place::Inside { block, .. } => block,
    });
    let end = gather(&|place| match place {
        Place::At(position) => position,
        Place::Inside { block, .. } => (block + 1).min(available - 1),
    });
    let row = column(&|place| match place {
        Place::At(_) => 0.0,
        Place::Inside { row, .. } => row as f64,
    });
    // Divided by a tensor: burn's gradient of a division by a number is rounded to single precision.
    let ramp_rows = column(&|_| layout.ramp_rows as f64);
    let step = (end.clone() - start.clone()) / ramp_rows;
    let linear = row * step + start.clone();
    if layout.interpolation.exponent(0, layout.ramp_rows).is_none() {
        return linear;
    }
    let exponent = column(&|place| match place {
        Place::At(_) => 0.0,
        Place::Inside { row, .. } => layout.interpolation.exponent(row, layout.ramp_rows).unwrap_or_default(),
    });
    let geometric = start.clone() * ((end / start.clone()).log() * exponent).exp();
    let both = linear + geometric;
    let normalised = both.clone() / both.sum_dim(2);
    let held: Vec<bool> = places.iter().map(|place| matches!(place, Place::At(_))).collect();
    let held = Tensor::<3, Bool>::from_data(TensorData::new(held, [1, visited, 1]), &device);
    normalised.mask_where(held.expand([batch, visited, assets]), start)
}
