//! Why a call of a contract reverts.

use std::fmt;

use crate::{Int256, Uint256};

/// A call was reverted: nothing of it happened. The three kinds are those of the contracts' language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Revert {
    /// Arithmetic or indexing that the language itself refuses.
    #[error(transparent)]
    Panic(#[from] Panic),
    /// A condition with a reason; the text is the contract's.
    #[error(transparent)]
    Require(#[from] Require),
    /// An error with a name and arguments.
    #[error(transparent)]
    Custom(#[from] Custom),
}

/// A panic of the contracts' language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Panic {
    /// A result left its type.
    #[error("panic 0x11: arithmetic overflow or underflow")]
    Arithmetic,
    /// Division by zero.
    #[error("panic 0x12: division by zero")]
    DivisionByZero,
    /// A list is shorter than the number of assets.
    #[error("panic 0x32: index out of bounds")]
    IndexOutOfBounds,
}

impl Panic {
    /// The code as contracts report it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Arithmetic => "0x11",
            Self::DivisionByZero => "0x12",
            Self::IndexOutOfBounds => "0x32",
        }
    }
}

/// A failed condition. Its text is the contract's reason, letter by letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Require {
    /// A state element is above `2^127 - 1`.
    #[error("Overflow")]
    StateOverflow,
    /// A state element is below `-2^127`.
    #[error("Underflow")]
    StateUnderflow,
    /// The last of an odd number of state elements leaves 128 bits.
    #[error("Last array element overflow")]
    LastElementOverflow,
    /// An empty list is packed.
    #[error("LEN0")]
    EmptyList,
    /// A weight or multiplier leaves 32 bits at nine decimals.
    #[error("Overflow/Underflow")]
    NineDecimalsOverflow,
    /// The rule has no state of this length for the pool.
    #[error("SRC!=TGT")]
    StateMissing,
    /// A rule was called by another than the runner.
    #[error("UNAUTH_CALC")]
    CallerNotRunner,
    /// Initial moving averages are not one per asset.
    #[error("Invalid set moving avg")]
    InitialMovingAverages,
    /// Initial gradients are not one per asset.
    #[error("Invalid set gradient")]
    InitialGradient,
    /// Initial variances are not one per asset.
    #[error("Invalid set variance")]
    InitialVariance,
    /// Initial short averages are not one per asset.
    #[error("Invalid initial values")]
    InitialShortAverages,
    /// The runner does not know the pool.
    #[error("Pool not registered")]
    PoolNotRegistered,
    /// The update interval has not passed.
    #[error("Update not allowed")]
    IntervalNotElapsed,
    /// The pool's permissions lack this action.
    #[error("Pool not approved to perform update")]
    ActionNotApproved,
    /// An oracle of the pool was removed.
    #[error("Oracle not approved")]
    OracleNotApproved,
    /// All oracles of an asset are stale.
    #[error("No fresh oracle values available")]
    NoFreshOracle,
    /// A price feed answered zero or less.
    #[error("INVLDDATA")]
    InvalidOracleData,
    /// Weights are set by another than the runner.
    #[error("XUR")]
    SetterNotRunner,
    /// Not two values per asset.
    #[error("WD")]
    WeightsLength,
    /// A manual weight is below 0.01.
    #[error("Below min allowed weight")]
    ManualWeightBelowMinimum,
    /// A manual weight is above 0.99.
    #[error("Above max allowed weight")]
    ManualWeightAboveMaximum,
    /// lambda is not inside (0, 1).
    #[error("INVLAM")]
    Lambda,
    /// Neither one lambda nor one per asset.
    #[error("Either scalar or vector")]
    LambdaLength,
    /// The largest change per update is not inside (0, 1].
    #[error("INV_EPMX")]
    EpsilonMax,
    /// The guard rail is below 0.01 or not below `1 / assets`.
    #[error("INV_ABSWGT")]
    GuardRail,
    /// The trade limit is not inside (0, 0.3].
    #[error("INVMAXTRADE")]
    MaximumTradeSizeRatio,
    /// No oracles are given.
    #[error("NOPROVORC")]
    NoOracles,
    /// Not one list of oracles per asset.
    #[error("OLNWEIG")]
    OraclesLength,
    /// An oracle is not approved.
    #[error("Not approved oracled used")]
    UnapprovedOracle,
    /// The rule refuses its parameters.
    #[error("INVRLEPRM")]
    RuleParameters,
    /// No rule is given.
    #[error("Invalid rule")]
    NoRule,
    /// Not one asset per weight.
    #[error("INVASSWEIG")]
    AssetsLength,
    /// Not one token per weight.
    #[error("Token and weight counts must match")]
    TokensLength,
    /// Prices may not be of age zero only.
    #[error("INVORCSTAL")]
    Staleness,
    /// The update interval is zero.
    #[error("Update interval must be greater than 0")]
    UpdateInterval,
    /// No known permission is given.
    #[error("Invalid pool registry")]
    PoolRegistry,
}

