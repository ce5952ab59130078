//! Kinds of pools beside the weighted one: portfolios on a market ([`rebalanced`]), and pools of two assets whose reserves follow a
//! curve of their own (spec 04 sec. 4.8).
//!
//! | kind | parameters | file |
//! |---|---|---|
//! | [`PoolKind::Cow`] | weights | `cow.rs` |
//! | [`PoolKind::Gyroscope`] | rotation, price range, stretch | `gyroscope.rs` |
//! | [`PoolKind::Reclamm`] | price ratio, margin, shift; speed and fee | `reclamm.rs` |
//!
//! The curves themselves are in [`gradpool_ops::curves`].

mod cow;
mod gyroscope;
pub mod rebalanced;
mod reclamm;

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor};
use gradpool_ops::curves::{Curve, CurvePlan, CurveSettings, CurveWalk, curve_reserves};
use gradpool_ops::{RowInputs, has_fused_kernels};
use gradpool_strategy::{ParameterSets, ParameterValues, RuleContext, Windows};

use crate::error::PoolError;
use crate::history::PricedHistory;
use crate::layout::without_repetition;
use crate::pool::{Pool, pick_places};
use crate::settings::{PoolKind, PoolSettings, Valuation};

pub use reclamm::ReclammPool;

/// Assets of every pool here.
const ASSETS: usize = 2;

/// A curve and its parameters `[sets, P]`.
struct Parameters {
    curve: Curve,
    numbers: Tensor<2>,
}

/// What a curve gave at the samples.
pub(crate) struct CurveRun {
    /// `[sets * windows, samples, assets]`
    pub reserves: Tensor<3>,
    /// `[sets * windows, assets]`
    pub initial_reserves: Tensor<2>,
    /// `[sets * windows, samples]`
    pub fee_revenue: Option<Tensor<2>>,
}

impl PoolKind {
    /// The rule whose parameters such a pool has; `None` for another kind, which takes any.
    fn name(&self) -> Option<&'static str> {
        match self {
            Self::Weighted | Self::Rebalanced(_) => None,
            Self::Cow(_) => Some("cow"),
            Self::Gyroscope(_) => Some("gyroscope"),
            Self::Reclamm(_) => Some("reclamm"),
        }
    }

    /// Whether the pool follows a curve that has no weights: those shown are its value shares.
    pub fn has_no_weights(&self) -> bool {
        matches!(self, Self::Gyroscope(_) | Self::Reclamm(_))
    }

    /// Whether the pool counts what fees earn its depositors.
    pub fn counts_fee_revenue(&self) -> bool {
        matches!(self, Self::Reclamm(_))
    }
}

/// Checks that a pool of this kind can have so many assets and such settings.
pub(crate) fn check(settings: &PoolSettings, assets: usize) -> Result<(), PoolError> {
    let Some(kind) = settings.kind.name() else { return Ok(()) };
    if assets != ASSETS {
        let key = "assets";
        return Err(PoolError::Setting { key, value: format!("{assets} for a pool of the kind `{kind}`"), valid: "2" });
    }
    if settings.valuation == Valuation::ClosedForm {
        return Err(PoolError::NoClosedForm { reason: format!("a pool of the kind `{kind}` has none") });
    }
    match &settings.kind {
        PoolKind::Cow(pool) => cow::check(*pool),
        PoolKind::Reclamm(pool) => pool.check(),
        PoolKind::Weighted | PoolKind::Rebalanced(_) | PoolKind::Gyroscope(_) => Ok(()),
    }
}

impl Pool {
    /// The curve of the pool and its parameters; `None` for another kind.
    fn curve(&self, parameters: &ParameterSets, inputs: &RowInputs) -> Result<Option<Parameters>, PoolError> {
        let settings = self.settings();
        let parameters = match &settings.kind {
            PoolKind::Weighted | PoolKind::Rebalanced(_) => return Ok(None),
            PoolKind::Cow(pool) => cow::parameters(*pool, &RuleContext::new(parameters, self.strategy().settings())),
            PoolKind::Gyroscope(pool) => gyroscope::parameters(*pool, parameters),
            PoolKind::Reclamm(pool) => pool.parameters(parameters, &settings.costs, inputs)?,
        };
        check_domain(&parameters)?;
        Ok(Some(parameters))
    }

