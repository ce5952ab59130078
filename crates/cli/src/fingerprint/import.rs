//! A fingerprint as a run configuration: data, period, pool and start. Training is in `training.rs`.

use std::path::Path;

use serde_json::{Map, Value};

use super::group::{Group, shortened};
use super::report::{DeadKey, ImportReport, Unsupported};
use super::{keys, training};
use crate::config::{
    Benchmark, BoundsForm, ConfigError, CowSection, DataSection, EnsembleMethod, EnsembleSection, GyroscopeSection,
    InitialSection, InitialWeights, Interpolation, PerAsset, PeriodSection, Place, PoolSection, ReclammInterpolation,
    ReclammSection, RunConfig, TimeText, Valuation, WeightBounds, WeightPath,
};
use crate::kind::INDEX_FUND;

/// Reads a fingerprint, or the object `run_fingerprint` of a file that holds one. `path` names it in messages and
/// gives the run its name.
///
/// Absent keys and nulls take the reference system's defaults. End dates are inclusive. Tickers are sorted, and values
/// that the fingerprint gives per asset are sorted with them.
///
/// # Errors
/// [`ConfigError::Syntax`] if it is not a JSON object, [`ConfigError::Fingerprint`] for a value of a wrong type. What
/// this program cannot compute is no error here: the report lists it.
pub fn import_fingerprint(json: &str, path: &Path) -> Result<(RunConfig, ImportReport), ConfigError> {
    let entries = root(json, path)?;
    let group = Group::new(path, "", &entries);
    let mut report = ImportReport::default();
    let tokens = tokens(&group, &mut report)?;
    let rule = RuleText::new(group.text("rule", "mean_reversion_channel")?);
    rule.refuse_hooks(&group, &mut report);
    let fees = group.number("fees", 0.0)?;
    let mut config = RunConfig {
        name: path.file_stem().map_or_else(|| "fingerprint".to_owned(), |stem| stem.to_string_lossy().into_owned()),
        data: DataSection { assets: tokens.sorted.clone(), ..DataSection::default() },
        period: period(&group)?,
        pool: pool(&group, &rule, fees, &tokens, &mut report)?,
        initial: initial(&group, &tokens)?,
        ..RunConfig::default()
    };
    costs(&group, &rule, fees, &mut report)?;
    training::import(&group, &entries, path, &mut config, &mut report)?;
    // Some of these were taken over into the configuration, whose rule does not read them.
    for (key, readers, reason) in keys::OF_SOME_RULES {
        if entries.contains_key(*key) && !rule.is_any_of(readers) {
            report.dead_keys.push(DeadKey { key: (*key).to_owned(), reason: (*reason).to_owned() });
        }
    }
    let of_other_rules: Vec<(&str, &str)> =
        keys::OF_SOME_RULES.iter().map(|(key, _, reason)| (*key, *reason)).collect();
    unread(&group, &[keys::ROOT], &[&of_other_rules], &mut report);
    Ok((config, report))
}

fn root(json: &str, path: &Path) -> Result<Map<String, Value>, ConfigError> {
    let not_json = |line: usize, column: usize, message: String| ConfigError::Syntax {
        place: Place::File { path: path.to_owned(), line: line.max(1), column: column.max(1) },
        message,
    };
    let value: Value =
        serde_json::from_str(json).map_err(|error| not_json(error.line(), error.column(), error.to_string()))?;
    match value {
        Value::Object(mut entries) => match entries.remove("run_fingerprint") {
            Some(Value::Object(inner)) => Ok(inner),
            Some(other) => Err(ConfigError::Fingerprint {
                path: path.to_owned(),
                key: "run_fingerprint".to_owned(),
                value: shortened(&other),
                expected: "an object".to_owned(),
            }),
            None => Ok(entries),
        },
        other => Err(not_json(1, 1, format!("a fingerprint is a JSON object; found {}", shortened(&other)))),
    }
}

/// Sorts what was not read into keys without effect and unknown keys.
pub fn unread(group: &Group<'_>, dead: &[&[(&str, &str)]], ignored: &[&[(&str, &str)]], report: &mut ImportReport) {
    for (key, _) in group.unread() {
        if let Some(reason) = keys::reason(dead, key) {
            report.dead_keys.push(DeadKey { key: group.name(key), reason });
        } else if keys::reason(ignored, key).is_none() {
            report.unknown_keys.push(group.name(key));
        }
    }
}

/// Records a setting that this program cannot compute.
pub fn unsupported(group: &Group<'_>, key: &str, available: &str, report: &mut ImportReport) {
    let value = group.get(key).map_or_else(|| "null".to_owned(), shortened);
    report.unsupported.push(Unsupported { key: group.name(key), value, available: available.to_owned() });
}

