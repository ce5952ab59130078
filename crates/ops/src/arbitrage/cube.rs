//! Reserves with fees on GPUs: one thread walks one window of one set through all its rows.
//!
//! The trades are those of [`super::trade`], written as changes of reserves: with `l_i = ln(q_i / X)` a token that leaves
//! changes by `R_i (e^-l_i - 1)` and one that enters by `R_i / gamma (e^(-l_i - gap) - 1)`. The exponents, weighted, sum to
//! zero whatever the logarithms have lost in single precision, so the invariant is kept; and reserves are kept as sums of two
//! numbers, so that half a million small changes in a year are not rounded away.
//!
//! The backward pass takes stretches of [`CHECKPOINT_VISITS`] visits in turn, last one first: it runs a stretch again, noting
//! the reserves before each trade, and then goes back through it.

use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::{Arbitrage, ArbitragePlan, CHECKPOINT_VISITS, cpu};
use crate::backend::cube::{constants, element, empty, empty_indices, indices, launch_of, table};
use crate::backend::{CubePass, Kernels};
use crate::growth::cube_log_ratio as log_ratio;
use crate::interpolation::Interpolation;

/// Sample of a visit that is none.
const NO_SAMPLE: u32 = u32::MAX;
/// What a token does in a trade.
const IDLE: u32 = 0;
const LEAVES: u32 = 1;
const ENTERS: u32 = 2;

/// Sizes of a call.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Sizes {
    batch: u32,
    windows: u32,
    positions: u32,
    visits: u32,
    samples: u32,
    block_rows: u32,
    ramp_rows: u32,
    stride: u32,
    /// One if a block at the first position precedes the first ramp.
    held_blocks: u32,
    fees: u32,
    fee_rows: u32,
    /// One if nobody trades while weights rest.
    rests: u32,
    /// Visits of a stretch.
    stretch: u32,
}

/// Gas, half the arbitrageur's own fee, noise traders' income and the protocol's share per unit of fee.
#[derive(CubeType, Clone, Copy)]
struct Terms<F: Float> {
    gas: F,
    half_arbitrage_fee: F,
    noise_per_fee: F,
    protocol_share: F,
    fee: F,
    gamma: F,
    gap: F,
}

#[cube]
fn terms<F: Float>(costs: &Tensor<F>, fee: F) -> Terms<F> {
    Terms::<F> {
        gas: costs[0],
        half_arbitrage_fee: costs[1],
        noise_per_fee: costs[2],
        protocol_share: costs[3],
        fee,
        gamma: F::new(1.0) - fee,
        gap: F::new(0.0) - log_ratio::<F>(F::new(1.0), F::new(0.0) - fee),
    }
}

/// A pool at one visit, and the trade that it is about to do.
#[derive(CubeType)]
struct Pool<F: Float> {
    reserves: Array<F>,
    /// What the reserves have lost to rounding.
    low: Array<F>,
    prices: Array<F>,
    weights: Array<F>,
    quotients: Array<F>,
    /// `ln(q / max q)`.
    logs: Array<F>,
    /// Change of each reserve before noise traders and the protocol.
    change: Array<F>,
    side: Array<u32>,
    /// `ln(X / max q)` and the weight of the tokens that trade.
    numbers: Array<F>,
}

const RELATIVE: usize = 0;
const TOTAL_WEIGHT: usize = 1;

#[cube]
fn pool<F: Float>(#[comptime] assets: usize) -> Pool<F> {
    Pool::<F> {
        reserves: Array::<F>::new(assets),
        low: Array::<F>::new(assets),
        prices: Array::<F>::new(assets),
        weights: Array::<F>::new(assets),
        quotients: Array::<F>::new(assets),
        logs: Array::<F>::new(assets),
        change: Array::<F>::new(assets),
        side: Array::<u32>::new(assets),
        numbers: Array::<F>::new(2usize),
    }
}

/// `e^x - 1`.
#[cube]
fn exponential_less_one<F: Float>(x: F) -> F {
    let mut less = x.exp() - F::new(1.0);
    if x.abs() < F::new(0.1) {
        let mut term = x;
        less = x;
        #[unroll]
        for power in 2..10u32 {
            term = term * x / F::cast_from(power);
            less += term;
        }
    }
    less
}