    fn curve_settings(&self, curve: Curve, history: &PricedHistory) -> CurveSettings {
        let settings = self.settings();
        let minutes = settings.arbitrage_interval_rows as f64 * self.strategy().settings().step_min;
        CurveSettings {
            curve,
            initial_value: settings.initial_value,
            seconds: 60.0 * minutes,
            arbitrate: settings.arbitrate,
            costs: settings.costs,
            inputs: history.inputs().clone(),
        }
    }

    /// Reserves at the samples, those of the last arbitrage at or before each; `None` for another kind.
    pub(crate) fn curve_run(
        &self,
        history: &PricedHistory,
        parameters: &ParameterSets,
        windows: &Windows,
        samples: &[usize],
    ) -> Result<Option<CurveRun>, PoolError> {
        let Some(Parameters { curve, numbers }) = self.curve(parameters, history.inputs())? else { return Ok(None) };
        if let Some(kind) = self.settings().kind.name().filter(|_| !has_fused_kernels(&numbers.device())) {
            return Err(PoolError::Device { kind });
        }
        let stride = self.settings().arbitrage_interval_rows;
        let (visits, places) = without_repetition(std::iter::once(0).chain(samples.iter().map(|row| row / stride)));
        let settings = self.curve_settings(curve, history);
        let prices = history.shared_prices();
        let plan = CurvePlan::new(settings, windows.starts.clone(), stride, prices, visits)
            .map_err(|error| PoolError::Plan(error.to_string()))?;
        let found = curve_reserves(numbers, &Arc::new(plan));
        let [batch, ..] = found.dims();
        let initial_reserves = found.clone().slice([0..batch, 0..1, 0..ASSETS]).squeeze_dim(1);
        let found = pick_places(found, &places[1..]);
        let [_, count, width] = found.dims();
        let revenue = || found.clone().slice([0..batch, 0..count, ASSETS..width]).squeeze_dim(2);
        let fee_revenue = self.settings().kind.counts_fee_revenue().then(revenue);
        let reserves = found.clone().slice([0..batch, 0..count, 0..ASSETS]);
        Ok(Some(CurveRun { reserves, initial_reserves, fee_revenue }))
    }

    /// The pool of one parameter set, to be run row by row from `row` of the history on; `None` for another kind.
    ///
    /// # Errors
    /// As [`Pool::run`].
    pub fn curve_walk(
        &self,
        history: &PricedHistory,
        values: &ParameterValues,
        row: usize,
    ) -> Result<Option<CurveWalk>, PoolError> {
        let sets = ParameterSets::from_values(std::slice::from_ref(values), &Device::flex(), DType::F64)?;
        let Some(Parameters { curve, numbers }) = self.curve(&sets, history.inputs())? else { return Ok(None) };
        let settings = self.curve_settings(curve, history);
        let prices = history.prices().row(row);
        let walk = CurveWalk::new(&settings, &numbers_of(&numbers), [prices[0], prices[1]]);
        walk.map(Some).map_err(|error| PoolError::Plan(error.to_string()))
    }
}

fn numbers_of(tensor: &Tensor<2>) -> Vec<f64> {
    tensor.to_data().convert::<f64>().iter::<f64>().collect()
}

/// Checks that every parameter of every set is in the domain of its curve.
fn check_domain(parameters: &Parameters) -> Result<(), PoolError> {
    let [_, width] = parameters.numbers.dims();
    for (set, numbers) in numbers_of(&parameters.numbers).chunks_exact(width).enumerate() {
        let outside = match &parameters.curve {
            Curve::FmAmm(_) => cow::outside(numbers),
            Curve::Eclp(_) => gyroscope::outside(numbers),
            Curve::Reclamm(curve) => reclamm::outside(curve, numbers),
        };
        if let Some(Outside { parameter, value, valid }) = outside {
            return Err(PoolError::Parameter { parameter, set, value, valid });
        }
    }
    Ok(())
}

/// A parameter outside its domain.
struct Outside {
    parameter: &'static str,
    value: f64,
    valid: String,
}

/// The first of some parameters outside its domain: whether it fits, its name, value, and what would be valid.
fn first_outside(checks: impl IntoIterator<Item = (bool, &'static str, f64, String)>) -> Option<Outside> {
    let (_, parameter, value, valid) = checks.into_iter().find(|(fits, ..)| !fits)?;
    Some(Outside { parameter, value, valid })
}
