//! Other backends against Flex in f64: NdArray to 1e-12 (feature `ndarray`), wgpu in f32 as far as its arithmetic goes
//! (feature `wgpu`, on any Vulkan device, software ones included).
#![cfg(any(feature = "ndarray", feature = "wgpu"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use burn::tensor::{DType, Device};
use gradpool_market::{PeriodSpec, Periods, Step, SynthesisSpec, synthesize};
use gradpool_metrics::Metric;
use gradpool_pools::{Pool, PoolSettings, Valuation};
use gradpool_strategy::{ParameterSets, ParameterValues, Strategy, StrategySettings, WeightPath, Windows, rules};
use gradpool_trainer::{Experiment, Goal};

/// A small pool on a device: half-daily updates on hourly rows, two sets, two windows.
fn small(
    device: &Device,
    dtype: DType,
    path: WeightPath,
    valuation: Valuation,
) -> (Experiment, ParameterSets, Windows) {
    let spec = SynthesisSpec { days: 12.0, step: Step::HOUR, seed: 3, ..SynthesisSpec::default() };
    let prices = synthesize(&spec).unwrap();
    let start_ms = prices.grid().time_ms(4 * 24);
    let spec = PeriodSpec { burn_in_days: 4.0, ..PeriodSpec::new(start_ms, prices.grid().end_ms()) };
    let periods = Periods::new(&spec, prices.grid()).unwrap();
    let settings = StrategySettings {
        update_interval_rows: 12,
        interpolation_rows: 12,
        maximum_memory_days: 30.0,
        path,
        ..StrategySettings::daily(3, 60.0)
    };
    let strategy = Strategy::new(rules::by_name("momentum").unwrap(), settings).unwrap();
    let pool = Pool::new(strategy, PoolSettings { valuation, ..PoolSettings::default() }).unwrap();
    let goal = Goal { objective: Metric::DailyLogSharpe, turnover_penalty: 0.0, window_rows: 7 * 24, watched: vec![] };
    let experiment = Experiment::new(pool, &prices, &periods, goal, device, dtype).unwrap();
    let set = |shift: f64| {
        ParameterValues::new([
            ("log_k", vec![1.0 + shift, 0.5, 1.5]),
            ("logit_lamb", vec![1.2, 0.8 - shift, 1.0]),
            ("initial_weights_logits", vec![0.1, 0.0, -0.1]),
        ])
    };
    let parameters = ParameterSets::from_values(&[set(0.0), set(0.3)], device, dtype).unwrap();
    let first = experiment.periods().train.start;
    (experiment, parameters, Windows { starts: vec![first, first + 12], rows: 7 * 24 })
}

/// Objective per set and the flat gradient.
fn gradient(
    device: &Device,
    dtype: DType,
    path: WeightPath,
    valuation: Valuation,
    metric: Metric,
) -> (Vec<f64>, Vec<f64>) {
    let (experiment, parameters, windows) = small(device, dtype, path, valuation);
    let found = experiment.gradient(&parameters, metric, &windows).unwrap();
    let flat = found
        .gradient
        .to_values()
        .iter()
        .flat_map(|set| set.leaves.values().flatten().copied().collect::<Vec<_>>())
        .collect();
    (found.values, flat)
}

fn assert_close(found: &(Vec<f64>, Vec<f64>), expected: &(Vec<f64>, Vec<f64>), value: f64, slope: f64) {
    for (found, expected) in found.0.iter().zip(&expected.0) {
        assert!((found - expected).abs() <= value * expected.abs(), "{found} against {expected}");
    }
    let norm = expected.1.iter().map(|gradient| gradient * gradient).sum::<f64>().sqrt();
    for (found, expected) in found.1.iter().zip(&expected.1) {
        assert!((found - expected).abs() <= slope * norm, "gradient {found} against {expected}, norm {norm}");
    }
}

#[cfg(feature = "ndarray")]
#[test]
#[allow(deprecated)] // Upstream drops it with 0.23; until then it is asked for.
fn ndarray_equals_flex() {
    for path in [WeightPath::Scan, WeightPath::Vectorized] {
        for valuation in [Valuation::ClosedForm, Valuation::StepByStep] {
            for metric in [Metric::DailyLogSharpe, Metric::FinalValue, Metric::Calmar] {
                let flex = gradient(&Device::flex(), DType::F64, path, valuation, metric);
                let ndarray = gradient(&Device::ndarray(), DType::F64, path, valuation, metric);
                assert_close(&ndarray, &flex, 1e-12, 1e-12);
            }
        }
    }
}

#[cfg(feature = "wgpu")]
#[test]
fn wgpu_agrees_in_single_precision() {
    let device = Device::wgpu(burn::tensor::DeviceKind::DefaultDevice);
    let (path, valuation) = (WeightPath::Auto, Valuation::ClosedForm);
    let flex = gradient(&Device::flex(), DType::F64, WeightPath::Scan, valuation, Metric::FinalValue);
    let wgpu = gradient(&device, DType::F32, path, valuation, Metric::FinalValue);
    assert_close(&wgpu, &flex, 2e-5, 1e-3);
}

/// Objective of the best parameters of a short training on the bundled prices.
#[cfg(feature = "wgpu")]
fn trained(device: &str) -> f64 {
    use gradpool_cli::output::Output;
    let runs = tempfile::tempdir().unwrap();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/momentum.toml");
    let out = runs.path().join(device);
    let fixed = ["gradpool", "train", config, "--device", device, "--json", "--no-progress", "--quiet", "--out"];
    let settings = ["--set", "train.iterations=15", "--set", "train.parameter_sets=2"];
    let arguments = fixed.into_iter().chain([out.to_str().unwrap()]).chain(settings).map(Into::into);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let code = gradpool_cli::run_with(arguments.collect::<Vec<_>>(), &mut Output::new(&mut stdout, &mut stderr, false));
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&stderr));
    let document: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
    document["best"]["objective"].as_f64().unwrap()
}

#[cfg(feature = "wgpu")]
#[test]
fn a_training_on_wgpu_ends_where_one_on_the_cpu_does() {
    let (cpu, wgpu) = (trained("cpu"), trained("wgpu"));
    assert!((wgpu / cpu - 1.0).abs() < 1e-3, "{wgpu} against {cpu}");
}
