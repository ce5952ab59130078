//! The document of `replay --json`.

use gradpool_chain::Int256;
use gradpool_chain::replay::{Cause, Event, RuleChange};
use gradpool_market::format_time;
use serde_json::{Map, Value, json};

use super::outcome::{GradientScale, Outcome, Part, expires_ms, milliseconds};

/// Everything. Weights and multipliers of events are integers in text, with 18 decimals, or 9 as they are stored.
pub(super) fn document(outcome: &Outcome) -> Value {
    let [simulation, chain] = outcome.final_values();
    let (zero, moving) = outcome.cut_to_zero(u64::MAX);
    let mut non_finite = Vec::new();
    for (name, value) in [("simulation", simulation), ("chain", chain)] {
        if !value.is_finite() {
            non_finite.push(format!("final_value.{name}"));
        }
    }
    json!({
        "period": outcome.period,
        "contract": {
            "rule": outcome.deployment.terms.rule.name(),
            "update_interval_s": outcome.update_interval,
            "caveats": outcome.deployment.caveats,
        },
        "updates": {
            "keeper": outcome.updates,
            "triggered": outcome.events().len(),
            "done": outcome.done().count(),
            "reverted": outcome.reverted().count(),
            "outside_period": outcome.outside,
            "multipliers": moving,
            "multipliers_stored_as_zero": zero,
        },
        "initial_value": outcome.initial_value,
        "final_value": {
            "simulation": simulation,
            "chain": chain,
            "difference": chain - simulation,
            "relative_difference": ((chain - simulation) / simulation).abs(),
        },
        "largest_deviation": largest_deviation(outcome),
        "parts": outcome.parts.iter().map(part).collect::<Map<_, _>>(),
        "gradient_scale": outcome.gradient_scales.iter().map(gradient_scale).collect::<Vec<_>>(),
        "unreadable_rows": outcome.unreadable_rows(),
        "non_finite": non_finite,
        "events": outcome.events().iter().zip(&outcome.stages.rule_changes).map(event).collect::<Vec<_>>(),
    })
}

fn largest_deviation(outcome: &Outcome) -> Option<Value> {
    let found = outcome.deviation.as_ref()?;
    let time_ms = outcome.times_ms[found.row];
    let parts = Cause::ALL.into_iter().zip(found.parts);
    Some(json!({
        "asset": outcome.assets[found.asset],
        "time": format_time(time_ms),
        "unix_ms": time_ms,
        "simulation": found.simulation,
        "chain": found.chain,
        "difference": found.chain - found.simulation,
        "cause": found.cause.name(),
        "explanation": outcome.explanation(found),
        "parts": parts.map(|(cause, part)| (cause.name().to_owned(), json!(part))).collect::<Map<_, _>>(),
    }))
}

fn part(part: &Part) -> (String, Value) {
    let value = json!({
        "max_weight_difference": part.weight_difference,
        "final_value_difference": part.value_difference,
    });
    (part.cause.name().to_owned(), value)
}

fn gradient_scale(scale: &GradientScale) -> Value {
    json!({
        "asset": scale.asset,
        "lambda": scale.lambda,
        "simulation": scale.float,
        "chain": scale.chain,
        "relative_error": scale.relative_error,
    })
}

fn event((event, change): (&Event, &Option<RuleChange>)) -> Value {
    let time_ms = milliseconds(event.time);
    let (time, text) =
        (format_time(time_ms), |values: &[Int256]| values.iter().map(Int256::to_string).collect::<Vec<_>>());
    match &event.outcome {
        Err(revert) => json!({ "time": time, "unix_ms": time_ms, "reverted": revert.to_string() }),
        Ok(update) => json!({
            "time": time,
            "unix_ms": time_ms,
            "reverted": null,
            "weights_before": text(&update.previous_weights),
            "target": text(&update.guarded),
            "multipliers": text(&update.run.multipliers),
            "stored_multipliers": update.stored.stored().iter().map(|(_, stored)| *stored).collect::<Vec<_>>(),
            "expires_unix_ms": expires_ms(update),
            "rule_change": change.as_ref().map(|change| json!({ "simulation": change.float, "chain": change.integer })),
        }),
    }
}