/// Adds to a reserve, what is rounded away to its low part.
#[cube]
fn add<F: Float>(pool: &mut Pool<F>, asset: usize, change: F) {
    let change = change + pool.low[asset];
    let before = pool.reserves[asset];
    let sum = before + change;
    pool.reserves[asset] = sum;
    pool.low[asset] = change - (sum - before);
}

/// Level and weight of the trade of the tokens that take part.
#[cube]
fn settle_level<F: Float>(pool: &mut Pool<F>, gap: F, #[comptime] assets: usize) {
    let mut sum = F::new(0.0);
    let mut total = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        if pool.side[i] != IDLE {
            let mut log = pool.logs[i];
            if pool.side[i] == ENTERS {
                log += gap;
            }
            sum += pool.weights[i] * log;
            total += pool.weights[i];
        }
    }
    pool.numbers[TOTAL_WEIGHT] = total;
    pool.numbers[RELATIVE] = sum / total;
}

/// Finds the trade that pays most. Returns whether the pool is outside the band in which none pays.
#[cube]
fn optimum<F: Float>(pool: &mut Pool<F>, terms: &Terms<F>, #[comptime] assets: usize) -> bool {
    #[unroll]
    for i in 0..assets {
        pool.quotients[i] = pool.reserves[i] * pool.prices[i] / pool.weights[i];
        pool.side[i] = IDLE;
    }
    let mut highest = pool.quotients[0];
    let mut lowest = pool.quotients[0];
    let mut first = 0u32;
    let mut last = 0u32;
    #[unroll]
    for i in 1..assets {
        if pool.quotients[i] > highest {
            highest = pool.quotients[i];
            first = comptime!(i as u32);
        }
        if pool.quotients[i] <= lowest {
            lowest = pool.quotients[i];
            last = comptime!(i as u32);
        }
    }
    let outside = !(terms.gap > F::new(0.0) && highest * terms.gamma <= lowest);
    #[unroll]
    for i in 0..assets {
        pool.logs[i] = log_ratio::<F>(highest, pool.quotients[i] - highest);
        if first == comptime!(i as u32) {
            pool.side[i] = LEAVES;
        } else if last == comptime!(i as u32) {
            pool.side[i] = ENTERS;
        } else if terms.gap <= F::new(0.0) {
            // Where nothing is charged all tokens trade.
            pool.side[i] = ENTERS;
        }
    }
    settle_level::<F>(pool, terms.gap, assets);
    for _ in 2..comptime!(assets.max(2)) as u32 {
        let mut next = u32::MAX.runtime();
        let mut side = LEAVES.runtime();
        let mut best = F::new(0.0);
        #[unroll]
        for i in 0..assets {
            let better = next == u32::MAX || pool.logs[i] > best;
            if pool.side[i] == IDLE && pool.logs[i] >= pool.numbers[RELATIVE] && better {
                next = comptime!(i as u32);
                best = pool.logs[i];
            }
        }
        if next == u32::MAX {
            side = ENTERS.runtime();
            #[unroll]
            for i in 0..assets {
                let better = next == u32::MAX || pool.logs[i] < best;
                if pool.side[i] == IDLE && pool.logs[i] + terms.gap < pool.numbers[RELATIVE] && better {
                    next = comptime!(i as u32);
                    best = pool.logs[i];
                }
            }
        }
        if next != u32::MAX {
            #[unroll]
            for i in 0..assets {
                if next == comptime!(i as u32) {
                    pool.side[i] = side;
                }
            }
            settle_level::<F>(pool, terms.gap, assets);
        }
    }
    outside
}

