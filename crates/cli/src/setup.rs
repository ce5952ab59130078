//! From a configuration to what runs: prices, periods, strategy, pool, experiment.

use std::ops::Range;
use std::path::PathBuf;

use burn::tensor::{DType, Device};
use gradpool_market::{
    MINUTE_MS, PeriodSpec, Periods, PriceTable, SpreadTable, SupplyTable, load_range, load_spreads, load_supplies,
    parse_time,
};
use gradpool_metrics::Metric;
use gradpool_pools::{Pool, PoolSettings};
use gradpool_strategy::rules::gyroscope::GYROSCOPE;
use gradpool_strategy::{InitialSettings, ParameterTable, ParameterValues, Rule, Strategy, StrategySettings};
use gradpool_trainer::design::Design;
use gradpool_trainer::initialisation::{EnsembleStart, Spread, ensemble_sets, initial_sets};
use gradpool_trainer::{Experiment, Goal, Objective, SamplingRange, TrainSettings};
use sha2::{Digest, Sha256};

use crate::config::{self, DeviceKind, Precision, ResolvedConfig, hexadecimal};
use crate::inputs;
use crate::kind::{self, HODL};
use crate::output::Hinted;
use crate::rule::RuleParts;

/// Days that windows are shorter than the training period, unless the configuration says how long they are.
const DEFAULT_START_RANGE_DAYS: usize = 7;

/// Everything that a configuration stands for, ready to run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// All prices that were loaded.
    pub prices: PriceTable,
    /// The periods, in rows of `prices`.
    pub periods: Periods,
    /// The pool on its prices, with what training climbs.
    pub experiment: Experiment,
    /// What the pool's rule is made of.
    pub parts: RuleParts,
    /// Device of tensors, not an autodiff one.
    pub device: Device,
    /// Number type of tensors.
    pub dtype: DType,
    /// What the user may not expect of the files of `[pool.inputs]`, in sentences.
    pub notes: Vec<String>,
}

impl Setup {
    /// Loads the prices and prepares everything.
    ///
    /// # Errors
    /// What configuration, prices, strategy or pool refuse.
    pub fn new(config: &ResolvedConfig) -> anyhow::Result<Self> {
        let (prices, periods) = Self::load_prices(config)?;
        Self::with_periods(config, prices, periods)
    }

    /// The same with prices that are already there, and periods, rows of `prices`, that need not be those of the configuration.
    ///
    /// # Errors
    /// As [`Setup::new`].
    pub fn with_periods(config: &ResolvedConfig, prices: PriceTable, periods: Periods) -> anyhow::Result<Self> {
        let goal = goal(config, &prices, &periods)?;
        Self::with_goal(config, prices, periods, goal)
    }

    /// Prepares what a simulation needs. Nothing under `[train]` matters, not even whether its windows fit.
    ///
    /// # Errors
    /// As [`Setup::new`].
    pub fn for_simulation(config: &ResolvedConfig) -> anyhow::Result<Self> {
        let (prices, periods) = Self::load_prices(config)?;
        Self::for_simulation_of(config, prices, periods)
    }

    /// The same with what [`Setup::load_prices`] gave.
    ///
    /// # Errors
    /// As [`Setup::new`].
    pub fn for_simulation_of(config: &ResolvedConfig, prices: PriceTable, periods: Periods) -> anyhow::Result<Self> {
        let goal = Goal { objective: Metric::FinalValue, turnover_penalty: 0.0, window_rows: 1, watched: Vec::new() };
        Self::with_goal(config, prices, periods, goal)
    }

    /// The prices that the configuration's periods need, and those periods in rows of them.
    ///
    /// # Errors
    /// What the prices refuse.
    pub fn load_prices(config: &ResolvedConfig) -> anyhow::Result<(PriceTable, Periods)> {
        let spec = period_spec(config)?;
        let prices = load_range(&config.data.source(), Some(spec.range(MINUTE_MS)))?;
        let periods = Periods::new(&spec, prices.grid())?;
        Ok((prices, periods))
    }

