//! The six weight rules (spec 13.4, 13.5).

mod anti_momentum;
mod channel_following;
mod difference_momentum;
mod minimum_variance;
mod momentum;
mod power_channel;
mod signal;

use std::fmt;

use crate::Int256;
use crate::error::{Require, Revert};
use crate::estimators::{Estimate, Lambda, moving_average};
use crate::guard::guard;
use crate::packing::{pack_array, pack_pairs, unpack_array};

/// A weight rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Weights follow the proportional price trend.
    Momentum,
    /// Weights oppose the proportional price trend.
    AntiMomentum,
    /// Weights follow a signed power of the trend.
    PowerChannel,
    /// Mean reversion inside a channel, trend following outside it.
    ChannelFollowing,
    /// Weights follow the distance of a short average from a long one.
    DifferenceMomentum,
    /// Weights move to the inverse price variance.
    MinimumVariance,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 6] = [
        Self::Momentum,
        Self::AntiMomentum,
        Self::PowerChannel,
        Self::ChannelFollowing,
        Self::DifferenceMomentum,
        Self::MinimumVariance,
    ];

    /// The rule's name, as in the vector files.
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
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// Whether the rule's own check accepts these parameters. It does not know the number of assets (spec 13.9).
    pub fn valid_parameters(self, parameters: &[Vec<Int256>]) -> bool {
        match self {
            Self::Momentum | Self::AntiMomentum => momentum::valid_parameters(parameters),
            Self::PowerChannel => power_channel::valid_parameters(parameters),
            Self::ChannelFollowing => channel_following::valid_parameters(parameters),
            Self::DifferenceMomentum => difference_momentum::valid_parameters(parameters),
            Self::MinimumVariance => minimum_variance::valid_parameters(parameters),
        }
    }

    /// The state of a new pool from one moving average and one intermediate value per asset.
    ///
    /// The intermediate value is the running gradient, the running variance (minimum variance) or the short average
    /// (difference momentum).
    ///
    /// # Errors
    /// A list whose length is not `assets`, and those of [`pack_array`].
    pub fn initialise(
        self,
        moving_averages: &[Int256],
        intermediate: &[Int256],
        assets: usize,
    ) -> Result<RuleState, Revert> {
        if moving_averages.len() != assets {
            return Err(Require::InitialMovingAverages.into());
        }
        let moving_averages = pack_array(moving_averages)?;
        if intermediate.len() != assets {
            return Err(match self {
                Self::MinimumVariance => Require::InitialVariance,
                Self::DifferenceMomentum => Require::InitialShortAverages,
                _ => Require::InitialGradient,
            }
            .into());
        }
        Ok(RuleState { moving_averages, intermediate: pack_array(intermediate)? })
    }

    /// The weights before guard rails, and the rule's new intermediate state.
    ///
    /// # Errors
    /// What the rule's formula reverts with.
    pub fn raw_weights(self, inputs: &Inputs<'_>) -> Result<RawWeights, Revert> {
        match self {
            Self::Momentum => momentum::raw_weights(inputs),
            Self::AntiMomentum => anti_momentum::raw_weights(inputs),
            Self::PowerChannel => power_channel::raw_weights(inputs),
            Self::ChannelFollowing => channel_following::raw_weights(inputs),
            Self::DifferenceMomentum => difference_momentum::raw_weights(inputs),
            Self::MinimumVariance => minimum_variance::raw_weights(inputs),
        }
    }

    /// One call of the rule: new state and guarded weights. A revert leaves the state as it was.
    ///
    /// # Errors
    /// What the contract reverts with (spec 13.10).
    pub fn calculate(self, state: &mut RuleState, call: &RuleCall<'_>) -> Result<RuleOutcome, Revert> {
        if call.caller != Caller::Runner {
            return Err(Require::CallerNotRunner.into());
        }
        let assets = call.previous_weights.len();
        let old_averages = unpack_array(&state.moving_averages, assets)?;
        let averages = moving_average(call.prices, &old_averages, call.lambda)?;
        let moving_averages = match self {
            Self::DifferenceMomentum | Self::MinimumVariance => pack_array(&averages)?,
            _ => pack_pairs(&averages)?,
        };
        let raw = self.raw_weights(&Inputs {
            previous_weights: call.previous_weights,
            prices: call.prices,
            parameters: call.parameters,
            lambda: call.lambda,
            old_averages: &old_averages,
            averages: &averages,
            intermediate: &unpack_array(&state.intermediate, assets)?,
        })?;
        let guarded = guard(&raw.weights, call.previous_weights, call.epsilon_max, call.guard_rail)?;
        *state = RuleState { moving_averages, intermediate: raw.estimate.words };
        Ok(RuleOutcome { estimate: raw.estimate.values, raw: raw.weights, guarded })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// Who calls a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Caller {
    /// The runner, the only one that may.
    #[default]
    Runner,
    /// Anybody else.
    Other,
}

