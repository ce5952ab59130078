//! A golden case as a pool of this build, given what the reference system was given.

use std::sync::Arc;

use anyhow::{Context, ensure};
use gradpool_market::{Periods, PriceTable, SpreadTable, SupplyTable};
use gradpool_pools::{PoolKind, RowInputs, UserTrade};
use gradpool_strategy::ParameterValues;
use serde_json::Value;

use super::golden::{Golden, items, number, numbers, prices_beside};
use super::treatment::Treatment;
use crate::config::{self, Overrides, ResolvedConfig, Source};
use crate::given::GivenParameters;
use crate::setup::Setup;

/// Relative tolerances of the golden files' schema.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerances {
    /// Of values and what follows from them.
    pub values: f64,
    /// Of gradients.
    pub gradients: f64,
}

const WITHOUT_COSTS: Tolerances = Tolerances { values: 1e-9, gradients: 1e-7 };
const WITH_COSTS: Tolerances = Tolerances { values: 1e-8, gradients: 1e-6 };

/// A golden case and the prices that it was computed with.
pub struct Case<'a> {
    /// What the reference system was given and what came out.
    pub golden: &'a Golden,
    /// What this case needs.
    pub treatment: Treatment,
    overrides: Overrides,
    prices: PriceTable,
    periods: Periods,
}

/// A pool of this build that computes a golden case.
pub struct Subject {
    /// Its configuration.
    pub config: ResolvedConfig,
    /// The pool on its prices.
    pub setup: Setup,
    /// The case's parameters.
    pub values: ParameterValues,
    /// How far numbers may lie apart.
    pub tolerances: Tolerances,
}

/// `overrides` of a golden file whose prices lie beside it unless they say otherwise.
pub(super) fn with_prices(golden: &std::path::Path, overrides: &Overrides) -> anyhow::Result<Overrides> {
    let data = overrides.data.clone().unwrap_or_else(|| prices_beside(golden));
    ensure!(
        data.is_dir(),
        "the prices of {} are not at {}; `--data` names their folder",
        golden.display(),
        data.display()
    );
    Ok(Overrides { data: Some(data), ..overrides.clone() })
}

/// Whether a fingerprint, with series beside it, makes trading cost something.
pub(super) fn has_costs(fingerprint: &Value, series: Option<&Value>) -> bool {
    let cost = |key: &&str| fingerprint.get(key).and_then(number).is_some_and(|cost| cost > 0.0);
    ["fees", "gas_cost", "arb_fees"].iter().any(cost) || series.is_some_and(|series| !series.is_null())
}

impl<'a> Case<'a> {
    /// Loads the prices. `overrides` lie on top of what the case's treatment sets.
    ///
    /// # Errors
    /// What configuration and prices refuse.
    pub fn load(golden: &'a Golden, treatment: Treatment, overrides: &Overrides) -> anyhow::Result<Self> {
        let overrides = with_prices(&golden.path, overrides)?;
        let config = config::load(&Source::File(golden.path.clone()), &overrides)?.config;
        let (prices, periods) = Setup::load_prices(&config)?;
        Ok(Self { golden, treatment, overrides, prices, periods })
    }

    /// The pool with some settings on top of the case's own.
    ///
    /// # Errors
    /// What configuration, pool or case refuse.
    pub fn subject(&self, set: &[&str]) -> anyhow::Result<Subject> {
        let with_costs = has_costs(self.golden.part(&["run_fingerprint"])?, self.golden.json.get("dynamic"));
        // The reference trades one token for one other (T4.2).
        let trades = with_costs.then_some("pool.arbitrage=pairwise");
        let own = self.treatment.set.iter().copied().chain(trades).map(str::to_owned);
        let on_top = self.overrides.set.iter().cloned().chain(set.iter().map(|&text| text.to_owned()));
        let overrides = Overrides { set: own.chain(on_top).collect(), ..self.overrides.clone() };
        let config = config::load(&Source::File(self.golden.path.clone()), &overrides)?.config;
        let mut setup = Setup::with_periods(&config, self.prices.clone(), self.periods.clone())?;
        self.give_published_supplies(&mut setup)?;
        self.give_published_spreads(&mut setup, &config)?;
        self.give_published_inputs(&mut setup, &config)?;
        let values = GivenParameters::load(&self.golden.path, &setup)?.single(&self.golden.path)?.clone();
        // A portfolio that is rebalanced on a market pays no arbitrageur.
        let rebalanced = matches!(setup.experiment.pool().settings().kind, PoolKind::Rebalanced(_));
        let mut tolerances = if with_costs && !rebalanced { WITH_COSTS } else { WITHOUT_COSTS };
        tolerances.values = self.treatment.values_within.unwrap_or(tolerances.values);
        Ok(Subject { config, setup, values, tolerances })
    }

