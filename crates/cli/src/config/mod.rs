//! The configuration of a run: one versioned schema, layered defaults < file < `--set key=value` < options.
//!
//! [`load`] reads and checks it; what it returns is complete and consistent. Errors name file, line, column and key, say
//! what would be valid, and suggest the nearest valid key.

mod check;
mod curves;
mod data;
mod error;
mod initial;
mod inputs;
mod keys;
mod layers;
mod load;
mod per_asset;
mod period;
mod place;
pub(crate) mod pool;
mod resolved;
mod runtime;
mod time;
mod train;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use curves::{CowSection, GyroscopeSection, ParameterForm, ReclammInterpolation, ReclammSection, ReclammState};
pub use data::DataSection;
pub use error::ConfigError;
pub use initial::InitialSection;
pub use inputs::InputsSection;
pub use keys::nearest_name;
pub use load::{BUILT_IN_NAME, Loaded, Overrides, Source, load, load_data};
pub use per_asset::PerAsset;
pub use period::PeriodSection;
pub use place::Place;
pub use pool::{
    Arbitrage, Benchmark, BlendComponent, BoundsForm, Covariance, EnsembleMethod, EnsembleSection, Execution, FeeForm,
    InitialWeights, Interpolation, PoolCompat, PoolSection, Valuation, WeightBounds, WeightPath,
};
pub use resolved::ResolvedConfig;
pub(crate) use resolved::hexadecimal;
pub use runtime::{DeviceKind, Precision, RuntimeSection};
pub use time::TimeText;
pub use train::{
    EarlyStopping, Halving, Initialisation, Optimiser, Plateau, PlateauWatch, Sampler, Schedule, ScheduleKind,
    SelectOn, Spread, StartAlignment, TrainCompat, TrainSection,
};

/// The version of the schema that this program reads and writes.
pub const SCHEMA_VERSION: u32 = 1;

/// A run configuration as parsed. [`ResolvedConfig`] is the checked form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Version of this schema: 1.
    pub version: u32,
    /// Name of the run; its folder is `runs/<name>-<hash>`.
    pub name: String,
    /// The prices.
    pub data: DataSection,
    /// What is simulated, and what is kept apart for judging.
    pub period: PeriodSection,
    /// The pool: which rule moves its weights, within which limits, and how its value is computed.
    pub pool: PoolSection,
    /// The point that training starts from.
    pub initial: InitialSection,
    /// The objective and how it is climbed.
    pub train: TrainSection,
    /// Where and how a run is computed.
    pub runtime: RuntimeSection,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            version: SCHEMA_VERSION,
            name: "run".to_owned(),
            data: DataSection::default(),
            period: PeriodSection::default(),
            pool: PoolSection::default(),
            initial: InitialSection::default(),
            train: TrainSection::default(),
            runtime: RuntimeSection::default(),
        }
    }
}

/// The JSON schema of a run configuration.
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(RunConfig);
    schema.insert("title".to_owned(), "gradpool run configuration".into());
    schema.to_value()
}
