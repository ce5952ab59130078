//! Settings of a pool around its strategy.

use gradpool_ops::Costs;
use gradpool_ops::curves::{Eclp, FmAmm};
use serde::{Deserialize, Serialize};

use crate::error::PoolError;
use crate::kinds::ReclammPool;
use crate::kinds::rebalanced::Rebalanced;

/// How the value of a pool is computed. The numbers agree (relative 1e-12); the cost differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Valuation {
    /// Closed form where it applies and few rows are asked for, else step by step.
    #[default]
    Auto,
    /// A whole block of rows at once (spec 12.1); refused where it does not apply.
    ClosedForm,
    /// Every row that arbitrage visits.
    StepByStep,
}

/// How a pool turns weights and prices into reserves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// A weighted (geometric-mean) pool that arbitrageurs hold at its weights (spec 04 sec. 4.2, 4.4).
    #[default]
    Weighted,
    /// CoW's FM-AMM of two assets (spec 04 sec. 4.8.4).
    Cow(FmAmm),
    /// Gyroscope's E-CLP of two assets (spec 04 sec. 4.8.5).
    Gyroscope(Eclp),
    /// Balancer's reCLAMM of two assets (spec 04 sec. 4.8.6).
    Reclamm(ReclammPool),
    /// A portfolio that is set to its weights on a market (spec 04 sec. 4.8.3, 4.8.7).
    Rebalanced(Rebalanced),
}

/// When a pool is closed for trades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rest {
    /// It never is.
    #[default]
    Never,
    /// In the rows of an update interval in which weights rest (spec 04 sec. 4.8.2).
    WithWeights,
    /// The same, and where trading costs nothing, what prices did meanwhile is forgotten (T4.7).
    Forgetful,
}

/// Settings of a pool around its strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolSettings {
    /// What kind of pool it is.
    #[serde(default)]
    pub kind: PoolKind,
    /// Value of the pool at the first row of every window, in USD.
    pub initial_value: f64,
    /// Rows between two arbitrages.
    pub arbitrage_interval_rows: usize,
    /// Without arbitrage nobody trades and the reserves stay what they were.
    pub arbitrate: bool,
    /// When the pool is closed for trades.
    #[serde(default)]
    pub rest: Rest,
    /// How values are computed.
    pub valuation: Valuation,
    /// What trading costs. Where it costs something every row is simulated.
    #[serde(default)]
    pub costs: Costs,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            kind: PoolKind::Weighted,
            initial_value: 1e6,
            arbitrage_interval_rows: 1,
            arbitrate: true,
            rest: Rest::Never,
            valuation: Valuation::Auto,
            costs: Costs::default(),
        }
    }
}

impl PoolSettings {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`PoolError::Setting`] naming the first setting out of range.
    pub fn validate(&self) -> Result<(), PoolError> {
        if !(self.initial_value.is_finite() && self.initial_value > 0.0) {
            return Err(PoolError::Setting {
                key: "initial_value",
                value: self.initial_value.to_string(),
                valid: "positive",
            });
        }
        if self.arbitrage_interval_rows == 0 {
            return Err(PoolError::Setting {
                key: "arbitrage_interval",
                value: "0 rows".into(),
                valid: "at least one row of the price grid",
            });
        }
        if let PoolKind::Rebalanced(kind) = self.kind {
            kind.validate(self)?;
        }
        self.costs.validate().map_err(|error| PoolError::Plan(error.to_string()))
    }

    /// Whether these settings alone let the pool hold its weights: arbitraged at every row without costs, or rebalanced as often.
    pub fn holds_its_weights(&self) -> bool {
        match self.kind {
            PoolKind::Weighted => self.arbitrate && self.rest == Rest::Never && self.costs.are_none(),
            PoolKind::Rebalanced(kind) => kind.always_rebalances(),
            PoolKind::Cow(_) | PoolKind::Gyroscope(_) | PoolKind::Reclamm(_) => false,
        }
    }
}
