//! `[pool]`: the pool, its rule, its guardrails and how its value is computed.

use gradpool_strategy::rules;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::InputsSection;
use super::curves::{CowSection, GyroscopeSection, ReclammSection};

/// The rule whose parts are in `pool.blend`.
pub(crate) const COMPOSITE: &str = "composite";

/// The pool: which rule moves its weights, within which limits, and how its value is computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the configuration")]
pub struct PoolSection {
    /// Rule that turns price history into weights: a name that `gradpool rules` lists, or "composite" (see `blend`).
    pub rule: String,
    /// Value of the first deposit, in the currency of the prices.
    pub initial_value: f64,
    /// Swap fee as a fraction of the amount paid in (0.003 is 0.3 %).
    pub fee_rate: f64,
    /// Where the swap fee comes from; one that is trained starts at `fee_rate`.
    pub fee_form: FeeForm,
    /// Cost of one arbitrage, in the currency of the prices.
    pub gas_cost: f64,
    /// The arbitrageur's own cost as a fraction of what changes hands; both ways of a trade count by half.
    pub arbitrage_fee: f64,
    /// Noise trading, whose fees the pool earns too, as a multiple of arbitrage.
    pub noise_trader_ratio: f64,
    /// Share of the swap fee that the protocol takes.
    pub protocol_fee_share: f64,
    /// Minutes between two evaluations of the rule.
    pub update_interval_min: f64,
    /// Minutes over which weights move to their new target; then they rest. Default: `update_interval_min`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpolation_min: Option<f64>,
    /// How weights move between two evaluations of the rule.
    pub interpolation: Interpolation,
    /// Largest change of any weight per minute.
    pub maximum_change_per_min: f64,
    /// Smallest weight of any asset. Default: 0.1 divided by the number of assets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_weight: Option<f64>,
    /// Longest memory of an estimator, in days; also the price history that is read before the first simulated row.
    pub maximum_memory_days: f64,
    /// Minutes between two arbitrages. Default: one row of prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arbitrage_interval_min: Option<f64>,
    /// false: nobody trades with the pool, its reserves stay as deposited.
    pub arbitrate: bool,
    /// Which trades an arbitrageur considers when there are fees.
    pub arbitrage: Arbitrage,
    /// How the pool moves its weights: as real numbers would, or as deployed contracts do.
    pub execution: Execution,
    /// Largest change of any weight per update of a pool on chain. Default: `maximum_change_per_min` times
    /// `interpolation_min`, at most 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon_max: Option<f64>,
    /// How weights are computed from prices.
    pub weights: WeightPath,
    /// How the pool's value is computed from weights and prices.
    pub valuation: Valuation,
    /// Divide the price gradient by an average with a decay of its own (leaf `logit_delta_lamb`).
    pub alternative_decay: bool,
    /// Scale the price gradient by a trained factor before a power of it is taken (power and channel rules).
    pub pre_exponent_scaling: bool,
    /// Which part of the covariance of returns decides (rule "min_variance").
    pub covariance: Covariance,
    /// Largest weight of an asset in the index (rule "index_market_cap"). Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_index_weight: Option<f64>,
    /// What the manager of an index fund takes in a year, a fraction of its value (rule "trad_hodling_index_market_cap").
    /// Default: 0.04.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annual_streaming_fee: Option<f64>,
    /// Instead of the pool: a portfolio that is set to the pool's weights on a market, at every arbitrage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<Benchmark>,
    /// Let gradients pass the limit on the speed of weights as if it were not there.
    pub straight_through_speed_cap: bool,
    /// Let gradients pass the smallest and largest weight as if they were not there.
    pub straight_through_weight_limits: bool,
    /// The rules that the rule "composite" blends, with shares that are trained.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blend: Vec<BlendComponent>,
    /// Copies of the rule with parameters of their own, whose outputs are averaged.
    pub ensemble: EnsembleSection,
    /// Whether training moves the weights that a window begins with. Default: "learned" for rules that have no other
    /// parameters, else "fixed".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_weights: Option<InitialWeights>,
    /// Files of what changes from row to row around the pool.
    #[serde(skip_serializing_if = "InputsSection::is_empty")]
    pub inputs: InputsSection,
    /// Limits of the weights per asset.
    #[serde(skip_serializing_if = "WeightBounds::is_absent")]
    pub bounds: WeightBounds,
    /// Rule "cow": a CoW pool (FM-AMM) of two assets.
    pub cow: CowSection,
    /// Rule "gyroscope": a Gyroscope E-CLP of two assets.
    pub gyroscope: GyroscopeSection,
    /// Rule "reclamm": a Balancer reCLAMM of two assets.
    pub reclamm: ReclammSection,
    /// Defects of the reference system to reproduce, for comparison with it only.
    pub compat: PoolCompat,
}

