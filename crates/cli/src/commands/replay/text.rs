//! A replay for people.

use gradpool_chain::replay::{Cause, Deviation};

use super::outcome::{Outcome, clock};
use crate::describe::{number, table};
use crate::periods::day_or_time;

/// Reverted updates that are listed.
const LISTED: usize = 5;

/// The lines of the report.
pub(super) fn lines(outcome: &Outcome) -> Vec<String> {
    let [simulation, chain] = outcome.final_values();
    let mut lines = vec![
        format!("period    {}: {}", outcome.period.name, outcome.period.text()),
        format!("pool      {}", outcome.pool),
        format!("contract  {}, one update in {} s", outcome.deployment.terms.rule.name(), outcome.update_interval),
        format!(
            "updates   {}: {} triggered, {} done, {} reverted",
            outcome.updates,
            outcome.events().len(),
            outcome.done().count(),
            outcome.reverted().count()
        ),
    ];
    for (time, revert) in outcome.reverted().take(LISTED) {
        lines.push(format!("          reverted at {}: {revert}", clock(time)));
    }
    if outcome.reverted().count() > LISTED {
        lines.push(format!("          and {} more (--json has all)", outcome.reverted().count() - LISTED));
    }
    lines.push(String::new());
    let row = |cells: [String; 5]| cells.to_vec();
    lines.extend(table(&[
        row(["", "simulation", "chain", "difference", "relative"].map(str::to_owned)),
        row([
            "final value".to_owned(),
            number(simulation),
            number(chain),
            signed(chain - simulation),
            signed((chain - simulation) / simulation),
        ]),
    ]));
    lines.push(String::new());
    lines.push(outcome.deviation.as_ref().map_or_else(
        || "largest deviation: none, there are no weights to compare".to_owned(),
        |deviation| sentence(outcome, deviation),
    ));
    lines.push(String::new());
    let mut parts = vec![["part", "of that deviation", "largest", "final value"].map(str::to_owned).to_vec()];
    let at = outcome.deviation.as_ref().map_or([f64::NAN; 5], |deviation| deviation.parts);
    for (part, at) in outcome.parts.iter().zip(at) {
        parts.push(vec![
            words(part.cause).to_owned(),
            signed(at),
            if part.weight_difference == 0.0 { "0".to_owned() } else { format!("{:.1e}", part.weight_difference) },
            signed(part.value_difference),
        ]);
    }
    lines.extend(table(&parts));
    lines
}

/// The largest deviation and its cause.
fn sentence(outcome: &Outcome, found: &Deviation) -> String {
    let part = Cause::ALL.iter().position(|cause| *cause == found.cause).map_or(f64::NAN, |index| found.parts[index]);
    format!(
        "largest deviation: {} at {} has {:.6} on the chain, {:.6} in the simulation ({}), by {} ({}): {}",
        outcome.assets[found.asset],
        day_or_time(outcome.times_ms[found.row]),
        found.chain,
        found.simulation,
        signed(found.chain - found.simulation),
        words(found.cause),
        signed(part),
        outcome.explanation(found)
    )
}

fn words(cause: Cause) -> &'static str {
    match cause {
        Cause::Schedule => "schedule",
        Cause::GuardRails => "guard rails",
        Cause::Arithmetic => "arithmetic",
        Cause::NineDecimals => "nine decimals",
        Cause::Expiry => "expiry",
    }
}

/// A difference with two digits.
pub(super) fn signed(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:+.1e}") }
}
