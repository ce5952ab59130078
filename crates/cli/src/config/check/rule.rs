//! Checks of the rule, of rules made of rules, and of bounds.

use gradpool_strategy::rules::{self, RuleOptions};

use super::super::keys::nearest_name;
use super::super::pool::COMPOSITE;
use super::super::{BoundsForm, Covariance, RunConfig};
use super::{Checked, Checker};
use crate::kind::{self, INDEX_FUND};

const MIN_VARIANCE: &[&str] = &["min_variance"];
const INDICES: &[&str] = &["index_market_cap", "hodling_index_market_cap", INDEX_FUND];

impl Checker<'_> {
    pub(super) fn rule(&self, config: &RunConfig) -> Checked {
        let pool = &config.pool;
        let rule = pool.rule.as_str();
        if rule != COMPOSITE {
            self.rule_name("pool.rule", rule)?;
        }
        self.option_of("pool.covariance", pool.covariance != Covariance::Diagonal, rule, MIN_VARIANCE)?;
        self.option_of("pool.largest_index_weight", pool.largest_index_weight.is_some(), rule, INDICES)?;
        self.index_weight("pool.largest_index_weight", pool.largest_index_weight, config)?;
        let lookahead = pool.compat.min_variance_lookahead;
        self.option_of("pool.compat.min_variance_lookahead", lookahead, rule, MIN_VARIANCE)?;
        let forgets = pool.compat.hodling_forgets_drift;
        self.option_of("pool.compat.hodling_forgets_drift", forgets, rule, &["hodling_index_market_cap"])?;
        self.blend(config)?;
        self.ensemble(config)
    }

    fn rule_name(&self, key: &str, rule: &str) -> Checked {
        let known = rule_names();
        if known.iter().any(|name| name == rule) {
            return Ok(());
        }
        let available = format!("available rules: {}, {COMPOSITE}", known.join(", "));
        if let Some((hook, _)) = rule.split_once("__") {
            let hint = match hook {
                "bounded" => "give limits per asset in [pool.bounds]",
                "ensemble" => "give the number of copies in [pool.ensemble]",
                _ => return self.not_available(key, format!("{rule:?}"), available),
            };
            let problem = format!("is {rule:?}; prefixes belong to fingerprints");
            return self.refuse(key, problem, Some(format!("leave out \"{hook}__\" and {hint}")));
        }
        let names = known.iter().map(String::as_str).chain([COMPOSITE]);
        let nearest = nearest_name(rule, names).map(|nearest| format!("did you mean {nearest:?}?"));
        self.refuse(key, format!("is {rule:?}; no rule has that name"), nearest.or(Some(available)))
    }

    /// An option that only one rule reads.
    pub(super) fn option_of(&self, key: &str, is_given: bool, rule: &str, readers: &[&str]) -> Checked {
        if !is_given || readers.contains(&rule) {
            return Ok(());
        }
        let hint = (rule == COMPOSITE && !key.contains("compat")).then(|| "give it in `pool.blend`".to_owned());
        self.refuse(key, format!("has no effect on the rule {rule:?}; only {} reads it", names(readers)), hint)
    }

    fn index_weight(&self, key: &str, largest: Option<f64>, config: &RunConfig) -> Checked {
        let least = 1.0 / config.data.assets.len() as f64;
        let fits = largest.is_none_or(|largest| (least..=1.0).contains(&largest));
        let valid = format!("from 1 divided by the number of assets ({least}) to 1");
        self.require(fits, key, largest.unwrap_or_default(), &valid)
    }

    fn blend(&self, config: &RunConfig) -> Checked {
        let (blend, rule) = (&config.pool.blend, &config.pool.rule);
        if rule != COMPOSITE {
            let problem = format!("has no effect on the rule {rule:?}");
            let hint = Some(format!("write pool.rule = {COMPOSITE:?}"));
            return if blend.is_empty() { Ok(()) } else { self.refuse("pool.blend", problem, hint) };
        }
        if blend.is_empty() {
            let example = "[[pool.blend]] with rule = \"momentum\", and another such table";
            return self.refuse("pool.blend", "is empty; a composite blends rules", Some(format!("add {example}")));
        }
        for (index, component) in blend.iter().enumerate() {
            let key = format!("pool.blend.{index}");
            let (rule, name) = (component.rule.as_str(), component.name());
            if rule == COMPOSITE {
                return self.refuse(&format!("{key}.rule"), "is a composite; a composite cannot be part of one", None);
            }
            self.rule_name(&format!("{key}.rule"), rule)?;
            if kind::has_a_curve(rule) {
                let problem =
                    format!("is {rule:?}, a pool with a curve of its own; a composite blends rules of weighted pools");
                return self.refuse(&format!("{key}.rule"), problem, None);
            }
            let plain = |letter: char| letter.is_alphanumeric() || letter == '_';
            let fits = !name.is_empty() && name.chars().all(plain);
            self.require(fits, &format!("{key}.name"), format!("{name:?}"), "letters, digits and underscores")?;
            if blend[..index].iter().any(|other| other.name() == name) {
                let problem = format!("is {name:?}, the name of another component");
                let hint = Some("give each component a `name` of its own".to_owned());
                return self.refuse(&format!("{key}.name"), problem, hint);
            }
            let full = component.covariance != Covariance::Diagonal;
            self.option_of(&format!("{key}.covariance"), full, rule, MIN_VARIANCE)?;
            let (cap, largest) = (format!("{key}.largest_index_weight"), component.largest_index_weight);
            self.option_of(&cap, largest.is_some(), rule, INDICES)?;
            self.index_weight(&cap, largest, config)?;
        }
        Ok(())
    }

    fn ensemble(&self, config: &RunConfig) -> Checked {
        let ensemble = &config.pool.ensemble;
        self.at_least_one("pool.ensemble.members", ensemble.members)?;
        self.not_negative("pool.ensemble.scale", ensemble.scale)?;
        let fits = i64::try_from(ensemble.seed).is_ok();
        self.require(fits, "pool.ensemble.seed", ensemble.seed, "below 9223372036854775808")
    }

    pub(super) fn bounds(&self, config: &RunConfig) -> Checked {
        let assets = config.data.assets.len();
        let (minimum, maximum) = match (&config.pool.bounds.minimum, &config.pool.bounds.maximum) {
            (None, None) => {
                if config.pool.bounds.form == BoundsForm::Fixed {
                    return Ok(());
                }
                let problem = "needs `pool.bounds.minimum` and `pool.bounds.maximum`, where the limits start";
                return self.refuse("pool.bounds.form", problem, None);
            }
            (Some(minimum), Some(maximum)) => (minimum, maximum),
            (Some(_), None) => {
                return self.refuse("pool.bounds.minimum", "is given without `pool.bounds.maximum`", None);
            }
            (None, Some(_)) => {
                return self.refuse("pool.bounds.maximum", "is given without `pool.bounds.minimum`", None);
            }
        };
        for (key, limits) in [("pool.bounds.minimum", minimum), ("pool.bounds.maximum", maximum)] {
            if limits.len() != assets {
                return self.refuse(key, format!("has {} values; there are {assets} assets", limits.len()), None);
            }
            let fits = limits.iter().all(|limit| (0.0..=1.0).contains(limit));
            self.require(fits, key, format!("{limits:?}"), "weights between 0 and 1")?;
        }
        let ordered = minimum.iter().zip(maximum).all(|(low, high)| low < high);
        self.require(
            ordered,
            "pool.bounds.minimum",
            format!("{minimum:?}"),
            "below `pool.bounds.maximum` for every asset",
        )?;
        let (low, high) = (minimum.iter().sum::<f64>(), maximum.iter().sum::<f64>());
        self.require(low <= 1.0, "pool.bounds.minimum", format!("{low} in sum"), "at most 1 in sum")?;
        self.require(high >= 1.0, "pool.bounds.maximum", format!("{high} in sum"), "at least 1 in sum")
    }
}

fn names(rules: &[&str]) -> String {
    rules.iter().map(|rule| format!("{rule:?}")).collect::<Vec<_>>().join(" or ")
}

fn rule_names() -> Vec<String> {
    rules::all(&RuleOptions::default()).iter().map(|rule| rule.name().to_owned()).collect()
}
