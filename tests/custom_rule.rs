//! The rule of examples/custom_rule.rs: it obeys the laws of rules, the command line knows it, and the guide quotes it.
#![allow(clippy::unwrap_used)]

mod common;
#[allow(dead_code)]
#[path = "../examples/custom_rule.rs"]
mod custom_rule;

use std::sync::Arc;

use common::rule_laws::{Subject, host};
use custom_rule::VolatilityTargetedMomentum;
use gradpool::cli::{self, output::Output};
use gradpool::strategy::rules::{self, Covariance, MinVariance, Momentum, RuleOptions};
use gradpool::strategy::{
    CoarseSeries, Composite, Ensemble, InitialSettings, ParameterSets, Rule, Strategy, StrategySettings,
};
use gradpool::tensor::{DType, Device, Tensor, TensorData};

fn ensemble() -> Ensemble {
    Ensemble::new(Arc::new(VolatilityTargetedMomentum), 3).unwrap()
}

fn blend() -> Composite {
    Composite::new(vec![
        ("trend".into(), Arc::new(VolatilityTargetedMomentum)),
        ("calm".into(), Arc::new(MinVariance::default())),
    ])
    .unwrap()
}

rule_laws!(
    volatility_targeted_momentum => Subject::of(VolatilityTargetedMomentum),
    ensemble_of_it => Subject::of(ensemble()),
    blend_with_it => Subject::of(blend()),
);

/// Outputs `[1, rows - 1, 2]` for daily prices of two assets.
fn outputs(rule: impl Rule + 'static, prices: Vec<f64>) -> Vec<f64> {
    let strategy = Strategy::new(Arc::new(rule), StrategySettings::daily(2, 1440.0)).unwrap();
    let values = InitialSettings::default().values(strategy.rule(), strategy.settings()).unwrap();
    let parameters = ParameterSets::from_values(&[values], &Device::flex(), DType::F64).unwrap();
    let data = TensorData::new(prices.clone(), [1, prices.len() / 2, 2]);
    let series = CoarseSeries::of_prices(Tensor::from_data(data, (&Device::flex(), DType::F64)));
    host(strategy.rule_outputs(&parameters, &series).unwrap())
}

#[test]
fn prices_that_never_move_give_no_signal() {
    let still = [3.0, 0.5].repeat(50);
    assert!(outputs(VolatilityTargetedMomentum, still).iter().all(|change| *change == 0.0));
}

#[test]
fn volatile_assets_count_for_less_than_in_momentum() {
    // Both assets have the same trend; the second swings around it by a tenth.
    let swing = |day: i32| if day % 2 == 0 { 1.1 } else { 1.0 };
    let prices: Vec<f64> = (0..200).flat_map(|day| [1.01f64.powi(day), 1.005f64.powi(day) * swing(day)]).collect();
    let last = |outputs: Vec<f64>| outputs[outputs.len() - 2];
    let (plain, scaled) = (last(outputs(Momentum, prices.clone())), last(outputs(VolatilityTargetedMomentum, prices)));
    assert!(plain > 0.0 && scaled > 2.0 * plain, "{plain} {scaled}");
}

#[test]
fn the_command_line_knows_a_registered_rule() {
    rules::register(Arc::new(VolatilityTargetedMomentum)).unwrap();
    assert!(rules::register(Arc::new(VolatilityTargetedMomentum)).is_err(), "its name is taken");
    let run = |settings: &[&str]| {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let arguments = ["gradpool", "compare", "configs/momentum.toml"].iter().chain(settings).map(Into::into);
        let code = cli::run_with(arguments, &mut Output::new(&mut stdout, &mut stderr, false));
        assert_eq!(code, cli::EXIT_DONE, "{}", String::from_utf8_lossy(&stderr));
        assert!(String::from_utf8_lossy(&stdout).contains("all paths agree"));
    };
    run(&["--set", "pool.rule=volatility_targeted_momentum"]);
    run(&["--set", "pool.rule=volatility_targeted_momentum", "--set", "pool.ensemble.members=3"]);
}

#[test]
fn the_guide_lists_every_built_in_rule_and_leaf() {
    let guide = concat!(include_str!("../docs/guide/rules.md"), include_str!("../docs/guide/pools.md"));
    let full = RuleOptions { covariance: Covariance::Full, ..RuleOptions::default() };
    for rule in rules::builtin(&full) {
        let leaves = rule.leaves();
        for name in leaves.iter().map(|leaf| leaf.name.as_ref()).chain([rule.name()]) {
            assert!(guide.contains(&format!("`{name}`")), "{}: {name}", rule.name());
        }
    }
}

/// Every block of Rust in the guide stands, line for line, in a file that compiles.
#[test]
fn the_guide_quotes_code_that_runs() {
    let unindented = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let guide = include_str!("../docs/guide/custom-rules.md");
    let sources = [
        include_str!("../examples/custom_rule.rs"),
        include_str!("../crates/strategy/src/rules/min_variance.rs"),
        include_str!("custom_rule.rs"),
    ]
    .map(unindented);
    let blocks: Vec<&str> = guide.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 5);
    for block in blocks {
        let quoted = unindented(block);
        assert!(sources.iter().any(|source| source.contains(&quoted)), "not compiled anywhere:\n{block}");
    }
}
