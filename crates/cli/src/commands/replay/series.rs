//! `--series`: every row and every update, as float64 arrays.

use gradpool_chain::Int256;
use gradpool_chain::decimal::to_f64;
use gradpool_chain::packing::widen;
use gradpool_chain::runner::Update;

use super::outcome::{Outcome, expires_ms, milliseconds};
use crate::series::{Array, Series, Table};

/// Rows and updates. What a reverted update lacks, and the expiry of a run that never ends, is NaN.
pub(super) fn series(outcome: &Outcome) -> Series {
    let (events, assets) = (outcome.events(), outcome.assets.len());
    let per_asset = |name: &'static str, values: fn(&Update) -> Vec<Int256>| {
        let row = |update: &Update| values(update).into_iter().map(to_f64).collect();
        let rows = events.iter().map(|event| event.outcome.as_ref().map_or_else(|_| vec![f64::NAN; assets], row));
        Array::per_asset(name, rows.collect::<Vec<_>>().concat())
    };
    let expires = |update: &Update| expires_ms(update).map_or(f64::NAN, |time_ms| time_ms as f64);
    let stored = |update: &Update| update.stored.stored().iter().map(|(_, stored)| widen(*stored)).collect();
    Series {
        rows: Table {
            rows: outcome.times_ms.len(),
            arrays: vec![
                Array::per_row("unix_ms", outcome.times_ms.iter().map(|time_ms| *time_ms as f64).collect()),
                Array::per_asset("prices", outcome.prices.clone()),
                Array::per_asset("weights.simulation", outcome.simulation.weights.clone()),
                Array::per_asset("weights.chain", outcome.chain.weights.clone()),
                Array::per_row("value.simulation", outcome.simulation.values.clone()),
                Array::per_row("value.chain", outcome.chain.values.clone()),
            ],
        },
        updates: Table {
            rows: events.len(),
            arrays: vec![
                Array::per_row("update.unix_ms", events.iter().map(|event| milliseconds(event.time) as f64).collect()),
                Array::per_row(
                    "update.reverted",
                    events.iter().map(|event| f64::from(u8::from(event.outcome.is_err()))).collect(),
                ),
                per_asset("update.weights_before", |update| update.previous_weights.clone()),
                per_asset("update.target", |update| update.guarded.clone()),
                per_asset("update.multipliers", |update| update.run.multipliers.clone()),
                per_asset("update.stored_multipliers", stored),
                Array::per_row(
                    "update.expires_unix_ms",
                    events.iter().map(|event| event.outcome.as_ref().map_or(f64::NAN, expires)).collect(),
                ),
            ],
        },
        assets: outcome.assets.clone(),
    }
}
