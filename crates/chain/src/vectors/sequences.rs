//! Sequences of updates on runner, pool and rule.

use serde_json::json;

use crate::runner::{InitialState, PERFORM_UPDATE, Pool, PoolSettings};

use super::VectorError;
use super::tally::Tally;
use super::value::Node;

pub(super) fn verify(root: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    for case in root.get("cases")?.items()? {
        let settings = PoolSettings {
            rule: case.get("rule")?.rule()?,
            parameters: case.get("ruleParameters")?.matrix()?,
            lambda: case.get("lambda")?.settings()?,
            epsilon_max: case.get("epsilonMax")?.setting()?,
            guard_rail: case.get("absoluteWeightGuardRail")?.setting()?,
            update_interval: case.get("updateInterval")?.count()?,
            oracle_staleness: u64::MAX,
            registry: PERFORM_UPDATE,
        };
        let initial = case.get("initial")?;
        let initial = InitialState {
            weights: initial.get("weights")?.integers()?,
            moving_averages: initial.get("movingAverages")?.integers()?,
            intermediate: initial.get("intermediate")?.integers()?,
            time: initial.get("time")?.count()?,
        };
        tally.value(&case.get("validParameters")?, &json!(settings.rule.valid_parameters(&settings.parameters)));
        let steps = case.get("steps")?;
        let mut pool = Pool::new(settings, &initial)
            .map_err(|revert| VectorError::Malformed { at: case.path.clone(), problem: revert.to_string() })?;
        for step in steps.items()? {
            verify_step(&step, &mut pool, tally)?;
        }
    }
    Ok(())
}

fn verify_step(step: &Node<'_>, pool: &mut Pool, tally: &mut Tally) -> Result<(), VectorError> {
    let time = step.get("t")?.count()?;
    let assets = pool.assets();
    let weights = step.get("w")?;
    match pool.weights_at(time) {
        Ok(found) => tally.value(&weights, &found),
        Err(_) => tally.value(&weights, &json!(null)),
    }
    let update = pool.perform_update(time, &step.get("p")?.integers()?);
    match (update, step.find("err").is_some()) {
        (Ok(update), false) => {
            let state = pool.state();
            for (key, found) in [("ma", state.moving_averages(assets)), ("st", state.intermediate(assets))] {
                match found {
                    Ok(found) => tally.value(&step.get(key)?, &found),
                    Err(revert) => tally.error(&step.get(key)?, &revert),
                }
            }
            if let Some(expected) = step.find("est") {
                tally.value(&expected, &update.estimate);
            }
            tally.value(&step.get("raw")?, &update.raw);
            tally.value(&step.get("g")?, &update.guarded);
            tally.value(&step.get("m")?, &update.run.multipliers);
            tally.value(&step.get("li")?, &json!(update.run.last_interpolation_time));
        }
        (update, _) => tally.outcome(step, "g", update.map(|update| update.guarded)),
    }
    Ok(())
}
