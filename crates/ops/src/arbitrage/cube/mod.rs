//! Reserves with fees on GPUs: one thread walks one window of one set through all its rows.
//!
//! The trades are those of [`super::trade`], written as changes of reserves: with `l_i = ln(q_i / X)` a token that leaves
//! changes by `R_i (e^-l_i - 1)` and one that enters by `R_i / gamma (e^(-l_i - gap) - 1)`. The exponents, weighted, sum to
//! zero whatever the logarithms have lost in single precision, so the invariant is kept; and reserves are kept as sums of two
//! numbers, so that half a million small changes in a year are not rounded away.
//!
//! The backward pass takes stretches of [`CHECKPOINT_VISITS`](super::CHECKPOINT_VISITS) visits in turn, last one first: it
//! runs a stretch again, noting the reserves before each trade, and then goes back through it.
//!
//! What a plan does not ask for is not compiled: its options are a [`Form`](call::Form) and the inputs that are there.

mod adjoint;
mod backward;
mod call;
mod forward;
mod launch;
mod optimum;
mod path;
mod pool;
mod terms;
mod trade;
mod users;
mod visit;
