//! Learning rates of schedules.

use anyhow::Context;
use gradpool_trainer::schedule::{Schedule, ScheduleKind};
use serde_json::Value;

use super::golden::{members, number, numbers};
use super::tally::Tally;

/// Relative tolerance of a rate.
const RELATIVE: f64 = 1e-15;
/// One unit in the last place of the largest term: near its floor a rate is a sum that cancels. Relative to the base rate.
const CANCELLING: f64 = 2e-16;

/// Whether a document holds schedules: settings and the rates that they give, by name.
pub(super) fn are_in(document: &Value) -> bool {
    let schedule = |entry: &Value| entry["lr"].is_array() && entry["settings"]["lr_schedule_type"].is_string();
    document.as_object().is_some_and(|entries| !entries.is_empty() && entries.values().all(schedule))
}

/// Compares the rates of every schedule.
pub(super) fn compare(document: &Value, tally: &mut Tally) -> anyhow::Result<()> {
    for (name, entry) in members("schedules", document)? {
        let setting = |key: &str| {
            let found = number(&entry["settings"][key]);
            found.with_context(|| format!("`{name}.settings.{key}` is missing; expected a number"))
        };
        let kind = entry["settings"]["lr_schedule_type"].clone();
        let schedule = Schedule {
            kind: serde_json::from_value::<ScheduleKind>(kind).with_context(|| name.clone())?,
            base: setting("base_lr")?,
            steps: setting("n_iterations")? as usize,
            decay_ratio: setting("lr_decay_ratio")?,
            warmup_steps: setting("warmup_steps")? as usize,
        };
        for (update, expected) in numbers(name, &entry["lr"])?.into_iter().enumerate() {
            let rate = schedule.learning_rate(update);
            let allowed = (CANCELLING * schedule.base).max(RELATIVE * expected.abs());
            tally.compare_within(&format!("{name}.lr[{update}]"), &[rate], &[expected], allowed);
        }
    }
    Ok(())
}
