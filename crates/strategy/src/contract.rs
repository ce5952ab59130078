//! What a rule is on the chain, in real numbers: the contract's rule, its parameters, and the state of its estimators (spec
//! 13.2 to 13.5), with the structural differences of spec 13.12 settled or reported.

use burn::tensor::{DType, Device, Tensor};
use thiserror::Error;

use crate::context::RuleContext;
use crate::error::StrategyError;
use crate::estimators::{GradientState, advance_average};
use crate::parameters::{ParameterSets, ParameterValues};
use crate::strategy::Strategy;

/// A weight rule of the contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContractRule {
    /// Weights follow the relative price gradient.
    Momentum,
    /// Weights oppose it.
    AntiMomentum,
    /// Weights follow a signed power of it.
    PowerChannel,
    /// Mean reversion inside a channel, a power law outside it.
    ChannelFollowing,
    /// Weights follow the distance of a short average from a long one.
    DifferenceMomentum,
    /// Weights move to the inverse variances of prices.
    MinimumVariance,
}

impl ContractRule {
    /// The name, as in the contracts' vector files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Momentum => "momentum",
            Self::AntiMomentum => "antimomentum",
            Self::PowerChannel => "power_channel",
            Self::ChannelFollowing => "channel_following",
            Self::DifferenceMomentum => "difference_momentum",
            Self::MinimumVariance => "minimum_variance",
        }
    }

    /// The rule of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        use ContractRule::{
            AntiMomentum, ChannelFollowing, DifferenceMomentum, MinimumVariance, Momentum, PowerChannel,
        };
        let all = [Momentum, AntiMomentum, PowerChannel, ChannelFollowing, DifferenceMomentum, MinimumVariance];
        all.into_iter().find(|rule| rule.name() == name)
    }

    /// Names of the rule's lists of parameters, in the contract's order. Lists that the contract may do without are left
    /// out.
    pub const fn lists(self) -> &'static [&'static str] {
        match self {
            Self::Momentum | Self::AntiMomentum => &[KAPPA],
            Self::PowerChannel => &[KAPPA, EXPONENT],
            Self::ChannelFollowing => {
                &[KAPPA, WIDTH, AMPLITUDE, EXPONENT, INVERSE_SCALING, PRE_EXP_SCALING, USE_RAW_PRICE]
            }
            Self::DifferenceMomentum => &[KAPPA, SHORT_LAMBDA],
            Self::MinimumVariance => &[KEPT_SHARE],
        }
    }
}

/// One list of a contract rule's parameters: one value for all assets, or one per asset.
#[derive(Clone, Debug, PartialEq)]
pub struct ContractList {
    /// What it holds.
    pub name: &'static str,
    /// Its values.
    pub values: Vec<f64>,
}

impl ContractList {
    /// A list of one parameter set's values, `[1, assets]`.
    pub fn new(name: &'static str, values: Tensor<2>) -> Self {
        Self { name, values: values.into_data().iter::<f64>().collect() }
    }

    /// A list of one value.
    pub fn single(name: &'static str, value: f64) -> Self {
        Self { name, values: vec![value] }
    }
}

/// Leaves a single value of each list if none of them differs between assets; contracts want lists of one length.
#[must_use]
pub fn shared_if_equal<const N: usize>(mut lists: [ContractList; N]) -> [ContractList; N] {
    let is_shared = |list: &ContractList| list.values.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits());
    if lists.iter().all(is_shared) {
        for list in &mut lists {
            list.values.truncate(1);
        }
    }
    lists
}

/// A strategy as a contract computes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ContractTerms {
    /// The contract's rule.
    pub rule: ContractRule,
    /// Decay of the estimators: one for all assets, or one per asset.
    pub lambda: Vec<f64>,
    /// The rule's lists, in the contract's order.
    pub parameters: Vec<ContractList>,
    /// What the contract computes in another way than the strategy that was trained.
    pub caveats: Vec<ContractCaveat>,
}

/// Why a strategy has no contract.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ContractObstacle {
    /// No contract has this rule.
    #[error("no contract computes the rule `{rule}`")]
    NoContract {
        /// The rule.
        rule: String,
    },
    /// A second decay in the gradient's denominator.
    #[error("the gradient is divided by an average with a decay of its own, which no contract has")]
    AlternativeDecay,
    /// Scaling before a power that no gain makes up for.
    #[error(
        "the contract does not scale gradients before it takes their power, and the scaling differs between assets"
    )]
    UnequalScaling,
    /// Minimum variance with more than variances.
    #[error("the contract looks at variances alone, not at the whole covariance")]
    FullCovariance,
    /// Bounds per asset.
    #[error("the contract has one smallest weight for all assets and no bounds per asset")]
    WeightBounds,
    /// A reproduced defect of the reference system.
    #[error("the contract does not share the reproduced defect {0}")]
    ReproducedDefect(&'static str),
    /// Parameters that do not fit the strategy.
    #[error(transparent)]
    Parameters(#[from] StrategyError),
}

/// What a contract computes in another way than the strategy that was trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContractCaveat {
    /// The contract takes the variance of prices, the strategy that of returns (spec 13.12.4).
    VarianceOfReturns,
}

