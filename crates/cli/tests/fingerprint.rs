//! Fingerprints of the reference system become configurations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use gradpool_cli::config::{
    Benchmark, BoundsForm, ConfigError, EnsembleMethod, EnsembleSection, Interpolation, Optimiser, Overrides, PerAsset,
    PlateauWatch, ScheduleKind, Source, StartAlignment, TimeText, Valuation, WeightBounds, WeightPath, load,
};
use gradpool_cli::fingerprint::import_fingerprint;
use serde_json::{Value, json};

fn import(fingerprint: &Value) -> (gradpool_cli::config::RunConfig, gradpool_cli::fingerprint::ImportReport) {
    import_fingerprint(&fingerprint.to_string(), Path::new("run.json")).unwrap()
}

fn dead_keys(fingerprint: &Value) -> Vec<String> {
    import(fingerprint).1.dead_keys.into_iter().map(|dead| dead.key).collect()
}

/// Every file of a folder of golden files that holds a fingerprint: name, text.
fn golden(folder: &str) -> Vec<(String, String)> {
    let Some(folder) = support::shared(folder) else { return Vec::new() };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let read = files
        .into_iter()
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap()));
    read.filter(|(_, text)| text.contains("\"run_fingerprint\"")).collect()
}

#[test]
fn every_golden_case_is_understood_whole() {
    for (name, text) in golden("golden/cases").into_iter().chain(golden("golden/train")) {
        let (config, report) =
            import_fingerprint(&text, Path::new(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(report.unknown_keys.is_empty(), "{name}: {:?}", report.unknown_keys);
        let document: Value = serde_json::from_str(&text).unwrap();
        let fingerprint = &document["run_fingerprint"];
        assert_eq!(config.pool.update_interval_min, fingerprint["chunk_period"].as_f64().unwrap(), "{name}");
        assert_eq!(config.pool.fee_rate, fingerprint["fees"].as_f64().unwrap(), "{name}");
        assert_eq!(config.pool.rule, fingerprint["rule"].as_str().unwrap().rsplit("__").next().unwrap(), "{name}");
        assert_eq!(config.train.objective, fingerprint["return_val"].as_str().unwrap(), "{name}");
        assert_eq!(json!(config.data.assets), fingerprint["tokens"], "{name}");
        assert!(config.period.inclusive_end, "{name}");
        assert_eq!(config.pool.arbitrage_fee, fingerprint["arb_fees"].as_f64().unwrap(), "{name}");
        assert_eq!(config.pool.gas_cost, fingerprint["gas_cost"].as_f64().unwrap(), "{name}");
        let beyond = fingerprint["price_noise_sigma"] != json!(0.0);
        assert!(!beyond || !report.unsupported.is_empty(), "{name}: something is ignored");
    }
}

#[test]
fn golden_cases_can_be_run_with_every_rule() {
    let rules = gradpool_strategy::rules::all(&gradpool_strategy::rules::RuleOptions::default());
    let known = |part: &str| {
        matches!(part, "bounded" | "ensemble" | "lvr" | "rvr") || rules.iter().any(|rule| rule.name() == part)
    };
    let folder = support::shared("golden/cases");
    for (name, text) in golden("golden/cases") {
        let fingerprint = serde_json::from_str::<Value>(&text).unwrap()["run_fingerprint"].clone();
        let plain = fingerprint["rule"].as_str().unwrap().split("__").all(known)
            && fingerprint["price_noise_sigma"] == json!(0.0);
        let source = Source::File(folder.as_ref().unwrap().join(format!("{name}.json")));
        match load(&source, &Overrides::default()) {
            Ok(loaded) => {
                assert!(plain, "{name} has something that is not computed");
                assert_eq!(loaded.config.name, name);
                assert!(!loaded.import.unwrap().dead_keys.is_empty());
            }
            Err(ConfigError::NotAvailable { key, .. }) => assert!(!plain, "{name}: {key}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn an_empty_fingerprint_is_the_reference_systems_default() {
    for empty in [json!({}), json!({ "fees": null, "tokens": null, "optimisation_settings": null })] {
        let (config, report) = import(&empty);
        assert_eq!(config.data.assets, ["BTC", "ETH", "USDC"]);
        assert_eq!(config.pool.rule, "mean_reversion_channel");
        assert_eq!(config.period.start, Some(TimeText::from("2023-01-01 00:00:00")));
        assert_eq!(config.period.end, Some(TimeText::from("2023-06-01 00:00:00")));
        assert_eq!(config.period.validation_fraction, 0.2);
        assert_eq!((config.train.iterations, config.train.batch_size, config.train.parameter_sets), (1000, 8, 4));
        assert_eq!((config.train.learning_rate, config.train.weight_decay), (0.1, Some(0.01)));
        assert_eq!((config.train.clip_norm, config.train.start_range_min), (10.0, Some(10_080.0)));
        assert_eq!(config.train.early_stopping.unwrap().patience, 200);
        assert_eq!(config.pool.interpolation_min, Some(1440.0));
        assert_eq!(report.dead_keys, []);
        assert_eq!(report.unsupported, []);
    }
}

#[test]
fn every_key_with_an_effect_is_taken_over() {
    let settings = json!({
        "optimiser": "adam", "base_lr": 0.02, "lr_schedule_type": "warmup_cosine", "lr_decay_ratio": 10,
        "warmup_steps": 5, "clip_norm": 3, "n_iterations": 77, "batch_size": 4, "n_parameter_sets": 2,
        "noise_scale": 0.3, "initial_random_key": 9, "force_scalar": true, "early_stopping": false,
        "early_stopping_metric": "sharpe", "val_fraction": 0.1, "sample_method": "stratified",
        "use_plateau_decay": true, "decay_lr_plateau": 11, "decay_lr_ratio": 0.5,
        "per_param_noise_scale": { "log_k": 0.7 },
    });
    let mut fingerprint = json!({
        "rule": "momentum", "tokens": ["BTC", "ETH"], "initial_pool_value": 5e5, "fees": 0.003, "chunk_period": 60,
        "weight_interpolation_period": 30, "weight_interpolation_method": "approx_optimal",
        "weight_calculation_method": "scan", "maximum_change": 1e-3, "minimum_weight": 0.05, "max_memory_days": 30,
        "arb_frequency": 5, "do_arb": false, "use_alt_lamb": true, "ste_max_change": true, "ste_min_max_weight": true,
        "use_fused_reserves": false, "return_val": "calmar", "bout_offset": 2880, "turnover_penalty": 0.5,
        "initial_memory_length": 7, "initial_memory_length_delta": 2, "initial_k_per_day": 30,
        "initial_weights_logits": [0.1, 0.2], "endTestDateString": "2023-07-01 00:00:00",
    });
    fingerprint["optimisation_settings"] = settings;
    let (config, report) = import(&fingerprint);
    let pool = &config.pool;
    assert_eq!((pool.initial_value, pool.fee_rate, pool.update_interval_min), (5e5, 0.003, 60.0));
    assert_eq!((pool.interpolation_min, pool.interpolation), (Some(30.0), Interpolation::ApproxOptimal));
    assert_eq!((pool.weights, pool.valuation), (WeightPath::Scan, Valuation::StepByStep));
    assert_eq!((pool.maximum_change_per_min, pool.minimum_weight, pool.maximum_memory_days), (1e-3, Some(0.05), 30.0));
    assert_eq!((pool.arbitrage_interval_min, pool.arbitrate, pool.alternative_decay), (Some(5.0), false, true));
    assert!(pool.straight_through_speed_cap && pool.straight_through_weight_limits);
    let train = &config.train;
    assert_eq!(
        (train.objective.as_str(), train.start_range_min, train.turnover_penalty),
        ("calmar", Some(2880.0), 0.5)
    );
    assert_eq!((train.optimiser, train.learning_rate, train.weight_decay), (Optimiser::Adam, 0.02, None));
    assert_eq!((train.schedule.kind, train.schedule.decay_ratio), (ScheduleKind::WarmupCosine, 10.0));
    assert_eq!((train.schedule.warmup_steps, train.clip_norm, train.iterations), (5, 3.0, 77));
    assert_eq!((train.batch_size, train.parameter_sets, train.noise_scale), (4, 2, 0.3));
    assert_eq!((train.start_alignment, train.leaf_noise_scale["log_k"]), (StartAlignment::Any, 0.7));
    assert_eq!(train.early_stopping, None);
    assert_eq!(train.selection_metric.as_deref(), Some("daily_sharpe"), "period metrics have names of their own");
    let plateau = train.plateau.unwrap();
    assert_eq!((plateau.watch, plateau.patience, plateau.factor), (PlateauWatch::Objective, 11, 0.5));
    let initial = &config.initial;
    assert_eq!((initial.memory_days, initial.memory_delta_days, initial.scalar), (7.0, 2.0, true));
    assert_eq!(initial.k_per_day, PerAsset::All(30.0));
    assert_eq!((config.runtime.seed, config.period.validation_fraction), (9, 0.1));
    assert_eq!(config.period.test_end, Some(TimeText::from("2023-07-01 00:00:00")));
    assert_eq!(report.unknown_keys, Vec::<String>::new());
    assert_eq!(report.unsupported, []);
}

#[test]
fn values_per_asset_follow_their_ticker_when_assets_are_sorted() {
    let (config, report) = import(&json!({
        "rule": "bounded__momentum", "tokens": ["USDC", "BTC", "ETH"],
        "initial_weights_logits": [1, 2, 3], "initial_k_per_day": [[10, 20, 30], [11, 21, 31]],
        "learnable_bounds_settings": { "min_weights_per_asset": [0.1, 0.2, 0.3], "max_weights_per_asset": 0.8 },
    }));
    assert_eq!(config.data.assets, ["BTC", "ETH", "USDC"]);
    assert_eq!(config.initial.weights_logits, PerAsset::Assets(vec![2.0, 3.0, 1.0]));
    assert_eq!(config.initial.k_per_day, PerAsset::Sets(vec![vec![20.0, 30.0, 10.0], vec![21.0, 31.0, 11.0]]));
    assert_eq!(config.pool.bounds.minimum, Some(vec![0.2, 0.3, 0.1]));
    assert!(report.notes.iter().any(|note| note.contains("alphabetical")), "{:?}", report.notes);
}

#[test]
fn sgd_is_the_bare_one_of_the_reference_system() {
    let fingerprint = json!({ "optimisation_settings": {
        "optimiser": "sgd", "decay_lr_plateau": 2, "decay_lr_ratio": 0.5, "min_lr": 1e-6, "clip_norm": 10, "weight_decay": 0.1,
    } });
    let (config, _) = import(&fingerprint);
    let plateau = config.train.plateau.unwrap();
    assert_eq!((plateau.watch, plateau.patience, plateau.minimum_learning_rate), (PlateauWatch::Metric, 2, 1e-6));
    assert_eq!((config.train.clip_norm, config.train.weight_decay), (0.0, None));
    assert_eq!((config.train.schedule.kind, config.train.evaluate_every), (ScheduleKind::Constant, Some(1)));
    let dead = dead_keys(&fingerprint);
    assert_eq!(dead, ["optimisation_settings.clip_norm", "optimisation_settings.weight_decay"]);
}

#[test]
fn keys_without_effect_are_listed_and_unknown_ones_too() {
    let fingerprint = json!({
        "rule": "momentum", "freq": "minute", "arb_quality": 0.5, "noise_trader_ratio": 1.5, "my_own_note": 3,
        "optimisation_settings": { "n_cycles": 5, "min_lr": 1e-6, "bfgs_settings": { "maxiter": 3 }, "typo": 1 },
    });
    let (_, report) = import(&fingerprint);
    let mut dead = dead_keys(&fingerprint);
    dead.sort();
    let inner = |key: &str| format!("optimisation_settings.{key}");
    assert_eq!(
        dead,
        ["arb_quality", "freq", "noise_trader_ratio", &inner("bfgs_settings"), &inner("min_lr"), &inner("n_cycles")]
    );
    assert_eq!(report.unknown_keys, ["optimisation_settings.typo", "my_own_note"]);
    assert_eq!(
        report.summary().unwrap(),
        "8 keys without effect: arb_quality, freq, my_own_note, noise_trader_ratio, \
         optimisation_settings.{bfgs_settings, min_lr, n_cycles, typo}"
    );
}

#[test]
fn a_command_says_once_which_keys_have_no_effect_and_why_only_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let fingerprint = json!({
        "rule": "momentum", "fees": 0, "tokens": ["BTC", "ETH"], "freq": "minute", "numeraire": "USDC",
        "startDateString": "2018-03-01 00:00:00", "endDateString": "2018-09-01 00:00:00", "max_memory_days": 60,
    });
    std::fs::write(path("run.json"), fingerprint.to_string()).unwrap();
    std::fs::write(path("params.json"), r#"{"k": 0.1, "logit_lamb": 2, "initial_weights_logits": [0, 0]}"#).unwrap();
    std::fs::copy(path("params.json"), path("same.json")).unwrap();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/daily");
    let (config, one, other) = (path("run.json"), path("params.json"), path("same.json"));
    let simulate = ["simulate", &config, "--params", &one, "--data", data];
    let evaluate = ["evaluate", &one, &other, "--config", &config, "--data", data];
    let stderr = |command: &[&str], option: &str| {
        let outcome = support::gradpool(command.iter().copied().chain([option]));
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        outcome.stderr
    };
    for command in [&simulate[..], &evaluate[..]] {
        let line = format!("{config}: 2 keys without effect: freq, numeraire\n");
        for option in ["--json", "-v"] {
            assert_eq!(stderr(command, option).matches(&line).count(), 1, "{command:?} {option}");
        }
        assert!(!stderr(command, "--json").contains("(rows have the step of the price files)"));
        assert!(stderr(command, "-v").contains("without effect: freq (rows have the step of the price files)\n"));
        assert_eq!(stderr(command, "-q"), "");
    }
}

#[test]
fn what_changes_the_result_and_cannot_be_computed_is_never_ignored() {
    for (key, value) in [
        ("price_noise_sigma", json!(0.1)),
        ("subsidary_pools", json!([{ "rule": "hodl" }])),
        ("rule", json!("lvr__rvr__momentum")),
        ("rule", json!("delayed__momentum")),
    ] {
        let mut fingerprint = json!({ "rule": "momentum" });
        fingerprint[key] = value;
        let (_, report) = import(&fingerprint);
        assert_eq!(report.unsupported.len(), 1, "{key}");
        let message = report.unsupported[0].as_error(Path::new("run.json")).to_string();
        assert!(message.contains(key) && message.contains("not available"), "{message}");
    }
    for (key, value) in [("method", "bfgs"), ("training_data_kind", "mc"), ("sample_method", "exponential")] {
        let (_, report) = import(&json!({ "optimisation_settings": { key: value } }));
        assert_eq!(report.unsupported[0].key, format!("optimisation_settings.{key}"));
    }
}

#[test]
fn portfolios_on_a_market_are_taken_over() {
    for (rule, benchmark) in [("lvr__momentum", Benchmark::Lvr), ("bounded__rvr__momentum", Benchmark::Rvr)] {
        let bounds = json!({ "min_weights_per_asset": [0.1, 0.1, 0.1], "max_weights_per_asset": [0.6, 0.6, 0.6] });
        let (config, report) = import(&json!({
            "rule": rule, "fees": 0.003, "gas_cost": 2.0, "noise_trader_ratio": 1.0, "arb_frequency": 5,
            "annual_streaming_fee": 0.1, "learnable_bounds_settings": bounds,
        }));
        assert_eq!((config.pool.rule.as_str(), config.pool.benchmark), ("momentum", Some(benchmark)));
        assert_eq!((config.pool.fee_rate, config.pool.gas_cost, config.pool.noise_trader_ratio), (0.003, 0.0, 0.0));
        assert_eq!((config.pool.annual_streaming_fee, report.unsupported), (None, vec![]));
        let dead: Vec<&str> = report.dead_keys.iter().map(|dead| dead.key.as_str()).collect();
        for key in ["gas_cost", "noise_trader_ratio", "annual_streaming_fee"] {
            assert!(dead.contains(&key), "{key} {dead:?}");
        }
        assert!(report.notes.iter().any(|note| note.contains("stretches time")), "{:?}", report.notes);
    }
    let (config, report) = import(&json!({
        "rule": "trad_hodling_index_market_cap", "fees": 0.003, "annual_streaming_fee": 0.1, "cap_weights": 0.5,
    }));
    assert_eq!((config.pool.annual_streaming_fee, config.pool.largest_index_weight), (Some(0.1), Some(0.5)));
    assert_eq!((config.pool.benchmark, report.dead_keys, report.unsupported), (None, vec![], vec![]));
}

#[test]
fn costs_are_taken_over() {
    let (config, report) = import(&json!({
        "fees": 0.003, "protocol_fee_split": 0.25, "gas_cost": 2.0, "arb_fees": 0.0005, "noise_trader_ratio": 1.5,
    }));
    let pool = &config.pool;
    assert_eq!((pool.fee_rate, pool.protocol_fee_share, pool.gas_cost), (0.003, 0.25, 2.0));
    assert_eq!((pool.arbitrage_fee, pool.noise_trader_ratio), (0.0005, 1.5));
    assert_eq!((report.unsupported, report.dead_keys), (vec![], vec![]));
}

#[test]
fn costs_that_need_fees_are_kept_for_a_series_of_them() {
    let (config, report) = import(&json!({ "protocol_fee_split": 0.25, "noise_trader_ratio": 1.5, "do_trades": true }));
    assert_eq!((config.pool.protocol_fee_share, config.pool.noise_trader_ratio), (0.25, 1.5));
    assert_eq!((report.unsupported, report.dead_keys.len()), (vec![], 2));
    assert!(report.notes[0].contains("`pool.inputs.trades`"), "{:?}", report.notes);
}

#[test]
fn hooks_become_bounds_and_ensembles() {
    let mut fingerprint = json!({
        "rule": "ensemble__bounded__power_channel", "tokens": ["ETH", "BTC"], "use_pre_exp_scaling": false,
        "n_ensemble_members": 4, "ensemble_init_method": "sobol", "ensemble_init_scale": 0.25, "ensemble_init_seed": 7,
        "learnable_bounds_settings": {
            "min_weights_per_asset": [0.2, 0.1], "max_weights_per_asset": 0.9, "freeze_bounds": true,
        },
    });
    let (config, report) = import(&fingerprint);
    let pool = &config.pool;
    assert_eq!(pool.rule, "power_channel");
    assert!(!pool.pre_exponent_scaling);
    let ensemble = EnsembleSection { members: 4, method: EnsembleMethod::Sobol, scale: 0.25, seed: 7 };
    assert_eq!(pool.ensemble, ensemble);
    assert_eq!(pool.bounds.form, BoundsForm::Frozen);
    // BTC stands before ETH here.
    assert_eq!(pool.bounds.minimum.as_deref(), Some(&[0.1, 0.2][..]));
    assert_eq!(pool.bounds.maximum.as_deref(), Some(&[0.9, 0.9][..]));
    assert_eq!(report.dead_keys, []);
    // Without the prefixes the same keys do nothing, and that is said.
    fingerprint["rule"] = json!("anti_momentum");
    let (config, _) = import(&fingerprint);
    assert_eq!((config.pool.ensemble, config.pool.bounds), (EnsembleSection::default(), WeightBounds::default()));
    let mut dead = dead_keys(&fingerprint);
    dead.sort();
    let ensemble = ["ensemble_init_method", "ensemble_init_scale", "ensemble_init_seed"];
    let others = ["learnable_bounds_settings", "n_ensemble_members", "use_pre_exp_scaling"];
    assert_eq!(dead, [&ensemble[..], &others[..]].concat());
}

#[test]
fn keys_of_one_rule_reach_it_and_are_without_effect_on_others() {
    let fingerprint = |rule: &str| json!({ "rule": rule, "cap_weights": 0.6, "initial_raw_width": -1.0 });
    let (config, _) = import(&fingerprint("index_market_cap"));
    assert_eq!(config.pool.largest_index_weight, Some(0.6));
    assert_eq!(dead_keys(&fingerprint("index_market_cap")), ["initial_raw_width"]);
    assert_eq!(import(&fingerprint("momentum")).0.pool.largest_index_weight, None);
    assert_eq!(dead_keys(&fingerprint("momentum")), ["cap_weights", "initial_raw_width"]);
    assert_eq!(dead_keys(&fingerprint("triple_threat_mean_reversion_channel")), ["cap_weights"]);
}

#[test]
fn wrong_types_name_key_value_and_what_is_expected() {
    for (fingerprint, message) in [
        (json!({ "fees": "free" }), "run.json: `fees` is \"free\"; expected a finite number"),
        (json!({ "tokens": "BTC" }), "run.json: `tokens` is \"BTC\"; expected a list of text"),
        (
            json!({ "rule": "bounded__momentum" }),
            "`learnable_bounds_settings.min_weights_per_asset` is absent; expected a weight per asset",
        ),
        (json!({ "weight_calculation_method": "fft" }), "expected one of auto, vectorized, scan"),
        (json!({ "optimisation_settings": { "n_iterations": 1.5 } }), "`optimisation_settings.n_iterations` is 1.5"),
        (json!({ "optimisation_settings": [] }), "`optimisation_settings` is []; expected an object"),
        (json!([1, 2]), "a fingerprint is a JSON object"),
    ] {
        let error = import_fingerprint(&fingerprint.to_string(), Path::new("run.json")).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let error = import_fingerprint("{\n  \"fees\": 1,\n", Path::new("run.json")).unwrap_err().to_string();
    assert!(error.starts_with("run.json:3:"), "{error}");
}

#[test]
fn set_applies_on_top_of_a_fingerprint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    std::fs::write(&path, json!({ "rule": "cow", "fees": 0.003 }).to_string()).unwrap();
    let source = Source::File(path);
    let error = load(&source, &Overrides::default()).unwrap_err().to_string();
    assert!(error.contains("`pool.rule` is \"cow\", a pool of two assets; `data.assets` names 3"), "{error}");
    let set = ["pool.rule=momentum", "pool.fee_rate=0", "train.iterations=12"].map(str::to_owned).to_vec();
    let loaded = load(&source, &Overrides { set, ..Overrides::default() }).unwrap();
    assert_eq!((loaded.config.pool.fee_rate, loaded.config.train.iterations), (0.0, 12));
    assert_eq!(loaded.config.data.directory, folder.path().canonicalize().unwrap());
}