impl Default for PoolSection {
    fn default() -> Self {
        Self {
            rule: "momentum".to_owned(),
            initial_value: 1e6,
            fee_rate: 0.0,
            fee_form: FeeForm::Fixed,
            gas_cost: 0.0,
            arbitrage_fee: 0.0,
            noise_trader_ratio: 0.0,
            protocol_fee_share: 0.0,
            update_interval_min: 1440.0,
            interpolation_min: None,
            interpolation: Interpolation::Linear,
            maximum_change_per_min: 3e-4,
            minimum_weight: None,
            maximum_memory_days: 365.0,
            arbitrage_interval_min: None,
            arbitrate: true,
            arbitrage: Arbitrage::Optimal,
            execution: Execution::Ideal,
            epsilon_max: None,
            weights: WeightPath::Auto,
            valuation: Valuation::Auto,
            alternative_decay: false,
            pre_exponent_scaling: true,
            covariance: Covariance::Diagonal,
            largest_index_weight: None,
            annual_streaming_fee: None,
            benchmark: None,
            straight_through_speed_cap: false,
            straight_through_weight_limits: false,
            blend: Vec::new(),
            ensemble: EnsembleSection::default(),
            initial_weights: None,
            inputs: InputsSection::default(),
            bounds: WeightBounds::default(),
            cow: CowSection::default(),
            gyroscope: GyroscopeSection::default(),
            reclamm: ReclammSection::default(),
            compat: PoolCompat::default(),
        }
    }
}

/// Where the swap fee comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeeForm {
    /// `pool.fee_rate`, or a series of `[pool.inputs]`.
    #[default]
    Fixed,
    /// A parameter.
    Learned,
    /// Parameters and the volatility of prices: a constant part, and one that grows with it.
    Volatility,
    /// Parameters and the momentum of prices, up or down.
    Momentum,
}

impl From<FeeForm> for gradpool_strategy::fees::FeeForm {
    fn from(form: FeeForm) -> Self {
        match form {
            FeeForm::Fixed => Self::Fixed,
            FeeForm::Learned => Self::Learned,
            FeeForm::Volatility => Self::Volatility,
            FeeForm::Momentum => Self::Momentum,
        }
    }
}

/// How weights move between two evaluations of the rule (spec 03 sec. 3.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// In a straight line.
    #[default]
    Linear,
    /// Halfway between the straight line and the geometric path, which loses less to arbitrage.
    ApproxOptimal,
}

/// Which trades an arbitrageur considers when there are fees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arbitrage {
    /// The best trade over all assets.
    #[default]
    Optimal,
    /// The best trade of one asset for one other.
    Pairwise,
}

/// How the pool moves its weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Execution {
    /// To their target in `interpolation_min`, then they rest.
    #[default]
    Ideal,
    /// With the contracts' limits and decimals, from where they are, past their target until the next update or the first
    /// rail. `interpolation_min` is the contract's update interval, `update_interval_min` how often updates come.
    Onchain,
}

/// How weights are computed from prices. All ways give the same weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeightPath {
    /// Picked by device and size.
    #[default]
    Auto,
    /// The whole history at once.
    Vectorized,
    /// One update after another.
    Scan,
}

/// How the pool's value is computed from weights and prices. All ways give the same value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Valuation {
    /// In closed form where that applies, else step by step.
    #[default]
    Auto,
    /// In closed form; an error where that does not apply.
    ClosedForm,
    /// One row after another.
    StepByStep,
}

/// Which part of the covariance of returns decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    /// Variances alone.
    #[default]
    Diagonal,
    /// The whole matrix, shrunk toward its diagonal by a trained share.
    Full,
}