    /// The supplies that the reference says it used: it takes them from the start of their files instead of the dates of the
    /// prices (T2.6).
    fn give_published_supplies(&self, setup: &mut Setup) -> anyhow::Result<()> {
        let name = "aux.chunkwise_supply_used";
        let Some(used) = self.golden.array(name) else { return Ok(()) };
        let history = setup.experiment.history().prices();
        let (assets, interval) = (history.assets().len(), setup.strategy().settings().update_interval_rows);
        let needed = history.rows().div_ceil(interval) * assets;
        ensure!(used.len() >= needed, "`{name}` has {} numbers; expected at least {needed}", used.len());
        let rows = (0..history.rows()).flat_map(|row| &used[row / interval * assets..][..assets]).copied().collect();
        let supplies = SupplyTable::from_rows(history.assets(), *history.grid(), rows)?;
        setup.experiment = setup.experiment.clone().with_supplies(supplies)?;
        Ok(())
    }

    /// The spreads that the reference says it used, one row per day of the window: it takes those of the days that stand as far
    /// from the start of their file as the window from the start of its prices (T4.12).
    fn give_published_spreads(&self, setup: &mut Setup, config: &ResolvedConfig) -> anyhow::Result<()> {
        let name = "aux.spread_used_daily";
        let Some(used) = self.golden.array(name) else { return Ok(()) };
        let history = setup.experiment.history().prices();
        let (assets, rows_per_day) = (history.assets().len(), history.grid().rows_per_day());
        let mut spreads = vec![0.0; history.rows().div_ceil(rows_per_day) * assets];
        let first = setup.simulated_rows(config).start / rows_per_day * assets;
        let days = spreads.get_mut(first..first + used.len());
        days.with_context(|| format!("`{name}` has more days than the prices"))?.copy_from_slice(used);
        let spreads = SpreadTable::from_days(history.assets(), *history.grid(), spreads)?;
        setup.experiment = setup.experiment.clone().with_spreads(spreads)?;
        Ok(())
    }

    /// The series that the reference was given beside the prices.
    fn give_published_inputs(&self, setup: &mut Setup, config: &ResolvedConfig) -> anyhow::Result<()> {
        let Some(published) = self.golden.json.get("dynamic").filter(|published| !published.is_null()) else {
            return Ok(());
        };
        let (rows, first) = (setup.experiment.history().prices().rows(), setup.simulated_rows(config).start);
        let series = |name: &str, before: f64| -> anyhow::Result<Option<Arc<[f64]>>> {
            let Some(series) = published.get(name).filter(|series| !series.is_null()) else { return Ok(None) };
            let at = format!("dynamic.{name}");
            let values = numbers(&at, series.get("values").unwrap_or(&Value::Null))?;
            let hold = series.get("hold").and_then(Value::as_u64).filter(|hold| *hold > 0);
            let hold = hold.with_context(|| format!("`{at}.hold` is no number of minutes"))? as usize;
            ensure!(!values.is_empty(), "`{at}.values` is empty");
            let of_row = |row: usize| row.checked_sub(first).map_or(before, |row| values[row / hold % values.len()]);
            Ok(Some((0..rows).map(of_row).collect()))
        };
        let trades = match published.get("trades") {
            None | Some(Value::Null) => Arc::default(),
            Some(trades) => {
                let trades = items("dynamic.trades", trades)?;
                trades.iter().map(|trade| user_trade(trade, first)).collect::<anyhow::Result<_>>()?
            }
        };
        let inputs = RowInputs {
            fee_rate: series("fees", 0.0)?,
            gas_cost: series("gas_cost", 0.0)?,
            arbitrage_fee: series("arb_fees", 0.0)?,
            lp_supply: series("lp_supply", 1.0)?,
            trades,
        };
        setup.experiment = setup.experiment.clone().with_inputs(inputs)?;
        Ok(())
    }
}

/// `[step, token_in, token_out, amount_in]`, the step counted from row `first`.
fn user_trade(trade: &Value, first: usize) -> anyhow::Result<UserTrade> {
    let numbers = numbers("dynamic.trades", trade)?;
    let &[step, token_in, token_out, amount_in] = numbers.as_slice() else {
        anyhow::bail!("`dynamic.trades` holds {trade}; expected [step, token_in, token_out, amount_in]");
    };
    let (token_in, token_out) = (token_in as usize, token_out as usize);
    Ok(UserTrade { row: first + step as usize, token_in, token_out, amount_in })
}
