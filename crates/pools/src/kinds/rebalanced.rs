//! Portfolios that are set to the weights of a strategy on a market, where a pool waits for arbitrageurs (spec 04 sec. 4.8.3, 4.8.7).
//!
//! They are what a pool is measured against. A pool pays arbitrageurs for moving its reserves; the portfolio pays what trading on a market
//! costs. The difference of their values is the pool's loss versus rebalancing: [`Pool::loss_versus`].

use std::borrow::Cow;
use std::sync::Arc;

use burn::tensor::Tensor;
use gradpool_ops::interpolation::PathLayout;
use gradpool_ops::{Costs, DailySpreads, PricedWindows, RebalancingPlan, RebalancingTerms, RowInputs, rebalancing};
use gradpool_strategy::StrategySettings;
use serde::{Deserialize, Serialize};

use crate::error::PoolError;
use crate::history::PricedHistory;
use crate::layout::{visited, without_repetition};
use crate::pool::{Path, Pool, interpolated_rows, pick_places};
use crate::run::PoolRun;
use crate::settings::{PoolKind, PoolSettings, Valuation};

/// Minutes of a year, of 365.25 days.
const MINUTES_PER_YEAR: f64 = 525_960.0;

/// Which portfolio, and what it costs to rebalance it. The swap fee of the pool is the market's fee, a fraction of what is sold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rebalanced {
    /// Rebalanced at every row; costs the fee alone. Loss versus rebalancing is measured against it.
    Lvr,
    /// Rebalanced at every row; costs the fee and half the bid-ask spread of what changes hands. Rebalancing versus rebalancing is measured
    /// against it.
    Rvr,
    /// An index fund: rebalanced while its weights move and held in between, at the costs of [`Rebalanced::Rvr`] and a fee for its manager.
    TraditionalIndex {
        /// What the manager takes in a year, a fraction of the value, in equal parts at every rebalancing.
        annual_streaming_fee: f64,
    },
}

impl Rebalanced {
    /// Whether it pays bid-ask spreads, which the history must have then.
    pub fn pays_spreads(self) -> bool {
        self != Self::Lvr
    }

    /// Whether it is rebalanced whenever a pool would be arbitraged, so that it always holds its weights.
    pub fn always_rebalances(self) -> bool {
        !matches!(self, Self::TraditionalIndex { .. })
    }

    /// What the manager takes of the value at one rebalancing where one is made every `stride` rows while weights move:
    /// `1 - (1 - annual)^(1 / K)` with `K` rebalancings in a year.
    pub fn streaming_fee(self, strategy: &StrategySettings, stride: usize) -> f64 {
        match self {
            Self::TraditionalIndex { annual_streaming_fee } => {
                let interval_min = strategy.update_interval_rows as f64 * strategy.step_min;
                let in_interval = strategy.interpolation_rows as f64 / stride as f64;
                let per_year = in_interval * (MINUTES_PER_YEAR / interval_min);
                -((-annual_streaming_fee).ln_1p() / per_year).exp_m1()
            }
            Self::Lvr | Self::Rvr => 0.0,
        }
    }

    /// Checks the settings of a pool of this kind.
    pub(crate) fn validate(self, settings: &PoolSettings) -> Result<(), PoolError> {
        let refuse = |key, value: String, valid| Err(PoolError::Setting { key, value, valid });
        if let Self::TraditionalIndex { annual_streaming_fee } = self
            && !(0.0..1.0).contains(&annual_streaming_fee)
        {
            return refuse("annual_streaming_fee", annual_streaming_fee.to_string(), "from 0 up to, not including, 1");
        }
        if !settings.arbitrate {
            return refuse("arbitrate", "false".into(), "true for a portfolio that is rebalanced");
        }
        let Costs { gas_cost, arbitrage_fee, noise_trader_ratio, protocol_fee_share, .. } = settings.costs;
        let of_pools = [
            ("gas_cost", gas_cost),
            ("arbitrage_fee", arbitrage_fee),
            ("noise_trader_ratio", noise_trader_ratio),
            ("protocol_fee_share", protocol_fee_share),
        ];
        match of_pools.into_iter().find(|(_, value)| *value != 0.0) {
            Some((key, value)) => refuse(key, value.to_string(), "0 for a portfolio that no arbitrageur trades with"),
            None => Ok(()),
        }
    }

    fn terms(self, pool: &Pool, history: &PricedHistory) -> Result<RebalancingTerms, PoolError> {
        let inputs = history.inputs();
        let costs = [&inputs.gas_cost, &inputs.arbitrage_fee, &inputs.lp_supply];
        if costs.iter().any(|series| series.is_some()) || !inputs.trades.is_empty() {
            return Err(PoolError::Plan("a rebalanced portfolio knows no series but that of fees".into()));
        }
        let spreads = match history.spreads() {
            Some(table) if self.pays_spreads() => Some(DailySpreads {
                spreads: table.spreads().into(),
                rows_per_day: table.grid().rows_per_day(),
                rows_before: table.rows_before(),
            }),
            None if self.pays_spreads() => return Err(PoolError::NoSpreads),
            _ => None,
        };
        Ok(RebalancingTerms {
            fee_rate: pool.settings().costs.fee_rate,
            row_fee_rates: inputs.fee_rate.clone(),
            spreads,
            streaming_fee: self.streaming_fee(pool.strategy().settings(), pool.settings().arbitrage_interval_rows),
            only_in_ramps: !self.always_rebalances(),
        })
    }

