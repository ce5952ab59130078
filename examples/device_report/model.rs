//! What an objective reads, writes and computes, from shapes alone: the same numbers for what was measured and for the plan of
//! a machine that nobody has measured.
//!
//! Counted from the kernels for GPUs (`crates/ops/src/*/cube*`) and, for momentum and the daily log Sharpe ratio, from the tensor
//! operations around them. The kernels of a CPU compute the same in other pieces; only that they leave a row on which nobody
//! trades early makes so much difference that it is counted ([`Kernels`]).
//!
//! **Bytes** are those between the device and its memory: every tensor operation reads and writes its operands once, what
//! all paths share (prices, their sums) is read once, what a thread reads again soon comes from caches.
//!
//! **Operations** are of floating point. An addition, multiplication, comparison or choice is one; a division, exponential
//! or logarithm is as many as it is instructions on a GPU, roughly ([`DIVISION`], [`EXPONENTIAL`], [`LOGARITHM`]). Integers that say where a
//! row lies are counted too: they take the same issue slots.
//!
//! **Cycles** are what one thread needs at least, because its operations wait for each other: latencies of a recent GPU
//! ([`latency`]) along the longest chain. They bound the time from below however few the paths are.

use std::ops::{Add, Mul};

/// Operations of a division.
pub const DIVISION: f64 = 8.0;
/// Operations of an exponential.
pub const EXPONENTIAL: f64 = 10.0;
/// Operations of a logarithm.
pub const LOGARITHM: f64 = 20.0;

/// Cycles until a result can be used. Estimates.
pub mod latency {
    /// An addition, multiplication, comparison or choice.
    pub const SIMPLE: f64 = 4.0;
    /// A division.
    pub const DIVISION: f64 = 30.0;
    /// A logarithm.
    pub const LOGARITHM: f64 = 60.0;
    /// A number from the second-level cache.
    pub const LOAD: f64 = 250.0;
}

/// Rows that the backward pass of arbitrage runs again at a time.
const STRETCH: f64 = gradpool::ops::arbitrage::CHECKPOINT_VISITS as f64;
/// Rows of a block of the recurrence.
const BLOCK_ROWS: f64 = 64.0;

/// Numbers read and written by tensor operations and recurrences from prices to rule outputs, per number of outputs: forward
/// (moving average 4, deviation 4, running gradient 3, quotient 5, mean removed 7) and backward.
const RULE_PASSES: [f64; 2] = [23.0, 60.0];
/// The same on tensors without an asset dimension.
const ROW_PASSES: [f64; 2] = [4.0, 10.0];
/// Operations of those per number of outputs.
const RULE_OPERATIONS: [f64; 2] = [25.0, 70.0];
/// Numbers read and written from sampled values to the daily log Sharpe ratio, per sample.
const METRIC_PASSES: [f64; 2] = [20.0, 45.0];
/// Operations of those.
const METRIC_OPERATIONS: [f64; 2] = [LOGARITHM + DIVISION + 8.0, 3.0 * DIVISION + 20.0];

/// How a pool is valued.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Valuation {
    /// Growth in closed form, a segment per update and sample.
    ClosedForm {
        /// Segments of a window.
        segments: usize,
    },
    /// Two trades a row.
    Arbitrage {
        /// Rows of a window.
        rows: usize,
    },
}

/// Whose kernels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kernels {
    /// Both trades of every row are taken to happen, because threads wait for the one beside them.
    Gpu,
    /// Go on where nobody trades.
    Cpu {
        /// Executed trades per row, of two.
        trades: f64,
    },
}

/// Sizes of an objective of `sets` parameter sets over one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Parameter sets.
    pub sets: usize,
    /// Assets.
    pub assets: usize,
    /// Rows of rule outputs: updates of burn-in and window.
    pub outputs: usize,
    /// Weight changes of the window.
    pub ramps: usize,
    /// Sampled values.
    pub samples: usize,
    /// What follows the weights.
    pub valuation: Valuation,
    /// Bytes of a number.
    pub number: usize,
    /// Whose kernels.
    pub kernels: Kernels,
}

/// What has to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Read from and written to memory.
    pub bytes: f64,
    /// Floating-point operations.
    pub operations: f64,
    /// Cycles of the longest chain of operations that wait for each other.
    pub cycles: f64,
}

impl Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            operations: self.operations + other.operations,
            cycles: self.cycles + other.cycles,
        }
    }
}

impl Mul<f64> for Work {
    type Output = Self;

    fn mul(self, times: f64) -> Self {
        Self { bytes: self.bytes * times, operations: self.operations * times, cycles: self.cycles * times }
    }
}

impl Shape {
    /// The objective's value of every set.
    pub fn value(&self) -> Work {
        self.forward(false)
    }

