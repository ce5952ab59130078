//! A strategy: a rule with its settings, run over whole histories for many parameter sets and windows at once.

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};
use gradpool_ops::guardrails::{GuardrailInputs, GuardrailSettings, guardrails};
use gradpool_ops::recurrence::RecurrenceForm;

use crate::bounds::{BOUND_LEAVES, learned_bounds};
use crate::context::RuleContext;
use crate::error::StrategyError;
use crate::estimators::{CoarseSeries, Estimator};
use crate::execution;
use crate::initial::InitialSettings;
use crate::parameters::{ParameterSets, ParameterValues};
use crate::rule::{LeafSpec, OutputKind, Rule, check_values, is_initial};
use crate::settings::{BoundsForm, InitialWeights, StrategySettings, WeightPath};

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
}

/// Coarse weights, and where in a window they are reached.
#[derive(Clone, Debug)]
pub struct CoarsePath {
    /// Weights at which each ramp starts, and where the last one ends, `[sets * windows, ramps + 1, assets]`.
    pub positions: Tensor<3>,
    /// Rows from the start of one ramp to that of the next.
    pub block_rows: usize,
    /// Rows in which weights move; then they hold.
    pub ramp_rows: usize,
    /// Whether one block at the first weights precedes the first ramp.
    pub constant_first_block: bool,
}