    fn with_goal(config: &ResolvedConfig, prices: PriceTable, periods: Periods, goal: Goal) -> anyhow::Result<Self> {
        let runtime = config.runtime;
        let (device, dtype) = (device(runtime.device)?, dtype(runtime.device, runtime.precision)?);
        let parts = RuleParts::of(&config.pool)?;
        let pool = pool(config, &parts, &prices)?;
        let needs_supplies = pool.strategy().needs_supplies()?;
        let mut experiment = Experiment::new(pool, &prices, &periods, goal, &device, dtype)?;
        if needs_supplies {
            let table = experiment.history().prices();
            let supplies = load_supplies(&market_caps(config)?, table.assets(), *table.grid())?;
            experiment = experiment.with_supplies(supplies)?;
        }
        if kind::pays_spreads(&experiment.pool().settings().kind) {
            let spreads = load_spreads(&config.data.source(), *experiment.history().prices().grid())?;
            experiment = experiment.with_spreads(spreads)?;
        }
        let first_row = experiment.periods().train.start;
        let (inputs, notes) = inputs::load(&config.pool, experiment.history().prices(), first_row)?;
        experiment = experiment.with_inputs(inputs)?;
        Ok(Self { prices, periods, experiment, parts, device, dtype, notes })
    }

    /// A hash of the data that decide numbers: the prices, supplies and spreads where the pool looks at them, and what changes from
    /// row to row around it.
    pub fn data_hash(&self) -> String {
        let (prices, history) = (self.prices.content_hash(), self.experiment.history());
        let (supplies, spreads, inputs) = (history.supplies(), history.spreads(), history.inputs());
        if supplies.is_none() && spreads.is_none() && inputs.is_empty() {
            return prices;
        }
        let mut hasher = Sha256::new_with_prefix(prices);
        let supplies = supplies.into_iter().flat_map(SupplyTable::supplies);
        let spreads = spreads.into_iter().flat_map(SpreadTable::spreads);
        supplies.chain(spreads).for_each(|number| hasher.update(number.to_le_bytes()));
        inputs::hash(inputs, &mut hasher);
        hexadecimal(&hasher.finalize())
    }

    /// The strategy.
    pub fn strategy(&self) -> &Strategy {
        self.experiment.pool().strategy()
    }

    /// Rows that `simulate` covers: training and validation, in rows of the experiment's history. A period with an inclusive
    /// end has one row more than values, as the reference counts them.
    pub fn simulated_rows(&self, config: &ResolvedConfig) -> Range<usize> {
        let rows = self.experiment.periods().train_and_validation();
        rows.start..rows.end - usize::from(config.period.inclusive_end)
    }

    /// Where training windows may start, in rows of the experiment's history.
    ///
    /// # Errors
    /// If no window fits.
    pub fn sampling_range(&self, config: &ResolvedConfig) -> anyhow::Result<SamplingRange> {
        let train = self.experiment.periods().train.clone();
        let alignment = match config.train.start_alignment {
            config::StartAlignment::Chunk => self.strategy().settings().update_interval_rows,
            config::StartAlignment::Any => 1,
        };
        let window = self.experiment.goal().window_rows;
        // The reference draws from `bout_offset` starts, the last one excluded, and its windows have one value less.
        let rows = train.len() - 2 * usize::from(config.period.inclusive_end && config.train.start_range_min.is_some());
        Ok(SamplingRange::within(train.start, rows, window, alignment)?)
    }

    /// The points that training starts from, one per set that the configuration gives. Members of an ensemble are all the
    /// same; [`Setup::starting_sets`] spreads them.
    ///
    /// # Errors
    /// What the strategy refuses.
    pub fn initial_values(&self, config: &ResolvedConfig) -> anyhow::Result<Vec<ParameterValues>> {
        self.initial_values_of(self.strategy().rule(), config)
    }

    /// The starting points of all parameter sets of a training with this seed.
    ///
    /// # Errors
    /// What strategy or trainer refuse.
    pub fn starting_sets(
        &self,
        config: &ResolvedConfig,
        settings: &TrainSettings,
        seed: u64,
    ) -> anyhow::Result<ParameterTable> {
        let sets = settings.parameter_sets;
        let frozen = self.experiment.unspread_leaves();
        if self.parts.members == 1 {
            let given = self.initial_values(config)?;
            let mut table = self.strategy().leaves();
            table.extend_from_slice(self.strategy().rule().initial_leaves());
            let spread = Spread::of_population(settings, frozen, &table, &given[0])?;
            return Ok(initial_sets(&given, sets, &spread, seed)?);
        }
        let spread = Spread::from_settings(settings, frozen);
        let section = &config.pool.ensemble;
        let design = match section.method {
            config::EnsembleMethod::Gaussian => None,
            config::EnsembleMethod::Lhs => Some(Design::Lhs),
            config::EnsembleMethod::CenteredLhs => Some(Design::CenteredLhs),
            config::EnsembleMethod::Sobol => Some(Design::Sobol),
            config::EnsembleMethod::Grid => Some(Design::Grid),
        };
        let ensemble = EnsembleStart { members: self.parts.members, design, scale: section.scale, seed: section.seed };
        let member = self.parts.member()?;
        let given = self.initial_values_of(member.as_ref(), config)?;
        Ok(ensemble_sets(&given, sets, &ensemble, &member.leaves(), &spread, seed)?)
    }

