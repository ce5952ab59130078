//! The file that holds a pool's contract terms: one JSON document, numbers with 18 decimals as text (spec 10 sec. 4.2).

use std::path::Path;

use anyhow::Context;
use gradpool_chain::decimal::{from_f64, to_f64};
use gradpool_chain::{Int256, validation::Proposal};
use gradpool_market::format_time;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::Deployment;
use super::addresses::Addresses;
use crate::output::Hinted;

/// What `format` says.
pub const FORMAT: &str = "gradpool contract";
/// What `version` says.
pub const VERSION: u32 = 1;

/// A number with 18 decimals, as text: `"-1500000000000000000"` is -1.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal18(pub Int256);

impl Serialize for Decimal18 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Decimal18 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse().map_err(|_| {
            let expected = "expected a whole number of 1e-18, as text";
            serde::de::Error::custom(format!("{text:?}: {expected}"))
        })?;
        Ok(Self(number))
    }
}

/// A pool's contract terms. Lists per token are in the order of `tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractFile {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The contract's rule.
    pub rule: String,
    /// Tickers: by ascending address where there are addresses, else in the configuration's order.
    pub tokens: Vec<String>,
    /// Absent without addresses: what is to be deployed needs them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentBlock>,
    /// Decay of the estimators: one, or one per token.
    pub lambda: Vec<Decimal18>,
    /// The rule's lists, in the contract's order.
    pub contract_params: Vec<ContractParameter>,
    /// Weights to begin with.
    #[serde(rename = "_initialWeights")]
    pub initial_weights: Vec<Decimal18>,
    /// Moving averages of the prices.
    #[serde(rename = "_initialMovingAverages")]
    pub initial_moving_averages: Vec<Decimal18>,
    /// Running gradients, running variances of prices, or short averages, by rule.
    #[serde(rename = "_initialIntermediateValues")]
    pub initial_intermediate_values: Vec<Decimal18>,
    /// Smallest weight.
    #[serde(rename = "absoluteWeightGuardRail")]
    pub guard_rail: Decimal18,
    /// Largest change of a weight per update.
    #[serde(rename = "epsilonMax")]
    pub epsilon_max: Decimal18,
    /// Largest share of a balance that one trade may move.
    #[serde(rename = "maxTradeSizeRatio")]
    pub maximum_trade_size_ratio: Decimal18,
    /// Seconds between updates.
    #[serde(rename = "updateInterval")]
    pub update_interval: u64,
    /// Age in seconds at which an oracle's price is stale.
    #[serde(rename = "oracleStalenessThreshold")]
    pub oracle_staleness: u64,
    /// When the state was taken.
    pub state: StateBlock,
    /// What a simulation of the same pool begins with.
    pub simulation: SimulationBlock,
    /// Where the terms come from.
    pub source: SourceBlock,
    /// What the contract computes in another way than the simulation.
    pub warnings: Vec<String>,
}

/// What tells tokens apart on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentBlock {
    /// Addresses in the order of the tokens: ascending. Their checksum is not checked.
    pub addresses: Vec<String>,
}

/// A list of a rule's parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractParameter {
    /// What it holds.
    pub name: String,
    /// One value, or one per token.
    pub values: Vec<Decimal18>,
}

/// When the state was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateBlock {
    /// UTC. The prices of this time are part of the state.
    pub time: String,
    /// The same in seconds.
    pub unix_seconds: u64,
    /// Whether `_initialWeights` are those of the run at this time (`current`) or at its start (`initial`).
    pub weights: WeightsOf,
}

/// Which weights a pool is deployed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum WeightsOf {
    /// Those that the run has at the time of the state.
    #[default]
    Current,
    /// Those that the run began with.
    Initial,
}

/// What a simulation of the same pool begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulationBlock {
    /// Weights at the first simulated row.
    pub initial_weights: Vec<Decimal18>,
}

/// Where the terms come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceBlock {
    /// Version of the program that wrote the file.
    pub gradpool: String,
    /// The configuration's rule.
    pub rule: String,
    /// Hash of the configuration with the prices that the state was computed from.
    pub configuration: String,
    /// Hash of the run that the parameters come from, if they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// SHA-256 of the parameters before they were rounded.
    pub parameters: String,
}

