//! What came out: the chain beside the simulation, and what lies between them.

use gradpool_chain::Revert;
use gradpool_chain::decimal::{from_f64, to_f64};
use gradpool_chain::estimators::gradient_scale;
use gradpool_chain::multiplier::NEVER;
use gradpool_chain::replay::{Cause, Deviation, Event, Stages, Trigger, deviation, largest_difference};
use gradpool_chain::rules::Rule;
use gradpool_chain::runner::Update;
use gradpool_market::format_time;

use super::updates::{Due, Updates};
use crate::contract::Deployment;
use crate::periods::{NamedPeriod, day_or_time};
use crate::setup::Setup;
use crate::simulation::{Simulated, Simulation};

/// Relative error of the gradient's factor from which on it is named as what makes the arithmetic imprecise.
const IMPRECISE: f64 = 1e-9;

/// A replay.
pub(super) struct Outcome {
    pub(super) period: NamedPeriod,
    pub(super) pool: String,
    pub(super) assets: Vec<String>,
    pub(super) deployment: Deployment,
    pub(super) update_interval: u64,
    pub(super) updates: String,
    /// Times of a file that are outside the period.
    pub(super) outside: usize,
    pub(super) initial_value: f64,
    /// Times of the rows, milliseconds.
    pub(super) times_ms: Vec<i64>,
    pub(super) prices: Vec<f64>,
    pub(super) simulation: Simulated,
    pub(super) chain: Simulated,
    pub(super) stages: Stages,
    pub(super) deviation: Option<Deviation>,
    pub(super) parts: Vec<Part>,
    pub(super) gradient_scales: Vec<GradientScale>,
    /// Times of the simulation's own updates, in seconds.
    simulated_updates: Vec<u64>,
}

/// What a part of the chain adds.
pub(super) struct Part {
    pub(super) cause: Cause,
    pub(super) weight_difference: f64,
    pub(super) value_difference: f64,
}

/// `(1 - lambda)^3 / lambda` of an asset, or of all.
pub(super) struct GradientScale {
    /// `None` if all have the same.
    pub(super) asset: Option<String>,
    pub(super) lambda: f64,
    pub(super) float: f64,
    pub(super) chain: f64,
    pub(super) relative_error: f64,
}

impl Outcome {
    /// Runs simulation and chain.
    pub(super) fn new(
        setup: &Setup,
        simulation: &Simulation<'_>,
        period: NamedPeriod,
        updates: &Updates,
    ) -> anyhow::Result<Self> {
        let assets = setup.prices.assets().to_vec();
        let (weights, fees) = simulation.streamed()?;
        let on_chain = simulation.on_chain(&weights[..assets.len()])?;
        let interval = on_chain.pool().settings().update_interval;
        let times = updates.times(&Due { first: on_chain.first_update()?, period: on_chain.period()?, interval })?;
        let triggers: Vec<Trigger> = on_chain.triggers(&times.inside)?;
        let stages = on_chain.stages(&triggers)?;
        let float = simulation.valued(weights, &fees)?;
        let valued = stages.lists().iter().map(|list| on_chain.valued(list, &fees)).collect::<anyhow::Result<Vec<_>>>();
        let mut valued = valued?;
        let mut before = &float;
        let mut parts = Vec::with_capacity(Cause::ALL.len());
        for (cause, found) in Cause::ALL.into_iter().zip(&valued) {
            parts.push(Part {
                cause,
                weight_difference: largest_difference(&found.weights, &before.weights)
                    .map_or(f64::NAN, |(_, most)| most),
                value_difference: last(&found.values) - last(&before.values),
            });
            before = found;
        }
        let grid = setup.experiment.history().prices().grid();
        let deployment = on_chain.deployment().clone();
        Ok(Self {
            period,
            pool: crate::describe::pool(setup),
            gradient_scales: gradient_scales(&deployment, &assets)?,
            update_interval: on_chain.pool().settings().update_interval,
            updates: updates.text(),
            outside: times.outside,
            initial_value: setup.experiment.pool().settings().initial_value,
            times_ms: simulation.range().map(|row| grid.time_ms(row)).collect(),
            prices: simulation.prices().to_vec(),
            deviation: deviation(&float.weights, &stages, assets.len()),
            chain: valued.pop().unwrap_or_else(|| float.clone()),
            simulation: float,
            parts,
            simulated_updates: on_chain.punctual()?,
            stages,
            deployment,
            assets,
        })
    }

