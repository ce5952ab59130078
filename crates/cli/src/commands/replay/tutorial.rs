//! The tutorial contract beside the float simulation (spec 14).

use std::ops::Range;

use gradpool_chain::decimal::{from_f64, to_f64};
use gradpool_chain::replay::largest_difference;
use gradpool_chain::tutorial::Pool;
use gradpool_chain::{Int256, tutorial::TutorialError};
use gradpool_market::format_time;
use gradpool_strategy::ParameterValues;
use serde_json::{Map, Value, json};

use super::outcome::milliseconds;
use super::text::signed;
use super::updates::{Due, Updates};
use crate::contract::tutorial::TutorialDeployment;
use crate::describe::{number, table};
use crate::periods::{NamedPeriod, day_or_time};
use crate::series::{Array, Series, Table};
use crate::setup::Setup;
use crate::simulation::{Simulated, Simulation};

/// What lies between simulation and contract, in the order in which it is added: a pool in floating point that the keeper updates,
/// each weight clamped, straight to each target in one interval; one whose weights run on past it; the contract's integers.
const PARTS: [&str; 3] = ["guards", "expiry", "arithmetic"];

/// A trigger and what became of it.
struct Event {
    time: u64,
    block: u64,
    outcome: Result<Update, TutorialError>,
}

/// An update that was done.
struct Update {
    weights_before: Vec<Int256>,
    multipliers: Vec<Int256>,
    last_interpolation_block: Option<u64>,
}

/// A replay.
pub(super) struct Outcome {
    period: NamedPeriod,
    pool: String,
    assets: Vec<String>,
    deployment: TutorialDeployment,
    updates: String,
    outside: usize,
    initial_value: f64,
    times_ms: Vec<i64>,
    prices: Vec<f64>,
    simulation: Simulated,
    chain: Simulated,
    /// Weights after each of [`PARTS`] was added.
    weights: [Vec<f64>; 3],
    /// Final values after each.
    values: [f64; 3],
    events: Vec<Event>,
}

/// The largest deviation of a weight, and what each part adds to it.
struct Deviation {
    row: usize,
    asset: usize,
    simulation: f64,
    chain: f64,
    parts: [f64; 3],
    cause: usize,
}

impl Outcome {
    /// Runs simulation and contract.
    pub(super) fn new(
        setup: &Setup,
        values: &ParameterValues,
        simulation: &Simulation<'_>,
        period: NamedPeriod,
        (updates, block_seconds): (&Updates, u64),
    ) -> anyhow::Result<Self> {
        let (weights, fees) = simulation.streamed()?;
        let assets = setup.prices.assets().to_vec();
        let (rows, table) = (simulation.range(), setup.experiment.history().prices());
        let first_weights = &weights[..assets.len()];
        let deployment = TutorialDeployment::new(setup, values, rows.start, first_weights, block_seconds)?;
        let seconds = |row: usize| u64::try_from(table.grid().time_ms(row) / 1000).unwrap_or(0);
        let (begins, ends) = (seconds(rows.start), seconds(rows.end));
        let interval = deployment.update_interval_s();
        let due = Due { first: begins + interval, period: begins..ends, interval };
        let times = updates.times(&due)?;
        let clock = Clock { rows: rows.clone().map(seconds).collect(), begins, block_seconds };
        // The newest row at or before a time.
        let row_at = |time: &u64| rows.start + clock.rows.partition_point(|row| row <= time).saturating_sub(1);
        let prices: Vec<&[f64]> = times.inside.iter().map(|time| table.row(row_at(time))).collect();

        let (events, chain) = integers(&deployment, &times.inside, &prices, &clock)?;
        let float = |runs_on| floats(&deployment, &times.inside, &prices, &clock, runs_on);
        let weights_of_parts = [float(false), float(true), chain];
        let value = |list: &Vec<f64>| simulation.valued_by_ratios(list, &fees);
        let [guards, expiry, chain] = weights_of_parts.each_ref().map(value);
        let (guards, expiry, chain) = (guards?, expiry?, chain?);
        let simulated = simulation.valued(weights, &fees)?;
        Ok(Self {
            period,
            pool: crate::describe::pool(setup),
            assets,
            deployment,
            updates: updates.text(),
            outside: times.outside,
            initial_value: setup.experiment.pool().settings().initial_value,
            times_ms: rows.map(|row| table.grid().time_ms(row)).collect(),
            prices: simulation.prices().to_vec(),
            simulation: simulated,
            values: [last(&guards.values), last(&expiry.values), last(&chain.values)],
            chain,
            weights: weights_of_parts,
            events,
        })
    }

    /// What the user should know.
    pub(super) fn caveats(&self) -> Vec<String> {
        let outside =
            (self.outside > 0).then(|| format!("{} update times are outside the period and left out", self.outside));
        self.deployment.warnings.iter().cloned().chain(outside).collect()
    }

