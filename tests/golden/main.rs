//! Pools without fees against the reference system's numbers.
//!
//! Tolerances are those of the golden files' own schema: 1e-9 for values, 1e-7 for gradients, relative to the largest
//! number of an array.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod case;
#[path = "../common/mod.rs"]
mod common;
mod momentum;
mod rules;
