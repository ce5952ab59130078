//! Strategy parameters in human units.

use gradpool_strategy::transforms::memory_days_of_decay;
use gradpool_strategy::{INITIAL_WEIGHTS_LOGITS, ParameterValues, StrategySettings};
use serde::Serialize;

/// The parameters of one asset in human units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AssetParameters {
    /// The ticker.
    pub asset: String,
    /// Memory of the estimators in days, at most the longest allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_days: Option<f64>,
    /// Memory of the alternative decay in days, where the strategy uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alternative_memory_days: Option<f64>,
    /// Gain per day of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k_per_day: Option<f64>,
    /// Gain, where it does not depend on the memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute_k: Option<f64>,
    /// Initial weight.
    pub initial_weight: f64,
}

/// Parameters in human units, one entry per asset.
pub fn human_units(values: &ParameterValues, settings: &StrategySettings, assets: &[String]) -> Vec<AssetParameters> {
    let weights = initial_weights(values, assets.len());
    let of = |name: &str, asset: usize| {
        let leaf = values.leaf(name)?;
        leaf.get(asset).or_else(|| leaf.first()).copied()
    };
    let memory = |raw: f64| {
        let decay = 1.0 / (1.0 + (-raw).exp());
        memory_days_of_decay(decay, settings.update_interval_min()).clamp(0.0, settings.maximum_memory_days)
    };
    let asset_parameters = |(index, asset): (usize, &String)| {
        let decay = of("logit_lamb", index);
        let delta = of("logit_delta_lamb", index).filter(|_| settings.alternative_decay);
        AssetParameters {
            asset: asset.clone(),
            memory_days: decay.map(memory),
            alternative_memory_days: decay.zip(delta).map(|(decay, delta)| memory(decay + delta)),
            k_per_day: of("log_k", index).map(f64::exp2).or_else(|| of("k", index)),
            absolute_k: of("absolute_k", index),
            initial_weight: weights[index],
        }
    };
    assets.iter().enumerate().map(asset_parameters).collect()
}

/// Rows of a table of parameters, heading first.
pub fn rows(parameters: &[AssetParameters]) -> Vec<Vec<String>> {
    type Column = (&'static str, fn(&AssetParameters) -> Option<f64>, usize);
    let columns: [Column; 5] = [
        ("memory (days)", |asset| asset.memory_days, 2),
        ("alternative memory (days)", |asset| asset.alternative_memory_days, 2),
        ("k per day", |asset| asset.k_per_day, 3),
        ("k", |asset| asset.absolute_k, 3),
        ("initial weight", |asset| Some(asset.initial_weight), 4),
    ];
    let used: Vec<Column> =
        columns.into_iter().filter(|(_, value, _)| parameters.iter().any(|asset| value(asset).is_some())).collect();
    let heading = std::iter::once("asset".to_owned()).chain(used.iter().map(|(name, ..)| (*name).to_owned())).collect();
    let row = |asset: &AssetParameters| {
        let cells = used.iter().map(|(_, value, digits)| {
            value(asset).map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}", digits = *digits))
        });
        std::iter::once(asset.asset.clone()).chain(cells).collect()
    };
    std::iter::once(heading).chain(parameters.iter().map(row)).collect()
}

/// Initial weights of a parameter set (spec 01 sec. 1.7); equal ones if it has none.
pub fn initial_weights(values: &ParameterValues, assets: usize) -> Vec<f64> {
    if let Some(weights) = values.leaf("initial_weights") {
        return weights.to_vec();
    }
    let logits = values.leaf(INITIAL_WEIGHTS_LOGITS).map_or_else(|| vec![0.0; assets], <[f64]>::to_vec);
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / total).collect()
}

#[cfg(test)]
mod tests {
    use gradpool_strategy::transforms::{decay_of_memory_days, logit};

    use super::*;

    #[test]
    fn decays_are_memories_and_logarithms_are_gains() {
        let settings = StrategySettings::daily(2, 1440.0);
        let ten_days = logit(decay_of_memory_days(10.0, 1440.0));
        let values = ParameterValues::new([
            ("log_k", vec![3.0]),
            ("logit_lamb", vec![ten_days, 60.0]),
            ("initial_weights_logits", vec![0.0, 3f64.ln()]),
        ]);
        let assets = ["BTC".to_owned(), "ETH".to_owned()];
        let human = human_units(&values, &settings, &assets);
        assert!((human[0].memory_days.unwrap_or(0.0) - 10.0).abs() < 1e-9);
        // Longer than allowed.
        assert_eq!(human[1].memory_days, Some(365.0));
        assert_eq!((human[0].k_per_day, human[1].k_per_day), (Some(8.0), Some(8.0)));
        assert!((human[1].initial_weight - 0.75).abs() < 1e-15);
        assert_eq!(human[0].alternative_memory_days, None);
        let expected = [["asset", "memory (days)", "k per day", "initial weight"], ["BTC", "10.00", "8.000", "0.2500"]];
        assert_eq!(rows(&human)[..2], expected.map(|row| row.map(str::to_owned).to_vec()));
    }
}
