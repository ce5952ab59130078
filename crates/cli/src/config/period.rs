//! `[period]`: what is simulated, and what is kept apart for judging.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::time::TimeText;

/// The simulated period and its parts. Periods are half-open: a row at `end` is not part of the training period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PeriodSection {
    /// First simulated row; its time of day is the start of each day. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<TimeText>,
    /// End of the training period, validation included. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<TimeText>,
    /// End of the test period, which begins at `end`. Default: no test period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_end: Option<TimeText>,
    /// Last part of the training period that no gradient sees, as a fraction (0.2 is its last fifth).
    pub validation_fraction: f64,
    /// true: the rows at `end` and `test_end` belong to their periods, as in quantammsim.
    pub inclusive_end: bool,
    /// true: start with less than one whole day of prices before `start` if there is no more.
    pub allow_short_burn_in: bool,
}
