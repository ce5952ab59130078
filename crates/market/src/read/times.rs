//! Time cells of every form become milliseconds.

use crate::parse_time;
use crate::source::TimeUnit;
use crate::time::DAY_MS;

/// A hundred million days on either side of 1970: nothing later is a time, and nothing earlier overflows.
pub(crate) const LATEST_MS: i64 = 100_000_000 * DAY_MS;

/// A cell of the time column.
pub(crate) enum TimeCell {
    /// A number in the column's unit.
    Integer(i64),
    /// A number in the column's unit.
    Float(f64),
    /// From a column whose type is a time.
    Milliseconds(i64),
    Text(Box<str>),
}

impl TimeCell {
    /// A text cell: a number where it reads as one.
    pub(crate) fn from_text(text: &str) -> Self {
        if let Ok(number) = text.parse::<i64>() {
            Self::Integer(number)
        } else if let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) {
            Self::Float(number)
        } else {
            Self::Text(text.into())
        }
    }

    /// Milliseconds, or the cell's text if it has no reading in this unit.
    pub(crate) fn into_ms(self, unit: TimeUnit) -> Result<i64, String> {
        let time_ms = match (self, unit) {
            (Self::Milliseconds(time_ms), _) => Ok(time_ms),
            (Self::Integer(number), TimeUnit::Datetime) => Err(number.to_string()),
            (Self::Float(number), TimeUnit::Datetime) => Err(number.to_string()),
            (Self::Integer(number), unit) => integer_to_ms(number, unit).ok_or_else(|| number.to_string()),
            (Self::Float(number), unit) => float_to_ms(number, unit).ok_or_else(|| number.to_string()),
            (Self::Text(text), TimeUnit::Auto | TimeUnit::Datetime) => parse_time(&text).map_err(|_| text.into()),
            (Self::Text(text), _) => Err(text.into()),
        }?;
        if (-LATEST_MS..=LATEST_MS).contains(&time_ms) { Ok(time_ms) } else { Err(time_ms.to_string()) }
    }
}

/// The unit that the numbers of a column are read in, and what to say that a cell should have been. A column without numbers
/// keeps `Auto`.
pub(crate) fn unit_of(cells: &[TimeCell], unit: TimeUnit) -> (TimeUnit, &'static str) {
    match unit {
        TimeUnit::Auto => {}
        TimeUnit::Datetime => return (unit, "a date and time such as 2023-03-01 00:00:00"),
        TimeUnit::S => return (unit, "a time in seconds, a number"),
        TimeUnit::Ms => return (unit, "a time in milliseconds, a number"),
        TimeUnit::Us => return (unit, "a time in microseconds, a number"),
        TimeUnit::Ns => return (unit, "a time in nanoseconds, a number"),
    }
    let largest = cells
        .iter()
        .filter_map(|cell| match cell {
            TimeCell::Integer(number) => Some(number.unsigned_abs() as f64),
            TimeCell::Float(number) => Some(number.abs()),
            TimeCell::Milliseconds(_) | TimeCell::Text(_) => None,
        })
        .reduce(f64::max);
    let unit = match largest {
        None => TimeUnit::Auto,
        Some(size) if size < 1e10 => TimeUnit::S,
        Some(size) if size < 1e13 => TimeUnit::Ms,
        Some(size) if size < 1e16 => TimeUnit::Us,
        Some(_) => TimeUnit::Ns,
    };
    (unit, "a time: a number of s, ms, us or ns, or text such as 2023-03-01 00:00:00")
}

fn integer_to_ms(number: i64, unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::S => number.checked_mul(1000),
        TimeUnit::Us => exact_quotient(number, 1_000),
        TimeUnit::Ns => exact_quotient(number, 1_000_000),
        TimeUnit::Auto | TimeUnit::Ms | TimeUnit::Datetime => Some(number),
    }
}

/// A time with a fraction of a millisecond stands on no grid, and rounding would hide that.
fn exact_quotient(number: i64, divisor: i64) -> Option<i64> {
    (number % divisor == 0).then_some(number / divisor)
}

fn float_to_ms(number: f64, unit: TimeUnit) -> Option<i64> {
    let time_ms = match unit {
        TimeUnit::S => number * 1e3,
        TimeUnit::Us => number / 1e3,
        TimeUnit::Ns => number / 1e6,
        TimeUnit::Auto | TimeUnit::Ms | TimeUnit::Datetime => number,
    };
    // Binary fractions of a second or float64 nanoseconds are not exact; a thousandth of a millisecond is far below any step.
    let rounded = time_ms.round();
    ((time_ms - rounded).abs() <= 1e-3 && rounded.abs() <= LATEST_MS as f64).then_some(rounded as i64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(texts: &[&str], unit: TimeUnit) -> Vec<Result<i64, String>> {
        let cells: Vec<_> = texts.iter().map(|text| TimeCell::from_text(text)).collect();
        let (unit, _) = unit_of(&cells, unit);
        cells.into_iter().map(|cell| cell.into_ms(unit)).collect()
    }

    #[test]
    fn seconds_milliseconds_microseconds_and_nanoseconds_are_told_apart() {
        for text in [
            "1677628800",
            "1677628800000",
            "1677628800000000",
            "1677628800000000000",
            "1677628800.0",
            "1.6776288e12",
            "2023-03-01",
        ] {
            assert_eq!(read(&[text], TimeUnit::Auto), [Ok(1_677_628_800_000)], "{text}");
        }
    }

    #[test]
    fn a_named_unit_wins_over_the_size_of_the_numbers() {
        assert_eq!(read(&["60000"], TimeUnit::Ms), [Ok(60_000)]);
        assert_eq!(read(&["60000"], TimeUnit::Auto), [Ok(60_000_000)]);
        assert_eq!(read(&["2023-03-01"], TimeUnit::Ms), [Err("2023-03-01".to_owned())]);
        assert_eq!(read(&["1677628800"], TimeUnit::Datetime), [Err("1677628800".to_owned())]);
    }

    #[test]
    fn fractions_of_a_millisecond_and_overflow_have_no_reading() {
        assert!(read(&["1677628800000001"], TimeUnit::Us)[0].is_err());
        assert!(read(&["9223372036854775807"], TimeUnit::S)[0].is_err());
        assert!(read(&["1677628800.0005"], TimeUnit::S)[0].is_err());
        assert!(read(&["nan"], TimeUnit::Auto)[0].is_err());
    }
}
