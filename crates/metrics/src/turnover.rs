//! How much of the pool changes hands: the penalty of the training objective (spec 05, 5.1).

use burn::tensor::Tensor;

/// Share of the pool's value in every asset, `reserves * prices / value`, `[batch, time, asset]`.
///
/// `reserves` and `prices` are `[batch, time, asset]` (prices may have batch 1), `values` is `[batch, time]`.
pub fn value_shares(reserves: Tensor<3>, prices: Tensor<3>, values: Tensor<2>) -> Tensor<3> {
    reserves * prices / values.unsqueeze_dim::<3>(2)
}

/// Mean over steps of the sum over assets of the absolute changes of value shares, `[batch]`, in fractions of the value.
///
/// The training objective subtracts it times `turnover_penalty`. Arguments as in [`value_shares`]; a series of one
/// row has no turnover: 0.
pub fn turnover(reserves: Tensor<3>, prices: Tensor<3>, values: Tensor<2>) -> Tensor<1> {
    let shares = value_shares(reserves, prices, values);
    let [batch, time, _] = shares.dims();
    if time < 2 {
        return shares.mul_scalar(0.0).sum_dim(2).reshape([batch]);
    }
    let earlier = shares.clone().slice_dim(1, 0..time - 1);
    let changes = (shares.slice_dim(1, 1..time) - earlier).abs();
    changes.sum_dim(2).squeeze_dim::<2>(2).mean_dim(1).squeeze_dim(1)
}
