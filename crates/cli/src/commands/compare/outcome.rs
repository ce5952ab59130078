//! How each way to compute weights did on one pool.

use std::time::Instant;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::contract::Refused;
use crate::simulation::{ComputedBy, Simulated, Simulation};

/// Each way is timed this often; the best counts.
const REPETITIONS: usize = 3;

/// A way to compute weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In floating point.
    Float(ComputedBy),
    /// In the integers of the contract, with punctual updates. It executes in another way by design, so that it decides nothing.
    OnChain,
}

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Float(way) => way.name(),
            Self::OnChain => "onchain",
        }
    }
}

/// How all ways did.
pub(super) struct Outcomes {
    /// The chain, if it has the rule, is the last.
    pub(super) ways: Vec<Outcome>,
    /// Why there is no contract, in one line.
    pub(super) no_contract: Option<String>,
}

/// How one way did.
pub(super) struct Outcome {
    pub(super) way: Way,
    /// The way that it is compared with.
    pub(super) reference: ComputedBy,
    pub(super) final_value: f64,
    pub(super) seconds: f64,
    pub(super) weight_difference: f64,
    pub(super) difference: f64,
    pub(super) relative_difference: f64,
}

/// What `--json` prints of one pool.
#[derive(Serialize)]
pub(super) struct Document {
    paths: Map<String, Value>,
    /// Ways that there are not, with the reason.
    skipped: Map<String, Value>,
    ratio_scan_to_vectorized: Option<f64>,
    agree: bool,
}

/// Runs every way and compares it with scan, or with the first way if there is no scan.
///
/// # Errors
/// As [`Simulation::run`].
pub(super) fn outcomes(simulation: &Simulation<'_>) -> anyhow::Result<Outcomes> {
    let ways = simulation.ways();
    let reference = if ways.contains(&ComputedBy::Scan) { ComputedBy::Scan } else { ways[0] };
    let (expected, seconds) = timed(|| simulation.run(reference))?;
    let mut outcomes = Vec::with_capacity(ways.len() + 1);
    for way in ways {
        let outcome = if way == reference {
            Outcome::new(Way::Float(way), reference, &expected, seconds, &expected)
        } else {
            let (found, seconds) = timed(|| simulation.run(way))?;
            Outcome::new(Way::Float(way), reference, &found, seconds, &expected)
        };
        outcomes.push(outcome);
    }
    let no_contract = match on_chain(simulation) {
        Ok((found, seconds)) => {
            outcomes.push(Outcome::new(Way::OnChain, reference, &found, seconds, &expected));
            None
        }
        Err(reason) => Some(in_one_line(&reason)),
    };
    Ok(Outcomes { ways: outcomes, no_contract })
}

/// The contract, updated punctually.
fn on_chain(simulation: &Simulation<'_>) -> anyhow::Result<(Simulated, f64)> {
    let (weights, fees) = simulation.streamed()?;
    let assets = weights.len() / simulation.rows();
    let pool = simulation.on_chain(&weights[..assets])?;
    let triggers = pool.triggers(&pool.punctual()?)?;
    timed(|| pool.valued(&pool.replay(&triggers)?.floats(assets), &fees))
}

/// The first of the reasons why a pool cannot be deployed.
fn in_one_line(error: &anyhow::Error) -> String {
    match error.downcast_ref::<Refused>().map(|refused| refused.0.as_slice()) {
        Some([reason]) => reason.to_string(),
        Some([reason, others @ ..]) => format!("{reason} (and {} more reasons)", others.len()),
        _ => format!("{error:#}"),
    }
}

fn timed(run: impl Fn() -> anyhow::Result<Simulated>) -> anyhow::Result<(Simulated, f64)> {
    let mut best = f64::INFINITY;
    let mut simulated = None;
    for _ in 0..REPETITIONS {
        let start = Instant::now();
        let found = run()?;
        best = best.min(start.elapsed().as_secs_f64());
        simulated = Some(found);
    }
    Ok((simulated.ok_or_else(|| anyhow::anyhow!("nothing was run"))?, best))
}

impl Outcome {
    fn new(way: Way, reference: ComputedBy, found: &Simulated, seconds: f64, expected: &Simulated) -> Self {
        let last = |simulated: &Simulated| simulated.values.last().copied().unwrap_or(f64::NAN);
        let (final_value, expected_value) = (last(found), last(expected));
        let difference = final_value - expected_value;
        let weights = found.weights.iter().zip(&expected.weights).map(|(found, expected)| (found - expected).abs());
        Self {
            way,
            reference,
            final_value,
            seconds,
            // Unlike `f64::max`, this keeps NaN.
            weight_difference: weights
                .fold(0.0, |largest, value| if value > largest || value.is_nan() { value } else { largest }),
            difference,
            relative_difference: (difference / expected_value).abs(),
        }
    }

    /// By how much it disagrees.
    pub(super) fn disagreement(&self) -> String {
        format!(
            "{} by {:.1e} of the final value and up to {:.1e} in weights",
            self.way.name(),
            self.relative_difference,
            self.weight_difference
        )
    }

    /// Whether it is meant to give the numbers of its reference.
    pub(super) fn decides(&self) -> bool {
        self.way != Way::OnChain
    }

    pub(super) fn agrees(&self, tolerance: f64) -> bool {
        !self.decides() || (self.relative_difference <= tolerance && self.weight_difference <= tolerance)
    }
}

/// Seconds of scan by those of vectorized.
pub(super) fn ratio(outcomes: &[Outcome]) -> Option<f64> {
    let seconds =
        |way: ComputedBy| outcomes.iter().find(|outcome| outcome.way == Way::Float(way)).map(|outcome| outcome.seconds);
    Some(seconds(ComputedBy::Scan)? / seconds(ComputedBy::Vectorized)?)
}

impl Document {
    pub(super) fn new(outcomes: &Outcomes, tolerance: f64) -> Self {
        let path = |outcome: &Outcome| {
            let entry = json!({
                "final_value": outcome.final_value,
                "seconds": outcome.seconds,
                "max_weight_difference": outcome.weight_difference,
                "final_value_relative_difference": outcome.relative_difference,
            });
            (outcome.way.name().to_owned(), entry)
        };
        let skipped = outcomes.no_contract.iter().map(|reason| (Way::OnChain.name().to_owned(), reason.clone().into()));
        Self {
            paths: outcomes.ways.iter().map(path).collect(),
            skipped: skipped.collect(),
            ratio_scan_to_vectorized: ratio(&outcomes.ways),
            agree: outcomes.ways.iter().all(|outcome| outcome.agrees(tolerance)),
        }
    }
}

/// A difference with two digits.
pub(super) fn small(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") }
}