    fn initial_values_of(&self, rule: &dyn Rule, config: &ResolvedConfig) -> anyhow::Result<Vec<ParameterValues>> {
        let gyroscope = &config.pool.gyroscope;
        if rule.name() == GYROSCOPE && gyroscope.start().is_none() {
            let absent = gyroscope.numbers().into_iter().filter(|(_, number)| number.is_none());
            let absent: Vec<String> = absent.map(|(key, _)| format!("`pool.gyroscope.{key}`")).collect();
            let problem = format!("the rule {GYROSCOPE:?} has no starting point: {} missing", absent.join(", "));
            let hint = "give all four: phi is the arctangent of the price where the curve is flattest, alpha and beta are the \
                        lowest and the highest price, lam is the stretch";
            return Err(Hinted::new(problem, hint).into());
        }
        let settings = self.strategy().settings();
        let section = &config.initial;
        let given = |values: &config::PerAsset| if let config::PerAsset::Sets(sets) = values { sets.len() } else { 1 };
        let sets = section.per_asset().iter().map(|(_, values)| given(values)).max().unwrap_or(1);
        let of_set = |values: &config::PerAsset, set: usize| match values {
            config::PerAsset::All(value) => vec![*value],
            other => other.of_set(set, settings.assets).unwrap_or_default(),
        };
        (0..sets)
            .map(|set| {
                let initial = InitialSettings {
                    memory_days: section.memory_days,
                    memory_delta_days: section.memory_delta_days,
                    k_per_day: of_set(&section.k_per_day, set),
                    weights_logits: of_set(&section.weights_logits, set),
                    log_amplitude: of_set(&section.log_amplitude, set),
                    raw_width: of_set(&section.raw_width, set),
                    raw_exponents: of_set(&section.raw_exponents, set),
                    pre_exp_scaling: of_set(&section.pre_exp_scaling, set),
                    fee_slope: section.fee_slope,
                    fee_memory_days: section.fee_memory_days,
                    scalar: section.scalar,
                };
                Ok(initial.values(rule, settings)?)
            })
            .collect()
    }
}

/// The folder of market-cap files.
fn market_caps(config: &ResolvedConfig) -> anyhow::Result<PathBuf> {
    config.data.market_cap_folder().ok_or_else(|| {
        Hinted::new(
            format!(
                "the rule {:?} needs the circulating supply of every asset, and `data.market_caps` is not set",
                config.pool.rule
            ),
            "name a folder with a file {ticker in lower case}-usd-max.csv per asset, with the columns snapped_at, price \
             and market_cap",
        )
        .into()
    })
}

/// The `[train]` section in the trainer's own form.
///
/// # Errors
/// If the two forms disagree, which would be a mistake of this program.
pub fn train_settings(config: &ResolvedConfig) -> anyhow::Result<TrainSettings> {
    let mut section = serde_json::to_value(&config.train)?;
    if let Some(keys) = section.as_object_mut() {
        // Its meaning is in the sampling range.
        keys.remove("start_range_min");
    }
    Ok(serde_json::from_value(section)?)
}

/// The periods that the configuration names.
///
/// # Errors
/// If a time cannot be read.
pub fn period_spec(config: &ResolvedConfig) -> anyhow::Result<PeriodSpec> {
    let period = &config.period;
    let required = |key: &str, time: Option<&config::TimeText>| {
        let time = time.ok_or_else(|| Hinted::new(format!("`{key}` is missing"), format!("give `{key}` a date")))?;
        anyhow::Ok(parse_time(time.as_str())?)
    };
    Ok(PeriodSpec {
        start_ms: required("period.start", period.start.as_ref())?,
        end_ms: required("period.end", period.end.as_ref())?,
        test_end_ms: period.test_end.as_ref().map(|time| parse_time(time.as_str())).transpose()?,
        validation_fraction: period.validation_fraction,
        burn_in_days: config.pool.maximum_memory_days,
        inclusive_end: period.inclusive_end,
        allow_short_burn_in: period.allow_short_burn_in,
    })
}

