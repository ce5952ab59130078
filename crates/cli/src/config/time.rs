//! A point in time as the user wrote it.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A point in time, UTC: `"2018-12-31"`, `"2018-12-31 23:00:00"` or RFC 3339. TOML's own dates, without quotes, are
/// accepted too, so that `--set period.end=2018-12-31` means what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TimeText(pub String);

impl TimeText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TimeText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<&str> for TimeText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for TimeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;
        impl<'de> Visitor<'de> for TimeVisitor {
            type Value = TimeText;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a date such as \"2018-12-31\" or \"2018-12-31 23:00:00\" (UTC)")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TimeText, E> {
                Ok(TimeText(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TimeText, A::Error> {
                // This is how toml hands over its own dates.
                let datetime = toml::value::Datetime::deserialize(MapAccessDeserializer::new(map))?;
                if datetime.date.is_none() {
                    return Err(A::Error::custom("a time of day without a date"));
                }
                Ok(TimeText(datetime.to_string()))
            }
        }
        deserializer.deserialize_any(TimeVisitor)
    }
}

impl JsonSchema for TimeText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Date or date and time, UTC: \"YYYY-MM-DD\", \"YYYY-MM-DD HH:MM:SS\" or RFC 3339.",
        })
    }
}