/// What each reserve changes by, and whether the trade pays gas and the arbitrageur's own fee.
#[cube]
fn pays<F: Float>(pool: &mut Pool<F>, terms: &Terms<F>, #[comptime] assets: usize) -> bool {
    let mut profit = F::new(0.0);
    let mut moved = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        let by = pool.numbers[RELATIVE] - pool.logs[i];
        let mut change = F::new(0.0);
        if pool.side[i] == LEAVES {
            change = pool.reserves[i] * exponential_less_one::<F>(by);
        } else if pool.side[i] == ENTERS {
            change = pool.reserves[i] / terms.gamma * exponential_less_one::<F>(by - terms.gap);
        }
        pool.change[i] = change;
        let paid = change * pool.prices[i];
        profit -= paid;
        moved += paid.abs();
    }
    let gated = terms.gas > F::new(0.0) || terms.half_arbitrage_fee > F::new(0.0);
    !(gated && profit - terms.gas < terms.half_arbitrage_fee * moved)
}

/// What was paid in as a share of the pool's value after the trade.
#[cube]
fn share_paid_in<F: Float>(
    reserves: &Array<F>,
    change: &Array<F>,
    prices: &Array<F>,
    side: &Array<u32>,
    #[comptime] assets: usize,
) -> F {
    let mut paid_in = F::new(0.0);
    let mut value = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        value += (reserves[i] + change[i]) * prices[i];
        if side[i] == ENTERS {
            paid_in += change[i] * prices[i];
        }
    }
    paid_in / value
}

/// One arbitrage at `pool.weights`. Returns whether it happened.
#[cube]
fn trade<F: Float>(pool: &mut Pool<F>, terms: &Terms<F>, #[comptime] assets: usize) -> bool {
    let outside = optimum::<F>(pool, terms, assets);
    let happens = pays::<F>(pool, terms, assets) && outside;
    if happens {
        let mut noise = F::new(0.0);
        if terms.noise_per_fee > F::new(0.0) {
            let share = share_paid_in::<F>(&pool.reserves, &pool.change, &pool.prices, &pool.side, assets);
            noise = terms.noise_per_fee * terms.fee * share;
        }
        #[unroll]
        for i in 0..assets {
            let mut change = pool.change[i] + (pool.reserves[i] + pool.change[i]) * noise;
            if pool.side[i] == ENTERS {
                change -= pool.change[i] * terms.protocol_share * terms.fee;
            }
            add::<F>(pool, i, change);
        }
    }
    happens
}

/// Where the weights of a visit come from: `start + along (end - start)` of the positions `block` and the next.
#[derive(CubeType, Clone, Copy)]
struct Place<F: Float> {
    block: u32,
    along: F,
    /// Whether somebody may trade.
    open: bool,
}

#[cube]
fn place<F: Float>(visit: u32, sizes: &Sizes) -> Place<F> {
    let row = visit * sizes.stride;
    let (mut block, in_block) = (row / sizes.block_rows, row % sizes.block_rows);
    let mut along = F::new(1.0);
    if in_block < sizes.ramp_rows {
        along = F::cast_from(in_block) / F::cast_from(sizes.ramp_rows);
    }
    if block < sizes.held_blocks {
        along = F::new(0.0);
    } else {
        block -= sizes.held_blocks;
    }
    Place::<F> { block, along, open: sizes.rests == 0 || in_block < sizes.ramp_rows }
}

/// The weights of the visit before count for the first arbitrage of a visit; at the first visit its own.
#[cube]
fn place_before<F: Float>(visit: u32, sizes: &Sizes) -> Place<F> {
    let mut earlier = visit;
    if visit > 0 {
        earlier = visit - 1;
    }
    place::<F>(earlier, sizes)
}

#[cube]
fn read_weights<F: Float>(
    pool: &mut Pool<F>,
    positions: &Tensor<F>,
    entry: usize,
    at: &Place<F>,
    sizes: &Sizes,
    #[comptime] assets: usize,
) {
    let start = (entry * sizes.positions as usize + at.block as usize) * assets;
    let end = (entry * sizes.positions as usize + min(at.block + 1, sizes.positions - 1) as usize) * assets;
    #[unroll]
    for i in 0..assets {
        pool.weights[i] = positions[start + i] + at.along * (positions[end + i] - positions[start + i]);
    }
}

#[cube]
fn read_prices<F: Float>(pool: &mut Pool<F>, prices: &Tensor<F>, row: usize, #[comptime] assets: usize) {
    #[unroll]
    for i in 0..assets {
        pool.prices[i] = prices[row * assets + i];
    }
}

