//! The same reserves in plain tensor operations, row by row; gradients come from autodiff.

use burn::tensor::{Bool, Tensor, TensorData};

use super::{ArbitragePlan, Costs, UserTrade};
use crate::interpolation::reference::interpolate;

/// As [`super::arbitrage`]. A tie between tokens is broken in no particular order.
///
/// # Panics
/// When the shapes do not fit the plan.
pub fn arbitrage(positions: Tensor<3>, initial: Tensor<2>, fees: Tensor<2>, plan: &ArbitragePlan) -> Tensor<3> {
    plan.check(&positions.dims(), &initial.dims(), &fees.dims());
    let stride = plan.windows.layout.stride;
    let weights = interpolate(positions, &plan.windows.layout);
    let weights_at = |visit: usize| weights.clone().narrow(1, visit, 1).squeeze_dim::<2>(1);
    let rows = Rows { plan, like: initial.clone() };
    let last = plan.windows.samples.last().copied().unwrap_or(0);
    let mut reserves = initial;
    let mut before = weights_at(0);
    let mut found = Vec::new();
    for visit in 0..=last {
        let now = weights_at(visit);
        if let Some(supply) = plan.inputs.lp_supply.as_deref().filter(|_| visit > 0) {
            reserves = reserves * (rows.series(supply, visit) / rows.series(supply, visit - 1));
        }
        let row_of_block = visit * stride % plan.windows.layout.block_rows;
        if !plan.rests_with_weights || row_of_block < plan.windows.layout.ramp_rows {
            let index = (visit * stride / plan.fee_rows).min(fees.dims()[1] - 1);
            let or = |series: &Option<std::sync::Arc<[f64]>>, constant: f64| match series {
                Some(series) => rows.series(series, visit),
                None => rows.like.clone().narrow(1, 0, 1) * 0.0 + constant,
            };
            let market = Market {
                costs: plan.costs,
                prices: rows.prices(visit),
                fee: match &plan.inputs.fee_rate {
                    Some(series) => rows.series(series, visit),
                    None => fees.clone().narrow(1, index, 1),
                },
                gas: or(&plan.inputs.gas_cost, plan.costs.gas_cost),
                arbitrage_fee: or(&plan.inputs.arbitrage_fee, plan.costs.arbitrage_fee),
            };
            let mut owed = reserves.zeros_like();
            (reserves, owed) = market.leg(reserves, &before, owed);
            for trade in plan.inputs.trades.iter() {
                let now_trading = |window: &usize| {
                    let row = *window + visit * stride;
                    let first = if visit == 0 { row } else { row + 1 - stride };
                    (first..=row).contains(&trade.row)
                };
                let windows: Vec<f64> =
                    plan.windows.starts.iter().map(|window| f64::from(now_trading(window))).collect();
                if windows.iter().any(|trades| *trades > 0.0) {
                    (reserves, owed) = market.swap(reserves, &now, owed, trade, &rows.column(windows));
                }
            }
            (reserves, owed) = market.leg(reserves, &now, owed);
            reserves = reserves - owed;
        }
        before = now;
        if plan.windows.samples.binary_search(&visit).is_ok() {
            found.push(reserves.clone().unsqueeze_dim::<3>(1));
        }
    }
    Tensor::cat(found, 1)
}

/// Constants of a row, one per window, as tensors over the batch.
struct Rows<'a> {
    plan: &'a ArbitragePlan,
    /// A tensor `[batch, assets]` on the device of all others.
    like: Tensor<2>,
}