/// What a file says besides the deployment itself.
#[derive(Clone, Debug)]
pub struct Provenance {
    /// Which weights the pool is deployed with.
    pub weights: WeightsOf,
    /// Weights at the first simulated row.
    pub initial_weights: Vec<f64>,
    /// Where the terms come from.
    pub source: SourceBlock,
}

impl ContractFile {
    /// The file of a deployment; `tokens` are the configuration's.
    ///
    /// # Errors
    /// Initial weights that are not finite.
    pub fn new(
        deployment: &Deployment,
        tokens: &[String],
        addresses: Option<&Addresses>,
        provenance: Provenance,
    ) -> anyhow::Result<Self> {
        let Proposal { parameters, lambda, initial, .. } = &deployment.proposal;
        let order: Vec<usize> = addresses.map_or_else(|| (0..tokens.len()).collect(), Addresses::ascending);
        let per_token = |list: &[Int256]| -> Vec<Decimal18> {
            if list.len() == 1 {
                vec![Decimal18(list[0])]
            } else {
                order.iter().map(|token| Decimal18(list[*token])).collect()
            }
        };
        let names = deployment.terms.parameters.iter().map(|list| list.name.to_owned());
        let contract_params =
            names.zip(parameters).map(|(name, list)| ContractParameter { name, values: per_token(list) }).collect();
        let lambda: Vec<Int256> = lambda.iter().map(|lambda| Int256::from(*lambda)).collect();
        let start = provenance.initial_weights.iter().map(|weight| from_f64(*weight)).collect::<Result<Vec<_>, _>>()?;
        let proposal = &deployment.proposal;
        Ok(Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            rule: deployment.terms.rule.name().to_owned(),
            tokens: order.iter().map(|token| tokens[*token].clone()).collect(),
            deployment: addresses.map(|addresses| DeploymentBlock { addresses: addresses.sorted() }),
            lambda: per_token(&lambda),
            contract_params,
            initial_weights: per_token(&initial.weights),
            initial_moving_averages: per_token(&initial.moving_averages),
            initial_intermediate_values: per_token(&initial.intermediate),
            guard_rail: Decimal18(proposal.guard_rail.into()),
            epsilon_max: Decimal18(proposal.epsilon_max.into()),
            maximum_trade_size_ratio: Decimal18(proposal.maximum_trade_size_ratio.into()),
            update_interval: proposal.update_interval,
            oracle_staleness: proposal.oracle_staleness,
            state: StateBlock {
                time: format_time(deployment.time_ms),
                unix_seconds: initial.time,
                weights: provenance.weights,
            },
            simulation: SimulationBlock { initial_weights: per_token(&start) },
            source: provenance.source,
            warnings: deployment.caveats.clone(),
        })
    }

    /// The file at `path`, if it is one: a JSON object whose `format` says so.
    ///
    /// # Errors
    /// A file of this format that breaks its rules.
    pub fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        read(path, FORMAT, VERSION)
    }
}

/// The file at `path`, if its `format` says that it is one.
///
/// # Errors
/// A file of this format that breaks its rules.
pub(super) fn read<T: DeserializeOwned>(path: &Path, format: &str, version: u32) -> anyhow::Result<Option<T>> {
    let of_this_format = |document: &Value| document.get("format").and_then(Value::as_str) == Some(format);
    let text = std::fs::read_to_string(path).unwrap_or_default();
    match serde_json::from_str::<Value>(&text) {
        Ok(document) if of_this_format(&document) => {
            if document.get("version").and_then(Value::as_u64) != Some(version.into()) {
                let problem = format!("{} has another version of the format {format:?}", path.display());
                return Err(Hinted::new(problem, format!("this program reads version {version}")).into());
            }
            let broken = || format!("{} is not a contract file", path.display());
            // From the text: its errors name line and column.
            serde_json::from_str(&text).map(Some).with_context(broken)
        }
        // Whoever reads the file next says what is wrong with it.
        _ => Ok(None),
    }
}

/// The nearest doubles.
pub(super) fn doubles(list: &[Decimal18]) -> Vec<f64> {
    list.iter().map(|value| to_f64(value.0)).collect()
}
