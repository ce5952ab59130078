//! Checks of pools that run on chain: what their contracts and the factory that deploys them would refuse (spec 13 sec. 9).

use gradpool_ops::execution::MOST_ASSETS;
use gradpool_strategy::execution::SMALLEST_GUARD_RAIL;
use gradpool_strategy::rules::{self, RuleOptions};

use super::super::{Covariance, Execution, Interpolation, RunConfig};
use super::{Checked, Checker};

const ON_CHAIN: &str = "`pool.execution` is \"onchain\"";

impl Checker<'_> {
    pub(super) fn execution(&self, config: &RunConfig) -> Checked {
        let pool = &config.pool;
        if pool.execution == Execution::Ideal {
            if pool.epsilon_max.is_none() {
                return Ok(());
            }
            let hint = "write pool.execution = \"onchain\", or limit weights by `pool.maximum_change_per_min`";
            return self.refuse("pool.epsilon_max", "has no effect on an ideal pool", Some(hint.to_owned()));
        }
        self.contract(config)?;
        let epsilon = pool.epsilon_max.unwrap_or(1.0);
        let fits = epsilon > 0.0 && epsilon <= 1.0;
        let valid = "above 0 and at most 1: the factory refuses others (INV_EPMX)";
        self.require(fits, "pool.epsilon_max", epsilon, valid)?;
        let assets = config.data.assets.len();
        let valid = format!("at most {MOST_ASSETS}: {ON_CHAIN}");
        self.require(assets <= MOST_ASSETS, "data.assets", format!("{assets} tickers"), &valid)?;
        if let Some(weight) = pool.minimum_weight {
            let valid = format!("at least {SMALLEST_GUARD_RAIL}: the factory refuses less (INV_ABSWGT)");
            self.require(weight >= SMALLEST_GUARD_RAIL, "pool.minimum_weight", weight, &valid)?;
        }
        let minutes = [
            ("pool.update_interval_min", pool.update_interval_min),
            ("pool.interpolation_min", pool.interpolation_min.unwrap_or(pool.update_interval_min)),
        ];
        for (key, minutes) in minutes {
            let seconds = minutes * 60.0;
            let whole = (seconds - seconds.round()).abs() < 1e-6 && seconds >= 1.0;
            self.require(whole, key, minutes, &format!("a whole number of seconds: {ON_CHAIN}"))?;
        }
        Ok(())
    }

    /// Whether there is a contract of the rule and its options.
    fn contract(&self, config: &RunConfig) -> Checked {
        let pool = &config.pool;
        let all = rules::all(&RuleOptions::default());
        let contracts: Vec<&str> = all.iter().filter(|rule| rule.has_contract()).map(|rule| rule.name()).collect();
        if !contracts.contains(&pool.rule.as_str()) {
            let problem = format!("is {:?}, of which there is no contract, but {ON_CHAIN}", pool.rule);
            return self.refuse("pool.rule", problem, Some(format!("rules with a contract: {}", contracts.join(", "))));
        }
        let compat = pool.compat.scalar_gain_offset || pool.compat.min_variance_lookahead;
        let absent = [
            ("pool.ensemble.members", pool.ensemble.members > 1, "ensembles"),
            ("pool.covariance", pool.covariance != Covariance::Diagonal, "covariances"),
            ("pool.alternative_decay", pool.alternative_decay, "a second decay"),
            ("pool.interpolation", pool.interpolation != Interpolation::Linear, "another path than a straight line"),
            ("pool.bounds", !pool.bounds.is_absent(), "bounds per asset"),
            ("pool.compat", compat, "the reference system's defects"),
        ];
        match absent.into_iter().find(|(_, given, _)| *given) {
            Some((key, _, what)) => {
                self.refuse(key, format!("asks for {what}, which contracts do not have, but {ON_CHAIN}"), None)
            }
            None => Ok(()),
        }
    }
}
