//! The checked, complete form of a configuration.

use sha2::{Digest, Sha256};

use super::{InputsSection, Optimiser, RunConfig};

/// A configuration that is complete (every default that does not depend on the prices is written out), consistent, and
/// computable by this program. [`super::load`] makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedConfig {
    config: RunConfig,
}

impl std::ops::Deref for ResolvedConfig {
    type Target = RunConfig;

    fn deref(&self) -> &RunConfig {
        &self.config
    }
}

impl ResolvedConfig {
    /// Writes out the defaults. The caller has checked `config`.
    pub(super) fn complete(mut config: RunConfig) -> Self {
        config.data.assets.sort();
        config.data.make_paths_absolute();
        config.pool.inputs.make_paths_absolute();
        let assets = config.data.assets.len();
        let pool = &mut config.pool;
        pool.interpolation_min.get_or_insert(pool.update_interval_min);
        pool.minimum_weight.get_or_insert(0.1 / assets as f64);
        let train = &mut config.train;
        train.evaluate_every.get_or_insert((train.iterations / 50).max(1));
        train.checkpoint_every.get_or_insert((train.iterations / 20).max(1));
        if train.optimiser == Optimiser::Adamw {
            train.weight_decay.get_or_insert(0.01);
        }
        let selection = train.selection_metric.get_or_insert_with(|| train.objective.clone()).clone();
        if let Some(stopping) = &mut train.early_stopping {
            stopping.metric.get_or_insert(selection);
        }
        let usual = config.runtime.device.usual_precision();
        config.runtime.precision.get_or_insert(usual);
        Self { config }
    }

    /// The same pool with another rule; `rule` is a known one.
    #[must_use]
    pub fn with_rule(&self, rule: &str) -> Self {
        let mut config = self.config.clone();
        if config.pool.rule != rule {
            config.pool.blend.clear();
            config.pool.compat.min_variance_lookahead = false;
            rule.clone_into(&mut config.pool.rule);
        }
        Self { config }
    }

    /// The same pool at another fee rate, at every row; `rate` is from 0 up to, not including, 1.
    #[must_use]
    pub fn with_fee_rate(&self, rate: f64) -> Self {
        let mut config = self.config.clone();
        config.pool.fee_rate = rate;
        config.pool.inputs.fees = None;
        Self { config }
    }

    /// The configuration as TOML: what a run folder keeps as `config.toml`. Reading it gives the same configuration.
    pub fn resolved_toml(&self) -> String {
        to_toml(&self.config)
    }

    /// What identifies a run: SHA-256, in hexadecimal, over everything that decides its numbers: the configuration
    /// without device, threads, memory and the place of the data, the data's own hash, and this program's version.
    pub fn config_hash(&self, data_hash: &str) -> String {
        let mut config = self.config.clone();
        config.runtime.device = super::DeviceKind::default();
        config.runtime.threads = 0;
        config.runtime.memory_mb = None;
        config.data.forget_paths();
        config.pool.inputs = InputsSection::default();
        let mut hasher = Sha256::new();
        for part in [to_toml(&config).as_str(), data_hash, env!("CARGO_PKG_VERSION")] {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        hexadecimal(&hasher.finalize())
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |text, byte| text + &format!("{byte:02x}"))
}

fn to_toml(config: &RunConfig) -> String {
    // Every field is a number, text, list or table with text keys, and seeds are checked to fit TOML's integers.
    #[expect(clippy::expect_used, reason = "the schema has no type that TOML lacks")]
    toml::to_string(config).expect("a configuration is TOML")
}