    fn done(&self) -> usize {
        self.events.iter().filter(|event| event.outcome.is_ok()).count()
    }

    fn final_values(&self) -> [f64; 2] {
        [last(&self.simulation.values), last(&self.chain.values)]
    }

    /// What each part adds to the final value.
    fn value_differences(&self) -> [f64; 3] {
        let mut before = last(&self.simulation.values);
        self.values.map(|value| value - std::mem::replace(&mut before, value))
    }

    fn weight_differences(&self) -> [f64; 3] {
        let before = [&self.simulation.weights, &self.weights[0], &self.weights[1]];
        std::array::from_fn(|part| {
            largest_difference(&self.weights[part], before[part]).map_or(f64::NAN, |(_, most)| most)
        })
    }

    fn deviation(&self) -> Option<Deviation> {
        let (index, _) = largest_difference(&self.weights[2], &self.simulation.weights)?;
        let simulation = self.simulation.weights[index];
        let chain = self.weights[2][index];
        let mut before = simulation;
        let parts = self.weights.each_ref().map(|list| list[index] - std::mem::replace(&mut before, list[index]));
        let toward = |part: &f64| if chain < simulation { -part } else { *part };
        let cause = (0..parts.len()).max_by(|left, right| toward(&parts[*left]).total_cmp(&toward(&parts[*right])))?;
        let assets = self.assets.len();
        Some(Deviation { row: index / assets, asset: index % assets, simulation, chain, parts, cause })
    }

    /// The lines of the report.
    pub(super) fn lines(&self) -> Vec<String> {
        let [simulation, chain] = self.final_values();
        let (blocks, seconds) = (self.deployment.settings.update_interval, self.deployment.block_seconds);
        let mut lines = vec![
            format!("period    {}: {}", self.period.name, self.period.text()),
            format!("pool      {}", self.pool),
            format!("contract  tutorial, one update in {blocks} blocks of {seconds} s"),
            format!(
                "updates   {}: {} triggered, {} done, {} reverted",
                self.updates,
                self.events.len(),
                self.done(),
                self.events.len() - self.done()
            ),
        ];
        if let Some((event, error)) = self.events.iter().find_map(|event| Some((event, event.outcome.as_ref().err()?)))
        {
            lines.push(format!("          first reverted at {}: {error}", day_or_time(milliseconds(event.time))));
        }
        lines.push(String::new());
        lines.extend(table(&[
            ["", "simulation", "chain", "difference", "relative"].map(str::to_owned).to_vec(),
            vec![
                "final value".to_owned(),
                number(simulation),
                number(chain),
                signed(chain - simulation),
                signed((chain - simulation) / simulation),
            ],
        ]));
        lines.push(String::new());
        let deviation = self.deviation();
        lines.push(deviation.as_ref().map_or_else(
            || "largest deviation: none, there are no weights to compare".to_owned(),
            |found| {
                format!(
                    "largest deviation: {} at {} has {:.6} on the chain, {:.6} in the simulation ({}), by {} ({})",
                    self.assets[found.asset],
                    day_or_time(self.times_ms[found.row]),
                    found.chain,
                    found.simulation,
                    signed(found.chain - found.simulation),
                    PARTS[found.cause],
                    signed(found.parts[found.cause])
                )
            },
        ));
        lines.push(String::new());
        let mut parts = vec![["part", "of that deviation", "largest", "final value"].map(str::to_owned).to_vec()];
        let at = deviation.map_or([f64::NAN; 3], |found| found.parts);
        let (weights, values) = (self.weight_differences(), self.value_differences());
        for part in 0..PARTS.len() {
            let largest = signed(weights[part]).trim_start_matches('+').to_owned();
            parts.push(vec![PARTS[part].to_owned(), signed(at[part]), largest, signed(values[part])]);
        }
        lines.extend(table(&parts));
        lines
    }

