//! Checks of pools of two assets that are no weighted pools.

use gradpool_strategy::rules::gyroscope::GYROSCOPE;
use gradpool_strategy::rules::reclamm::RECLAMM;

use super::super::{CowSection, GyroscopeSection, PoolSection, ReclammInterpolation, ReclammSection, RunConfig};
use super::{Checked, Checker};
use crate::kind::{self, COW};

impl Checker<'_> {
    pub(super) fn curves(&self, config: &RunConfig) -> Checked {
        let pool = &config.pool;
        let rule = pool.rule.as_str();
        self.option_of("pool.cow", pool.cow != CowSection::default(), rule, &[COW])?;
        self.option_of("pool.gyroscope", pool.gyroscope != GyroscopeSection::default(), rule, &[GYROSCOPE])?;
        self.option_of("pool.reclamm", pool.reclamm != ReclammSection::default(), rule, &[RECLAMM])?;
        self.option_of("pool.compat.eclp_band_of_reserves", pool.compat.eclp_band_of_reserves, rule, &[GYROSCOPE])?;
        if !kind::has_a_curve(rule) {
            return Ok(());
        }
        let assets = &config.data.assets;
        if assets.len() != 2 {
            let problem = format!("is {rule:?}, a pool of two assets; `data.assets` names {}", assets.len());
            return self.refuse("pool.rule", problem, None);
        }
        if pool.ensemble.members > 1 {
            let problem = format!("is {}; the rule {rule:?} gives no weights to average", pool.ensemble.members);
            return self.refuse("pool.ensemble.members", problem, None);
        }
        if !pool.bounds.is_absent() {
            return self.refuse("pool.bounds", format!("has no effect on the rule {rule:?}"), None);
        }
        let read_by = |reads: bool, key: &str, value: f64| {
            let problem = format!("is {value}, which has no effect on the rule {rule:?}");
            if reads || value == 0.0 { Ok(()) } else { self.refuse(key, problem, None) }
        };
        read_by(rule == COW, "pool.noise_trader_ratio", pool.noise_trader_ratio)?;
        read_by(rule == RECLAMM, "pool.protocol_fee_share", pool.protocol_fee_share)?;
        self.cow(pool.cow)?;
        self.gyroscope(&pool.gyroscope, assets)?;
        self.reclamm(pool)
    }

    fn cow(&self, cow: CowSection) -> Checked {
        let quality = cow.arbitrage_quality;
        self.require((0.0..=1.0).contains(&quality), "pool.cow.arbitrage_quality", quality, "from 0 to 1")
    }

    fn gyroscope(&self, gyroscope: &GyroscopeSection, assets: &[String]) -> Checked {
        if let Some(numeraire) = gyroscope.numeraire.as_ref().filter(|numeraire| !assets.contains(numeraire)) {
            let valid = format!("one of `data.assets` ({})", assets.join(", "));
            return self.require(false, "pool.gyroscope.numeraire", format!("{numeraire:?}"), &valid);
        }
        let key = |name: &str| format!("pool.gyroscope.{name}");
        for (name, number) in gyroscope.numbers() {
            number.map_or(Ok(()), |number| self.positive(&key(name), number))?;
        }
        if let Some(phi) = gyroscope.phi {
            self.require(phi < std::f64::consts::FRAC_PI_2, &key("phi"), phi, "below pi / 2")?;
        }
        if let Some(lam) = gyroscope.lam {
            self.require(lam > 1.0, &key("lam"), lam, "above 1")?;
        }
        if let (Some(alpha), Some(beta)) = (gyroscope.alpha, gyroscope.beta) {
            self.require(beta > alpha, &key("beta"), beta, &format!("above `pool.gyroscope.alpha` ({alpha})"))?;
        }
        Ok(())
    }

    fn reclamm(&self, pool: &PoolSection) -> Checked {
        let reclamm = &pool.reclamm;
        let key = |name: &str| format!("pool.reclamm.{name}");
        let ratio = reclamm.price_ratio;
        self.require(ratio > 1.0 && ratio.is_finite(), &key("price_ratio"), ratio, "above 1")?;
        let margin = reclamm.centeredness_margin;
        self.require(margin > 0.0 && margin < 1.0, &key("centeredness_margin"), margin, "between 0 and 1")?;
        if let Some(exponent) = reclamm.shift_exponent {
            self.positive(&key("shift_exponent"), exponent)?;
            if reclamm.daily_price_shift_base.is_some() {
                let problem = "and `pool.reclamm.shift_exponent` are the same in two forms; give one of them";
                return self.refuse(&key("daily_price_shift_base"), problem, None);
            }
        }
        if let Some(base) = reclamm.daily_price_shift_base {
            self.require(base > 0.0 && base < 1.0, &key("daily_price_shift_base"), base, "between 0 and 1")?;
        }
        let constant = reclamm.interpolation == ReclammInterpolation::ConstantArcLength;
        if !constant && (reclamm.arc_length_speed.is_some() || reclamm.learn_arc_length_speed) {
            let name = if reclamm.learn_arc_length_speed { "learn_arc_length_speed" } else { "arc_length_speed" };
            let problem = "has no effect unless `pool.reclamm.interpolation` is \"constant_arc_length\"";
            return self.refuse(&key(name), problem, None);
        }
        if let Some(speed) = reclamm.arc_length_speed {
            self.positive(&key("arc_length_speed"), speed)?;
        }
        if reclamm.learn_fees && pool.fee_rate == 0.0 {
            let problem = "needs `pool.fee_rate` above 0, where the fee starts";
            return self.refuse(&key("learn_fees"), problem, None);
        }
        let Some(state) = &reclamm.state else { return Ok(()) };
        let (real, virtuals) = (state.reserves, state.virtual_reserves);
        let fits = real.iter().all(|reserve| reserve.is_finite() && *reserve >= 0.0) && real.iter().sum::<f64>() > 0.0;
        self.require(fits, &key("state.reserves"), format!("{real:?}"), "0 or more, one of them above")?;
        let fits = virtuals.iter().all(|reserve| reserve.is_finite() && *reserve > 0.0);
        self.require(fits, &key("state.virtual_reserves"), format!("{virtuals:?}"), "above 0")
    }
}