    /// The last row at or before `row` at which the portfolio is rebalanced.
    fn last_rebalancing(self, layout: &PathLayout, row: usize) -> usize {
        let mut last = visited(layout, row);
        while !self.always_rebalances() && last % layout.block_rows >= layout.ramp_rows {
            last -= layout.stride;
        }
        last
    }
}

impl Pool {
    /// Value at the first row, in USD: what was deposited, less what a manager takes at once.
    pub(crate) fn value_at_first_row(&self) -> f64 {
        let settings = self.settings();
        match settings.kind {
            PoolKind::Rebalanced(kind) => {
                let fee = kind.streaming_fee(self.strategy().settings(), settings.arbitrage_interval_rows);
                settings.initial_value * (1.0 - fee)
            }
            _ => settings.initial_value,
        }
    }

    /// `ln(V / V_0)` of a rebalanced portfolio at rows at which it is rebalanced, `[sets * windows, rows]`.
    pub(crate) fn rebalanced_growth(
        &self,
        kind: Rebalanced,
        history: &PricedHistory,
        path: Path<'_>,
        rows: &[usize],
    ) -> Result<Tensor<2>, PoolError> {
        if self.settings().valuation == Valuation::ClosedForm {
            return Err(PoolError::NoClosedForm { reason: "a rebalanced portfolio is valued row by row".into() });
        }
        let Path { positions, layout, windows } = path;
        let assets = positions.dims()[2];
        let visits: Vec<usize> = rows.iter().map(|row| row / layout.stride).collect();
        let terms = kind.terms(self, history)?;
        let starts = windows.starts.clone();
        let plan = PricedWindows::new(layout, starts, assets, history.shared_prices(), visits)
            .and_then(|windows| RebalancingPlan::new(windows, terms))
            .map_err(|error| PoolError::Plan(error.to_string()))?;
        Ok(rebalancing(positions.clone(), &Arc::new(plan)))
    }

    /// Reserves `[sets * windows, samples, assets]` of a portfolio that is not always rebalanced: those of the last time.
    pub(crate) fn rebalanced_reserves(
        &self,
        kind: Rebalanced,
        history: &PricedHistory,
        path: Path<'_>,
        samples: &[usize],
    ) -> Result<Tensor<3>, PoolError> {
        let Path { positions, layout, windows } = path;
        let (rows, places) = without_repetition(samples.iter().map(|&row| kind.last_rebalancing(&layout, row)));
        let growth = self.rebalanced_growth(kind, history, path, &rows)?;
        let values = (growth.exp() * self.settings().initial_value).unsqueeze_dim::<3>(2);
        let weights = interpolated_rows(positions, &layout, &rows);
        let prices = history.prices_at(&weights, windows, &rows);
        Ok(pick_places(weights * values / prices, &places))
    }

    /// What a pool lost against a portfolio with the same weights on a market with this fee, a fraction of what is sold: the portfolio's
    /// value less the pool's at the run's samples, `[sets * windows, samples]`, in USD. Differentiable where the run is.
    ///
    /// With [`Rebalanced::Lvr`] and no fee this is loss versus rebalancing as Milionis et al. (2022, "Automated market making and
    /// loss-versus-rebalancing") define it; it is never negative for a pool without fees.
    ///
    /// # Errors
    /// [`PoolError::NoSpreads`] for a portfolio that pays spreads which the history does not have; [`PoolError::Setting`] for a fee out of
    /// range.
    pub fn loss_versus(
        &self,
        portfolio: Rebalanced,
        fee_rate: f64,
        history: &PricedHistory,
        run: &PoolRun,
    ) -> Result<Tensor<2>, PoolError> {
        let settings = PoolSettings {
            kind: PoolKind::Rebalanced(portfolio),
            arbitrate: true,
            costs: Costs { fee_rate, ..Costs::default() },
            valuation: Valuation::Auto,
            ..self.settings().clone()
        };
        let pool = Self::new(self.strategy().clone(), settings)?;
        // They are the pool's, not the market's.
        let history = &if history.inputs().is_empty() {
            Cow::Borrowed(history)
        } else {
            Cow::Owned(self.with_inputs(history.clone(), RowInputs::default())?)
        };
        let path = Path { positions: &run.positions, layout: run.layout, windows: &run.windows };
        let (values, _) = pool.valued(history, None, path, &run.initial_reserves, &run.sample_rows)?;
        Ok(values - run.values.clone())
    }
}