/// The device that the configuration names.
///
/// # Errors
/// If there is no such GPU.
pub fn device(kind: DeviceKind) -> anyhow::Result<Device> {
    Ok(match kind {
        DeviceKind::Cpu => Device::flex(),
        #[cfg(feature = "ndarray")]
        #[allow(deprecated)] // Upstream drops it with 0.23; until then it is asked for.
        DeviceKind::Ndarray => Device::ndarray(),
        #[cfg(feature = "wgpu")]
        DeviceKind::Wgpu => {
            some_gpu(kind, &gradpool_ops::gpus::wgpu())?;
            // The best of them, or what CUBECL_WGPU_DEFAULT_DEVICE says.
            Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)
        }
        #[cfg(feature = "cuda")]
        DeviceKind::Cuda => some_gpu(kind, &gradpool_ops::gpus::cuda())?,
        #[allow(unreachable_patterns)]
        _ => {
            let problem = format!("`runtime.device` is \"{}\"; this program was built without it", kind.name());
            let hint = format!("build it with `cargo build --release --features {}`", kind.name());
            return Err(Hinted::new(problem, hint).into());
        }
    })
}

/// The first of the GPUs.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn some_gpu(kind: DeviceKind, found: &[gradpool_ops::gpus::Gpu]) -> anyhow::Result<Device> {
    found.first().map(|gpu| gpu.device.clone()).ok_or_else(|| {
        let problem = format!("`runtime.device` is \"{}\", but no such GPU was found", kind.name());
        Hinted::new(problem, "see `gradpool devices` for what can be used, and install the driver of the GPU").into()
    })
}

/// The type of numbers on a device: `precision`, or the device's usual one.
///
/// # Errors
/// For what a device would compute wrongly.
pub fn dtype(kind: DeviceKind, precision: Option<Precision>) -> anyhow::Result<DType> {
    match precision.unwrap_or_else(|| kind.usual_precision()) {
        Precision::F64 if kind == DeviceKind::Wgpu => Err(Hinted::new(
            "`runtime.precision` is \"f64\" on wgpu, whose 64-bit arithmetic is silently wrong",
            "use `--precision f32`, or `--device cpu`",
        )
        .into()),
        Precision::F64 => Ok(DType::F64),
        Precision::F32 => Ok(DType::F32),
    }
}

/// Minutes as whole rows of the price grid.
fn rows_of(key: &str, minutes: f64, prices: &PriceTable) -> anyhow::Result<usize> {
    let step = prices.grid().step_min();
    let rows = (minutes / step).round();
    if rows >= 1.0 && (rows * step - minutes).abs() < 1e-9 * minutes.max(1.0) {
        return Ok(rows as usize);
    }
    Err(Hinted::new(
        format!("`{key}` is {minutes} minutes, but the prices have one row every {step} minutes"),
        format!("choose a multiple of {step}"),
    )
    .into())
}