    /// Value and gradient.
    pub fn value_and_gradient(&self) -> Work {
        self.forward(true) + self.backward()
    }

    /// Bytes that exist at once while a gradient is computed, about: tensors of rule outputs and samples as in the memory
    /// plan (crates/pools/src/memory.rs), and what the valuation keeps.
    pub fn resident(&self) -> f64 {
        let rule = 28 * self.outputs * self.assets;
        let path = 3 * (self.ramps + 1) * self.assets + 10 * self.samples;
        self.bytes(self.sets as f64 * ((rule + path) as f64 + self.kept()))
    }

    /// Numbers that the valuation of one set keeps for its backward pass.
    fn kept(&self) -> f64 {
        let assets = self.assets as f64;
        match self.valuation {
            Valuation::ClosedForm { segments } => 2.0 * segments as f64 * assets,
            Valuation::Arbitrage { rows } => 2.0 * (rows as f64 / STRETCH).ceil() * assets,
        }
    }

    fn forward(&self, tracked: bool) -> Work {
        let assets = self.assets as f64;
        self.rule(0) + self.guardrails_forward() + self.valuation_forward(tracked, assets) + self.metric(0)
    }

    fn backward(&self) -> Work {
        let assets = self.assets as f64;
        self.metric(1) + self.valuation_backward(assets) + self.guardrails_backward() + self.rule(1)
    }

    fn bytes(&self, numbers: f64) -> f64 {
        numbers * self.number as f64
    }

    fn rule(&self, pass: usize) -> Work {
        let rows = (self.sets * self.outputs) as f64;
        let outputs = rows * self.assets as f64;
        // A thread walks a block of rows, then the blocks; forward there are two recurrences, and two backward.
        let blocks = (self.outputs as f64 / BLOCK_ROWS).ceil();
        let steps = 2.0 * (2.0 * BLOCK_ROWS.min(self.outputs as f64) + blocks);
        Work {
            bytes: self.bytes(outputs * RULE_PASSES[pass] + rows * ROW_PASSES[pass]),
            operations: outputs * RULE_OPERATIONS[pass],
            cycles: steps * (latency::LOAD + 2.0 * latency::SIMPLE),
        }
    }

    fn guardrails_forward(&self) -> Work {
        let (steps, assets) = ((self.sets * self.ramps) as f64, self.assets as f64);
        Work {
            bytes: self.bytes(2.0 * steps * assets),
            operations: steps * guardrail_step(assets),
            cycles: self.ramps as f64 * (latency::LOAD + guardrail_chain(assets)),
        }
    }

    /// Every step again, then back through it; then what the windows of a set share is gathered.
    fn guardrails_backward(&self) -> Work {
        let (steps, assets) = ((self.sets * self.ramps) as f64, self.assets as f64);
        let outputs = (self.sets * self.outputs) as f64 * assets;
        Work {
            bytes: self.bytes(5.0 * steps * assets + outputs),
            operations: steps * (guardrail_step(assets) + 3.0 * DIVISION + 25.0 * assets),
            cycles: self.ramps as f64 * (latency::LOAD + 2.0 * guardrail_chain(assets)),
        }
    }

    fn valuation_forward(&self, tracked: bool, assets: f64) -> Work {
        let sets = self.sets as f64;
        let samples = sets * self.samples as f64;
        let positions = sets * (self.ramps + 1) as f64 * assets;
        match self.valuation {
            Valuation::ClosedForm { segments } => {
                let parts = sets * segments as f64;
                let slopes = if tracked { sets * self.kept() } else { 0.0 };
                let shared = 2.0 * segments as f64 * assets;
                // The parts are written, read and summed; values are exponentials.
                Work {
                    bytes: self.bytes(positions + shared + slopes + 2.0 * parts + 7.0 * samples),
                    operations: parts * assets * segment() + 2.0 * parts + samples * (EXPONENTIAL + 1.0),
                    cycles: segments as f64 * (latency::LOAD + latency::SIMPLE),
                }
            }
            Valuation::Arbitrage { rows } => {
                let visits = rows as f64;
                let kept = if tracked { sets * self.kept() } else { 0.0 };
                let shared = visits * (assets + 1.0);
                // Reserves at samples, then their worth.
                Work {
                    bytes: self.bytes(positions + shared + kept + 4.0 * samples * assets + samples),
                    operations: sets * visits * visit(self.kernels, assets),
                    cycles: visits * visit_chain(assets),
                }
            }
        }
    }