    /// The document of `--json`.
    pub(super) fn document(&self) -> Value {
        let [simulation, chain] = self.final_values();
        let (weights, values) = (self.weight_differences(), self.value_differences());
        let by_part = |value: &dyn Fn(usize) -> Value| -> Map<String, Value> {
            PARTS.iter().enumerate().map(|(part, name)| ((*name).to_owned(), value(part))).collect()
        };
        let deviation = self.deviation().map(|found| {
            json!({
                "asset": self.assets[found.asset],
                "time": format_time(self.times_ms[found.row]),
                "unix_ms": self.times_ms[found.row],
                "simulation": found.simulation,
                "chain": found.chain,
                "difference": found.chain - found.simulation,
                "cause": PARTS[found.cause],
                "parts": by_part(&|part| json!(found.parts[part])),
            })
        });
        let text = |values: &[Int256]| values.iter().map(Int256::to_string).collect::<Vec<_>>();
        let event = |event: &Event| {
            let time_ms = milliseconds(event.time);
            let mut entry = json!({
                "time": format_time(time_ms),
                "unix_ms": time_ms,
                "block": event.block,
                "reverted": event.outcome.as_ref().err().map(ToString::to_string),
            });
            if let (Ok(update), Some(entry)) = (&event.outcome, entry.as_object_mut()) {
                entry.insert("weights_before".to_owned(), json!(text(&update.weights_before)));
                entry.insert("multipliers".to_owned(), json!(text(&update.multipliers)));
                entry.insert("last_interpolation_block".to_owned(), json!(update.last_interpolation_block));
            }
            entry
        };
        let finals = [("final_value.simulation", simulation), ("final_value.chain", chain)];
        let non_finite = finals.into_iter().filter(|(_, value)| !value.is_finite()).map(|(name, _)| name);
        json!({
            "period": self.period,
            "contract": {
                "rule": "tutorial",
                "update_interval_blocks": self.deployment.settings.update_interval,
                "block_seconds": self.deployment.block_seconds,
                "caveats": self.deployment.warnings,
            },
            "updates": {
                "keeper": self.updates,
                "triggered": self.events.len(),
                "done": self.done(),
                "reverted": self.events.len() - self.done(),
                "outside_period": self.outside,
            },
            "initial_value": self.initial_value,
            "final_value": {
                "simulation": simulation,
                "chain": chain,
                "difference": chain - simulation,
                "relative_difference": ((chain - simulation) / simulation).abs(),
            },
            "largest_deviation": deviation,
            "parts": by_part(&|part| json!({
                "max_weight_difference": weights[part],
                "final_value_difference": values[part],
            })),
            "non_finite": non_finite.collect::<Vec<_>>(),
            "events": self.events.iter().map(event).collect::<Vec<_>>(),
        })
    }

    /// Every row and every update. What a reverted update lacks, and the end of a run that has none, is NaN.
    pub(super) fn series(&self) -> Series {
        let assets = self.assets.len();
        let per_asset = |name: &'static str, values: fn(&Update) -> &Vec<Int256>| {
            let row = |update: &Update| values(update).iter().map(|value| to_f64(*value)).collect();
            let rows =
                self.events.iter().map(|event| event.outcome.as_ref().map_or_else(|_| vec![f64::NAN; assets], row));
            Array::per_asset(name, rows.collect::<Vec<_>>().concat())
        };
        let per_event = |name: &'static str, value: &dyn Fn(&Event) -> f64| {
            Array::per_row(name, self.events.iter().map(value).collect())
        };
        let until = |event: &Event| {
            let block = event.outcome.as_ref().ok().and_then(|update| update.last_interpolation_block);
            block.map_or(f64::NAN, |block| block as f64)
        };
        Series {
            rows: Table {
                rows: self.times_ms.len(),
                arrays: vec![
                    Array::per_row("unix_ms", self.times_ms.iter().map(|time_ms| *time_ms as f64).collect()),
                    Array::per_asset("prices", self.prices.clone()),
                    Array::per_asset("weights.simulation", self.simulation.weights.clone()),
                    Array::per_asset("weights.chain", self.chain.weights.clone()),
                    Array::per_row("value.simulation", self.simulation.values.clone()),
                    Array::per_row("value.chain", self.chain.values.clone()),
                ],
            },
            updates: Table {
                rows: self.events.len(),
                arrays: vec![
                    per_event("update.unix_ms", &|event| milliseconds(event.time) as f64),
                    per_event("update.block", &|event| event.block as f64),
                    per_event("update.reverted", &|event| f64::from(u8::from(event.outcome.is_err()))),
                    per_asset("update.weights_before", |update| &update.weights_before),
                    per_asset("update.multipliers", |update| &update.multipliers),
                    per_event("update.last_interpolation_block", &until),
                ],
            },
            assets: self.assets.clone(),
        }
    }
}

/// Rows and blocks in time.
struct Clock {
    /// Times of the rows, in seconds.
    rows: Vec<u64>,
    /// Time of block 0.
    begins: u64,
    block_seconds: u64,
}

impl Clock {
    fn block(&self, time: u64) -> u64 {
        time.saturating_sub(self.begins) / self.block_seconds
    }

    /// Reads a pool at every row, after the triggers until then.
    fn read<P>(
        &self,
        pool: &mut P,
        times: &[u64],
        mut trigger: impl FnMut(&mut P, usize, u64),
        weights: impl Fn(&P, u64) -> Vec<f64>,
    ) -> Vec<f64> {
        let mut triggers = times.iter().enumerate().peekable();
        let row = |time: &u64| {
            while let Some((index, due)) = triggers.next_if(|(_, due)| **due <= *time) {
                trigger(pool, index, self.block(*due));
            }
            weights(pool, self.block(*time))
        };
        self.rows.iter().flat_map(row).collect()
    }
}