/// A portfolio on a market that a pool is measured against (spec 04 sec. 4.8.7). `pool.fee_rate` is the market's fee on what is sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Benchmark {
    /// It pays the fee alone.
    Lvr,
    /// It pays the fee and half the bid-ask spread, estimated for every day from the open, high, low and close prices of the files.
    Rvr,
}

/// A rule that a composite blends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlendComponent {
    /// What its parameters are called by: `name.log_k`. Default: the rule's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its rule; not a composite.
    pub rule: String,
    /// Which part of the covariance of returns decides (rule "min_variance").
    #[serde(default)]
    pub covariance: Covariance,
    /// Largest weight of an asset in the index (rule "index_market_cap"). Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_index_weight: Option<f64>,
}

impl From<Covariance> for rules::Covariance {
    fn from(covariance: Covariance) -> Self {
        match covariance {
            Covariance::Diagonal => Self::Diagonal,
            Covariance::Full => Self::Full,
        }
    }
}

impl BlendComponent {
    /// What its parameters are called by.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.rule)
    }
}

/// Copies of the rule with parameters of their own, whose outputs are averaged (spec 03 sec. 3.8).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EnsembleSection {
    /// Number of copies; 1 is the rule itself.
    pub members: usize,
    /// How the members' starting points are spread.
    pub method: EnsembleMethod,
    /// Spread of parameters without a range of raw values (gains and memories given as they are): they start at the
    /// configuration's start times 1 - scale to 1 + scale. Not with method "gaussian".
    pub scale: f64,
    /// Seed of the spread. Method "gaussian" uses `runtime.seed`.
    pub seed: u64,
}

impl Default for EnsembleSection {
    fn default() -> Self {
        Self { members: 1, method: EnsembleMethod::Gaussian, scale: 0.5, seed: 42 }
    }
}

/// How the starting points of an ensemble's members are spread (spec 01 sec. 1.11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnsembleMethod {
    /// Normal offsets of `train.noise_scale` from the configuration's start, which is the first member of the first set.
    #[default]
    Gaussian,
    /// A Latin hypercube over the usual range of each parameter: one point in each of as many equal parts as points.
    Lhs,
    /// The same with points in the middle of their parts.
    CenteredLhs,
    /// Scrambled Sobol points over the usual range of each parameter.
    Sobol,
    /// Points of a regular grid over the usual range of each parameter, drawn without repetition.
    Grid,
}

/// Whether training moves the weights that a window begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InitialWeights {
    /// They are what was deposited.
    Fixed,
    /// They are parameters like all others.
    Learned,
}

/// Limits of the weights per asset, in alphabetical order of assets (spec 03 sec. 3.2.1). Both or none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WeightBounds {
    /// Smallest weight of each asset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Vec<f64>>,
    /// Largest weight of each asset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Vec<f64>>,
    /// Whether the limits are these numbers, or parameters that start there.
    pub form: BoundsForm,
}

/// Where the limits of the weights of a run come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BoundsForm {
    /// The numbers of the configuration.
    #[default]
    Fixed,
    /// Parameters that start at these numbers and are trained.
    Learned,
    /// Such parameters, which training leaves alone.
    Frozen,
}

impl WeightBounds {
    /// Nothing is given.
    pub fn is_absent(&self) -> bool {
        self.minimum.is_none() && self.maximum.is_none() && self.form == BoundsForm::Fixed
    }
}

/// One switch per reproduced defect of the reference system. All are off unless you compare with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the configuration")]
pub struct PoolCompat {
    /// With one gain for all assets, weight changes do not sum to zero (T1.1).
    pub scalar_gain_offset: bool,
    /// The rule min_variance sees one update into the future (T2.1).
    pub min_variance_lookahead: bool,
    /// A gyroscope pool with fees decides whether a trade pays by the ratio of its reserves, not by its price (T4.9).
    pub eclp_band_of_reserves: bool,
    /// A hodling index without costs forgets what prices did while it rested (T4.7).
    pub hodling_forgets_drift: bool,
    /// Where costs change from row to row, noise traders' income is not lessened by the protocol's share, and the protocol
    /// takes its fees at the end of a row (T4.4).
    pub dynamic_protocol_fees: bool,
}
