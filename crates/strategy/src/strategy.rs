//! A strategy: a rule with its settings, run over whole histories for many parameter sets and windows at once.

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};
use gradpool_ops::guardrails::{GuardrailSettings, guardrails};
use gradpool_ops::recurrence::RecurrenceForm;

use crate::error::StrategyError;
use crate::parameters::ParameterSets;
use crate::rule::{Rule, RuleContext, check_values};
use crate::settings::{StrategySettings, WeightPath};

/// A rule with checked settings.
#[derive(Clone, Debug)]
pub struct Strategy {
    rule: Arc<dyn Rule>,
    settings: StrategySettings,
}

/// Equally long windows of simulated rows, cut from one price table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// First row of every window.
    pub starts: Vec<usize>,
    /// Simulated rows of each window.
    pub rows: usize,
}

impl Windows {
    /// One window.
    pub fn single(start: usize, rows: usize) -> Self {
        Self { starts: vec![start], rows }
    }

    /// Number of ramps that a window shows: the first interval holds the initial weights (trap T3.10), every further one,
    /// also a partial one, is a ramp.
    pub fn ramps(&self, update_interval_rows: usize) -> usize {
        self.rows.div_ceil(update_interval_rows).saturating_sub(1)
    }
}

impl Strategy {
    /// Joins a rule and its settings.
    ///
    /// # Errors
    /// [`StrategyError::Setting`] for settings out of range, [`StrategyError::UnsupportedPath`] if the rule lacks the path
    /// that they ask for.
    pub fn new(rule: Arc<dyn Rule>, settings: StrategySettings) -> Result<Self, StrategyError> {
        settings.validate()?;
        let (supported, path) = match settings.path {
            WeightPath::Auto => (rule.supports_scan() || rule.supports_vectorized(), "vectorized or scan"),
            WeightPath::Vectorized => (rule.supports_vectorized(), "vectorized"),
            WeightPath::Scan => (rule.supports_scan(), "scan"),
        };
        if !supported {
            return Err(StrategyError::UnsupportedPath { rule: rule.name().to_owned(), path: path.to_owned() });
        }
        Ok(Self { rule, settings })
    }

    /// The rule.
    pub fn rule(&self) -> &dyn Rule {
        self.rule.as_ref()
    }

    /// The settings.
    pub fn settings(&self) -> &StrategySettings {
        &self.settings
    }

    /// The same rule with other settings.
    ///
    /// # Errors
    /// As [`Strategy::new`].
    pub fn with_settings(&self, settings: StrategySettings) -> Result<Self, StrategyError> {
        Self::new(Arc::clone(&self.rule), settings)
    }

    /// Whether histories can be computed in one piece.
    pub fn supports_vectorized(&self) -> bool {
        self.rule.supports_vectorized()
    }

    /// Whether the strategy can run one step after another.
    pub fn supports_scan(&self) -> bool {
        self.rule.supports_scan()
    }

    /// The path that [`WeightPath::Auto`] means on a device: sequential where that runs fused (CPU), else vectorized.
    pub fn resolved_path(&self, device: &Device) -> WeightPath {
        match self.settings.path {
            WeightPath::Auto if !self.rule.supports_scan() => WeightPath::Vectorized,
            WeightPath::Auto if !self.rule.supports_vectorized() => WeightPath::Scan,
            WeightPath::Auto if gradpool_ops::has_fused_kernels(device) => WeightPath::Scan,
            WeightPath::Auto => WeightPath::Vectorized,
            path => path,
        }
    }

    /// Checks parameter values against the rule's table.
    ///
    /// # Errors
    /// The first missing, unknown, ill-sized or non-finite leaf.
    pub fn check(&self, values: &crate::parameters::ParameterValues) -> Result<(), StrategyError> {
        check_values(self.rule.as_ref(), values, 0, self.settings.assets)
    }

