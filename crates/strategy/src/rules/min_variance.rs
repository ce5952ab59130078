//! Minimum variance: weights that would have moved least (spec 02 sec. 2.1.6 and 2.6).

use burn::tensor::Tensor;
use gradpool_ops::solve;
use serde::{Deserialize, Serialize};

use super::difference_momentum::decay_pair;
use super::leaves::{LOGIT_DELTA_LAMB, LOGIT_LAMB, MEMORY_DAYS_1, MEMORY_DAYS_2};
use crate::context::RuleContext;
use crate::contract::{
    ContractCaveat, ContractList, ContractObstacle, ContractRule, ContractTerms, KEPT_SHARE, lambda_of,
};
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::ParameterValues;
use crate::rule::{LeafShape, LeafSpec, OutputKind, Rule};
use crate::settings::StrategySettings;
use crate::transforms::logistic;

/// Smallest variance; an asset that never moves takes the weight of one with this variance (trap T2.4).
const SMALLEST_VARIANCE: f64 = 1e-18;

/// Which part of the covariance of returns decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    /// Variances alone: weights in proportion to `1 / variance`.
    #[default]
    Diagonal,
    /// The whole matrix `C`: weights in proportion to `((1 - s) C + s diag(C))^-1 1`, with the shrinkage
    /// `s = logistic(logit_shrinkage)`. They may be negative, where the guardrails put the smallest weight.
    Full,
}

/// Target weights of least variance, smoothed over `memory_days_2`. Variances are those of returns; those of prices on chain.
#[derive(Clone, Copy, Debug, Default)]
pub struct MinVariance {
    /// Which part of the covariance decides.
    pub covariance: Covariance,
}

impl MinVariance {
    /// The decay of the covariance.
    fn decay(context: &RuleContext<'_>) -> Tensor<2> {
        context.capped(match context.days("memory_days_1") {
            Some(days) => context.decay_of_days(days),
            None => context.decay(),
        })
    }
}

const LOGIT_SHRINKAGE: LeafSpec =
    LeafSpec::required("logit_shrinkage", "shrinkage of the covariance toward its diagonal = logistic", (-6.0, 6.0))
        .with_shape(LeafShape::Values(1));

/// Canonical shrinkage 0.1.
const INITIAL_LOGIT_SHRINKAGE: f64 = -2.197_224_577_336_219_6;

impl Rule for MinVariance {
    fn name(&self) -> &'static str {
        "min_variance"
    }

    fn summary(&self) -> &'static str {
        "holds the weights whose past returns varied least"
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        let group = Some("memory".into());
        let mut leaves = vec![
            LeafSpec { group: group.clone(), needs: Some(MEMORY_DAYS_2.name), ..MEMORY_DAYS_1 },
            LeafSpec { group: None, ..MEMORY_DAYS_2 },
            LeafSpec { group, ..LOGIT_LAMB },
            LOGIT_DELTA_LAMB,
        ];
        if self.covariance == Covariance::Full {
            leaves.push(LOGIT_SHRINKAGE);
        }
        leaves
    }

    fn output_kind(&self) -> OutputKind {
        OutputKind::Target
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        let decay = Self::decay(context);
        vec![match self.covariance {
            // The contract looks at prices, not returns (spec 13 sec. 12.4).
            Covariance::Diagonal if context.settings.execution.is_on_chain() => Estimator::PriceVariance { decay },
            Covariance::Diagonal => Estimator::Variance { decay },
            Covariance::Full => Estimator::Covariance { decay },
        }]
    }

    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        let raw = match self.covariance {
            Covariance::Diagonal => estimates[0].clone().clamp_min(SMALLEST_VARIANCE).recip(),
            Covariance::Full => least_variance(estimates[0].clone(), context),
        };
        raw.clone() / raw.sum_dim(2)
    }

    fn has_contract(&self) -> bool {
        self.covariance == Covariance::Diagonal
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        let values = initial.memory_values(settings);
        match self.covariance {
            Covariance::Diagonal => values,
            Covariance::Full => values.with("logit_shrinkage", vec![INITIAL_LOGIT_SHRINKAGE]),
        }
    }

    fn contract(&self, context: &RuleContext<'_>) -> Result<ContractTerms, Vec<ContractObstacle>> {
        if self.covariance == Covariance::Full {
            return Err(vec![ContractObstacle::FullCovariance]);
        }
        let of_returns = |estimator: &Estimator| matches!(estimator, Estimator::Variance { .. });
        let caveat = self.estimators(context).iter().any(of_returns).then_some(ContractCaveat::VarianceOfReturns);
        Ok(ContractTerms {
            rule: ContractRule::MinimumVariance,
            lambda: lambda_of(Self::decay(context)),
            parameters: vec![ContractList { name: KEPT_SHARE, values: lambda_of(context.smoothing()) }],
            caveats: caveat.into_iter().collect(),
        })
    }

    fn values_of_contract(&self, terms: &ContractTerms, settings: &StrategySettings) -> Option<ParameterValues> {
        decay_pair(terms, KEPT_SHARE, settings)
            .filter(|_| terms.rule == ContractRule::MinimumVariance && self.covariance == Covariance::Diagonal)
    }
}

/// `A^-1 1` for the shrunk covariance `A`, with variances of at least [`SMALLEST_VARIANCE`].
///
/// Solved for the correlations, `A = D R D`, which are well scaled whatever the assets' variances: `x = D^-1 R^-1 D^-1 1`.
fn least_variance(covariance: Tensor<3>, context: &RuleContext<'_>) -> Tensor<3> {
    let [sets, rows, _] = covariance.dims();
    let assets = context.settings.assets;
    let diagonal: Vec<Tensor<3>> = (0..assets)
        .map(|asset| {
            let at = asset * (assets + 1);
            covariance.clone().slice([0..sets, 0..rows, at..at + 1])
        })
        .collect();
    let inverse_deviation = Tensor::cat(diagonal, 2).clamp_min(SMALLEST_VARIANCE).sqrt().recip();
    let column: Tensor<4> = inverse_deviation.clone().unsqueeze_dim(3);
    let row: Tensor<4> = inverse_deviation.clone().unsqueeze_dim(2);
    let correlation = covariance * (column * row).reshape([sets, rows, assets * assets]);
    let identity = Tensor::<2>::eye(assets, &correlation.device()).cast(correlation.dtype());
    let identity = identity.reshape([1, 1, assets * assets]);
    let off_diagonal = identity.clone().neg() + 1.0;
    let shrinkage = logistic(context.parameters.leaves["logit_shrinkage"].clone()).unsqueeze_dim::<3>(1);
    let shrunk = correlation * off_diagonal * (shrinkage.neg() + 1.0) + identity;
    solve(shrunk, inverse_deviation.clone()) * inverse_deviation
}