/// The pool that the configuration describes.
///
/// # Errors
/// What strategy or pool refuse.
pub fn pool(config: &ResolvedConfig, parts: &RuleParts, prices: &PriceTable) -> anyhow::Result<Pool> {
    let section = &config.pool;
    let assets = prices.assets().len();
    let step_min = prices.grid().step_min();
    let interval = rows_of("pool.update_interval_min", section.update_interval_min, prices)?;
    let interpolation = section.interpolation_min.unwrap_or(section.update_interval_min);
    let bounds = match (&section.bounds.minimum, &section.bounds.maximum) {
        (Some(minimum), Some(maximum)) => Some(gradpool_strategy::WeightBounds {
            minimum: minimum.clone(),
            maximum: maximum.clone(),
            form: match section.bounds.form {
                config::BoundsForm::Fixed => gradpool_strategy::BoundsForm::Fixed,
                config::BoundsForm::Learned => gradpool_strategy::BoundsForm::Learned,
                config::BoundsForm::Frozen => gradpool_strategy::BoundsForm::Frozen,
            },
        }),
        _ => None,
    };
    let rule = parts.rule()?;
    let learned = match section.initial_weights {
        Some(form) => form == config::InitialWeights::Learned,
        None => rule.leaves().is_empty(),
    };
    let settings = StrategySettings {
        assets,
        step_min,
        update_interval_rows: interval,
        interpolation_rows: rows_of("pool.interpolation_min", interpolation, prices)?,
        interpolation: match section.interpolation {
            config::Interpolation::Linear => gradpool_strategy::Interpolation::Linear,
            config::Interpolation::ApproxOptimal => gradpool_strategy::Interpolation::ApproxOptimal,
        },
        maximum_change_per_row: section.maximum_change_per_min * step_min,
        minimum_weight: section.minimum_weight.unwrap_or(0.1 / assets as f64),
        maximum_memory_days: section.maximum_memory_days,
        alternative_decay: section.alternative_decay,
        pre_exponent_scaling: section.pre_exponent_scaling,
        straight_through_limits: section.straight_through_weight_limits,
        straight_through_cap: section.straight_through_speed_cap,
        bounds,
        fee: gradpool_strategy::fees::FeeSettings { form: section.fee_form.into(), rate: section.fee_rate },
        initial_weights: if learned {
            gradpool_strategy::InitialWeights::Learned
        } else {
            gradpool_strategy::InitialWeights::Fixed
        },
        execution: match section.execution {
            config::Execution::Ideal => gradpool_strategy::Execution::Ideal,
            config::Execution::Onchain => gradpool_strategy::Execution::OnChain { epsilon_max: section.epsilon_max },
        },
        path: match section.weights {
            config::WeightPath::Auto => gradpool_strategy::WeightPath::Auto,
            config::WeightPath::Vectorized => gradpool_strategy::WeightPath::Vectorized,
            config::WeightPath::Scan => gradpool_strategy::WeightPath::Scan,
        },
        compatibility: gradpool_strategy::Compatibility {
            scalar_gain_offset: section.compat.scalar_gain_offset,
            min_variance_lookahead: section.compat.min_variance_lookahead,
        },
    };
    let strategy = Strategy::new(rule, settings)?;
    let arbitrage_interval_rows = match section.arbitrage_interval_min {
        Some(minutes) => rows_of("pool.arbitrage_interval_min", minutes, prices)?,
        None => 1,
    };
    let settings = PoolSettings {
        kind: kind::of(section, prices.assets()),
        initial_value: section.initial_value,
        arbitrage_interval_rows,
        rest: kind::rest(section),
        arbitrate: section.arbitrate && section.rule != HODL,
        valuation: match section.valuation {
            config::Valuation::Auto => gradpool_pools::Valuation::Auto,
            config::Valuation::ClosedForm => gradpool_pools::Valuation::ClosedForm,
            config::Valuation::StepByStep => gradpool_pools::Valuation::StepByStep,
        },
        costs: gradpool_ops::Costs {
            fee_rate: section.fee_rate,
            gas_cost: section.gas_cost,
            arbitrage_fee: section.arbitrage_fee,
            noise_trader_ratio: section.noise_trader_ratio,
            protocol_fee_share: section.protocol_fee_share,
            pairs_only: section.arbitrage == config::Arbitrage::Pairwise,
            dynamic_form: section.compat.dynamic_protocol_fees,
        },
    };
    Ok(Pool::new(strategy, settings)?)
}

fn goal(config: &ResolvedConfig, prices: &PriceTable, periods: &Periods) -> anyhow::Result<Goal> {
    let train = &config.train;
    let objective = Metric::parse(&train.objective)?;
    let mut watched = vec![Metric::DailyLogSharpe, Metric::Returns, Metric::ReturnsOverUniformHodl];
    let named =
        train.selection_metric.iter().chain(train.early_stopping.iter().filter_map(|early| early.metric.as_ref()));
    for name in named {
        watched.push(Metric::parse(name)?);
    }
    watched.retain(|metric| *metric != objective);
    watched.dedup();
    let rows = periods.train.len();
    let rows_per_day = prices.grid().rows_per_day();
    let window_rows = match (train.window_days, train.start_range_min) {
        (Some(days), _) => rows_of("train.window_days", days * 1440.0, prices)?,
        (None, Some(minutes)) => {
            let range = rows_of("train.start_range_min", minutes, prices)?;
            rows.saturating_sub(range + usize::from(config.period.inclusive_end))
        }
        (None, None) => rows.saturating_sub(DEFAULT_START_RANGE_DAYS * rows_per_day),
    };
    if window_rows == 0 {
        return Err(Hinted::new(
            format!("the training period of {rows} rows is too short for a training window"),
            "choose a longer period or `train.window_days`",
        )
        .into());
    }
    Ok(Goal { objective, turnover_penalty: train.turnover_penalty, window_rows, watched })
}
