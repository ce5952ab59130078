//! Pools against the reference system's numbers.
//!
//! Tolerances are those of the golden files' own schema, relative to the largest number of an array; without fees 1e-9 for
//! values and 1e-7 for gradients.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod benchmarks;
mod case;
#[path = "../common/mod.rs"]
mod common;
mod fees;
mod inputs;
mod kinds;
mod momentum;
mod rules;