/// An error with a name, and the numbers that it reports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Custom {
    /// A factor is `-2^255`.
    MulInputTooSmall,
    /// The magnitude of a product leaves `int256`.
    MulOverflow(Uint256),
    /// A product leaves 512 bits after scaling; its high word.
    MulDivFixedPointOverflow(Uint256),
    /// Numerator or denominator is `-2^255`.
    DivInputTooSmall,
    /// The magnitude of a quotient leaves `int256`.
    DivOverflow(Uint256),
    /// A quotient leaves 256 bits: high word of the numerator, and the denominator.
    MulDivOverflow(Uint256, Uint256),
    /// The exponent of the natural exponential is too large.
    ExpInputTooBig(Int256),
    /// The exponent of the binary exponential is 192 or more.
    Exp2InputTooBig(Int256),
    /// A logarithm of zero or less.
    LogInputTooSmall(Int256),
    /// The absolute value of `-2^255`.
    AbsInputTooSmall,
    /// An initial weight is below the guard rail.
    MinWeight,
    /// Initial weights do not sum to exactly one.
    NormalizedWeightInvariant,
    /// A trade is above its share of a balance.
    MaximumTradeSizeRatioExceeded,
    /// An amount in is above 30 % of its balance.
    MaxInRatio,
    /// An amount out is above 30 % of its balance.
    MaxOutRatio,
    /// The invariant is zero.
    ZeroInvariant,
    /// Unsigned division that rounds up, by zero.
    ZeroDivision,
    /// The base of a power leaves `int256`.
    BaseOutOfBounds,
    /// The exponent of a power is too large.
    ExponentOutOfBounds,
    /// Exponent times logarithm is outside [-41, 130].
    ProductOutOfBounds,
}

impl Custom {
    /// The contract's name of the error.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MulInputTooSmall => "PRBMathSD59x18__MulInputTooSmall",
            Self::MulOverflow(_) => "PRBMathSD59x18__MulOverflow",
            Self::MulDivFixedPointOverflow(_) => "PRBMath__MulDivFixedPointOverflow",
            Self::DivInputTooSmall => "PRBMathSD59x18__DivInputTooSmall",
            Self::DivOverflow(_) => "PRBMathSD59x18__DivOverflow",
            Self::MulDivOverflow(..) => "PRBMath__MulDivOverflow",
            Self::ExpInputTooBig(_) => "PRBMathSD59x18__ExpInputTooBig",
            Self::Exp2InputTooBig(_) => "PRBMathSD59x18__Exp2InputTooBig",
            Self::LogInputTooSmall(_) => "PRBMathSD59x18__LogInputTooSmall",
            Self::AbsInputTooSmall => "PRBMathSD59x18__AbsInputTooSmall",
            Self::MinWeight => "MinWeight",
            Self::NormalizedWeightInvariant => "NormalizedWeightInvariant",
            Self::MaximumTradeSizeRatioExceeded => "maxTradeSizeRatioExceeded",
            Self::MaxInRatio => "MaxInRatio",
            Self::MaxOutRatio => "MaxOutRatio",
            Self::ZeroInvariant => "ZeroInvariant",
            Self::ZeroDivision => "ZeroDivision",
            Self::BaseOutOfBounds => "BaseOutOfBounds",
            Self::ExponentOutOfBounds => "ExponentOutOfBounds",
            Self::ProductOutOfBounds => "ProductOutOfBounds",
        }
    }

    /// The numbers that the error reports, in decimal.
    pub fn arguments(&self) -> Vec<String> {
        match self {
            Self::MulOverflow(value) | Self::MulDivFixedPointOverflow(value) | Self::DivOverflow(value) => {
                vec![value.to_string()]
            }
            Self::MulDivOverflow(high, denominator) => vec![high.to_string(), denominator.to_string()],
            Self::ExpInputTooBig(value) | Self::Exp2InputTooBig(value) | Self::LogInputTooSmall(value) => {
                vec![value.to_string()]
            }
            _ => vec![],
        }
    }
}

impl fmt::Display for Custom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}({})", self.name(), self.arguments().join(", "))
    }
}

impl std::error::Error for Custom {}
