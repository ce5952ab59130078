//! Guard rails, multipliers, and weights over time.

use serde_json::json;

use crate::guard::{clamp, guard, limit_and_normalise};
use crate::interpolation::StoredWeights;
use crate::multiplier::run;

use super::VectorError;
use super::tally::Tally;
use super::value::Node;

pub(super) fn verify_guard(root: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    for case in root.get("cases")?.items()? {
        let weights = case.get("weights")?.integers()?;
        let previous = case.get("prev")?.integers()?;
        let epsilon_max = case.get("epsilonMax")?.setting()?;
        let guard_rail = case.get("guardRail")?.setting()?;
        tally.outcome(&case.get("clamp")?, "r", clamp(&weights, guard_rail));
        tally.outcome(&case.get("normalizeOnly")?, "r", limit_and_normalise(&weights, &previous, epsilon_max));
        tally.outcome(&case.get("guard")?, "r", guard(&weights, &previous, epsilon_max, guard_rail));
    }
    Ok(())
}

pub(super) fn verify_multiplier(root: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    for case in root.get("cases")?.items()? {
        let assets = case.get("n")?.size()?;
        let now = case.get("time")?.count()?;
        let current = case.get("current")?.integers()?;
        let updated = case.get("updated")?.integers()?;
        let interval = case.get("updateInterval")?.count()?;
        let guard_rail = case.get("guardRail")?.setting()?;
        let found = run(&current, &updated, interval, guard_rail, now).and_then(|run| {
            let values = [current.as_slice(), &run.multipliers].concat();
            let stored = StoredWeights::new(&values, assets, now, run.last_interpolation_time)?;
            Ok((run, stored))
        });
        match (case.find("err"), found) {
            (None, Ok((run, stored))) => {
                tally.value(&case.get("multipliers")?, &run.multipliers);
                tally.value(&case.get("lastInterpolationTime")?, &json!(stored.last_interpolation_time()));
                tally.value(&case.get("storedFlat16")?, &stored.slots()[..]);
                let [first, second] = stored.words().map(|word| json!(format!("0x{:064x}", word.to_bits())));
                tally.value(&case.get("slotFirst")?, &first);
                tally.value(&case.get("slotSecond")?, &second);
            }
            (_, found) => tally.outcome(&case, "multipliers", found.map(|(run, _)| run.multipliers)),
        }
    }
    Ok(())
}

pub(super) fn verify_interpolation(root: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    for case in root.get("cases")?.items()? {
        let values = [case.get("weights")?.integers()?, case.get("multipliers")?.integers()?].concat();
        let set_time = case.get("setTime")?.count()?;
        let last_interpolation_time = case.get("lastInterpolationTime")?.count()?;
        let stored = StoredWeights::new(&values, case.get("n")?.size()?, set_time, last_interpolation_time);
        for at in case.get("at")?.items()? {
            let time = at.get("t")?.count()?;
            tally.outcome(&at, "w", stored.clone().and_then(|stored| stored.at(time)));
        }
    }
    Ok(())
}