#[cube]
fn fee_index(visit: u32, sizes: &Sizes) -> u32 {
    min(visit * sizes.stride / sizes.fee_rows, sizes.fees - 1)
}

#[cube(launch)]
fn forward<F: Float>(
    positions: &Tensor<F>,
    initial: &Tensor<F>,
    fees: &Tensor<F>,
    prices: &Tensor<F>,
    starts: &Tensor<u32>,
    costs: &Tensor<F>,
    sample_of: &Tensor<u32>,
    output: &mut Tensor<F>,
    kept: &mut Tensor<F>,
    sizes: Sizes,
    #[comptime] assets: usize,
    #[comptime] tracked: bool,
    #[define(F)] _type: ElemType,
) {
    let entry = ABSOLUTE_POS;
    if entry >= sizes.batch as usize {
        terminate!();
    }
    let mut pool = pool::<F>(assets);
    #[unroll]
    for i in 0..assets {
        pool.reserves[i] = initial[entry * assets + i];
        pool.low[i] = F::new(0.0);
    }
    let start = starts[entry % sizes.windows as usize];
    let stretches = sizes.visits.div_ceil(sizes.stretch);
    for visit in 0..sizes.visits {
        if tracked {
            if visit % sizes.stretch == 0 {
                let at = (entry * stretches as usize + (visit / sizes.stretch) as usize) * 2 * assets;
                #[unroll]
                for i in 0..assets {
                    kept[at + i] = pool.reserves[i];
                    kept[at + assets + i] = pool.low[i];
                }
            }
        }
        let here = place::<F>(visit, &sizes);
        if here.open {
            let before = place_before::<F>(visit, &sizes);
            let terms = terms::<F>(costs, fees[entry * sizes.fees as usize + fee_index(visit, &sizes) as usize]);
            read_prices::<F>(&mut pool, prices, (start + visit * sizes.stride) as usize, assets);
            read_weights::<F>(&mut pool, positions, entry, &before, &sizes, assets);
            trade::<F>(&mut pool, &terms, assets);
            read_weights::<F>(&mut pool, positions, entry, &here, &sizes, assets);
            trade::<F>(&mut pool, &terms, assets);
        }
        let sample = sample_of[visit as usize];
        if sample != NO_SAMPLE {
            #[unroll]
            for i in 0..assets {
                output[(entry * sizes.samples as usize + sample as usize) * assets + i] = pool.reserves[i];
            }
        }
    }
}

/// Gradients on their way back.
#[derive(CubeType)]
struct Cotangents<F: Float> {
    reserves: Array<F>,
    weights: Array<F>,
    direct: Array<F>,
    fee: Array<F>,
}