/// What one rule call is given. Values have 18 decimals.
#[derive(Clone, Copy, Debug)]
pub struct RuleCall<'a> {
    /// Who calls.
    pub caller: Caller,
    /// The pool's weights now; their number is the number of assets.
    pub previous_weights: &'a [Int256],
    /// Oracle prices; more than assets are ignored.
    pub prices: &'a [Int256],
    /// The rule's lists of parameters.
    pub parameters: &'a [Vec<Int256>],
    /// Decay of the estimators.
    pub lambda: Lambda<'a>,
    /// Largest change of a weight per update.
    pub epsilon_max: u64,
    /// Smallest weight.
    pub guard_rail: u64,
}

/// What a rule's formula is given.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The pool's weights now.
    pub previous_weights: &'a [Int256],
    /// Oracle prices.
    pub prices: &'a [Int256],
    /// The rule's lists of parameters.
    pub parameters: &'a [Vec<Int256>],
    /// Decay of the estimators.
    pub lambda: Lambda<'a>,
    /// Moving averages before this update.
    pub old_averages: &'a [Int256],
    /// Moving averages with this update's prices.
    pub averages: &'a [Int256],
    /// Running gradients, running variances or short averages before this update.
    pub intermediate: &'a [Int256],
}

/// Weights before guard rails: they may be negative, above one, and off a sum of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawWeights {
    /// One weight per asset.
    pub weights: Vec<Int256>,
    /// The rule's estimate (gradients, variances or short averages) and its state.
    pub estimate: Estimate,
}

/// What one rule call returns and reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleOutcome {
    /// Gradients, variances, or short averages.
    pub estimate: Vec<Int256>,
    /// Weights before guard rails.
    pub raw: Vec<Int256>,
    /// Weights after them; they sum to exactly one.
    pub guarded: Vec<Int256>,
}

/// What a rule keeps per pool, as stored: two 128-bit values to a word. Empty before initialisation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleState {
    moving_averages: Vec<Int256>,
    intermediate: Vec<Int256>,
}

impl RuleState {
    /// Moving averages, in price units.
    ///
    /// # Errors
    /// Those of [`unpack_array`].
    pub fn moving_averages(&self, assets: usize) -> Result<Vec<Int256>, Revert> {
        unpack_array(&self.moving_averages, assets)
    }

    /// Running gradients, running variances or short averages.
    ///
    /// # Errors
    /// Those of [`unpack_array`].
    pub fn intermediate(&self, assets: usize) -> Result<Vec<Int256>, Revert> {
        unpack_array(&self.intermediate, assets)
    }
}

/// A list of parameters by position.
fn list(parameters: &[Vec<Int256>], index: usize) -> Result<&[Int256], Revert> {
    parameters.get(index).map(Vec::as_slice).ok_or_else(|| crate::Panic::IndexOutOfBounds.into())
}
