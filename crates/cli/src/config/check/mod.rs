//! What a configuration must satisfy beyond the types of its keys.

mod benchmark;
mod curves;
mod execution;
mod rule;
mod training;

use gradpool_market::parse_time;

use super::error::ConfigError;
use super::keys::nearest_name;
use super::layers::Places;
use super::place::Place;
use super::{FeeForm, PerAsset, Precision, RunConfig};

const MS_PER_DAY: f64 = 86_400_000.0;

type Checked = Result<(), ConfigError>;

/// Checks everything. `places` says where each key was written.
pub fn check(config: &RunConfig, places: &Places) -> Checked {
    let checker = Checker { places };
    checker.identity(config)?;
    checker.data(config)?;
    checker.period(config)?;
    checker.rule(config)?;
    checker.pool(config)?;
    checker.benchmark(config)?;
    checker.bounds(config)?;
    checker.curves(config)?;
    checker.initial(config)?;
    checker.train(config)?;
    checker.learning_rate(config)?;
    checker.runtime(config)?;
    checker.execution(config)
}

/// Checks `[data]` alone.
pub fn check_data(config: &RunConfig, places: &Places) -> Checked {
    Checker { places }.data(config)
}

struct Checker<'a> {
    places: &'a Places,
}

impl Checker<'_> {
    /// Where a key, or else the table that holds it, was written.
    fn place(&self, key: &str) -> Option<Place> {
        self.places.get(key).or_else(|| self.place_of_parent(key)).cloned()
    }

    fn place_of_parent(&self, key: &str) -> Option<&Place> {
        let (parent, _) = key.rsplit_once('.')?;
        // A table that was written as a whole, such as `schedule = { kind = "cosine" }`.
        self.places.get(parent).filter(|_| parent.contains('.'))
    }

    fn refuse<T>(&self, key: &str, problem: impl Into<String>, hint: Option<String>) -> Result<T, ConfigError> {
        Err(ConfigError::Value { place: self.place(key), key: key.to_owned(), problem: problem.into(), hint })
    }

    fn require(&self, holds: bool, key: &str, value: impl std::fmt::Display, valid: &str) -> Checked {
        if holds { Ok(()) } else { self.refuse(key, format!("is {value}; it must be {valid}"), None) }
    }

    fn positive(&self, key: &str, value: f64) -> Checked {
        self.require(value.is_finite() && value > 0.0, key, value, "a number above 0")
    }

    fn not_negative(&self, key: &str, value: f64) -> Checked {
        self.require(value.is_finite() && value >= 0.0, key, value, "0 or a number above it")
    }

    fn at_least_one(&self, key: &str, value: usize) -> Checked {
        self.require(value >= 1, key, value, "1 or more")
    }

    fn identity(&self, config: &RunConfig) -> Checked {
        let fits = !config.name.trim().is_empty()
            && config.name.chars().all(|letter| !letter.is_control() && !"/\\:".contains(letter))
            && !config.name.starts_with('.');
        self.require(fits, "name", format!("{:?}", config.name), "a folder name, such as \"momentum\"")
    }

    fn data(&self, config: &RunConfig) -> Checked {
        let assets = &config.data.assets;
        if assets.is_empty() {
            return Err(ConfigError::Missing {
                key: "data.assets".to_owned(),
                meaning: "the tickers of the pool's assets".to_owned(),
                example: "data.assets = [\"BTC\", \"ETH\"]".to_owned(),
            });
        }
        self.require(assets.len() >= 2, "data.assets", format!("{assets:?}"), "two or more tickers")?;
        if let Some((_, twice)) =
            (1..assets.len()).map(|at| (&assets[..at], &assets[at])).find(|(seen, next)| seen.contains(next))
        {
            return self.refuse("data.assets", format!("names {twice:?} twice"), None);
        }
        let named = assets.iter().all(|asset| !asset.trim().is_empty());
        self.require(named, "data.assets", format!("{assets:?}"), "a list of tickers without empty names")?;
        if let Some(stray) = config.data.files.keys().find(|ticker| !assets.contains(ticker)) {
            let key = format!("data.files.{stray}");
            let nearest = nearest_name(stray, assets.iter().map(String::as_str));
            return self.refuse(
                &key,
                format!("maps a ticker that is not in `data.assets` ({})", assets.join(", ")),
                nearest.map(|nearest| format!("did you mean `data.files.{nearest}`?")),
            );
        }
        self.assets_in_order(config)
    }

    /// Lists per asset are in alphabetical order; a reader of an unsorted list of assets would expect another order (T6.10).
    fn assets_in_order(&self, config: &RunConfig) -> Checked {
        let per_asset = config.initial.per_asset();
        let listed = per_asset.iter().find(|(_, value)| !matches!(value, PerAsset::All(_))).map(|(key, _)| *key);
        let listed = listed.or_else(|| (!config.pool.bounds.is_absent()).then_some("pool.bounds"));
        match listed {
            Some(key) if !config.data.assets.is_sorted() => {
                let mut sorted = config.data.assets.clone();
                sorted.sort();
                self.refuse(
                    "data.assets",
                    format!("is not in alphabetical order, but `{key}` gives values per asset"),
                    Some(format!("write data.assets = {sorted:?} and put the values in that order")),
                )
            }
            _ => Ok(()),
        }
    }

    fn period(&self, config: &RunConfig) -> Checked {
        let period = &config.period;
        let required = |key: &str, meaning: &str| ConfigError::Missing {
            key: format!("period.{key}"),
            meaning: meaning.to_owned(),
            example: format!("period.{key} = \"2018-01-01\""),
        };
        let start = period.start.as_ref().ok_or_else(|| required("start", "the first simulated time, UTC"))?;
        let end = period.end.as_ref().ok_or_else(|| required("end", "the end of the training period, UTC"))?;
        let start_ms = self.time("period.start", start.as_str())?;
        let end_ms = self.time("period.end", end.as_str())?;
        if end_ms <= start_ms {
            return self.refuse("period.end", format!("({end}) is not after `period.start` ({start})"), None);
        }
        if let Some(test_end) = &period.test_end
            && self.time("period.test_end", test_end.as_str())? <= end_ms
        {
            return self.refuse("period.test_end", format!("({test_end}) is not after `period.end` ({end})"), None);
        }
        let fraction = period.validation_fraction;
        let fits = (0.0..1.0).contains(&fraction);
        self.require(fits, "period.validation_fraction", fraction, "a fraction from 0 up to, not including, 1")?;
        let training_days = (end_ms - start_ms) as f64 / MS_PER_DAY * (1.0 - fraction);
        self.windows(config, training_days)
    }

    fn time(&self, key: &str, text: &str) -> Result<i64, ConfigError> {
        parse_time(text).or_else(|error| self.refuse(key, format!("cannot be read: {error}"), None))
    }

    fn pool(&self, config: &RunConfig) -> Checked {
        let pool = &config.pool;
        let assets = config.data.assets.len() as f64;
        self.positive("pool.initial_value", pool.initial_value)?;
        let fee_fits = (0.0..1.0).contains(&pool.fee_rate);
        self.require(fee_fits, "pool.fee_rate", pool.fee_rate, "a fraction from 0 up to, not including, 1")?;
        if pool.fee_form != FeeForm::Fixed {
            let valid = "above 0, where a trained fee starts (`pool.fee_form`)";
            self.require(pool.fee_rate > 0.0, "pool.fee_rate", pool.fee_rate, valid)?;
            if pool.inputs.fees.is_some() {
                let problem = "is given, but `pool.fee_form` makes the fee a part of the strategy";
                return self.refuse("pool.inputs.fees", problem, Some("keep one of them".to_owned()));
            }
        }
        let arbitrage_fits = (0.0..1.0).contains(&pool.arbitrage_fee);
        let valid = "a fraction from 0 up to, not including, 1";
        self.require(arbitrage_fits, "pool.arbitrage_fee", pool.arbitrage_fee, valid)?;
        let share = pool.protocol_fee_share;
        self.require((0.0..=1.0).contains(&share), "pool.protocol_fee_share", share, "a fraction from 0 to 1")?;
        for (key, value) in [("pool.gas_cost", pool.gas_cost), ("pool.noise_trader_ratio", pool.noise_trader_ratio)] {
            self.require(value >= 0.0 && value.is_finite(), key, value, "0 or more")?;
        }
        self.positive("pool.update_interval_min", pool.update_interval_min)?;
        if let Some(minutes) = pool.interpolation_min {
            self.positive("pool.interpolation_min", minutes)?;
            if minutes > pool.update_interval_min {
                let problem =
                    format!("is {minutes}, longer than `pool.update_interval_min` ({})", pool.update_interval_min);
                return self.refuse("pool.interpolation_min", problem, None);
            }
        }
        self.positive("pool.maximum_change_per_min", pool.maximum_change_per_min)?;
        if let Some(weight) = pool.minimum_weight {
            let fits = (0.0..1.0 / assets).contains(&weight);
            let valid = format!("from 0 up to, not including, 1 divided by the number of assets ({assets})");
            self.require(fits, "pool.minimum_weight", weight, &valid)?;
        }
        self.positive("pool.maximum_memory_days", pool.maximum_memory_days)?;
        pool.arbitrage_interval_min.map_or(Ok(()), |minutes| self.positive("pool.arbitrage_interval_min", minutes))
    }

    fn runtime(&self, config: &RunConfig) -> Checked {
        let runtime = &config.runtime;
        let fits = i64::try_from(runtime.seed).is_ok();
        self.require(fits, "runtime.seed", runtime.seed, "below 9223372036854775808")?;
        let device = runtime.device;
        if !device.is_built() {
            let hint = format!("build it with `cargo build --release --features {}`", device.name());
            let problem = format!("is {:?}; this program was built without it", device.name());
            return self.refuse("runtime.device", problem, Some(hint));
        }
        if device == super::DeviceKind::Wgpu && runtime.precision == Some(Precision::F64) {
            let hint = Some("use --precision f32, or --device cpu".to_owned());
            return self.refuse("runtime.precision", "is \"f64\"; wgpu computes f64 wrongly without saying so", hint);
        }
        Ok(())
    }

    fn not_available(&self, key: &str, value: impl std::fmt::Display, available: impl Into<String>) -> Checked {
        Err(ConfigError::NotAvailable {
            place: self.place(key),
            key: key.to_owned(),
            value: value.to_string(),
            available: available.into(),
        })
    }
}