impl Rows<'_> {
    fn of_windows(&self, values: Vec<f64>, width: usize) -> Tensor<2> {
        let windows = self.plan.windows.starts.len();
        let place = (&self.like.device(), self.like.dtype());
        Tensor::<2>::from_data(TensorData::new(values, [windows, width]), place)
            .repeat_dim(0, self.like.dims()[0] / windows)
    }

    fn row(&self, window: usize, visit: usize) -> usize {
        self.plan.windows.starts[window] + visit * self.plan.windows.layout.stride
    }

    fn prices(&self, visit: usize) -> Tensor<2> {
        let assets = self.plan.windows.assets;
        let of = |window: usize| self.plan.windows.prices[self.row(window, visit) * assets..][..assets].to_vec();
        self.of_windows((0..self.plan.windows.starts.len()).flat_map(of).collect(), assets)
    }

    fn series(&self, series: &[f64], visit: usize) -> Tensor<2> {
        self.of_windows((0..self.plan.windows.starts.len()).map(|window| series[self.row(window, visit)]).collect(), 1)
    }

    fn column(&self, values: Vec<f64>) -> Tensor<2> {
        self.of_windows(values, 1)
    }
}

/// The tokens that leave and those that enter, `[batch, assets]` each.
struct Sides {
    out: Tensor<2, Bool>,
    into: Tensor<2, Bool>,
}

/// Prices `[batch, assets]` and costs `[batch, 1]` of a row.
struct Market {
    costs: Costs,
    prices: Tensor<2>,
    fee: Tensor<2>,
    gas: Tensor<2>,
    arbitrage_fee: Tensor<2>,
}

impl Market {
    fn gamma(&self) -> Tensor<2> {
        self.fee.clone().neg() + 1.0
    }

    /// Takes the protocol's part of what was paid in, at once or later.
    fn protocol(&self, reserves: Tensor<2>, owed: Tensor<2>, paid_in: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let fee = paid_in * self.fee.clone() * self.costs.protocol_fee_share;
        if self.costs.dynamic_form { (reserves, owed + fee) } else { (reserves - fee, owed) }
    }

    /// A user's trade where `trades` is one.
    fn swap(
        &self,
        reserves: Tensor<2>,
        weights: &Tensor<2>,
        owed: Tensor<2>,
        trade: &UserTrade,
        trades: &Tensor<2>,
    ) -> (Tensor<2>, Tensor<2>) {
        let column = |tensor: &Tensor<2>, asset: usize| tensor.clone().narrow(1, asset, 1);
        let amount = trades.clone() * trade.amount_in;
        let before = column(&reserves, trade.token_in);
        let ratio = before.clone() / (before + self.gamma() * amount.clone());
        let exponent = column(weights, trade.token_in) / column(weights, trade.token_out);
        let left = (ratio.log() * exponent).exp();
        let put = |value: Tensor<2>, asset: usize| {
            let columns =
                (0..reserves.dims()[1]).map(|other| if other == asset { value.clone() } else { value.zeros_like() });
            Tensor::cat(columns.collect(), 1)
        };
        let out = column(&reserves, trade.token_out) * (left - 1.0);
        let paid_in = put(amount, trade.token_in);
        self.protocol(reserves.clone() + paid_in.clone() + put(out, trade.token_out), owed, paid_in)
    }