/// The contract's weights at every row; NaN where they cannot be read.
fn integers(
    deployment: &TutorialDeployment,
    times: &[u64],
    prices: &[&[f64]],
    clock: &Clock,
) -> anyhow::Result<(Vec<Event>, Vec<f64>)> {
    let to_integers = |row: &&[f64]| row.iter().map(|price| from_f64(*price)).collect::<Result<Vec<_>, _>>();
    let prices = prices.iter().map(to_integers).collect::<Result<Vec<_>, _>>()?;
    let assets = deployment.weights.len();
    let mut pool = deployment.pool(0)?;
    let mut events = Vec::with_capacity(times.len());
    let trigger = |pool: &mut Pool, index: usize, block: u64| {
        let outcome = pool.weights_at(block).and_then(|weights_before| {
            pool.trigger_update(block, &prices[index])?;
            let multipliers = pool.multipliers().to_vec();
            Ok(Update { weights_before, multipliers, last_interpolation_block: pool.last_interpolation_block() })
        });
        events.push(Event { time: times[index], block, outcome });
    };
    let weights = |pool: &Pool, block: u64| {
        let weights = pool.weights_at(block);
        weights.map_or_else(|_| vec![f64::NAN; assets], |weights| weights.into_iter().map(to_f64).collect())
    };
    let weights = clock.read(&mut pool, times, trigger, weights);
    Ok((events, weights))
}

/// The contract in floating point.
struct Floating {
    lambda: f64,
    gain: f64,
    bounds: Range<f64>,
    interval: u64,
    /// Whether weights run past their target.
    runs_on: bool,
    averages: Vec<f64>,
    weights: Vec<f64>,
    multipliers: Vec<f64>,
    last_update: u64,
    until: u64,
}

impl Floating {
    fn weights_at(&self, block: u64) -> Vec<f64> {
        let blocks = block.min(self.until).saturating_sub(self.last_update) as f64;
        self.weights.iter().zip(&self.multipliers).map(|(weight, multiplier)| weight + multiplier * blocks).collect()
    }

    fn update(&mut self, block: u64, prices: &[f64]) {
        if block < self.last_update + self.interval {
            return;
        }
        self.weights = self.weights_at(block);
        for (average, price) in self.averages.iter_mut().zip(prices) {
            *average = *average * self.lambda + price * (1.0 - self.lambda);
        }
        let gradients: Vec<f64> =
            prices.iter().zip(&self.averages).map(|(price, average)| price / average - 1.0).collect();
        let mean = gradients.iter().sum::<f64>() / gradients.len() as f64;
        let target = |(weight, gradient): (&f64, &f64)| {
            (weight + self.gain * (gradient - mean)).clamp(self.bounds.start, self.bounds.end)
        };
        let targets = self.weights.iter().zip(&gradients).map(target);
        let multipliers = targets.zip(&self.weights).map(|(target, weight)| (target - weight) / self.interval as f64);
        self.multipliers = multipliers.collect();
        self.last_update = block;
        self.until = block + if self.runs_on { self.blocks_until_a_bound() } else { self.interval };
    }

    fn blocks_until_a_bound(&self) -> u64 {
        let blocks = |(weight, multiplier): (&f64, &f64)| {
            let room = if *multiplier > 0.0 { self.bounds.end - weight } else { weight - self.bounds.start };
            // The contract's multipliers are cut, so that a weight never meets its bound before it meets its target.
            (*multiplier != 0.0).then(|| (room.max(0.0) / multiplier.abs() * (1.0 + 1e-12)).floor())
        };
        let shortest = self.weights.iter().zip(&self.multipliers).filter_map(blocks).fold(f64::INFINITY, f64::min);
        // Longer than any period.
        shortest.min(1e12) as u64
    }
}

fn floats(deployment: &TutorialDeployment, times: &[u64], prices: &[&[f64]], clock: &Clock, runs_on: bool) -> Vec<f64> {
    let list = |values: &[Int256]| values.iter().map(|value| to_f64(*value)).collect::<Vec<_>>();
    let [minimum, maximum] = deployment.bounds.map(to_f64);
    let mut pool = Floating {
        lambda: to_f64(deployment.settings.lambda),
        gain: to_f64(deployment.settings.gain),
        bounds: minimum..maximum,
        interval: deployment.settings.update_interval,
        runs_on,
        averages: list(&deployment.averages),
        weights: list(&deployment.weights),
        multipliers: vec![0.0; deployment.weights.len()],
        last_update: 0,
        until: 0,
    };
    clock.read(&mut pool, times, |pool, index, block| pool.update(block, prices[index]), Floating::weights_at)
}

fn last(values: &[f64]) -> f64 {
    values.last().copied().unwrap_or(f64::NAN)
}