    /// Coarse prices `[1, N, assets]`: rows 0, c, 2c, ... of a row-major price table, `c` being the update interval.
    pub fn coarse_prices(&self, prices: &[f64], device: &Device, dtype: DType) -> Tensor<3> {
        let assets = self.settings.assets;
        let coarse: Vec<f64> =
            prices.chunks_exact(assets).step_by(self.settings.update_interval_rows).flatten().copied().collect();
        let rows = coarse.len() / assets;
        Tensor::from_data(TensorData::new(coarse, [1, rows, assets]), (device, dtype))
    }

    /// Rule outputs `[sets, N - 1, assets]` over the whole history of coarse prices `[1, N, assets]`; row `r` uses prices
    /// up to coarse row `r + 1`. Weight changes of a row sum to zero.
    pub fn rule_outputs(&self, parameters: &ParameterSets, coarse_prices: &Tensor<3>) -> Tensor<3> {
        let context = RuleContext::new(parameters, &self.settings);
        let form = match self.resolved_path(&coarse_prices.device()) {
            WeightPath::Vectorized => RecurrenceForm::Blocked,
            WeightPath::Scan | WeightPath::Auto => RecurrenceForm::Sequential,
        };
        let estimates: Vec<Tensor<3>> =
            self.rule.estimators(&context).iter().map(|estimator| estimator.estimate(coarse_prices, form)).collect();
        self.rule.signal(&estimates, &context)
    }

    /// Coarse weights `[sets * windows, ramps + 1, assets]` from rule outputs `[sets, N - 1, assets]`: the weights at which
    /// each ramp of each window starts, and where the last one ends. The batch is set-major.
    ///
    /// The first update interval of a window holds the initial weights; ramp `k` follows output row
    /// `start / c + k`, the newest one known when the ramp begins (spec 02 sec. 2.7).
    ///
    /// # Errors
    /// [`StrategyError::Window`] if a window is empty or needs rule outputs beyond the history.
    pub fn coarse_weights(
        &self,
        parameters: &ParameterSets,
        outputs: Tensor<3>,
        windows: &Windows,
    ) -> Result<Tensor<3>, StrategyError> {
        let interval = self.settings.update_interval_rows;
        let ramps = windows.ramps(interval);
        let available = outputs.dims()[1];
        let first_outputs: Vec<usize> = windows.starts.iter().map(|start| start / interval).collect();
        for (&start, &first) in windows.starts.iter().zip(&first_outputs) {
            let refuse = |detail: String| Err(StrategyError::Window { start, rows: windows.rows, detail });
            if windows.rows == 0 {
                return refuse("a window needs at least one row".into());
            }
            if first + ramps > available {
                return refuse(format!(
                    "it needs rule outputs {first} to {} but the prices give {available}",
                    first + ramps
                ));
            }
        }
        let context = RuleContext::new(parameters, &self.settings);
        let initial = context.initial_weights();
        let bounds = self.bounds(&initial);
        Ok(guardrails(outputs, initial, bounds, &first_outputs, ramps, &self.guardrail_settings()))
    }

    /// The guardrails of this strategy.
    pub fn guardrail_settings(&self) -> GuardrailSettings {
        GuardrailSettings {
            interpolation_rows: self.settings.interpolation_rows,
            minimum_weight: self.settings.minimum_weight,
            maximum_change_per_row: self.settings.maximum_change_per_row,
            straight_through_limits: self.settings.straight_through_limits,
            straight_through_cap: self.settings.straight_through_cap,
        }
    }

    /// Bounds `[sets, 2, assets]` beside initial weights `[sets, assets]`.
    fn bounds(&self, initial: &Tensor<2>) -> Option<Tensor<3>> {
        let bounds = self.settings.bounds.as_ref()?;
        let [sets, assets] = initial.dims();
        let both = [bounds.minimum.as_slice(), bounds.maximum.as_slice()].concat();
        let device = initial.device();
        Some(
            Tensor::<3>::from_data(TensorData::new(both, [1, 2, assets]), (&device, initial.dtype()))
                .expand([sets, 2, assets]),
        )
    }
}
