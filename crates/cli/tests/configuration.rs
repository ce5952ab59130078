//! Configurations: layers, errors, the resolved form and its hash.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_push_string)]

mod support;

use std::path::{Path, PathBuf};

use gradpool_cli::config::{
    ConfigError, DeviceKind, Loaded, Overrides, PerAsset, Precision, ResolvedConfig, Source, TimeText, load,
};
use proptest::prelude::*;
use support::COMPLETE;
use tempfile::TempDir;

struct Project {
    folder: TempDir,
}

impl Project {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("run.toml"), text).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("run.toml")
    }

    fn load(&self, set: &[&str]) -> Result<Loaded, ConfigError> {
        let set = set.iter().map(|argument| (*argument).to_owned()).collect();
        self.load_with(Overrides { set, ..Overrides::default() })
    }

    fn load_with(&self, overrides: Overrides) -> Result<Loaded, ConfigError> {
        load(&Source::File(self.path()), &overrides)
    }

    /// Message and hint of the error, without the folder's name.
    fn complaint(&self, set: &[&str]) -> String {
        let error = self.load(set).expect_err("this configuration is wrong");
        let source =
            std::error::Error::source(&error).map(|source| format!("\n  caused by: {source}")).unwrap_or_default();
        let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        format!("{error}{source}{hint}\n").replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn resolved(text: &str, set: &[&str]) -> ResolvedConfig {
    Project::new(text).load(set).unwrap().config
}

#[test]
fn later_layers_win() {
    let project = Project::new(&COMPLETE.replace("iterations = 50", "iterations = 50\nbatch_size = 3"));
    let plain = project.load(&[]).unwrap().config;
    assert_eq!((plain.train.iterations, plain.train.batch_size, plain.train.parameter_sets), (50, 3, 4));
    let set = project.load(&["train.iterations=60", "train.iterations=70", "train = { parameter_sets = 2 }"]).unwrap();
    assert_eq!((set.config.train.iterations, set.config.train.batch_size, set.config.train.parameter_sets), (70, 3, 2));
    let overrides = Overrides {
        set: vec!["runtime.seed=5".to_owned(), "runtime.threads=3".to_owned()],
        seed: Some(6),
        ..Overrides::default()
    };
    let options = project.load_with(overrides).unwrap().config;
    assert_eq!((options.runtime.seed, options.runtime.threads), (6, 3));
}

#[test]
fn a_set_value_is_toml_or_else_text() {
    let set = [
        "name=my run",
        "train.objective=returns_over_uniform_hodl",
        "period.end=2018-08-15",
        "period.start=\"2018-03-01 00:00:00\"",
        "initial.k_per_day=[10, 20.5]",
        "pool.arbitrate=false",
        "train.schedule={ kind = \"cosine\", decay_ratio = 10 }",
        "data.files.BTC.path=btc.csv",
        "data.files.BTC.price_column=BTC:close",
    ];
    let config = resolved(COMPLETE, &set);
    assert_eq!(config.name, "my run");
    assert_eq!(config.train.objective, "returns_over_uniform_hodl");
    assert_eq!(config.period.end, Some(TimeText::from("2018-08-15")));
    assert_eq!(config.initial.k_per_day, PerAsset::Assets(vec![10.0, 20.5]));
    assert!(!config.pool.arbitrate);
    assert_eq!(config.train.schedule.decay_ratio, 10.0);
    assert_eq!(config.data.files["BTC"].price_column.as_deref(), Some("BTC:close"));
}

#[test]
fn dates_need_no_quotes() {
    let text = COMPLETE.replace("\"2018-03-01\"", "2018-03-01").replace("\"2018-09-01\"", "2018-09-01 12:00:00");
    let config = resolved(&text, &[]);
    assert_eq!(config.period.start, Some(TimeText::from("2018-03-01")));
    assert_eq!(config.period.end, Some(TimeText::from("2018-09-01T12:00:00")));
}

#[test]
fn defaults_that_depend_on_other_keys_are_written_out() {
    let config =
        resolved(COMPLETE, &["pool.update_interval_min=60", "data.assets=[\"ETH\", \"BTC\", \"USD\", \"LTC\"]"]);
    assert_eq!(config.data.assets, ["BTC", "ETH", "LTC", "USD"]);
    assert_eq!(config.pool.interpolation_min, Some(60.0));
    assert_eq!(config.pool.minimum_weight, Some(0.025));
    assert_eq!((config.train.evaluate_every, config.train.checkpoint_every), (Some(1), Some(2)));
    assert_eq!(config.train.selection_metric.as_deref(), Some("daily_log_sharpe"));
    assert_eq!(config.runtime.precision, Some(Precision::F64));
}

#[test]
fn prices_lie_beside_the_configuration_unless_it_says_otherwise() {
    let project = Project::new(COMPLETE);
    let folder = project.folder.path().canonicalize().unwrap();
    assert_eq!(project.load(&[]).unwrap().config.data.directory, folder);
    let project = Project::new(&COMPLETE.replace("[data]", "[data]\ndirectory = \"prices\""));
    let folder = project.folder.path().canonicalize().unwrap();
    std::fs::create_dir(folder.join("prices")).unwrap();
    assert_eq!(project.load(&[]).unwrap().config.data.directory, folder.join("prices"));
    let elsewhere = tempfile::tempdir().unwrap();
    let data = Some(elsewhere.path().to_owned());
    let loaded = project.load_with(Overrides { data, ..Overrides::default() }).unwrap();
    assert_eq!(loaded.config.data.directory, elsewhere.path().canonicalize().unwrap());
}

#[test]
fn the_resolved_text_reads_back_to_the_same_configuration() {
    let set = [
        "train.early_stopping={}",
        "train.plateau={}",
        "train.leaf_noise_scale={ log_k = 0.1 }",
        "data.step=1d",
        "data.files.BTC={ path = \"btc.csv\", time_unit = \"ms\" }",
        "initial.weights_logits=[[1,2],[3,4],[5,6],[7,8]]",
        "pool.bounds={ minimum = [0.1, 0.1], maximum = [0.9, 0.8], form = \"learned\" }",
        "pool.rule=composite",
        "pool.blend=[{ rule = \"momentum\" }, { name = \"calm\", rule = \"min_variance\", covariance = \"full\" }]",
        "pool.ensemble={ members = 3, method = \"centered_lhs\" }",
        "data.market_caps=supplies",
        "period.test_end=2018-10-01",
    ];
    let config = resolved(COMPLETE, &set);
    let text = config.resolved_toml();
    assert_eq!(resolved(&text, &[]), config, "{text}");
    assert_eq!(resolved(&text, &[]).resolved_toml(), text);
}

#[test]
fn the_hash_is_of_what_decides_the_numbers() {
    let hash = |set: &[&str]| resolved(COMPLETE, set).config_hash("data");
    let plain = hash(&[]);
    assert_eq!(plain.len(), 64);
    assert_eq!(plain, hash(&[]), "the folder of the prices does not count, only what they are");
    assert_eq!(plain, hash(&["runtime.threads=7"]));
    assert_eq!(plain, hash(&["pool.interpolation_min=1440", "runtime.precision=f64"]), "a default that is written out");
    for changed in ["runtime.seed=1", "runtime.precision=f32", "train.iterations=51", "pool.maximum_memory_days=364"] {
        assert_ne!(plain, hash(&[changed]), "{changed}");
    }
    assert_ne!(plain, resolved(COMPLETE, &[]).config_hash("other data"));
}

#[test]
fn the_built_in_configuration_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let data = Some(folder.path().to_owned());
    let loaded = load(&Source::Default, &Overrides { data, ..Overrides::default() }).unwrap();
    assert_eq!(loaded.config.name, "momentum");
    assert_eq!(loaded.config.data.assets, ["BTC", "ETH", "LTC"]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/momentum.toml");
    let data = Some(folder.path().to_owned());
    let from_file = load(&Source::File(file), &Overrides { data, ..Overrides::default() }).unwrap();
    assert_eq!(from_file.config, loaded.config);
}

#[test]
fn devices_that_are_not_built_say_how_to_build_them() {
    let device = DeviceKind::Cuda;
    if device.is_built() {
        return;
    }
    let error =
        Project::new(COMPLETE).load_with(Overrides { device: Some(device), ..Overrides::default() }).unwrap_err();
    assert_eq!(error.to_string(), "--device: `runtime.device` is \"cuda\"; this program was built without it");
    assert_eq!(error.hint().unwrap(), "build it with `cargo build --release --features cuda`");
}

#[test]
fn mistakes_in_the_file_name_line_column_key_and_cure() {
    let mut complaints = String::new();
    for (from, to) in [
        ("iterations = 50", "iteratons = 50"),
        ("iterations = 50", "learning_rat = 0.1"),
        ("iterations = 50", "fee_rate = 0.1"),
        ("[train]", "[trian]"),
        ("[train]", "[train.shedule]\nkind = \"cosine\"\n[train]"),
        ("iterations = 50", "iterations = \"many\""),
        ("iterations = 50", "iterations = -3"),
        ("iterations = 50", "iterations = 1.5"),
        ("iterations = 50", "start_alignment = \"chunks\""),
        ("iterations = 50", "schedule = { kind = \"cosin\" }"),
        ("iterations = 50", "schedule = \"cosine\""),
        ("iterations = 50", "iterations = 50 per day"),
        ("iterations = 50", "objective = \"daily_log_sharp\""),
        ("iterations = 50", "early_stopping = { metric = \"sharp\" }"),
        ("iterations = 50", "learning_rate = 0"),
        ("iterations = 50", "window_days = 400"),
        ("iterations = 50", "window_days = 30\nstart_range_min = 600"),
        ("iterations = 50", "optimiser = \"adam\"\nweight_decay = 0.1"),
        ("[train]", "[pool]\nrule = \"momentun\"\n[train]"),
        ("[train]", "[pool.gyroscope]\nlam = 2\n[train]"),
        ("[train]", "[pool.gyroscope]\nlamb = 2\n[train]"),
        ("[train]", "[pool]\nrule = \"gyroscope\"\ngyroscope = { alpha = 2, beta = 1 }\n[train]"),
        ("[train]", "[pool]\nrule = \"gyroscope\"\ngyroscope = { numeraire = \"USDC\" }\n[train]"),
        ("[train]", "[pool]\nrule = \"gyroscope\"\nnoise_trader_ratio = 1\n[train]"),
        ("[train]", "[pool]\nrule = \"reclamm\"\nreclamm = { price_ratio = 0.9 }\n[train]"),
        ("[train]", "[pool]\nrule = \"reclamm\"\nreclamm = { learn_fees = true }\n[train]"),
        ("[train]", "[pool]\nrule = \"reclamm\"\nreclamm = { arc_length_speed = 1e-4 }\n[train]"),
        ("[train]", "[pool]\nrule = \"cow\"\ncow = { arbitrage_quality = 2 }\n[train]"),
        ("[train]", "[pool]\nrule = \"composite\"\n[[pool.blend]]\nrule = \"cow\"\n[train]"),
        ("[train]", "[pool]\nrule = \"bounded__momentum\"\n[train]"),
        ("[train]", "[pool]\nrule = \"composite\"\n[train]"),
        ("[train]", "[[pool.blend]]\nrule = \"momentum\"\n[train]"),
        ("[train]", "[pool]\nrule = \"composite\"\n[[pool.blend]]\nrule = \"composite\"\n[train]"),
        ("[train]", "[pool]\nrule = \"composite\"\n[[pool.blend]]\nrule = \"momentun\"\n[train]"),
        (
            "[train]",
            "[pool]\nrule = \"composite\"\nblend = [{ rule = \"momentum\" }, { rule = \"momentum\" }]\n[train]",
        ),
        ("[train]", "[pool]\nrule = \"composite\"\n[[pool.blend]]\nrul = \"momentum\"\n[train]"),
        (
            "[train]",
            "[pool]\nrule = \"composite\"\ncovariance = \"full\"\n[[pool.blend]]\nrule = \"momentum\"\n[train]",
        ),
        ("[train]", "[pool]\nrule = \"composite\"\n[[pool.blend]]\nname = \"a\"\n[train]"),
        ("[train]", "[pool]\nrule = \"composite\"\n[[pool.blend]]\nname = \"a.b\"\nrule = \"momentum\"\n[train]"),
        ("[train]", "[pool]\ncovariance = \"full\"\n[train]"),
        ("[train]", "[pool]\nrule = \"index_market_cap\"\nlargest_index_weight = 0.4\n[train]"),
        ("[train]", "[pool.bounds]\nform = \"learned\"\n[train]"),
        ("[train]", "[pool.ensemble]\nmembers = 0\n[train]"),
        ("[train]", "[pool.ensemble]\nmethod = \"latin\"\n[train]"),
        ("[train]", "[pool]\nfee_rate = 30\n[train]"),
        ("[train]", "[pool]\nexecution = \"onchain\"\nrule = \"index_market_cap\"\n[train]"),
        ("[train]", "[pool]\nexecution = \"onchain\"\nminimum_weight = 0.005\n[train]"),
        ("[train]", "[pool]\nexecution = \"onchain\"\nepsilon_max = 1.5\n[train]"),
        ("[train]", "[pool]\nexecution = \"onchain\"\ninterpolation = \"approx_optimal\"\n[train]"),
        ("[train]", "[pool]\nexecution = \"onchain\"\nensemble = { members = 2 }\n[train]"),
        ("[train]", "[pool]\nexecution = \"onchain\"\ninterpolation_min = 0.505\n[train]"),
        (
            "[train]",
            "[pool]\nexecution = \"onchain\"\nbounds = { minimum = [0.1, 0.1], maximum = [0.9, 0.9] }\n[train]",
        ),
        ("[train]", "[pool]\nepsilon_max = 0.1\n[train]"),
        ("[train]", "[pool]\ninterpolation_min = 2000\n[train]"),
        ("[train]", "[pool]\nminimum_weight = 0.6\n[train]"),
        ("[train]", "[pool.bounds]\nminimum = [0.1]\nmaximum = [0.5, 0.6]\n[train]"),
        ("[train]", "[pool.bounds]\nminimum = [0.1, 0.2]\n[train]"),
        ("[train]", "[pool.compat]\nmin_variance_lookahead = true\n[train]"),
        ("[train]", "[initial]\nk_per_day = [1, 2, 3]\n[train]"),
        ("[train]", "[initial]\nk_per_day = 0\n[train]"),
        ("[train]", "[initial]\nk_per_day = \"much\"\n[train]"),
        ("[train]", "[initial]\nweights_logits = [[1, 2], [3, 4]]\n[train]"),
        ("[train]", "[runtime]\ndevice = \"gpu\"\n[train]"),
        ("\"BTC\", \"ETH\"", "\"BTC\""),
        ("\"BTC\", \"ETH\"", "\"BTC\", \"BTC\""),
        ("assets = [\"BTC\", \"ETH\"]", "assets = [\"ETH\", \"BTC\"]\n[initial]\nk_per_day = [1, 2]"),
        ("assets = [\"BTC\", \"ETH\"]", ""),
        ("assets = [\"BTC\", \"ETH\"]", "assets = [\"BTC\", \"ETH\"]\nfiles.BTCC.path = \"x.csv\""),
        ("assets = [\"BTC\", \"ETH\"]", "assets = [\"BTC\", \"ETH\"]\nfiles.BTC.pat = \"x.csv\""),
        ("assets = [\"BTC\", \"ETH\"]", "assets = [\"BTC\", \"ETH\"]\nstep = \"7 min\""),
        ("start = \"2018-03-01\"\n", ""),
        ("2018-03-01", "1st of March"),
        ("end = \"2018-09-01\"", "end = \"2018-02-01\""),
        ("end = \"2018-09-01\"", "end = \"2018-09-01\"\ntest_end = \"2018-09-01\""),
        ("validation_fraction = 0.2", "validation_fraction = 1"),
        ("version = 1", "version = 2\nnew_key = 1"),
        ("\"small\"", "\"../small\""),
    ] {
        assert!(COMPLETE.contains(from), "{from}");
        let complaint = Project::new(&COMPLETE.replacen(from, to, 1)).complaint(&[]);
        complaints += &format!("--- {}\n{complaint}\n", to.replace('\n', " / "));
    }
    insta::assert_snapshot!(complaints);
}

#[test]
fn mistakes_in_set_name_the_argument() {
    let project = Project::new(COMPLETE);
    let mut complaints = String::new();
    for set in [
        "train.iteratons=3",
        "iterations=3",
        "train.iterations=many",
        "train.iterations",
        "=3",
        "train iterations=3",
        "pool.weights=convolution",
        "pool.fee_rate=1.5",
        "train.iterations=0",
        "train=5",
        "data.assets=BTC",
        "data.files.BTC.price_column=close",
        "zebra.stripes=1",
    ] {
        complaints += &format!("--- {set}\n{}\n", project.complaint(&[set]));
    }
    insta::assert_snapshot!(complaints);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = load(&Source::File(PathBuf::from("no/such.toml")), &Overrides::default()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the configuration no/such.toml");
}

proptest! {
    #[test]
    fn any_numbers_survive_the_resolved_text(
        rate in 1e-12_f64..1e3, gains in prop::collection::vec(1e-6_f64..1e6, 2), iterations in 1_usize..1_000_000, seed in 0..i64::MAX,
    ) {
        let set = [
            format!("train.learning_rate={rate}"),
            format!("initial.k_per_day={gains:?}"),
            format!("train.iterations={iterations}"),
            format!("runtime.seed={seed}"),
        ];
        let config = resolved(COMPLETE, &set.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert_eq!(config.train.learning_rate.to_bits(), rate.to_bits());
        prop_assert_eq!(resolved(&config.resolved_toml(), &[]), config);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}") {
        let _ = Project::new(&text).load(&[]);
        let _ = Project::new(COMPLETE).load(&[&text]);
    }
}
