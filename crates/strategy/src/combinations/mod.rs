//! Rules made of rules: the mean of several copies, and a trained blend of different ones.
//!
//! Both are rules themselves, so they run on every path and train like any other.

mod composite;
mod ensemble;

pub use composite::{Composite, MIXTURE_LOGITS};
pub use ensemble::Ensemble;
