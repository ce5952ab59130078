//! How the reference lets a fee-less pool rest: reserves are the product of every row's ratio, and the ratios of rows at
//! rest are left out, with the prices that moved in them (spec 04 sec. 4.8.2, T4.7). For comparison only.

use burn::tensor::{Tensor, TensorData};
use gradpool_ops::interpolate;

use crate::history::PricedHistory;
use crate::pool::{Path, Pool, pick};

impl Pool {
    /// Reserves `[sets * windows, samples, assets]` at visits, by spec 04 sec. 4.2 with the ratios of rows at rest left out.
    pub(crate) fn forgetful_reserves(
        history: &PricedHistory,
        path: Path<'_>,
        initial_reserves: &Tensor<2>,
        samples: &[usize],
    ) -> Tensor<3> {
        let Path { positions, layout, windows } = path;
        let visits = layout.visited();
        let weights = interpolate(positions.clone(), &layout);
        let rows: Vec<usize> = (0..visits).map(|visit| visit * layout.stride).collect();
        let step = |series: &Tensor<3>, first: usize| series.clone().narrow(1, first, visits - 1);
        let place = (&weights.device(), weights.dtype());
        let [batch, _, assets] = weights.dims();
        let (changes, starts) = (history.logs().changes(layout.stride), &windows.starts);
        let moved = starts.iter().flat_map(|start| rows[..visits - 1].iter().map(move |row| start + row));
        let moved = moved.flat_map(|row| &changes[row * assets..(row + 1) * assets]).copied().collect();
        let moved = Tensor::<3>::from_data(TensorData::new(moved, [starts.len(), visits - 1, assets]), place);
        let moved = moved.repeat_dim(0, batch / starts.len());
        let log_weights = weights.clone().log();
        let turned = step(&log_weights, 1) - step(&log_weights, 0);
        let ratios = (step(&weights, 0) * moved.clone()).sum_dim(2) - moved + turned.clone()
            - (step(&weights, 1) * turned).sum_dim(2);
        let trades =
            rows[..visits - 1].iter().map(|row| f64::from(row % layout.block_rows < layout.ramp_rows)).collect();
        let trades = Tensor::<3>::from_data(TensorData::new(trades, [1, visits - 1, 1]), place);
        let first = initial_reserves.clone().unsqueeze_dim::<3>(1);
        let later = cumulated(ratios * trades).exp() * first.clone();
        pick(Tensor::cat(vec![first, later], 1), samples.iter().map(|row| row / layout.stride))
    }
}

/// Rows that are summed before their sum is added to the rest.
const SUMMED_APART: usize = 64;

/// Sums along time from the first row up to each; in blocks, so that single precision keeps the digits of small steps.
fn cumulated(steps: Tensor<3>) -> Tensor<3> {
    let [batch, rows, assets] = steps.dims();
    let blocks = rows.div_ceil(SUMMED_APART);
    let missing = blocks * SUMMED_APART - rows;
    let place = (&steps.device(), steps.dtype());
    let padded = match missing {
        0 => steps,
        _ => Tensor::cat(vec![steps, Tensor::zeros([batch, missing, assets], place)], 1),
    };
    let inside: Tensor<4> = padded.reshape([batch, blocks, SUMMED_APART, assets]).cumsum(2);
    let totals = inside.clone().narrow(2, SUMMED_APART - 1, 1);
    let before = totals.clone().cumsum(1) - totals;
    (inside + before).reshape([batch, blocks * SUMMED_APART, assets]).narrow(1, 0, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device};

    #[test]
    fn sums_in_blocks_are_sums() {
        for rows in [1, 64, 150] {
            let steps: Vec<f64> = (0..rows * 2).map(|step| f64::from(step).sin()).collect();
            let steps = Tensor::<3>::from_data(TensorData::new(steps, [1, rows, 2]), (&Device::flex(), DType::F64));
            let apart = (cumulated(steps.clone()) - steps.cumsum(1)).abs().max().into_scalar::<f64>();
            assert!(apart < 1e-13, "{apart:e}");
        }
    }
}