/// What a contract's estimators remember, per asset.
#[derive(Clone, Debug, PartialEq)]
pub struct ContractState {
    /// Moving averages of the prices.
    pub moving_averages: Vec<f64>,
    /// Running gradients, running variances of prices, or short averages, by rule.
    pub intermediate: Vec<f64>,
}

impl ContractTerms {
    /// Decay of every asset.
    pub fn decays(&self, assets: usize) -> Vec<f64> {
        per_asset(&self.lambda, assets)
    }

    /// The list of this name, if the rule has it.
    pub fn list(&self, name: &str) -> Option<&[f64]> {
        self.parameters.iter().find(|list| list.name == name).map(|list| list.values.as_slice())
    }

    /// The estimators' state after coarse price rows, which begin at the first row's prices without trend or variance.
    /// `None` without rows.
    pub fn state_after<'a>(&self, rows: impl IntoIterator<Item = &'a [f64]>) -> Option<ContractState> {
        let mut rows = rows.into_iter();
        let first = rows.next()?;
        let decays = self.decays(first.len());
        let mut running = GradientState::new(first, false);
        let mut spread = vec![0.0; first.len()];
        let mut short = first.to_vec();
        let short_decays = per_asset(self.list(SHORT_LAMBDA).unwrap_or(&[0.0]), first.len());
        for prices in rows {
            let before = running.average.clone();
            running.step(&decays, None, prices);
            for (asset, price) in prices.iter().enumerate() {
                let deviations = (price - before[asset]) * (price - running.average[asset]);
                spread[asset] = decays[asset] * spread[asset] + deviations;
                advance_average(&mut short[asset], short_decays[asset], *price);
            }
        }
        let intermediate = match self.rule {
            ContractRule::DifferenceMomentum => short,
            ContractRule::MinimumVariance => spread,
            _ => running.running,
        };
        Some(ContractState { moving_averages: running.average, intermediate })
    }
}

/// The gain of all rules but minimum variance.
pub const KAPPA: &str = "kappa";
/// Decay of the short average of difference momentum.
pub const SHORT_LAMBDA: &str = "lambda_short";
/// Share of its weight that an asset keeps in minimum variance.
pub const KEPT_SHARE: &str = "mixing_variance";
/// Exponent of a power law.
pub const EXPONENT: &str = "exponent";
/// Width of a channel.
pub const WIDTH: &str = "width";
/// Amplitude of a channel.
pub const AMPLITUDE: &str = "amplitude";
/// What a channel is divided by.
pub const INVERSE_SCALING: &str = "inverse_scaling";
/// Half of what gradients are divided by before their power is taken.
pub const PRE_EXP_SCALING: &str = "pre_exp_scaling";
/// Whether gradients are divided by prices instead of averages: 0 or 1.
pub const USE_RAW_PRICE: &str = "use_raw_price";

/// A value per asset from one for all or one per asset.
pub(crate) fn per_asset(values: &[f64], assets: usize) -> Vec<f64> {
    (0..assets).map(|asset| if values.len() == 1 { values[0] } else { values[asset] }).collect()
}

/// Values of one parameter set on the host.
pub(crate) fn to_host(values: Tensor<2>) -> Vec<f64> {
    values.into_data().iter::<f64>().collect()
}

/// One value if all are the same.
pub(crate) fn lambda_of(decay: Tensor<2>) -> Vec<f64> {
    let [list] = shared_if_equal([ContractList::new("lambda", decay)]);
    list.values
}

impl Strategy {
    /// The strategy with one parameter set as a contract computes it.
    ///
    /// # Errors
    /// Everything that keeps it from being one.
    pub fn contract(&self, values: &ParameterValues) -> Result<ContractTerms, Vec<ContractObstacle>> {
        self.check(values).map_err(|error| vec![error.into()])?;
        let sets = ParameterSets::from_values(std::slice::from_ref(values), &Device::flex(), DType::F64)
            .map_err(|error| vec![error.into()])?;
        let context = RuleContext::new(&sets, self.settings());
        let mut obstacles = Vec::new();
        if self.settings().bounds.is_some() {
            obstacles.push(ContractObstacle::WeightBounds);
        }
        let compatibility = self.settings().compatibility;
        if compatibility.scalar_gain_offset && context.gain_is_shared() {
            obstacles.push(ContractObstacle::ReproducedDefect("scalar_gain_offset"));
        }
        if compatibility.min_variance_lookahead {
            obstacles.push(ContractObstacle::ReproducedDefect("min_variance_lookahead"));
        }
        match self.rule().contract(&context) {
            Ok(terms) if obstacles.is_empty() => Ok(terms),
            Ok(_) => Err(obstacles),
            Err(own) => Err([own, obstacles].concat()),
        }
    }

    /// The parameters whose contract is `terms`; without initial weights. `None` if the rule has no such contract.
    pub fn values_of_contract(&self, terms: &ContractTerms) -> Option<ParameterValues> {
        self.rule().values_of_contract(terms, self.settings())
    }
}
