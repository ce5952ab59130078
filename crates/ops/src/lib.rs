//! Differentiable primitives of dynamic-weight pools, as an extension of burn's backends.
//!
//! Every sequential piece of the pipeline is one primitive, in one folder: `mod.rs` (formula,
//! shapes, adjoint, source and the public function), `reference.rs` (plain burn tensor operations
//! with burn's own gradient; slow and obviously right) and `cpu.rs` (fused loops over slices and the
//! backward pass written by hand). All but `execution` and `curves` have a `cube.rs` or `cube/` too: kernels for
//! GPUs, forward and backward, one source for wgpu and CUDA (features `wgpu` and `cuda`).
//!
//! | primitive | does |
//! |---|---|
//! | [`recurrence()`] | `y_t = decay * y_{t-1} + u_t`, in order or in blocks |
//! | [`guardrails()`] | coarse weights: normalised, bounded, with minimum weight and speed cap |
//! | [`execution()`] | coarse weights as a deployed pool stores and runs them |
//! | [`growth()`] | logarithm of a zero-fee pool's value along linear weight blocks, in closed form |
//! | [`growth_steps()`] | the same, row by row, for any interpolation |
//! | [`arbitrage()`] | reserves of a pool with fees: the optimal trade at every row, twice |
//! | [`curve_reserves()`] | reserves of pools of two tokens: FM-AMM, E-CLP, reCLAMM |
//! | [`rebalancing()`] | value of a portfolio that is set to its weights on a market, with fees and spreads |
//! | [`interpolate()`] | weights at every row between coarse weights |
//! | [`solve()`] | small symmetric systems of equations, one per row |
//!
//! On a CPU backend (see [`has_fused_kernels`]) a primitive runs its fused form, on a GPU its kernels
//! where it has them; elsewhere the public function runs the reference form on the tensors' own device.

pub mod arbitrage;
pub mod backend;
pub mod curves;
pub mod execution;
pub mod gpus;
pub mod growth;
pub mod growth_steps;
pub mod guardrails;
pub mod interpolation;
pub mod rebalancing;
pub mod recurrence;
pub mod solve;
pub mod windows;

pub use arbitrage::{ArbitragePlan, CheckedInputs, Costs, RowInputs, UserTrade, arbitrage};
pub use backend::has_fused_kernels;
pub use curves::{Curve, CurvePlan, CurveSettings, CurveWalk, curve_reserves};
pub use execution::{Executed, ExecutionSettings, execution};
pub use growth::{GrowthPlan, PlanError, Segment, Span, growth};
pub use growth_steps::{StepsPlan, growth_steps};
pub use guardrails::{GuardrailInputs, guardrails};
pub use interpolation::{Interpolation, PathLayout, interpolate, interpolate_block};
pub use rebalancing::{DailySpreads, RebalancingPlan, RebalancingTerms, rebalancing};
pub use recurrence::{RecurrenceForm, RecurrenceOptions, recurrence};
pub use solve::solve;
pub use windows::PricedWindows;