/// Records a key that is there but has no effect with these settings.
pub fn dead(group: &Group<'_>, key: &str, reason: &str, report: &mut ImportReport) {
    if group.has(key) {
        report.dead_keys.push(DeadKey { key: group.name(key), reason: reason.to_owned() });
    }
}

/// The text of `rule`: hooks, each with `__` behind it, and the rule itself.
struct RuleText {
    text: String,
}

impl RuleText {
    fn new(text: String) -> Self {
        Self { text }
    }

    /// The rule itself.
    fn base(&self) -> &str {
        self.text.rsplit("__").next().unwrap_or(&self.text)
    }

    fn hooks(&self) -> impl Iterator<Item = &str> {
        self.text.split("__").filter(|part| *part != self.base())
    }

    /// Whether one of these names is the rule itself or a hook.
    fn is_any_of(&self, names: &[&str]) -> bool {
        self.text.split("__").any(|part| names.contains(&part))
    }

    fn refuse_hooks(&self, group: &Group<'_>, report: &mut ImportReport) {
        let is_known = |hook: &str| matches!(hook, "bounded" | "ensemble" | "lvr" | "rvr");
        if self.hooks().any(|hook| !is_known(hook)) || self.hooks().filter_map(benchmark_of).count() > 1 {
            unsupported(group, "rule", "the prefixes bounded__, ensemble__ and one of lvr__ and rvr__", report);
        }
    }

    /// The portfolio that takes the place of the pool.
    fn benchmark(&self) -> Option<Benchmark> {
        self.hooks().find_map(benchmark_of)
    }

    /// Whether it is a fund that trades on a market itself.
    fn is_fund(&self) -> bool {
        self.base() == INDEX_FUND
    }

    /// Whether arbitrageurs trade with it.
    fn is_pool(&self) -> bool {
        self.benchmark().is_none() && !self.is_fund()
    }
}

fn benchmark_of(hook: &str) -> Option<Benchmark> {
    match hook {
        "lvr" => Some(Benchmark::Lvr),
        "rvr" => Some(Benchmark::Rvr),
        _ => None,
    }
}

/// The assets, and how to bring a list in the file's order into alphabetical order.
struct Tokens {
    sorted: Vec<String>,
    order: Vec<usize>,
}

fn tokens(group: &Group<'_>, report: &mut ImportReport) -> Result<Tokens, ConfigError> {
    let mut given = Vec::new();
    for token in group.texts("tokens", &["BTC", "ETH", "USDC"])? {
        if given.contains(&token) {
            report.notes.push(format!("`tokens` names {token} twice; it is one asset"));
        } else {
            given.push(token);
        }
    }
    let mut order: Vec<usize> = (0..given.len()).collect();
    order.sort_by(|&left, &right| given[left].cmp(&given[right]));
    if !given.is_sorted() {
        report.notes.push(
            "`tokens` is not in alphabetical order: assets are sorted, and values per asset are sorted with them \
             (the reference system sorts the assets only)"
                .to_owned(),
        );
    }
    Ok(Tokens { sorted: order.iter().map(|&from| given[from].clone()).collect(), order })
}

fn period(group: &Group<'_>) -> Result<PeriodSection, ConfigError> {
    Ok(PeriodSection {
        start: Some(TimeText(group.text("startDateString", "2023-01-01 00:00:00")?)),
        end: Some(TimeText(group.text("endDateString", "2023-06-01 00:00:00")?)),
        test_end: group.optional_text("endTestDateString")?.map(TimeText),
        validation_fraction: 0.0,
        inclusive_end: true,
        allow_short_burn_in: true,
    })
}