    pub(super) fn events(&self) -> &[Event] {
        &self.stages.history.events
    }

    pub(super) fn done(&self) -> impl Iterator<Item = (u64, &Update)> {
        self.events().iter().filter_map(|event| Some((event.time, event.outcome.as_ref().ok()?)))
    }

    pub(super) fn reverted(&self) -> impl Iterator<Item = (u64, &Revert)> {
        self.events().iter().filter_map(|event| Some((event.time, event.outcome.as_ref().err()?)))
    }

    pub(super) fn final_values(&self) -> [f64; 2] {
        [last(&self.simulation.values), last(&self.chain.values)]
    }

    /// Rows at which the pool's weights could not be read.
    pub(super) fn unreadable_rows(&self) -> usize {
        self.stages.history.weights.iter().filter(|weights| weights.is_err()).count()
    }

    /// What the user should know of the contract, and of the times.
    pub(super) fn caveats(&self) -> Vec<String> {
        let mut caveats = self.deployment.caveats.clone();
        if self.outside > 0 {
            caveats.push(format!("{} update times are outside the period and left out", self.outside));
        }
        let unreadable = self.stages.history.weights.iter().zip(&self.times_ms);
        let mut unreadable = unreadable.filter_map(|(weights, time_ms)| Some((weights.as_ref().err()?, *time_ms)));
        if let Some((revert, time_ms)) = unreadable.next() {
            caveats.push(format!(
                "the pool's weights cannot be read at {} rows, first at {}: {revert}",
                self.unreadable_rows(),
                format_time(time_ms)
            ));
        }
        caveats
    }

    /// Multipliers stored until a time, in seconds, that are zero although they were not before they were cut, and all that were not.
    pub(super) fn cut_to_zero(&self, until: u64) -> (usize, usize) {
        let mut counts = (0, 0);
        for (_, update) in self.done().filter(|(time, _)| *time <= until) {
            for (uncut, (_, stored)) in update.run.multipliers.iter().zip(update.stored.stored()) {
                let moves = *uncut != gradpool_chain::Int256::ZERO;
                counts.0 += usize::from(moves && stored == 0);
                counts.1 += usize::from(moves);
            }
        }
        counts
    }

    /// Why the largest deviation came about, with numbers.
    pub(super) fn explanation(&self, deviation: &Deviation) -> String {
        let time = seconds(self.times_ms[deviation.row]);
        let asset = deviation.asset;
        match deviation.cause {
            Cause::Schedule => {
                let done = self.done().filter(|(done, _)| *done <= time).count();
                let simulated = self.simulated_updates.iter().filter(|update| **update <= time).count();
                let newest = self.done().take_while(|(done, _)| *done <= time).last();
                match newest {
                    _ if done != simulated => format!("{done} updates until then, {simulated} in the simulation"),
                    Some((newest, _)) if !self.simulated_updates.contains(&newest) => {
                        format!("the newest update was at {}, not when the simulation's was", clock(newest))
                    }
                    _ => "between two updates the simulation does not move in a straight line over the whole interval"
                        .to_owned(),
                }
            }
            Cause::GuardRails => {
                "the contract clips before it scales, and has one limit for the change of a whole update".to_owned()
            }
            Cause::Arithmetic => self.imprecision(asset, time),
            Cause::NineDecimals => {
                let (zero, all) = self.cut_to_zero(time);
                format!(
                    "a multiplier loses up to 1e-9 per second, {:.1e} per update; {zero} of {all} were stored as zero",
                    1e-9 * self.update_interval as f64
                )
            }
            Cause::Expiry => self.overrun(time),
        }
    }

