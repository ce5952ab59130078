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
        let prices = history.prices_at(&weights, windows, &rows).log();
        let step = |series: &Tensor<3>, first: usize| series.clone().narrow(1, first, visits - 1);
        let moved = step(&prices, 1) - step(&prices, 0);
        let log_weights = weights.clone().log();
        let turned = step(&log_weights, 1) - step(&log_weights, 0);
        let ratios = (step(&weights, 0) * moved.clone()).sum_dim(2) - moved + turned.clone()
            - (step(&weights, 1) * turned).sum_dim(2);
        let trades =
            rows[..visits - 1].iter().map(|row| f64::from(row % layout.block_rows < layout.ramp_rows)).collect();
        let place = (&weights.device(), weights.dtype());
        let trades = Tensor::<3>::from_data(TensorData::new(trades, [1, visits - 1, 1]), place);
        let first = initial_reserves.clone().unsqueeze_dim::<3>(1);
        let later = (ratios * trades).cumsum(1).exp() * first.clone();
        pick(Tensor::cat(vec![first, later], 1), samples.iter().map(|row| row / layout.stride))
    }
}