    fn valuation_backward(&self, assets: f64) -> Work {
        let sets = self.sets as f64;
        let samples = sets * self.samples as f64;
        let positions = sets * (self.ramps + 1) as f64 * assets;
        match self.valuation {
            Valuation::ClosedForm { segments } => {
                let parts = sets * segments as f64;
                // Cotangents summed from the end, then gathered at both ends of every ramp.
                Work {
                    bytes: self.bytes(7.0 * samples + 2.0 * parts + 2.0 * parts * assets + positions),
                    operations: 2.0 * parts + 2.0 * positions * (DIVISION + 6.0),
                    cycles: segments as f64 * (latency::LOAD + latency::SIMPLE),
                }
            }
            Valuation::Arbitrage { rows } => {
                let visits = rows as f64;
                // Reserves before both trades and whether they happened are noted and read again.
                let noted = sets * visits * 2.0 * (2.0 * assets + 2.0);
                let kept = sets * self.kept();
                let shared = 2.0 * visits * (assets + 1.0);
                Work {
                    bytes: self.bytes(5.0 * samples * assets + kept + noted + shared + 3.0 * positions),
                    operations: sets * visits * (visit(self.kernels, assets) + visit_back(self.kernels, assets)),
                    cycles: visits * (visit_chain(assets) + visit_back_chain(assets)),
                }
            }
        }
    }

    fn metric(&self, pass: usize) -> Work {
        let samples = (self.sets * self.samples) as f64;
        Work {
            bytes: self.bytes(samples * METRIC_PASSES[pass]),
            operations: samples * METRIC_OPERATIONS[pass],
            cycles: 0.0,
        }
    }
}

/// Operations of one step of the guard rails without bounds of their own.
fn guardrail_step(assets: f64) -> f64 {
    // Per asset the sum to one and the sharing out divide; the cap divides once.
    assets * (2.0 * DIVISION + 21.0) + DIVISION + 6.0
}

/// Its cycles: sums over assets wait for each other.
fn guardrail_chain(assets: f64) -> f64 {
    3.0 * latency::DIVISION + latency::SIMPLE * (11.0 + 5.0 * assets)
}

/// `ln((a + b) / a)`: both forms are computed.
fn log_ratio() -> f64 {
    2.0 * DIVISION + LOGARITHM + 26.0
}

/// Operations of one asset of a segment of the closed form.
fn segment() -> f64 {
    // Ends and steps, two quotients, the logarithm, two series with their slopes, the sums.
    4.0 * DIVISION + log_ratio() + 4.0 * 6.0 + 40.0
}

/// Operations of finding a trade and what it pays: what every trade costs, whether it happens or not.
fn trade(assets: f64) -> f64 {
    let weights = 3.0 * assets;
    let quotients = (DIVISION + 1.0) * assets;
    let extremes = 4.0 * (assets - 1.0) + 2.0;
    // One more decides whether anybody trades.
    let logarithms = (log_ratio() + 3.0) * (assets + 1.0);
    let levels = (assets - 1.0) * (5.0 * assets + DIVISION);
    let search = (assets - 2.0).max(0.0) * 8.0 * assets;
    let changes = (exponential_less_one() + 12.0) * assets;
    weights + quotients + extremes + logarithms + levels + search + changes
}

/// `e^x - 1`: the exponential and eight terms of the series.
fn exponential_less_one() -> f64 {
    EXPONENTIAL + 3.0 + 8.0 * (DIVISION + 2.0)
}

/// Operations of a row forward: two trades along the weights, with fee terms and row numbers.
fn visit(kernels: Kernels, assets: f64) -> f64 {
    match kernels {
        Kernels::Gpu => 2.0 * (trade(assets) + 6.0 * assets) + log_ratio() + 120.0,
        Kernels::Cpu { trades } => 2.0 * no_trade(assets) + trades * cpu_trade(assets),
    }
}

/// Operations of a row on the way back, beyond walking it again.
fn visit_back(kernels: Kernels, assets: f64) -> f64 {
    match kernels {
        Kernels::Gpu => 2.0 * (trade(assets) + adjoint(assets)) + log_ratio() + 120.0,
        // Its exponentials are those of the trade.
        Kernels::Cpu { trades } => trades * (assets * (2.0 * DIVISION + 40.0) + EXPONENTIAL + 2.0 * DIVISION),
    }
}

/// Operations of the adjoint of a trade: cotangents over prices, two exponentials, the sums.
fn adjoint(assets: f64) -> f64 {
    assets * (4.0 * DIVISION + 2.0 * exponential_less_one() + 35.0) + DIVISION
}

/// Operations until a CPU knows that nobody trades: weights, quotients and their extremes.
fn no_trade(assets: f64) -> f64 {
    assets * (3.0 + DIVISION + 1.0 + 4.0)
}

/// Operations of a trade on a CPU beyond those: a logarithm per asset, a sort, one exponential, two divisions.
fn cpu_trade(assets: f64) -> f64 {
    assets * (DIVISION + 17.0 + 2.0 * assets + 10.0) + EXPONENTIAL + 2.0 * DIVISION
}

