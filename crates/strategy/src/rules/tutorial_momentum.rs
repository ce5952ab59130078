//! The strategy of the tutorial contract (spec 14), in floats.

use burn::tensor::{DType, Device, Tensor};

use super::leaves::{ABSOLUTE_K, K, LOG_K, LOGIT_LAMB};
use crate::context::RuleContext;
use crate::error::StrategyError;
use crate::estimators::{Estimator, Observation};
use crate::initial::InitialSettings;
use crate::parameters::{ParameterSets, ParameterValues};
use crate::rule::{LeafShape, LeafSpec, Rule};
use crate::settings::StrategySettings;

/// Weight change `kappa (g_i - mean g)` of the distance `g = (p - m) / m` of the newest price from its moving average `m`, which
/// knows that price already.
///
/// The contract has one decay and one gain for all assets, and so has the rule: its leaves are single numbers, and a value per asset
/// is refused. The gain is scaled by the memory like that of momentum; `absolute_k` is the contract's kappa as it stands.
#[derive(Clone, Copy, Debug)]
pub struct TutorialMomentum;

/// What the contract is told.
#[derive(Clone, Debug, PartialEq)]
pub struct TutorialTerms {
    /// Decay of the averages.
    pub lambda: f64,
    /// Gain.
    pub kappa: f64,
    /// Moving averages of the prices, per asset.
    pub averages: Vec<f64>,
}

impl TutorialMomentum {
    /// The rule's name.
    pub const NAME: &'static str = "tutorial_momentum";

    /// The contract's numbers for one checked parameter set, its averages those after coarse price rows: they begin at the first row's
    /// prices, and are empty without rows.
    ///
    /// # Errors
    /// What the parameters refuse.
    pub fn terms<'a>(
        values: &ParameterValues,
        settings: &StrategySettings,
        rows: impl IntoIterator<Item = &'a [f64]>,
    ) -> Result<TutorialTerms, StrategyError> {
        let sets = ParameterSets::from_values(std::slice::from_ref(values), &Device::flex(), DType::F64)?;
        let context = RuleContext::new(&sets, settings);
        let decay = context.capped(context.decay());
        let kappa = context.gain(context.memory_days(context.decay()));
        let shared = |values: Tensor<2>| values.into_data().iter::<f64>().next().unwrap_or(f64::NAN);
        let stepper = Estimator::Average { decay: decay.clone() }.stepper();
        let mut rows = rows.into_iter().map(Observation::from);
        let mut averages = Vec::new();
        if let Some(first) = rows.next() {
            let mut state = stepper.initial_state(first);
            averages = first.prices.to_vec();
            for row in rows {
                averages = stepper.step(&mut state, row);
            }
        }
        Ok(TutorialTerms { lambda: shared(decay), kappa: shared(kappa), averages })
    }
}

const ONE_NUMBER: LeafShape = LeafShape::Values(1);

impl Rule for TutorialMomentum {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn summary(&self) -> &'static str {
        "buys what stands higher above its own average than the others; the tutorial contract's rule"
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        [LOG_K, K, ABSOLUTE_K, LOGIT_LAMB].map(|leaf| leaf.with_shape(ONE_NUMBER)).to_vec()
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        vec![Estimator::Price, Estimator::Average { decay: context.capped(context.decay()) }]
    }

    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        let (price, average) = (estimates[0].clone(), estimates[1].clone());
        let gradient = (price - average.clone()) / average;
        let mean = gradient.clone().sum_dim(2) * (1.0 / context.settings.assets as f64);
        let gain = context.gain(context.memory_days(context.decay()));
        (gradient - mean) * gain.unsqueeze_dim::<3>(1)
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        // Different gains are kept, for the check of the table to refuse them.
        let gains = &initial.k_per_day;
        let one = gains.iter().all(|gain| *gain == gains[0]);
        let gains = if one { &gains[..1] } else { gains };
        let decay = initial.logit_decay(initial.memory_days, settings);
        ParameterValues::new([
            ("log_k", gains.iter().map(|gain| gain.log2()).collect()),
            ("logit_lamb", decay.into_iter().take(1).collect()),
        ])
    }
}
