//! The laws of `common::rule_laws` for every rule and for rules made of rules.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;

use burn::tensor::Device;
use common::rule_laws::{Market, Subject, made_up_prices, made_up_supplies};
use gradpool_market::Step;
use gradpool_pools::PoolSettings;
use gradpool_strategy::rules::{
    AntiMomentum, Covariance, DifferenceMomentum, IndexMarketCap, IndexVariant, MeanReversionChannel, MinVariance,
    Momentum, PowerChannel, TripleThreat, TutorialMomentum, builtin,
};
use gradpool_strategy::{
    BoundsForm, Composite, Ensemble, InitialSettings, OutputKind, Rule, StrategySettings, Windows,
};

fn composite(rules: Vec<Arc<dyn Rule>>) -> Composite {
    Composite::new(rules.into_iter().map(|rule| (rule.name().to_owned(), rule)).collect()).unwrap()
}

fn ensemble(rule: impl Rule + 'static, members: usize) -> Ensemble {
    Ensemble::new(Arc::new(rule), members).unwrap()
}

rule_laws!(
    momentum => Subject::of(Momentum),
    anti_momentum => Subject::of(AntiMomentum),
    power_channel => Subject::of(PowerChannel),
    mean_reversion_channel => Subject::of(MeanReversionChannel),
    triple_threat_mean_reversion_channel => Subject::of(TripleThreat),
    difference_momentum => Subject::of(DifferenceMomentum),
    tutorial_momentum => Subject::of(TutorialMomentum),
    min_variance => Subject::of(MinVariance::default()),
    min_variance_full => Subject::of(MinVariance { covariance: Covariance::Full }),
    index_market_cap => Subject::of(IndexMarketCap::default()),
    index_market_cap_capped => Subject::of(IndexMarketCap { largest_weight: Some(0.51), ..IndexMarketCap::default() }),
    hodling_index_market_cap =>
        Subject::of(IndexMarketCap { variant: IndexVariant::Hodling, ..IndexMarketCap::default() }),
    trad_hodling_index_market_cap =>
        Subject::of(IndexMarketCap { variant: IndexVariant::Fund, ..IndexMarketCap::default() }),
    ensemble_of_momentum => Subject::of(ensemble(Momentum, 3)),
    ensemble_of_targets => Subject::of(ensemble(MinVariance::default(), 2)),
    ensemble_of_tutorial_momentum => Subject::of(ensemble(TutorialMomentum, 2)),
    ensemble_of_triple_threat => Subject::of(ensemble(TripleThreat, 2)),
    composite_of_changes => Subject::of(composite(vec![Arc::new(Momentum), Arc::new(MeanReversionChannel)])),
    composite_of_targets =>
        Subject::of(composite(vec![Arc::new(MinVariance::default()), Arc::new(IndexMarketCap::default())])),
    composite_with_tutorial_momentum =>
        Subject::of(composite(vec![Arc::new(TutorialMomentum), Arc::new(Momentum)])),
    composite_of_both => Subject::of(composite(vec![Arc::new(Momentum), Arc::new(MinVariance::default())])),
    ensemble_of_composites =>
        Subject::of(ensemble(composite(vec![Arc::new(Momentum), Arc::new(AntiMomentum)]), 2)),
    bounded_momentum => Subject::of(Momentum).bounded(BoundsForm::Learned),
    bounded_min_variance => Subject::of(MinVariance::default()).bounded(BoundsForm::Learned),
    bounded_ensemble => Subject::of(ensemble(PowerChannel, 2)).bounded(BoundsForm::Frozen),
);

#[test]
fn every_built_in_rule_has_its_laws() {
    let source = include_str!("laws.rs");
    // A constant rule says nothing that could break a law; its pools have tests of their own.
    let rules = builtin(&gradpool_strategy::rules::RuleOptions::default());
    for rule in rules.iter().filter(|rule| rule.output_kind() != OutputKind::Constant) {
        assert!(source.contains(&format!("    {} =>", rule.name())), "{}", rule.name());
    }
}

#[test]
fn a_pool_without_arbitrage_keeps_its_basket() {
    let prices = made_up_prices(3, Step::HOUR, 30.0, 7);
    let settings = StrategySettings::daily(3, 60.0);
    let set = InitialSettings::default().values(&Momentum, &settings).unwrap();
    let market = Market {
        rule: Arc::new(Momentum),
        windows: Windows::single(240, prices.rows() - 240),
        supplies: made_up_supplies(&prices),
        prices,
        settings,
        pool: PoolSettings { arbitrate: false, ..PoolSettings::default() },
        sets: vec![set],
        device: Device::flex(),
    };
    let values = common::rule_laws::host(market.run(&market.every_row()).values);
    for (row, value) in values.iter().enumerate() {
        let held: f64 =
            (0..3).map(|a| 1e6 / 3.0 * market.prices.price(240 + row, a) / market.prices.price(240, a)).sum();
        assert!((value / held - 1.0).abs() < 1e-13);
    }
}