impl Strategy {
    /// Joins a rule and its settings.
    ///
    /// # Errors
    /// [`StrategyError::Setting`] for settings out of range, [`StrategyError::UnsupportedPath`] if the rule lacks the path
    /// that they ask for.
    pub fn new(rule: Arc<dyn Rule>, settings: StrategySettings) -> Result<Self, StrategyError> {
        settings.validate()?;
        rule.check_settings(&settings)?;
        execution::check_rule(rule.as_ref(), &settings)?;
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

    /// The parameter table: the rule's leaves, and those of trained bounds and fees where there are any; the initial weights come on
    /// top.
    pub fn leaves(&self) -> Vec<LeafSpec> {
        let mut leaves = self.rule.leaves();
        if self.settings.has_bound_leaves() {
            leaves.extend_from_slice(BOUND_LEAVES);
        }
        leaves.extend(self.settings.fee.leaves());
        leaves
    }

    /// Whether gradients never move a leaf: initial weights that are not trained, and frozen bounds.
    pub fn is_frozen(&self, leaf: &str) -> bool {
        let frozen_bounds = self.settings.bounds.as_ref().is_some_and(|bounds| bounds.form == BoundsForm::Frozen);
        let fixed = self.settings.initial_weights == InitialWeights::Fixed && is_initial(leaf);
        fixed || frozen_bounds && BOUND_LEAVES.iter().any(|spec| spec.name == leaf)
    }

    /// Checks parameter values against the table.
    ///
    /// # Errors
    /// The first missing, unknown, ill-sized or non-finite leaf.
    pub fn check(&self, values: &ParameterValues) -> Result<(), StrategyError> {
        check_values(self.rule(), &self.leaves(), values, 0, self.settings.assets)
    }

    /// Rows 0, c, 2c, ... of a row-major table `[rows, assets]`, as `[1, N, assets]`, `c` being the update interval.
    pub fn coarse_rows(&self, table: &[f64], device: &Device, dtype: DType) -> Tensor<3> {
        let assets = self.settings.assets;
        let coarse: Vec<f64> =
            table.chunks_exact(assets).step_by(self.settings.update_interval_rows).flatten().copied().collect();
        let rows = coarse.len() / assets;
        Tensor::from_data(TensorData::new(coarse, [1, rows, assets]), (device, dtype))
    }

    /// Whether the rule looks at circulating supplies beside prices.
    ///
    /// # Errors
    /// If the rule's own starting point is not a valid parameter set.
    pub fn needs_supplies(&self) -> Result<bool, StrategyError> {
        Ok(self.canonical_estimators()?.iter().any(Estimator::needs_supplies))
    }

    /// Columns of all estimates of one set together, at least one per asset: what rule outputs cost per coarse row. Averages
    /// and newest prices count half, since they take few steps.
    ///
    /// # Errors
    /// If the rule's own starting point is not a valid parameter set.
    pub fn estimated_columns(&self) -> Result<usize, StrategyError> {
        let assets = self.settings.assets;
        let half_columns = |estimator: &Estimator| match estimator {
            Estimator::Covariance { .. } => 2 * assets * assets,
            Estimator::Price | Estimator::MarketCap | Estimator::Average { .. } => assets,
            _ => 2 * assets,
        };
        Ok(self.canonical_estimators()?.iter().map(half_columns).sum::<usize>().div_ceil(2).max(assets))
    }

    /// The estimators of the rule's own starting point.
    fn canonical_estimators(&self) -> Result<Vec<Estimator>, StrategyError> {
        let canonical = InitialSettings::default().values(self.rule(), &self.settings)?;
        let parameters = ParameterSets::from_values(&[canonical], &Device::flex(), DType::F64)?;
        Ok(self.rule.estimators(&RuleContext::new(&parameters, &self.settings)))
    }

    /// Rule outputs `[sets, N - 1, assets]` over the whole history of `N` coarse rows; row `r` uses what was observed up to
    /// coarse row `r + 1`.
    ///
    /// # Errors
    /// [`StrategyError::NoSupplies`] if the rule needs them and they are absent.
    pub fn rule_outputs(&self, parameters: &ParameterSets, series: &CoarseSeries) -> Result<Tensor<3>, StrategyError> {
        let context = RuleContext::new(parameters, &self.settings);
        let estimators = self.rule.estimators(&context);
        if series.supplies.is_none() && estimators.iter().any(Estimator::needs_supplies) {
            return Err(StrategyError::NoSupplies { rule: self.rule.name().to_owned() });
        }
        let form = match self.resolved_path(&series.prices.device()) {
            WeightPath::Vectorized => RecurrenceForm::Blocked,
            WeightPath::Scan | WeightPath::Auto => RecurrenceForm::Sequential,
        };
        let sets = parameters.sets();
        let estimates: Vec<Tensor<3>> =
            estimators.iter().map(|estimator| estimator.estimate(series, form, sets)).collect();
        Ok(self.rule.signal(&estimates, &context))
    }

    /// Number of update intervals at the start of a window that hold the initial weights: one, but none where the rule gives
    /// targets (trap T3.10) and the pool does not begin on chain.
    pub fn held_intervals(&self) -> usize {
        usize::from(self.begins_at_initial_weights())
    }

    /// Whether windows begin at the initial weights, not at the first target.
    pub(crate) fn begins_at_initial_weights(&self) -> bool {
        self.settings.execution.is_on_chain() || self.rule.output_kind() != OutputKind::Target
    }

    /// Number of ramps that a window of `rows` rows shows, the last one perhaps in part.
    pub fn ramps(&self, rows: usize) -> usize {
        rows.div_ceil(self.settings.update_interval_rows).saturating_sub(self.held_intervals())
    }

    /// The output row that the first ramp of a window follows: the newest one known when the ramp begins (spec 02
    /// sec. 2.7).
    ///
    /// # Errors
    /// [`StrategyError::Window`] if a target rule has seen nothing before the window begins.
    pub fn first_output(&self, windows: &Windows, start: usize) -> Result<usize, StrategyError> {
        let interval = start / self.settings.update_interval_rows;
        let lookahead = usize::from(self.settings.compatibility.min_variance_lookahead);
        match self.rule.output_kind() {
            _ if self.begins_at_initial_weights() => Ok(interval),
            OutputKind::Change | OutputKind::Constant => Ok(interval),
            OutputKind::Target => (interval + lookahead).checked_sub(1).ok_or_else(|| StrategyError::Window {
                start,
                rows: windows.rows,
                detail: format!(
                    "the rule `{}` moves from the first row on and needs a burn-in of at least one update interval",
                    self.rule.name()
                ),
            }),
        }
    }

    /// Coarse weights `[sets * windows, ramps + 1, assets]` from rule outputs `[sets, N - 1, assets]`: the weights at which
    /// each ramp of each window starts, and where the last one ends. The batch is set-major.
    ///
    /// With a change rule a window begins at the initial weights; with a target rule at the first target. A pool on chain
    /// always begins at the initial weights; its weights are given as shares, see [`Strategy::executed`].
    ///
    /// # Errors
    /// [`StrategyError::Window`] if a window is empty or needs rule outputs that do not exist.
    pub fn coarse_weights(
        &self,
        parameters: &ParameterSets,
        outputs: Tensor<3>,
        windows: &Windows,
    ) -> Result<Tensor<3>, StrategyError> {
        if self.settings.execution.is_on_chain()
            && let Some(executed) = self.executed(parameters, outputs.clone(), windows)?
        {
            return Ok(execution::shares(executed.weights));
        }
        let first_outputs = self.first_outputs(&outputs, windows)?;
        let at_initial = self.begins_at_initial_weights();
        let mut inputs = self.moves(parameters, outputs.clone(), windows, at_initial);
        if !at_initial {
            inputs.initial = self.first_targets(&outputs, inputs.bounds.clone(), &first_outputs);
        }
        Ok(guardrails(inputs, &first_outputs, self.ramps(windows.rows), &self.guardrail_settings()))
    }

    /// [`Strategy::coarse_weights`] and how they lie in a window. Where a run of a pool on chain ends inside an update
    /// interval, those of every row.
    ///
    /// # Errors
    /// As [`Strategy::coarse_weights`].
    pub fn coarse_path(
        &self,
        parameters: &ParameterSets,
        outputs: Tensor<3>,
        windows: &Windows,
    ) -> Result<CoarsePath, StrategyError> {
        if self.settings.execution.is_on_chain()
            && let Some(executed) = self.executed(parameters, outputs.clone(), windows)?
        {
            return Ok(self.executed_path(executed));
        }
        Ok(CoarsePath {
            positions: self.coarse_weights(parameters, outputs, windows)?,
            block_rows: self.settings.update_interval_rows,
            ramp_rows: self.settings.interpolation_rows,
            constant_first_block: self.held_intervals() > 0,
        })
    }

    /// Per window, the output row that its first ramp follows.
    pub(crate) fn first_outputs(&self, outputs: &Tensor<3>, windows: &Windows) -> Result<Vec<usize>, StrategyError> {
        let ramps = self.ramps(windows.rows);
        let [_, available, _] = outputs.dims();
        let mut first_outputs = Vec::with_capacity(windows.starts.len());
        for &start in &windows.starts {
            let refuse = |detail: String| Err(StrategyError::Window { start, rows: windows.rows, detail });
            if windows.rows == 0 {
                return refuse("a window needs at least one row".into());
            }
            let first = self.first_output(windows, start)?;
            if first + ramps > available {
                return refuse(format!(
                    "it needs rule outputs {first} to {} but the prices give {available}",
                    first + ramps
                ));
            }
            first_outputs.push(first);
        }
        Ok(first_outputs)
    }

    /// What moves the weights of all windows; from the initial weights on if `at_initial`, else from nothing.
    pub(crate) fn moves(
        &self,
        parameters: &ParameterSets,
        outputs: Tensor<3>,
        windows: &Windows,
        at_initial: bool,
    ) -> GuardrailInputs {
        let [sets, _, assets] = outputs.dims();
        let entries = sets * windows.starts.len();
        let context = RuleContext::new(parameters, &self.settings);
        let retention = self.rule.retention(&context);
        let target = self.rule.output_kind() == OutputKind::Target;
        let initial = if at_initial {
            let initial = context.initial_weights().unsqueeze_dim::<3>(1);
            initial.expand([sets, windows.starts.len(), assets]).reshape([entries, assets])
        } else {
            Tensor::<2>::zeros([entries, assets], (&outputs.device(), outputs.dtype()))
        };
        let outputs = match retention.as_ref().filter(|_| target) {
            Some(retention) => outputs * (retention.clone().neg() + 1.0).unsqueeze_dim::<3>(1),
            None => outputs,
        };
        GuardrailInputs { outputs, initial, retention, bounds: self.bounds(&context) }
    }

    /// Where windows of a target rule begin, `[sets * windows, assets]`: the guarded first target (spec 03 sec. 3.3).
    fn first_targets(&self, outputs: &Tensor<3>, bounds: Option<Tensor<3>>, first_outputs: &[usize]) -> Tensor<2> {
        let [sets, _, assets] = outputs.dims();
        let entries = sets * first_outputs.len();
        let nothing = Tensor::<2>::zeros([entries, assets], (&outputs.device(), outputs.dtype()));
        let inputs = GuardrailInputs { outputs: outputs.clone(), initial: nothing, retention: None, bounds };
        let positions = guardrails(inputs, first_outputs, 1, &self.first_target_settings());
        positions.slice([0..entries, 1..2, 0..assets]).squeeze_dim(1)
    }

    /// The guardrails of this strategy.
    pub fn guardrail_settings(&self) -> GuardrailSettings {
        GuardrailSettings {
            interpolation_rows: self.settings.interpolation_rows,
            minimum_weight: if self.rule.output_kind() == OutputKind::Constant {
                0.0
            } else {
                self.settings.minimum_weight
            },
            maximum_change_per_row: self.settings.maximum_change_per_row,
            straight_through_limits: self.settings.straight_through_limits,
            straight_through_cap: self.settings.straight_through_cap,
        }
    }

    /// Guardrails that reach the target of a step from zero at once.
    pub(crate) fn first_target_settings(&self) -> GuardrailSettings {
        GuardrailSettings { interpolation_rows: 1, maximum_change_per_row: f64::INFINITY, ..self.guardrail_settings() }
    }

    /// Bounds `[sets, 2, assets]` of every parameter set, if there are any.
    pub(crate) fn bounds(&self, context: &RuleContext<'_>) -> Option<Tensor<3>> {
        let bounds = self.settings.bounds.as_ref()?;
        let assets = self.settings.assets;
        match bounds.form {
            BoundsForm::Learned => Some(learned_bounds(context.parameters, assets)),
            BoundsForm::Frozen => {
                let frozen = context.parameters.map(|_, leaf| leaf.clone().detach());
                Some(learned_bounds(&frozen, assets))
            }
            BoundsForm::Fixed => {
                let both = [bounds.minimum.as_slice(), bounds.maximum.as_slice()].concat();
                let data = TensorData::new(both, [1, 2, assets]);
                let dtype = context.parameters.leaves.values().next().map_or(DType::F64, Tensor::dtype);
                let bounds = Tensor::<3>::from_data(data, (&context.device(), dtype));
                Some(bounds.expand([context.sets(), 2, assets]))
            }
        }
    }
}