/// Cycles of one trade.
fn trade_chain(assets: f64) -> f64 {
    use latency::{DIVISION, LOGARITHM, SIMPLE};
    let quotients = 4.0 * SIMPLE + DIVISION;
    let extremes = 2.0 * SIMPLE * (assets - 1.0);
    let logarithms = DIVISION + LOGARITHM + 2.0 * SIMPLE;
    let levels = (assets - 1.0) * (2.0 * SIMPLE * assets + DIVISION);
    let search = (assets - 2.0).max(0.0) * 4.0 * SIMPLE * assets;
    // Terms of a series that divide, one after another.
    let changes = 8.0 * (DIVISION + SIMPLE) + 6.0 * SIMPLE + 2.0 * SIMPLE * assets;
    quotients + extremes + logarithms + levels + search + changes
}

/// Cycles of a row: its prices, its place, two trades.
fn visit_chain(assets: f64) -> f64 {
    latency::LOAD + 15.0 * latency::SIMPLE + 2.0 * trade_chain(assets)
}

/// Cycles of a row on the way back.
fn visit_back_chain(assets: f64) -> f64 {
    let adjoint = 3.0 * latency::DIVISION + latency::SIMPLE * (12.0 + 4.0 * assets);
    // Trades and reserves noted are read; both trades are found again.
    2.0 * latency::LOAD + 15.0 * latency::SIMPLE + 2.0 * (trade_chain(assets) + adjoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zero_fee(sets: usize) -> Shape {
        Shape {
            sets,
            assets: 3,
            outputs: 729,
            ramps: 364,
            samples: 365,
            valuation: Valuation::ClosedForm { segments: 364 },
            number: 4,
            kernels: Kernels::Gpu,
        }
    }

    fn fees(sets: usize, rows: usize) -> Shape {
        Shape { valuation: Valuation::Arbitrage { rows }, ..zero_fee(sets) }
    }

    #[test]
    fn the_forward_pass_of_a_small_pool_adds_up_by_hand() {
        let shape = Shape {
            sets: 2,
            assets: 2,
            outputs: 3,
            ramps: 2,
            samples: 3,
            valuation: Valuation::ClosedForm { segments: 2 },
            number: 4,
            kernels: Kernels::Gpu,
        };
        let rule = 2.0 * 3.0 * (2.0 * 23.0 + 4.0);
        let guardrails = 2.0 * (2.0 * 2.0 * 2.0);
        let growth = 2.0 * 3.0 * 2.0 + 2.0 * 2.0 * 2.0 + 2.0 * (2.0 * 2.0) + 7.0 * 6.0;
        let metric = 20.0 * 6.0;
        assert_eq!(shape.value().bytes, 4.0 * (rule + guardrails + growth + metric));
    }

    #[test]
    fn sets_multiply_what_is_not_shared_and_lengthen_no_chain() {
        for shape in [zero_fee, |sets| fees(sets, 525_600)] {
            let [one, two, three] = [1, 2, 3].map(|sets| shape(sets).value_and_gradient());
            assert_eq!(three.operations - two.operations, two.operations - one.operations);
            assert_eq!(three.bytes - two.bytes, two.bytes - one.bytes);
            assert!(two.bytes <= 2.0 * one.bytes && two.bytes > one.bytes);
            assert_eq!(one.cycles, three.cycles);
        }
    }

    #[test]
    fn single_precision_halves_the_bytes_and_nothing_else() {
        let single = zero_fee(16).value_and_gradient();
        let double = Shape { number: 8, ..zero_fee(16) }.value_and_gradient();
        assert_eq!(double, Work { bytes: 2.0 * single.bytes, ..single });
    }

    #[test]
    fn minutes_cost_operations_and_days_cost_bytes() {
        let (days, minutes) = (zero_fee(1000).value(), fees(1000, 525_600).value());
        let intensity = |work: Work| work.operations / work.bytes;
        assert!(intensity(days) < 10.0 && intensity(minutes) > 1000.0);
        let twice = fees(1000, 2 * 525_600).value();
        assert!((twice.operations / minutes.operations - 2.0).abs() < 0.01);
        assert!((twice.cycles / minutes.cycles - 2.0).abs() < 0.01);
    }

    #[test]
    fn a_cpu_pays_for_the_trades_that_happen() {
        let operations = |trades| Shape { kernels: Kernels::Cpu { trades }, ..fees(1, 525_600) }.value().operations;
        assert!(operations(0.0) < operations(0.5) && operations(2.0) < fees(1, 525_600).value().operations);
    }

    #[test]
    fn a_gradient_takes_two_to_four_times_the_operations_of_the_value() {
        for shape in [zero_fee(1000), fees(1000, 525_600)] {
            let ratio = shape.value_and_gradient().operations / shape.value().operations;
            assert!((1.5..4.0).contains(&ratio), "{ratio}");
        }
    }
}
