//! Checks of `[initial]` and `[train]`.

use gradpool_metrics::Metric;
use gradpool_trainer::settings::MAXIMUM_SETS;

use super::super::keys::nearest_name;
use super::super::{Initialisation, Optimiser, RunConfig, Sampler, ScheduleKind, Spread};
use super::{Checked, Checker};

impl Checker<'_> {
    pub(super) fn windows(&self, config: &RunConfig, training_days: f64) -> Checked {
        let train = &config.train;
        if train.window_days.is_some() && train.start_range_min.is_some() {
            return self.refuse(
                "train.start_range_min",
                "and `train.window_days` both set the length of a window",
                Some("give one of them".to_owned()),
            );
        }
        if let Some(days) = train.window_days {
            self.positive("train.window_days", days)?;
            if days > training_days {
                let problem =
                    format!("is {days}; the training period without validation is {training_days:.1} days long");
                return self.refuse("train.window_days", problem, Some(format!("at most {}", training_days.floor())));
            }
        }
        if let Some(minutes) = train.start_range_min {
            self.positive("train.start_range_min", minutes)?;
        }
        Ok(())
    }

    pub(super) fn initial(&self, config: &RunConfig) -> Checked {
        let initial = &config.initial;
        self.positive("initial.memory_days", initial.memory_days)?;
        self.require(
            initial.memory_delta_days.is_finite(),
            "initial.memory_delta_days",
            initial.memory_delta_days,
            "finite",
        )?;
        let second = initial.memory_days + initial.memory_delta_days;
        self.require(
            second > 0.0,
            "initial.memory_delta_days",
            initial.memory_delta_days,
            "above minus `initial.memory_days`",
        )?;
        self.positive("initial.fee_slope", initial.fee_slope)?;
        self.positive("initial.fee_memory_days", initial.fee_memory_days)?;
        for (key, value) in initial.per_asset() {
            let positive = matches!(key, "initial.k_per_day" | "initial.pre_exp_scaling");
            if let Some(problem) = value.shape_problem(config.data.assets.len(), config.train.parameter_sets) {
                return self.refuse(key, problem, None);
            }
            for number in value.numbers() {
                let fits = number.is_finite() && (!positive || number > 0.0);
                self.require(fits, key, number, if positive { "above 0" } else { "finite" })?;
            }
        }
        Ok(())
    }

    pub(super) fn train(&self, config: &RunConfig) -> Checked {
        let train = &config.train;
        self.metric("train.objective", &train.objective)?;
        let watched = train.early_stopping.as_ref().and_then(|stopping| stopping.metric.as_ref());
        watched.map_or(Ok(()), |metric| self.metric("train.early_stopping.metric", metric))?;
        train.selection_metric.as_ref().map_or(Ok(()), |metric| self.metric("train.selection_metric", metric))?;
        for (key, value) in [
            ("train.iterations", Some(train.iterations)),
            ("train.parameter_sets", Some(train.parameter_sets)),
            ("train.batch_size", Some(train.batch_size)),
            ("train.evaluate_every", train.evaluate_every),
            ("train.checkpoint_every", train.checkpoint_every),
            ("train.keep_checkpoints", Some(train.keep_checkpoints)),
            ("train.restart_after", Some(train.restart_after)),
            ("train.schedule.steps", train.schedule.steps),
            ("train.early_stopping.patience", train.early_stopping.as_ref().map(|stopping| stopping.patience)),
            ("train.plateau.patience", train.plateau.map(|plateau| plateau.patience)),
            ("train.halving.every", train.halving.map(|halving| halving.every)),
            ("train.halving.minimum_sets", train.halving.map(|halving| halving.minimum_sets)),
        ] {
            value.map_or(Ok(()), |value| self.at_least_one(key, value))?;
        }
        if (train.sampler == Sampler::Explicit) != train.windows.is_some() {
            let key = if train.windows.is_some() { "train.windows" } else { "train.sampler" };
            let problem = "and the other one of `train.windows` and `train.sampler` = \"explicit\" belong together";
            return self.refuse(key, problem, None);
        }
        self.not_negative("train.turnover_penalty", train.turnover_penalty)?;
        for (leaf, scale) in &train.leaf_noise_scale {
            self.not_negative(&format!("train.leaf_noise_scale.{leaf}"), *scale)?;
        }
        self.not_negative("train.noise_scale", train.noise_scale)?;
        self.population(config)
    }

    fn population(&self, config: &RunConfig) -> Checked {
        let train = &config.train;
        let sets = train.parameter_sets;
        self.require(sets <= MAXIMUM_SETS, "train.parameter_sets", sets, &format!("at most {MAXIMUM_SETS}"))?;
        if let Some(halving) = &train.halving {
            let fits = halving.keep > 0.0 && halving.keep < 1.0;
            self.require(fits, "train.halving.keep", halving.keep, "between 0 and 1")?;
            let valid = format!("at most `train.parameter_sets` ({sets})");
            let (key, fewest) = ("train.halving.minimum_sets", halving.minimum_sets);
            self.require(fewest <= sets, key, fewest, &valid)?;
        }
        if let Some(megabytes) = config.runtime.memory_mb {
            self.at_least_one("runtime.memory_mb", megabytes)?;
        }
        if train.spread == Spread::Normal {
            let Some(leaf) = train.leaf_range.keys().next() else { return Ok(()) };
            let problem = "is given, but `train.spread` is \"normal\"";
            let hint = Some("set `train.spread` = \"ranges\", or remove the range".to_owned());
            return self.refuse(&format!("train.leaf_range.{leaf}"), problem, hint);
        }
        if train.initialisation == Initialisation::Gaussian {
            let hint = Some("choose \"sobol\", \"lhs\" or \"centered_lhs\"".to_owned());
            return self.refuse(
                "train.initialisation",
                "is \"gaussian\", which covers no ranges (`train.spread`)",
                hint,
            );
        }
        if config.pool.ensemble.members > 1 {
            let problem = "is \"ranges\", but the members of an ensemble have a spread of their own";
            let hint = Some("spread them over the ranges by `pool.ensemble.method` instead".to_owned());
            return self.refuse("train.spread", problem, hint);
        }
        for (leaf, &[low, high]) in &train.leaf_range {
            let (key, range) = (format!("train.leaf_range.{leaf}"), format!("[{low}, {high}]"));
            let fits = low.is_finite() && high.is_finite() && low < high;
            self.require(fits, &key, range, "two finite numbers, the lower one first")?;
        }
        Ok(())
    }

    pub(super) fn learning_rate(&self, config: &RunConfig) -> Checked {
        let train = &config.train;
        self.positive("train.learning_rate", train.learning_rate)?;
        let decay = train.weight_decay.unwrap_or(0.0);
        self.not_negative("train.weight_decay", decay)?;
        let decays = train.optimiser == Optimiser::Adamw;
        let only = "0 unless `train.optimiser` is \"adamw\"";
        self.require(decays || decay == 0.0, "train.weight_decay", decay, only)?;
        let only = "false unless `train.optimiser` is \"adamw\"";
        self.require(decays || !train.compat.decay_frozen_leaves, "train.compat.decay_frozen_leaves", true, only)?;
        self.not_negative("train.clip_norm", train.clip_norm)?;
        let schedule = &train.schedule;
        let fits = schedule.decay_ratio.is_finite() && schedule.decay_ratio >= 1.0;
        self.require(fits, "train.schedule.decay_ratio", schedule.decay_ratio, "1 or more")?;
        let steps = schedule.steps.unwrap_or(train.iterations);
        if schedule.kind == ScheduleKind::WarmupCosine && schedule.warmup_steps >= steps {
            let problem = format!("is {}, not below the {steps} steps of the schedule", schedule.warmup_steps);
            return self.refuse("train.schedule.warmup_steps", problem, None);
        }
        let Some(plateau) = &train.plateau else { return Ok(()) };
        let fits = plateau.factor > 0.0 && plateau.factor < 1.0;
        self.require(fits, "train.plateau.factor", plateau.factor, "between 0 and 1")?;
        self.not_negative("train.plateau.threshold", plateau.threshold)?;
        self.not_negative("train.plateau.minimum_learning_rate", plateau.minimum_learning_rate)
    }

    fn metric(&self, key: &str, name: &str) -> Checked {
        if Metric::parse(name).is_ok() {
            return Ok(());
        }
        let names: Vec<&str> = Metric::all().iter().map(|metric| metric.name()).collect();
        let hint = nearest_name(name, names.iter().copied()).map_or_else(
            || format!("valid names: {}", names.join(", ")),
            |nearest| format!("did you mean \"{nearest}\"?"),
        );
        self.refuse(key, format!("is {name:?}; no metric has that name"), Some(hint))
    }
}
