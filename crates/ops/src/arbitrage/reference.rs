//! The same reserves in plain tensor operations, row by row; gradients come from autodiff.

use burn::tensor::{Bool, Tensor, TensorData};

use super::{ArbitragePlan, Costs};
use crate::interpolation::reference::interpolate;

/// As [`super::arbitrage`]. A tie between tokens is broken in no particular order.
///
/// # Panics
/// When the shapes do not fit the plan.
pub fn arbitrage(positions: Tensor<3>, initial: Tensor<2>, plan: &ArbitragePlan) -> Tensor<3> {
    plan.check(&positions.dims(), &initial.dims());
    let [batch, _, assets] = positions.dims();
    let (device, dtype) = (positions.device(), positions.dtype());
    let weights = interpolate(positions, &plan.layout);
    let weights_at = |visit: usize| weights.clone().narrow(1, visit, 1).squeeze_dim::<2>(1);
    let last = plan.samples.last().copied().unwrap_or(0);
    let mut reserves = initial;
    let mut before = weights_at(0);
    let mut found = Vec::new();
    for visit in 0..=last {
        let rows = (0..plan.starts.len()).flat_map(|window| plan.prices_of(window, visit).to_vec()).collect();
        let prices = Tensor::<2>::from_data(TensorData::new(rows, [plan.starts.len(), assets]), (&device, dtype));
        let prices = prices.repeat_dim(0, batch / plan.starts.len());
        let now = weights_at(visit);
        reserves = leg(reserves, &before, &prices, &plan.costs);
        reserves = leg(reserves, &now, &prices, &plan.costs);
        before = now;
        if plan.samples.binary_search(&visit).is_ok() {
            found.push(reserves.clone().unsqueeze_dim::<3>(1));
        }
    }
    Tensor::cat(found, 1)
}

/// The tokens that leave and those that enter, `[batch, assets]` each.
struct Sides {
    out: Tensor<2, Bool>,
    into: Tensor<2, Bool>,
}

/// One arbitrage of `[batch, assets]`.
fn leg(reserves: Tensor<2>, weights: &Tensor<2>, prices: &Tensor<2>, costs: &Costs) -> Tensor<2> {
    let gamma = 1.0 - costs.fee_rate;
    let gap = -(-costs.fee_rate).ln_1p();
    let logs = (prices.clone() * reserves.clone() / weights.clone()).log();
    let fixed = (logs.clone().detach(), weights.clone().detach(), prices.clone(), reserves.clone().detach());
    // Without a fee all tokens are traded at once.
    let sides = if costs.pairs_only && gap > 0.0 {
        best_pair(&fixed, gap, gamma)
    } else {
        water_filling(&fixed.0, &fixed.1, gap)
    };
    let level = level(&logs, weights, &sides, gap);
    let reached = level.exp() * weights.clone() / prices.clone();
    let entered = reached.clone() + reserves.clone() * (1.0 - 1.0 / gamma);
    let after = reserves.clone().mask_where(sides.out.clone(), reached).mask_where(sides.into.clone(), entered);

    let change = (after.clone() - reserves.clone()).detach() * prices.clone();
    let profit = change.clone().sum_dim(1).neg() - costs.gas_cost;
    let gate = change.abs().sum_dim(1) * (0.5 * costs.arbitrage_fee);
    // At no fee every pool trades.
    let spread = fixed.0.clone().max_dim(1) - fixed.0.min_dim(1);
    let mut idle = if gap > 0.0 { spread.lower_equal_elem(gap) } else { spread.lower_elem(0.0) };
    if costs.gas_cost > 0.0 || costs.arbitrage_fee > 0.0 {
        idle = idle.bool_or(profit.lower(gate));
    }

    let paid_in = (after.clone() - reserves.clone()).mask_fill(sides.into.bool_not(), 0.0);
    let value = (after.clone() * prices.clone()).sum_dim(1);
    let noise = costs.noise_trader_ratio * costs.fee_rate * (1.0 - costs.protocol_fee_share);
    let growth = (paid_in.clone() * prices.clone()).sum_dim(1) * noise / value + 1.0;
    let after = after * growth - paid_in * (costs.fee_rate * costs.protocol_fee_share);
    let shape = reserves.dims();
    after.mask_where(idle.expand(shape), reserves)
}