fn pool(
    group: &Group<'_>,
    rule: &RuleText,
    fees: f64,
    tokens: &Tokens,
    report: &mut ImportReport,
) -> Result<PoolSection, ConfigError> {
    let interpolations = [
        ("linear", Interpolation::Linear),
        ("approx_optimal", Interpolation::ApproxOptimal),
        ("optimal", Interpolation::ApproxOptimal),
    ];
    let paths = [("auto", WeightPath::Auto), ("vectorized", WeightPath::Vectorized), ("scan", WeightPath::Scan)];
    let fused = group.boolean("use_fused_reserves", true)?;
    // One row of prices is a minute there, and one row is the default here.
    let arbitrage_interval = group.number("arb_frequency", 1.0)?;
    if arbitrage_interval != 1.0 && !rule.is_pool() {
        report.notes.push(
            "`arb_frequency` is the time between two rebalancings; the reference system stretches time by it instead"
                .to_owned(),
        );
    }
    // Costs of arbitrage and fees of a pool.
    let of_pools = |key: &str| if rule.is_pool() { group.number(key, 0.0) } else { Ok(0.0) };
    Ok(PoolSection {
        rule: rule.base().to_owned(),
        initial_value: group.number("initial_pool_value", 1e6)?,
        fee_rate: fees,
        gas_cost: of_pools("gas_cost")?,
        arbitrage_fee: of_pools("arb_fees")?,
        noise_trader_ratio: of_pools("noise_trader_ratio")?,
        protocol_fee_share: of_pools("protocol_fee_split")?,
        update_interval_min: group.number("chunk_period", 1440.0)?,
        interpolation_min: Some(group.number("weight_interpolation_period", 1440.0)?),
        interpolation: group.choice("weight_interpolation_method", Interpolation::Linear, &interpolations)?,
        maximum_change_per_min: group.number("maximum_change", 3e-4)?,
        minimum_weight: group.optional_number("minimum_weight")?,
        maximum_memory_days: group.number("max_memory_days", 365.0)?,
        arbitrage_interval_min: (arbitrage_interval != 1.0).then_some(arbitrage_interval),
        arbitrate: group.boolean("do_arb", true)?,
        weights: group.choice("weight_calculation_method", WeightPath::Auto, &paths)?,
        valuation: if fused { Valuation::Auto } else { Valuation::StepByStep },
        alternative_decay: group.boolean("use_alt_lamb", false)?,
        pre_exponent_scaling: group.boolean("use_pre_exp_scaling", true)?,
        largest_index_weight: if rule.is_any_of(&["index_market_cap", "hodling_index_market_cap"]) || rule.is_fund() {
            group.optional_number("cap_weights")?
        } else {
            None
        },
        annual_streaming_fee: if rule.is_fund() { group.optional_number("annual_streaming_fee")? } else { None },
        benchmark: rule.benchmark(),
        straight_through_speed_cap: group.boolean("ste_max_change", false)?,
        straight_through_weight_limits: group.boolean("ste_min_max_weight", false)?,
        // No gradient reaches them there.
        initial_weights: Some(InitialWeights::Fixed),
        ensemble: ensemble(group, rule, report)?,
        cow: CowSection {
            arbitrage_quality: if rule.base() == "cow" { group.number("arb_quality", 1.0)? } else { 1.0 },
        },
        gyroscope: if rule.base() == "gyroscope" { gyroscope(group)? } else { GyroscopeSection::default() },
        reclamm: if rule.base() == "reclamm" { reclamm(group, report)? } else { ReclammSection::default() },
        bounds: if rule.is_any_of(&["bounded"]) { bounds(group, tokens)? } else { WeightBounds::default() },
        ..PoolSection::default()
    })
}

fn gyroscope(group: &Group<'_>) -> Result<GyroscopeSection, ConfigError> {
    Ok(GyroscopeSection {
        numeraire: group.optional_text("numeraire")?,
        phi: group.optional_number("rotation_angle")?,
        alpha: group.optional_number("alpha")?,
        beta: group.optional_number("beta")?,
        lam: group.optional_number("lam")?,
        ..GyroscopeSection::default()
    })
}

fn reclamm(group: &Group<'_>, report: &mut ImportReport) -> Result<ReclammSection, ConfigError> {
    let interpolations = [
        ("geometric", ReclammInterpolation::Geometric),
        ("constant_arc_length", ReclammInterpolation::ConstantArcLength),
    ];
    if group.has("reclamm_initial_state") {
        let available = "the reserves of `pool.reclamm.state` in a configuration of this program";
        unsupported(group, "reclamm_initial_state", available, report);
    }
    let interpolation =
        group.choice("reclamm_interpolation_method", ReclammInterpolation::Geometric, &interpolations)?;
    let constant = interpolation == ReclammInterpolation::ConstantArcLength;
    let learns = group.boolean("reclamm_learn_arc_length_speed", false)? && constant;
    let started = group.optional_number("initial_arc_length_speed")?.filter(|_| learns);
    // A speed that is not above zero means the geometric shift there.
    let configured = group.optional_number("reclamm_arc_length_speed")?.filter(|_| constant);
    let still = configured.is_some_and(|speed| speed <= 0.0) && !learns;
    let exponent = group.optional_number("initial_shift_exponent")?;
    let base = group.number("initial_daily_price_shift_base", 1.0 - 1.0 / 124_000.0)?;
    let uses_exponent = group.boolean("reclamm_use_shift_exponent", false)?;
    Ok(ReclammSection {
        interpolation: if still { ReclammInterpolation::Geometric } else { interpolation },
        arc_length_speed: if learns { started } else { configured.filter(|_| !still) },
        learn_arc_length_speed: learns,
        learn_fees: group.boolean("reclamm_learn_fees", false)?,
        centeredness_scaling: group.boolean("reclamm_centeredness_scaling", false)?,
        price_ratio: group.number("initial_price_ratio", 4.0)?,
        centeredness_margin: group.number("initial_centeredness_margin", 0.2)?,
        shift_exponent: uses_exponent.then(|| exponent.unwrap_or(1.0)),
        daily_price_shift_base: (!uses_exponent).then_some(base),
        ..ReclammSection::default()
    })
}