/// Adjoint of a trade that happened, from the pool as it was before it.
#[cube]
fn trade_backward<F: Float>(
    pool: &Pool<F>,
    terms: &Terms<F>,
    cotangents: &mut Cotangents<F>,
    #[comptime] assets: usize,
) {
    let one = F::new(1.0);
    let mut fee = cotangents.fee[0];
    #[unroll]
    for i in 0..assets {
        cotangents.direct[i] = F::new(0.0);
    }
    if terms.noise_per_fee > F::new(0.0) || terms.protocol_share > F::new(0.0) {
        let share = share_paid_in::<F>(&pool.reserves, &pool.change, &pool.prices, &pool.side, assets);
        let mut value = F::new(0.0);
        let mut along = F::new(0.0);
        #[unroll]
        for i in 0..assets {
            let after = pool.reserves[i] + pool.change[i];
            value += after * pool.prices[i];
            along += cotangents.reserves[i] * after;
        }
        let noise = terms.noise_per_fee * terms.fee;
        let slope = along * noise / value;
        fee += along * share * terms.noise_per_fee;
        #[unroll]
        for i in 0..assets {
            let cotangent = cotangents.reserves[i];
            let mut through = cotangent * (one + noise * share) - slope * share * pool.prices[i];
            if pool.side[i] == ENTERS {
                fee -= cotangent * pool.change[i] * terms.protocol_share;
                let entered = slope * pool.prices[i] - cotangent * terms.protocol_share * terms.fee;
                through += entered;
                cotangents.direct[i] = F::new(0.0) - entered;
            }
            cotangents.reserves[i] = through;
        }
    }
    let inverse = one / terms.gamma;
    let mut along = F::new(0.0);
    let mut entering = F::new(0.0);
    #[unroll]
    for i in 0..assets {
        let cotangent = cotangents.reserves[i];
        if pool.side[i] != IDLE {
            along += cotangent * pool.reserves[i] * (pool.numbers[RELATIVE] - pool.logs[i]).exp();
        }
        if pool.side[i] == ENTERS {
            entering += pool.weights[i];
            fee -= cotangent * pool.reserves[i] * inverse * inverse;
        }
    }
    let share = along / pool.numbers[TOTAL_WEIGHT];
    cotangents.fee[0] = fee + share * entering * inverse;
    #[unroll]
    for i in 0..assets {
        let cotangent = cotangents.reserves[i];
        if pool.side[i] == IDLE {
            cotangents.reserves[i] = cotangent + cotangents.direct[i];
        } else {
            let mut above = pool.logs[i] - pool.numbers[RELATIVE];
            let level = pool.reserves[i] * (pool.numbers[RELATIVE] - pool.logs[i]).exp();
            let mut kept = F::new(0.0);
            if pool.side[i] == ENTERS {
                above += terms.gap;
                kept = cotangent * (one - inverse);
            }
            cotangents.weights[i] = cotangents.weights[i] + share * (above - one) + cotangent * level / pool.weights[i];
            cotangents.reserves[i] = share * pool.weights[i] / pool.reserves[i] + kept + cotangents.direct[i];
        }
    }
}

/// Adds the gradient of a visit's weights to that of the positions they come from.
#[cube]
fn add_to_positions<F: Float>(
    gradient: &mut Tensor<F>,
    cotangents: &Cotangents<F>,
    entry: usize,
    at: &Place<F>,
    sizes: &Sizes,
    #[comptime] assets: usize,
) {
    let start = (entry * sizes.positions as usize + at.block as usize) * assets;
    let end = (entry * sizes.positions as usize + min(at.block + 1, sizes.positions - 1) as usize) * assets;
    #[unroll]
    for i in 0..assets {
        gradient[start + i] = gradient[start + i] + cotangents.weights[i] * (F::new(1.0) - at.along);
        gradient[end + i] = gradient[end + i] + cotangents.weights[i] * at.along;
    }
}

