//! Weights at every row of runs that may end between two updates.

use burn::tensor::{Tensor, TensorData};

/// Shortest run that is divided by; a shorter one does not move.
const SHORTEST_RUN_ROWS: f64 = 1e-9;

/// The rows `0..rows` of a run that moves from `start` to `end` in `run_rows` rows, not a whole number, and then rests;
/// written to `output` as `[rows, assets]`.
///
/// # Panics
/// If the lengths do not fit each other.
pub fn interpolate_run(start: &[f64], end: &[f64], rows: usize, run_rows: f64, output: &mut [f64]) {
    let assets = start.len();
    assert!(end.len() == assets && output.len() == rows * assets, "a run has one weight per asset and row");
    for (row, output) in output.chunks_exact_mut(assets).enumerate() {
        if row as f64 >= run_rows && row > 0 {
            output.copy_from_slice(end);
            continue;
        }
        for asset in 0..assets {
            output[asset] = row as f64 * ((end[asset] - start[asset]) / run_rows.max(SHORTEST_RUN_ROWS)) + start[asset];
        }
    }
}

/// Weights at every row, `[batch, runs * rows + 1, assets]`, from those at which `rows` rows of each run begin,
/// `[batch, runs + 1, assets]`, and the rows for which each run lasts, `[batch, runs]`. Differentiable in both. The numbers
/// are those of [`interpolate_run`].
pub fn weights_of_runs(weights: Tensor<3>, run_rows: Tensor<2>, rows: usize) -> Tensor<3> {
    let [batch, positions, assets] = weights.dims();
    let runs = positions - 1;
    let last = weights.clone().slice([0..batch, runs..positions, 0..assets]);
    if runs == 0 {
        return last;
    }
    let shape = [batch, runs, rows, assets];
    let ends = |first: usize| {
        let ends = weights.clone().slice([0..batch, first..first + runs, 0..assets]);
        ends.unsqueeze_dim::<4>(2).expand(shape)
    };
    let (start, end) = (ends(0), ends(1));
    let run_rows: Tensor<4> = run_rows.reshape([batch, runs, 1, 1]).expand(shape);
    let row = TensorData::new((0..rows).map(|row| row as f64).collect::<Vec<_>>(), [1, 1, rows, 1]);
    let row = Tensor::<4>::from_data(row, (&weights.device(), weights.dtype())).expand(shape);
    let step = (end.clone() - start.clone()) / run_rows.clone().clamp_min(SHORTEST_RUN_ROWS);
    let moving = row.clone() * step + start;
    let rests = row.clone().greater_equal(run_rows.detach()).float().cast(row.dtype()) * row.sign();
    let path = moving.mask_where(rests.greater_elem(0.0), end);
    Tensor::cat(vec![path.reshape([batch, runs * rows, assets]), last], 1)
}