    /// One arbitrage of `[batch, assets]`.
    fn leg(&self, reserves: Tensor<2>, weights: &Tensor<2>, owed: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let shape = reserves.dims();
        let prices = self.prices.clone();
        let gap = self.gamma().log().neg();
        let logs = (prices.clone() * reserves.clone() / weights.clone()).log();
        let fixed = Fixed {
            logs: logs.clone().detach(),
            weights: weights.clone().detach(),
            prices: prices.clone(),
            reserves: reserves.clone().detach(),
            gap: gap.clone().detach(),
            gamma: self.gamma().detach(),
        };
        let all = fixed.water_filling();
        let sides = if self.costs.pairs_only {
            // Without a fee all tokens are traded at once.
            let free = fixed.gap.clone().equal_elem(0.0).expand(shape);
            let pair = fixed.best_pair();
            Sides { out: choose(&free, all.out, pair.out), into: choose(&free, all.into, pair.into) }
        } else {
            all
        };
        let level = level(&logs, weights, &sides, &gap);
        let reached = level.exp() * weights.clone() / prices.clone();
        let entered = reached.clone() + reserves.clone() * (self.gamma().recip().neg() + 1.0);
        let after = reserves.clone().mask_where(sides.out.clone(), reached).mask_where(sides.into.clone(), entered);

        let change = (after.clone() - reserves.clone()).detach() * prices.clone();
        let profit = change.clone().sum_dim(1).neg() - self.gas.clone();
        let gate = change.abs().sum_dim(1) * self.arbitrage_fee.clone() * 0.5;
        let spread = fixed.logs.clone().max_dim(1) - fixed.logs.min_dim(1);
        // At no fee every pool trades.
        let inside = spread.lower_equal(fixed.gap.clone()).bool_and(fixed.gap.greater_elem(0.0));
        let gated = (self.gas.clone() + self.arbitrage_fee.clone()).greater_elem(0.0);
        let idle = inside.bool_or(profit.lower(gate).bool_and(gated)).expand(shape);

        let paid_in = (after.clone() - reserves.clone()).mask_fill(sides.into.bool_not(), 0.0);
        let value = (after.clone() * prices.clone()).sum_dim(1);
        let left = if self.costs.dynamic_form { 1.0 } else { 1.0 - self.costs.protocol_fee_share };
        let noise = self.fee.clone() * (self.costs.noise_trader_ratio * left);
        let growth = (paid_in.clone() * prices).sum_dim(1) * noise / value + 1.0;
        let (after, owes) = self.protocol(after * growth, owed.clone(), paid_in);
        (after.mask_where(idle.clone(), reserves), owes.mask_where(idle, owed))
    }
}

/// `left` where the mask says so, else `right`.
fn choose(mask: &Tensor<2, Bool>, left: Tensor<2, Bool>, right: Tensor<2, Bool>) -> Tensor<2, Bool> {
    left.bool_and(mask.clone()).bool_or(right.bool_and(mask.clone().bool_not()))
}

/// `ln X`, `[batch, 1]`.
fn level(logs: &Tensor<2>, weights: &Tensor<2>, sides: &Sides, gap: &Tensor<2>) -> Tensor<2> {
    let idle = sides.out.clone().bool_or(sides.into.clone()).bool_not();
    let shifted = logs.clone().mask_where(sides.into.clone(), logs.clone() + gap.clone());
    let sum = (shifted * weights.clone()).mask_fill(idle.clone(), 0.0).sum_dim(1);
    let total = weights.clone().mask_fill(idle, 0.0).sum_dim(1);
    let nobody = total.clone().detach().equal_elem(0.0);
    sum / total.mask_fill(nobody, 1.0)
}

/// What decides who trades: no gradient passes through it.
struct Fixed {
    logs: Tensor<2>,
    weights: Tensor<2>,
    prices: Tensor<2>,
    reserves: Tensor<2>,
    gap: Tensor<2>,
    gamma: Tensor<2>,
}

impl Fixed {
    /// The sets grow from the highest and the lowest token, one token at a time.
    fn water_filling(&self) -> Sides {
        let (logs, weights, gap) = (&self.logs, &self.weights, &self.gap);
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
            let below = logs.clone().lower((level - gap.clone()).expand(shape)).bool_and(free).bool_and(nobody);
            sides = Sides { out: sides.out.bool_or(added), into: sides.into.bool_or(first(below, logs.clone().neg())) };
        }
        sides
    }

    /// Tries every pair of tokens on every batch entry.
    fn best_pair(&self) -> Sides {
        let Self { logs, weights, prices, reserves, gap, gamma } = self;
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
                let paid =
                    level * column(weights, into) - column(reserves, into) * column(prices, into) / gamma.clone();
                let outside = (column(logs, out) - column(logs, into)).greater(gap.clone());
                let profit = received - paid;
                let better = profit.clone().greater(best.clone()).bool_and(outside);
                best = best.mask_where(better.clone(), profit);
                let better = better.expand([batch, assets]);
                sides =
                    Sides { out: choose(&better, pair.out, sides.out), into: choose(&better, pair.into, sides.into) };
            }
        }
        sides
    }
}
