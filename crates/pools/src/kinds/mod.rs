//! Kinds of pools beside the weighted one.

pub mod rebalanced;