/// `ln X`, `[batch, 1]`.
fn level(logs: &Tensor<2>, weights: &Tensor<2>, sides: &Sides, gap: f64) -> Tensor<2> {
    let idle = sides.out.clone().bool_or(sides.into.clone()).bool_not();
    let shifted = logs.clone().mask_where(sides.into.clone(), logs.clone() + gap);
    let sum = (shifted * weights.clone()).mask_fill(idle.clone(), 0.0).sum_dim(1);
    let total = weights.clone().mask_fill(idle, 0.0).sum_dim(1);
    let nobody = total.clone().detach().equal_elem(0.0);
    sum / total.mask_fill(nobody, 1.0)
}

/// The sets grow from the highest and the lowest token, one token at a time.
fn water_filling(logs: &Tensor<2>, weights: &Tensor<2>, gap: f64) -> Sides {
    let assets = logs.dims()[1];
    let first = |candidates: Tensor<2, Bool>, value: Tensor<2>| {
        let shape = value.dims();
        let masked = value.mask_fill(candidates.clone().bool_not(), f64::NEG_INFINITY);
        let highest = masked.clone().argmax(1);
        let index = Tensor::<1, burn::tensor::Int>::arange(0..shape[1] as i64, &masked.device());
        index.unsqueeze::<2>().expand(shape).equal(highest.expand(shape)).bool_and(candidates)
    };
    let out = first(logs.clone().is_finite(), logs.clone());
    // Where all are equal the lowest is another one than the highest.
    let into = first(out.clone().bool_not(), logs.clone().neg());
    let mut sides = Sides { out, into };
    for _ in 2..assets {
        let level = level(logs, weights, &sides, gap);
        let shape = logs.dims();
        let free = sides.out.clone().bool_or(sides.into.clone()).bool_not();
        let above = logs.clone().greater_equal(level.clone().expand(shape)).bool_and(free.clone());
        let added = first(above.clone(), logs.clone());
        let nobody = above.float().cast(logs.dtype()).sum_dim(1).equal_elem(0.0).expand(shape);
        let below = logs.clone().lower((level - gap).expand(shape)).bool_and(free).bool_and(nobody);
        sides = Sides { out: sides.out.bool_or(added), into: sides.into.bool_or(first(below, logs.clone().neg())) };
    }
    sides
}

/// Tries every pair of tokens on every batch entry.
fn best_pair(
    (logs, weights, prices, reserves): &(Tensor<2>, Tensor<2>, Tensor<2>, Tensor<2>),
    gap: f64,
    gamma: f64,
) -> Sides {
    let [batch, assets] = logs.dims();
    let column = |tensor: &Tensor<2>, asset: usize| tensor.clone().narrow(1, asset, 1);
    let token = |asset: usize| {
        let index = Tensor::<1, burn::tensor::Int>::arange(0..assets as i64, &logs.device());
        index.unsqueeze::<2>().expand([batch, assets]).equal_elem(asset as i64)
    };
    let none = token(assets);
    let mut sides = Sides { out: none.clone(), into: none };
    let mut best = column(logs, 0) * 0.0;
    for out in 0..assets {
        for into in (0..assets).filter(|into| *into != out) {
            let pair = Sides { out: token(out), into: token(into) };
            let level = level(logs, weights, &pair, gap).exp();
            let received = column(reserves, out) * column(prices, out) - level.clone() * column(weights, out);
            let paid = level * column(weights, into) - column(reserves, into) * column(prices, into) / gamma;
            let outside = (column(logs, out) - column(logs, into)).greater_elem(gap);
            let profit = received - paid;
            let better = profit.clone().greater(best.clone()).bool_and(outside);
            best = best.mask_where(better.clone(), profit);
            let better = better.expand([batch, assets]);
            let choose = |old: Tensor<2, Bool>, new: Tensor<2, Bool>| {
                old.bool_and(better.clone().bool_not()).bool_or(new.bool_and(better.clone()))
            };
            sides = Sides { out: choose(sides.out, pair.out), into: choose(sides.into, pair.into) };
        }
    }
    sides
}