/// Goes back through all stretches, last one first.
#[cube(launch)]
fn backward<F: Float>(
    positions: &Tensor<F>,
    fees: &Tensor<F>,
    prices: &Tensor<F>,
    starts: &Tensor<u32>,
    costs: &Tensor<F>,
    sample_of: &Tensor<u32>,
    kept: &Tensor<F>,
    cotangent: &Tensor<F>,
    noted: &mut Tensor<F>,
    happened: &mut Tensor<u32>,
    to_positions: &mut Tensor<F>,
    to_initial: &mut Tensor<F>,
    to_fees: &mut Tensor<F>,
    sizes: Sizes,
    #[comptime] assets: usize,
    #[define(F)] _type: ElemType,
) {
    let entry = ABSOLUTE_POS;
    if entry >= sizes.batch as usize {
        terminate!();
    }
    let mut pool = pool::<F>(assets);
    let mut cotangents = Cotangents::<F> {
        reserves: Array::<F>::new(assets),
        weights: Array::<F>::new(assets),
        direct: Array::<F>::new(assets),
        fee: Array::<F>::new(1usize),
    };
    #[unroll]
    for i in 0..assets {
        cotangents.reserves[i] = F::new(0.0);
    }
    for place in 0..sizes.positions as usize * assets {
        to_positions[entry * sizes.positions as usize * assets + place] = F::new(0.0);
    }
    for index in 0..sizes.fees as usize {
        to_fees[entry * sizes.fees as usize + index] = F::new(0.0);
    }
    let start = starts[entry % sizes.windows as usize];
    let stretches = sizes.visits.div_ceil(sizes.stretch);
    for step in 0..stretches {
        let stretch = stretches - 1 - step;
        let first = stretch * sizes.stretch;
        let end = min(first + sizes.stretch, sizes.visits);
        let at = (entry * stretches as usize + stretch as usize) * 2 * assets;
        #[unroll]
        for i in 0..assets {
            pool.reserves[i] = kept[at + i];
            pool.low[i] = kept[at + assets + i];
        }
        for visit in first..end {
            let here = place::<F>(visit, &sizes);
            let slot = (entry * sizes.stretch as usize + (visit - first) as usize) * 2;
            happened[slot] = 0u32;
            happened[slot + 1] = 0u32;
            if here.open {
                let before = place_before::<F>(visit, &sizes);
                let terms = terms::<F>(costs, fees[entry * sizes.fees as usize + fee_index(visit, &sizes) as usize]);
                read_prices::<F>(&mut pool, prices, (start + visit * sizes.stride) as usize, assets);
                #[unroll]
                for leg in 0..2usize {
                    if comptime!(leg == 0) {
                        read_weights::<F>(&mut pool, positions, entry, &before, &sizes, assets);
                    } else {
                        read_weights::<F>(&mut pool, positions, entry, &here, &sizes, assets);
                    }
                    #[unroll]
                    for i in 0..assets {
                        noted[(slot + leg) * assets + i] = pool.reserves[i];
                    }
                    if trade::<F>(&mut pool, &terms, assets) {
                        happened[slot + leg] = 1u32;
                    }
                }
            }
        }
        for back in 0..end - first {
            let visit = end - 1 - back;
            let sample = sample_of[visit as usize];
            if sample != NO_SAMPLE {
                #[unroll]
                for i in 0..assets {
                    cotangents.reserves[i] = cotangents.reserves[i]
                        + cotangent[(entry * sizes.samples as usize + sample as usize) * assets + i];
                }
            }
            let slot = (entry * sizes.stretch as usize + (visit - first) as usize) * 2;
            let here = place::<F>(visit, &sizes);
            let before = place_before::<F>(visit, &sizes);
            let fee = entry * sizes.fees as usize + fee_index(visit, &sizes) as usize;
            let terms = terms::<F>(costs, fees[fee]);
            read_prices::<F>(&mut pool, prices, (start + visit * sizes.stride) as usize, assets);
            cotangents.fee[0] = F::new(0.0);
            #[unroll]
            for step in 0..2usize {
                let leg = comptime!(1 - step);
                if happened[slot + leg] == 1u32 {
                    #[unroll]
                    for i in 0..assets {
                        pool.reserves[i] = noted[(slot + leg) * assets + i];
                        cotangents.weights[i] = F::new(0.0);
                    }
                    if comptime!(leg == 0) {
                        read_weights::<F>(&mut pool, positions, entry, &before, &sizes, assets);
                    } else {
                        read_weights::<F>(&mut pool, positions, entry, &here, &sizes, assets);
                    }
                    optimum::<F>(&mut pool, &terms, assets);
                    pays::<F>(&mut pool, &terms, assets);
                    trade_backward::<F>(&pool, &terms, &mut cotangents, assets);
                    if comptime!(leg == 0) {
                        add_to_positions::<F>(to_positions, &cotangents, entry, &before, &sizes, assets);
                    } else {
                        add_to_positions::<F>(to_positions, &cotangents, entry, &here, &sizes, assets);
                    }
                }
            }
            to_fees[fee] = to_fees[fee] + cotangents.fee[0];
        }
    }
    #[unroll]
    for i in 0..assets {
        to_initial[entry * assets + i] = cotangents.reserves[i];
    }
}

impl ArbitragePlan {
    /// Whether the kernels know everything that this plan asks for.
    pub(super) fn runs_on_gpus(&self) -> bool {
        self.inputs.is_empty()
            && !self.costs.pairs_only
            && !self.costs.dynamic_form
            && self.windows.layout.interpolation == Interpolation::Linear
    }

    fn sizes(&self, batch: usize, positions: usize, fees: usize) -> SizesLaunch {
        let layout = &self.windows.layout;
        let small = |size: usize| size.min(u32::MAX as usize) as u32;
        SizesLaunch::new(
            small(batch),
            small(self.windows.starts.len()),
            small(positions),
            small(self.windows.visits()),
            small(self.windows.samples.len()),
            small(layout.block_rows),
            small(layout.ramp_rows),
            small(layout.stride),
            u32::from(layout.constant_first_block),
            small(fees),
            small(self.fee_rows),
            u32::from(self.rests_with_weights),
            small(CHECKPOINT_VISITS),
        )
    }