fn ensemble(group: &Group<'_>, rule: &RuleText, report: &mut ImportReport) -> Result<EnsembleSection, ConfigError> {
    let members = group.whole("n_ensemble_members", 1)?;
    if !rule.is_any_of(&["ensemble"]) {
        if members > 1 {
            dead(group, "n_ensemble_members", "read by rules with the prefix ensemble__ only", report);
        }
        return Ok(EnsembleSection::default());
    }
    let methods = [
        ("gaussian", EnsembleMethod::Gaussian),
        ("lhs", EnsembleMethod::Lhs),
        ("centered_lhs", EnsembleMethod::CenteredLhs),
        ("sobol", EnsembleMethod::Sobol),
        ("grid", EnsembleMethod::Grid),
    ];
    Ok(EnsembleSection {
        members,
        method: group.choice("ensemble_init_method", EnsembleMethod::Gaussian, &methods)?,
        scale: group.number("ensemble_init_scale", 0.5)?,
        seed: group.whole("ensemble_init_seed", 42)? as u64,
    })
}

fn bounds(group: &Group<'_>, tokens: &Tokens) -> Result<WeightBounds, ConfigError> {
    let empty = Map::new();
    let entries = group.get("learnable_bounds_settings").and_then(Value::as_object).unwrap_or(&empty);
    let inner = Group::new(group.path(), "learnable_bounds_settings", entries);
    let limits = |key: &str| -> Result<Option<Vec<f64>>, ConfigError> {
        if !inner.has(key) {
            return Err(ConfigError::Fingerprint {
                path: group.path().to_owned(),
                key: inner.name(key),
                value: "absent".to_owned(),
                expected: "a weight per asset, because of the prefix bounded__".to_owned(),
            });
        }
        Ok(Some(match inner.per_asset(key, 0.0)?.permuted(&tokens.order) {
            PerAsset::All(limit) => vec![limit; tokens.sorted.len()],
            other => other.numbers(),
        }))
    };
    let form = if inner.boolean("freeze_bounds", false)? { BoundsForm::Frozen } else { BoundsForm::Learned };
    Ok(WeightBounds { minimum: limits("min_weights_per_asset")?, maximum: limits("max_weights_per_asset")?, form })
}

fn initial(group: &Group<'_>, tokens: &Tokens) -> Result<InitialSection, ConfigError> {
    let per_asset =
        |key: &str, default: f64| Ok::<_, ConfigError>(group.per_asset(key, default)?.permuted(&tokens.order));
    Ok(InitialSection {
        memory_days: group.number("initial_memory_length", 10.0)?,
        memory_delta_days: group.number("initial_memory_length_delta", 0.0)?,
        k_per_day: per_asset("initial_k_per_day", 20.0)?,
        weights_logits: per_asset("initial_weights_logits", 1.0)?,
        log_amplitude: per_asset("initial_log_amplitude", 0.0)?,
        raw_width: per_asset("initial_raw_width", 0.0)?,
        raw_exponents: per_asset("initial_raw_exponents", 0.0)?,
        pre_exp_scaling: per_asset("initial_pre_exp_scaling", 0.5)?,
        scalar: false,
        ..InitialSection::default()
    })
}

/// Costs and features of the simulated pool that this program does not compute yet.
fn costs(group: &Group<'_>, rule: &RuleText, fees: f64, report: &mut ImportReport) -> Result<(), ConfigError> {
    if group.number("price_noise_sigma", 0.0)? != 0.0 {
        unsupported(group, "price_noise_sigma", "only 0: prices as they are", report);
    }
    for key in ["protocol_fee_split", "noise_trader_ratio", "gas_cost", "arb_fees"] {
        if group.number(key, 0.0)? == 0.0 {
            continue;
        }
        if !rule.is_pool() {
            dead(group, key, "no effect on a portfolio that no arbitrageur trades with", report);
        } else if fees == 0.0 && !matches!(key, "gas_cost" | "arb_fees") {
            dead(group, key, keys::WITHOUT_FEES, report);
        }
    }
    if group.boolean("do_trades", false)? {
        report.wants_trades = true;
        report.notes.push("`do_trades` is true: the trades are those of `pool.inputs.trades`".to_owned());
    }
    let pools = group.get("subsidary_pools").and_then(Value::as_array);
    if pools.is_some_and(|pools| !pools.is_empty()) {
        unsupported(group, "subsidary_pools", "only []: no pools within pools", report);
    }
    Ok(())
}
