//! Times as whole milliseconds of the Unix epoch, UTC, and steps between them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::MarketError;

/// Milliseconds of one minute.
pub const MINUTE_MS: i64 = 60_000;
/// Milliseconds of one day.
pub const DAY_MS: i64 = 86_400_000;

/// Milliseconds of the Unix epoch (UTC) of a text: `YYYY-MM-DD`, `YYYY-MM-DD HH:MM[:SS]` (both read as UTC), or
/// RFC 3339 with an offset (`2023-03-01T00:00:00Z`).
///
/// # Errors
/// [`MarketError::InvalidTime`] if the text is none of these.
pub fn parse_time(text: &str) -> Result<i64, MarketError> {
    let text = text.trim();
    // A civil time would parse a text with an offset too and ignore the offset.
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp.as_millisecond());
    }
    text.parse::<DateTime>()
        .and_then(|civil| civil.to_zoned(TimeZone::UTC))
        .map(|zoned| zoned.timestamp().as_millisecond())
        .map_err(|_| MarketError::InvalidTime { text: text.to_owned() })
}

/// A time as `YYYY-MM-DD HH:MM:SS` (UTC), with a fraction only where the milliseconds are not zero. Times outside
/// the years -9999..9999 are printed as their number of milliseconds.
pub fn format_time(time_ms: i64) -> String {
    match Timestamp::from_millisecond(time_ms) {
        Ok(timestamp) => {
            let civil = TimeZone::UTC.to_datetime(timestamp);
            format!("{} {}", civil.date(), civil.time())
        }
        Err(_) => format!("{time_ms} ms"),
    }
}

/// Spacing of a price grid: a positive number of milliseconds that divides a day (1 s, 1 min, 5 min, 1 h, 1 d, ...).
///
/// Reads from text (`"1 min"`, `"5m"`, `"1 h"`, `"1 d"`, `"30 s"`, `"60"` = minutes) or from a number of minutes;
/// writes the text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step(i64);

impl Step {
    /// One minute.
    pub const MINUTE: Self = Self(MINUTE_MS);
    /// One hour.
    pub const HOUR: Self = Self(60 * MINUTE_MS);
    /// One day.
    pub const DAY: Self = Self(DAY_MS);

    /// A step of so many milliseconds.
    ///
    /// # Errors
    /// [`MarketError::InvalidStep`] if it is not positive or does not divide a day.
    pub fn from_ms(step_ms: i64) -> Result<Self, MarketError> {
        if step_ms > 0 && DAY_MS % step_ms == 0 {
            Ok(Self(step_ms))
        } else {
            Err(MarketError::InvalidStep { text: format_duration(step_ms) })
        }
    }

    /// A step of so many minutes.
    ///
    /// # Errors
    /// [`MarketError::InvalidStep`] as for [`Step::from_ms`], also for a fraction of a millisecond.
    pub fn from_minutes(minutes: f64) -> Result<Self, MarketError> {
        let step_ms = minutes * MINUTE_MS as f64;
        if step_ms.fract() == 0.0 && step_ms > 0.0 && step_ms <= DAY_MS as f64 {
            Self::from_ms(step_ms as i64)
        } else {
            Err(MarketError::InvalidStep { text: format!("{minutes} minutes") })
        }
    }

    /// Milliseconds of the step.
    pub fn ms(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&format_duration(self.0))
    }
}

/// A duration in its largest whole unit: `5 min`, `1 h`, `1 d`.
pub(crate) fn format_duration(duration_ms: i64) -> String {
    for (unit, length) in [("d", DAY_MS), ("h", 60 * MINUTE_MS), ("min", MINUTE_MS), ("s", 1000)] {
        if duration_ms != 0 && duration_ms % length == 0 {
            return format!("{} {unit}", duration_ms / length);
        }
    }
    format!("{duration_ms} ms")
}

impl FromStr for Step {
    type Err = MarketError;

    fn from_str(text: &str) -> Result<Self, MarketError> {
        let invalid = || MarketError::InvalidStep { text: text.to_owned() };
        let trimmed = text.trim();
        let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(split);
        let number: f64 = if number.is_empty() { 1.0 } else { number.parse().map_err(|_| invalid())? };
        let unit_ms = match unit.trim() {
            "ms" => 1,
            "s" | "sec" | "second" | "seconds" => 1000,
            "" | "m" | "min" | "minute" | "minutes" => MINUTE_MS,
            "h" | "hour" | "hours" => 60 * MINUTE_MS,
            "d" | "day" | "days" => DAY_MS,
            _ => return Err(invalid()),
        };
        let step_ms = number * unit_ms as f64;
        if step_ms.fract() != 0.0 || step_ms > DAY_MS as f64 || trimmed.is_empty() {
            return Err(invalid());
        }
        Self::from_ms(step_ms as i64).map_err(|_| invalid())
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "a step: text such as \"1 min\", \"1 h\", \"1 d\", or a number of minutes")]
enum StepForm {
    Minutes(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match StepForm::deserialize(deserializer)? {
            StepForm::Minutes(minutes) => Self::from_minutes(minutes),
            StepForm::Text(text) => text.parse(),
        }
        .map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Step {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        StepForm::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_accepted_form_of_a_time_is_the_same_millisecond() {
        for text in [
            "2023-03-01",
            "2023-03-01 00:00:00",
            "2023-03-01 00:00",
            "2023-03-01T00:00:00",
            "2023-03-01T00:00:00Z",
            "2023-03-01 00:00:00+00:00",
            "2023-03-01T02:00:00+02:00",
        ] {
            assert_eq!(parse_time(text).unwrap(), 1_677_628_800_000, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_time_is_refused_with_the_accepted_forms() {
        let error = parse_time("01/03/2023").unwrap_err().to_string();
        assert!(error.contains("01/03/2023") && error.contains("YYYY-MM-DD HH:MM:SS"), "{error}");
    }

    #[test]
    fn times_print_as_they_are_read() {
        for text in ["2023-03-01 00:00:00", "1969-12-31 23:59:59", "2018-02-09 09:28:14"] {
            assert_eq!(format_time(parse_time(text).unwrap()), text);
        }
        assert_eq!(format_time(1), "1970-01-01 00:00:00.001");
        assert_eq!(format_time(i64::MAX), format!("{} ms", i64::MAX));
    }

    #[test]
    fn steps_read_from_text_and_from_minutes() {
        for (text, step_ms) in [
            ("1 min", 60_000),
            ("5m", 300_000),
            ("1 h", 3_600_000),
            ("h", 3_600_000),
            ("1d", DAY_MS),
            ("60", 3_600_000),
            ("30 s", 30_000),
        ] {
            assert_eq!(text.parse::<Step>().unwrap().ms(), step_ms, "{text}");
        }
        assert_eq!(Step::from_minutes(1440.0).unwrap().ms(), DAY_MS);
        assert_eq!(serde_json::from_str::<Step>("5").unwrap().to_string(), "5 min");
        assert_eq!(serde_json::from_str::<Step>("\"1 h\"").unwrap().to_string(), "1 h");
    }

    #[test]
    fn a_step_that_does_not_divide_a_day_is_refused() {
        for text in ["7 min", "2 d", "0", "-1", "week", "", "1.0000001 s"] {
            assert!(text.parse::<Step>().is_err(), "{text}");
        }
        let error = Step::from_minutes(7.0).unwrap_err().to_string();
        assert!(error.contains("7 min") && error.contains("divide a day"), "{error}");
    }
}