    fn constants(&self, like: &CubeTensor) -> [CubeTensor; 4] {
        let costs = &self.costs;
        let left = 1.0 - costs.protocol_fee_share;
        let numbers =
            [costs.gas_cost, 0.5 * costs.arbitrage_fee, costs.noise_trader_ratio * left, costs.protocol_fee_share];
        let mut sample_of = vec![NO_SAMPLE; self.windows.visits()];
        for (sample, visit) in self.windows.samples.iter().enumerate() {
            sample_of[*visit] = sample as u32;
        }
        [
            table(like, &self.windows.prices),
            indices(like, self.windows.starts.iter().map(|start| *start as u32)),
            constants(like, &numbers),
            indices(like, sample_of),
        ]
    }
}

impl Kernels<3> for Arbitrage {
    fn forward(&self, [positions, initial, fees]: [CubeTensor; 3], tracked: bool) -> (CubeTensor, Vec<CubeTensor>) {
        let plan = &*self.0;
        let [batch, count, assets] = positions.meta.shape().dims::<3>();
        let fee_count = fees.meta.shape()[1];
        let output = empty(&positions, [batch, plan.windows.samples.len(), assets]);
        let kept = empty(&positions, if tracked { [batch, cpu::stretches(plan), 2, assets] } else { [1, 1, 1, 1] });
        let [prices, starts, costs, sample_of] = plan.constants(&positions);
        let (groups, group) = launch_of(batch);
        forward::launch(
            &positions.client,
            groups,
            group,
            positions.clone().into_tensor_arg(),
            initial.into_tensor_arg(),
            fees.into_tensor_arg(),
            prices.clone().into_tensor_arg(),
            starts.clone().into_tensor_arg(),
            costs.clone().into_tensor_arg(),
            sample_of.clone().into_tensor_arg(),
            output.clone().into_tensor_arg(),
            kept.clone().into_tensor_arg(),
            plan.sizes(batch, count, fee_count),
            assets,
            tracked,
            element(&positions),
        );
        (output, if tracked { vec![kept, prices, starts, costs, sample_of] } else { vec![] })
    }

    fn backward(&self, pass: CubePass<3>, wanted: [bool; 3]) -> [Option<CubeTensor>; 3] {
        let plan = &*self.0;
        let [positions, initial, fees] = pass.inputs;
        let Ok([kept, prices, starts, costs, sample_of]) = <[CubeTensor; 5]>::try_from(pass.kept) else {
            return [None, None, None];
        };
        let [batch, count, assets] = positions.meta.shape().dims::<3>();
        let fee_count = fees.meta.shape()[1];
        let noted = empty(&positions, [batch, CHECKPOINT_VISITS, 2, assets]);
        let happened = empty_indices(&positions, [batch, CHECKPOINT_VISITS, 2]);
        let to_positions = empty(&positions, [batch, count, assets]);
        let to_initial = empty(&initial, [batch, assets]);
        let to_fees = empty(&fees, [batch, fee_count]);
        let (groups, group) = launch_of(batch);
        backward::launch(
            &positions.client,
            groups,
            group,
            positions.clone().into_tensor_arg(),
            fees.into_tensor_arg(),
            prices.into_tensor_arg(),
            starts.into_tensor_arg(),
            costs.into_tensor_arg(),
            sample_of.into_tensor_arg(),
            kept.into_tensor_arg(),
            pass.cotangent.into_tensor_arg(),
            noted.into_tensor_arg(),
            happened.into_tensor_arg(),
            to_positions.clone().into_tensor_arg(),
            to_initial.clone().into_tensor_arg(),
            to_fees.clone().into_tensor_arg(),
            plan.sizes(batch, count, fee_count),
            assets,
            element(&positions),
        );
        [wanted[0].then_some(to_positions), wanted[1].then_some(to_initial), wanted[2].then_some(to_fees)]
    }
}
