//! `gradpool compare --all-rules`: every rule that the data allow, in one table.

use gradpool_strategy::rules::{self, RuleOptions};
use serde::Serialize;
use serde_json::{Map, Value};

use super::hint;
use super::outcome::{Document, Outcome, Outcomes, Way, outcomes, ratio, small};
use crate::EXIT_DONE;
use crate::config::pool::COMPOSITE;
use crate::config::{Execution, ResolvedConfig};
use crate::describe::{self, number, table};
use crate::kind::has_a_curve;
use crate::output::{Hinted, Output};
use crate::periods;
use crate::rule::needs_market_caps;
use crate::setup::Setup;
use crate::simulation::{ComputedBy, Simulation};

/// What `--json` prints.
#[derive(Serialize)]
struct AllRules {
    rules: Map<String, Value>,
    /// Rules that cannot run in this pool, with the reason.
    skipped: Map<String, Value>,
    agree: bool,
}

/// Compares the paths of every rule in the configuration's pool.
///
/// # Errors
/// What prices, rules or pool refuse, and paths that disagree.
pub(super) fn run(config: &ResolvedConfig, tolerance: f64, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let mut names: Vec<String> =
        rules::all(&RuleOptions::default()).iter().map(|rule| rule.name().to_owned()).collect();
    names.extend((config.pool.rule == COMPOSITE).then(|| COMPOSITE.to_owned()));
    let on_chain = config.pool.execution == Execution::Onchain;
    let loaded = Setup::load_prices(config)?;
    let mut found: Vec<(String, Outcomes)> = Vec::new();
    let mut skipped: Vec<(String, String)> = Vec::new();
    let mut first = None;
    for name in names {
        let of_rule = config.with_rule(&name);
        let (prices, periods) = loaded.clone();
        let prepared = Setup::for_simulation_of(&of_rule, prices, periods)
            .and_then(|setup| Ok((setup.initial_values(&of_rule)?.swap_remove(0), setup)));
        let (values, setup) = match prepared {
            Ok(prepared) => prepared,
            // It needs circulating supplies, another number of assets, or a starting point.
            // Or there is no contract of it.
            Err(error) if has_a_curve(&name) || on_chain || needs_market_caps(&of_rule.pool)? => {
                skipped.push((name, format!("{error:#}")));
                continue;
            }
            Err(error) => return Err(error.context(format!("the rule {name:?} cannot run in this pool"))),
        };
        describe::warn_of_start(&setup, &of_rule, output);
        let simulation = Simulation::new(&setup, &values, setup.simulated_rows(&of_rule))?;
        found.push((name, outcomes(&simulation)?));
        if first.is_none() {
            describe::warn_of_prices(&setup, output);
            let period = periods::simulated_rows(setup.experiment.history().prices().grid(), &simulation.range());
            first = Some((period, describe::pool(&setup), setup.dtype));
        }
    }
    let Some((period, pool, dtype)) = first else { return Ok(EXIT_DONE) };
    let refused: Vec<String> = found
        .iter()
        .flat_map(|(name, outcomes)| outcomes.ways.iter().map(move |outcome| (name, outcome)))
        .filter(|(_, outcome)| !outcome.agrees(tolerance))
        .map(|(name, outcome)| format!("{name}: {}", outcome.disagreement()))
        .collect();
    if output.json {
        output.say(format!("period: {period}"));
        let document = |(name, outcomes): &(String, Outcomes)| {
            anyhow::Ok((name.clone(), serde_json::to_value(Document::new(outcomes, tolerance))?))
        };
        output.document(&AllRules {
            rules: found.iter().map(document).collect::<anyhow::Result<_>>()?,
            skipped: skipped.into_iter().map(|(name, reason)| (name, reason.into())).collect(),
            agree: refused.is_empty(),
        })?;
    } else {
        output.data(format!("period  {period}"))?;
        output.data(format!("pool    {pool}"))?;
        output.data("")?;
        for line in lines(&found, tolerance) {
            output.data(line)?;
        }
        for (name, reason) in &skipped {
            output.data(format!("skipped {name}: {reason}"))?;
        }
        if refused.is_empty() {
            output.data(format!("\nall paths of {} rules agree to {tolerance:e}", found.len()))?;
        }
    }
    if refused.is_empty() {
        return Ok(EXIT_DONE);
    }
    let message = format!("paths disagree with scan beyond {tolerance:e}: {}", refused.join("; "));
    Err(Hinted::new(message, hint(dtype)).into())
}

fn lines(found: &[(String, Outcomes)], tolerance: f64) -> Vec<String> {
    let heading = [
        "rule",
        "final value",
        "relative difference",
        "weight difference",
        "scan s",
        "vectorized s",
        "ratio",
        "onchain weights",
        "",
    ];
    let row = |(name, Outcomes { ways: outcomes, .. }): &(String, Outcomes)| {
        let on_chain = outcomes.iter().find(|outcome| outcome.way == Way::OnChain);
        // Unlike `f64::max`, this keeps NaN.
        let largest = |value: fn(&Outcome) -> f64| {
            let deciding = outcomes.iter().filter(|outcome| outcome.decides());
            deciding.map(value).fold(0.0, |a: f64, b| if b > a || b.is_nan() { b } else { a })
        };
        let seconds = |way: ComputedBy| {
            let outcome = outcomes.iter().find(|outcome| outcome.way == Way::Float(way));
            outcome.map_or_else(|| "-".to_owned(), |outcome| format!("{:.6}", outcome.seconds))
        };
        let agrees = outcomes.iter().all(|outcome| outcome.agrees(tolerance));
        vec![
            name.clone(),
            number(outcomes[0].final_value),
            small(largest(|outcome| outcome.relative_difference)),
            small(largest(|outcome| outcome.weight_difference)),
            seconds(ComputedBy::Scan),
            seconds(ComputedBy::Vectorized),
            ratio(outcomes).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
            on_chain.map_or_else(|| "-".to_owned(), |outcome| small(outcome.weight_difference)),
            if agrees { "agrees" } else { "DISAGREES" }.to_owned(),
        ]
    };
    let mut lines =
        table(&std::iter::once(heading.map(str::to_owned).to_vec()).chain(found.iter().map(row)).collect::<Vec<_>>());
    lines.push("differences are the largest of any path from scan; ratio: seconds of scan / vectorized".to_owned());
    lines.push(
        "onchain weights: the largest difference of the contract's, which executes in another way by design; - without a contract"
            .to_owned(),
    );
    lines
}