    /// The newest run before a time that did not end at its target.
    fn overrun(&self, time: u64) -> String {
        let done: Vec<_> = self.done().take_while(|(done, _)| *done <= time).collect();
        for (index, (begun, update)) in done.iter().enumerate().rev() {
            let replaced = done.get(index + 1).map_or(time, |(next, _)| *next);
            let meant = begun + self.update_interval;
            let stopped = update.run.last_interpolation_time.min(replaced);
            let ran_on = (stopped > meant).then(|| {
                format!("no update came, and weights ran past their target from {} to {}", clock(meant), clock(stopped))
            });
            let stood_still = (stopped < replaced)
                .then(|| format!("all weights stood still from {} to {}", clock(stopped), clock(replaced)));
            match (ran_on, stood_still) {
                (None, None) => {}
                (Some(ran_on), Some(stood_still)) => return format!("{ran_on}; then {stood_still}"),
                (ran_on, stood_still) => return ran_on.or(stood_still).unwrap_or_default(),
            }
        }
        String::new()
    }

    fn imprecision(&self, asset: usize, time: u64) -> String {
        let scale = self.gradient_scales.get(if self.gradient_scales.len() == 1 { 0 } else { asset });
        if let Some(scale) = scale.filter(|scale| scale.relative_error > IMPRECISE) {
            return format!(
                "(1 - lambda)^3 / lambda is {:e} with 18 decimals, and {:.4e} in floating point: {:.1e} off",
                scale.chain, scale.float, scale.relative_error
            );
        }
        if let Some((reverted, revert)) = self.reverted().take_while(|(reverted, _)| *reverted <= time).last() {
            return format!("the update at {} was reverted ({revert})", clock(reverted));
        }
        let changes = self.events().iter().zip(&self.stages.rule_changes);
        let changes = changes.filter_map(|(event, change)| Some((event.time, change.as_ref()?)));
        let newest = changes.take_while(|(event, _)| *event <= time).last();
        let words = |(at, change): (u64, &gradpool_chain::replay::RuleChange)| {
            let (chain, float) = (change.integer[asset], change.float[asset]);
            format!("at {} the contract's rule asked for {chain:+.3e}, the simulation's for {float:+.3e}", clock(at))
        };
        newest.map(words).unwrap_or_default()
    }
}

/// The gradient's factor, if the rule has one.
fn gradient_scales(deployment: &Deployment, assets: &[String]) -> anyhow::Result<Vec<GradientScale>> {
    if matches!(deployment.proposal.rule, Some(Rule::DifferenceMomentum | Rule::MinimumVariance) | None) {
        return Ok(Vec::new());
    }
    let is_shared = deployment.terms.lambda.len() == 1;
    let scale = |(index, lambda): (usize, &f64)| {
        let float = (1.0 - lambda).powi(3) / lambda;
        let chain = to_f64(gradient_scale(from_f64(*lambda)?)?);
        let asset = (!is_shared).then(|| assets[index].clone());
        Ok(GradientScale { asset, lambda: *lambda, float, chain, relative_error: (chain / float - 1.0).abs() })
    };
    deployment.terms.lambda.iter().enumerate().map(scale).collect()
}

/// When a run stops, in milliseconds; `None` for never.
pub(super) fn expires_ms(update: &Update) -> Option<i64> {
    let seconds = update.run.last_interpolation_time;
    (seconds != NEVER).then(|| milliseconds(seconds))
}

/// A time of the chain, milliseconds.
pub(super) fn milliseconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)
}

fn seconds(time_ms: i64) -> u64 {
    u64::try_from(time_ms / 1000).unwrap_or(0)
}

/// A time of the chain for people.
pub(super) fn clock(seconds: u64) -> String {
    day_or_time(milliseconds(seconds))
}

fn last(values: &[f64]) -> f64 {
    values.last().copied().unwrap_or(f64::NAN)
}
