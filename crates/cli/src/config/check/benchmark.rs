//! Checks of portfolios that are rebalanced on a market.

use super::super::{Benchmark, RunConfig};
use super::{Checked, Checker};
use crate::kind::{self, HODL, INDEX_FUND};

impl Checker<'_> {
    pub(super) fn benchmark(&self, config: &RunConfig) -> Checked {
        let pool = &config.pool;
        let is_fund = pool.rule == INDEX_FUND;
        if let Some(fee) = pool.annual_streaming_fee {
            let key = "pool.annual_streaming_fee";
            if !is_fund {
                let (rule, reader) = (&pool.rule, INDEX_FUND);
                return self.refuse(key, format!("has no effect on the rule {rule:?}; only {reader:?} reads it"), None);
            }
            self.require((0.0..1.0).contains(&fee), key, fee, "a fraction from 0 up to, not including, 1")?;
        }
        let portfolio = match pool.benchmark {
            Some(_) if is_fund => {
                let problem =
                    format!("has no effect on the rule {:?}, which rebalances on a market already", pool.rule);
                return self.refuse("pool.benchmark", problem, None);
            }
            Some(benchmark) if pool.rule == HODL => {
                let available = "every rule but \"hodl\", whose weights follow prices";
                return self.not_available("pool.benchmark", format!("{:?}", benchmark.name()), available);
            }
            Some(benchmark) if kind::has_a_curve(&pool.rule) => {
                let available = "the rules of weighted pools";
                return self.not_available("pool.benchmark", format!("{:?}", benchmark.name()), available);
            }
            Some(benchmark) => format!("pool.benchmark = {:?}", benchmark.name()),
            None if is_fund => format!("pool.rule = {:?}", pool.rule),
            None => return Ok(()),
        };
        let without =
            |problem: &str| format!("{problem}; it has no effect with {portfolio}, which no arbitrageur trades with");
        if !pool.arbitrate {
            return self.refuse("pool.arbitrate", without("is false"), None);
        }
        let of_pools = [
            ("pool.gas_cost", pool.gas_cost),
            ("pool.arbitrage_fee", pool.arbitrage_fee),
            ("pool.noise_trader_ratio", pool.noise_trader_ratio),
            ("pool.protocol_fee_share", pool.protocol_fee_share),
        ];
        if let Some((key, value)) = of_pools.into_iter().find(|(_, value)| *value != 0.0) {
            return self.refuse(key, without(&format!("is {value}")), None);
        }
        let files = &pool.inputs;
        let of_pools = [
            ("pool.inputs.gas_cost", &files.gas_cost),
            ("pool.inputs.arb_fees", &files.arb_fees),
            ("pool.inputs.lp_supply", &files.lp_supply),
            ("pool.inputs.trades", &files.trades),
        ];
        match of_pools.into_iter().find(|(_, file)| file.is_some()) {
            Some((key, _)) => self.refuse(key, without("is given"), None),
            None => Ok(()),
        }
    }
}

impl Benchmark {
    /// The name in configurations.
    fn name(self) -> &'static str {
        match self {
            Self::Lvr => "lvr",
            Self::Rvr => "rvr",
        }
    }
}
