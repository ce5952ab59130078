//! Golden cases and whole objectives on a GPU in single precision, on any wgpu device, software ones included.
#![cfg(feature = "wgpu")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
mod golden;
mod independence;
