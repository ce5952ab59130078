//! Synthetic prices: reproducible, and with the statistics that their specification names.
#![allow(clippy::unwrap_used)]

use gradpool_market::{MarketError, PerAsset, PriceTable, Step, SynthesisSpec, synthesize};

/// Plain correlated diffusion: no jumps, no regimes.
fn diffusion() -> SynthesisSpec {
    SynthesisSpec {
        step: Step::HOUR,
        days: 2000.0,
        seed: 7,
        jumps_per_year: 0.0,
        regimes: Vec::new(),
        correlation: 0.6,
        annual_volatility: PerAsset::Each(vec![0.5, 0.8, 1.0]),
        ..SynthesisSpec::default()
    }
}

fn log_returns(table: &PriceTable, asset: &str) -> Vec<f64> {
    table.column(asset).unwrap().windows(2).map(|pair| (pair[1] / pair[0]).ln()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn covariance(left: &[f64], right: &[f64]) -> f64 {
    let (left_mean, right_mean) = (mean(left), mean(right));
    let products: Vec<f64> = left.iter().zip(right).map(|(x, y)| (x - left_mean) * (y - right_mean)).collect();
    mean(&products)
}

fn annual_volatility(returns: &[f64]) -> f64 {
    (covariance(returns, returns) * 365.0 * 24.0).sqrt()
}

#[test]
fn the_same_specification_gives_the_same_bits_and_another_seed_others() {
    let spec = SynthesisSpec { days: 10.0, ..SynthesisSpec::default() };
    let table = synthesize(&spec).unwrap();
    assert_eq!((table.rows(), table.row(0)), (14_400, &[100.0, 100.0, 100.0][..]));
    assert_eq!(table.content_hash(), synthesize(&spec).unwrap().content_hash());
    assert_eq!(
        table.content_hash(),
        "94b4cd0c8c9597162753830fbe9c96201e4b1b2b9f0af0be44be8439d6d2468d",
        "a change here changes everybody's synthetic data"
    );
    let other = SynthesisSpec { seed: 1, ..spec };
    assert_ne!(table.content_hash(), synthesize(&other).unwrap().content_hash());
}

#[test]
fn volatility_and_correlation_are_those_of_the_specification() {
    let table = synthesize(&diffusion()).unwrap();
    let returns = ["BTC", "ETH", "LTC"].map(|asset| log_returns(&table, asset));
    for (returns, expected) in returns.iter().zip([0.5, 0.8, 1.0]) {
        // 48 000 returns: the standard error of a volatility is 0.3 %.
        assert!((annual_volatility(returns) / expected - 1.0).abs() < 0.015, "{}", annual_volatility(returns));
    }
    for (left, right) in [(0, 1), (0, 2), (1, 2)] {
        let scale = (covariance(&returns[left], &returns[left]) * covariance(&returns[right], &returns[right])).sqrt();
        let correlation = covariance(&returns[left], &returns[right]) / scale;
        assert!((correlation - 0.6).abs() < 0.02, "{correlation}");
    }
}

#[test]
fn extreme_correlations_are_exact() {
    let one = SynthesisSpec { correlation: 1.0, annual_volatility: PerAsset::All(0.5), days: 30.0, ..diffusion() };
    let table = synthesize(&one).unwrap();
    let (first, last) = (log_returns(&table, "BTC"), log_returns(&table, "LTC"));
    assert!(first.iter().zip(&last).all(|(x, y)| (x - y).abs() < 1e-9));
    assert!(synthesize(&SynthesisSpec { correlation: -0.49, ..one.clone() }).is_ok());
    let error = synthesize(&SynthesisSpec { correlation: -0.5, ..one }).unwrap_err().to_string();
    assert!(error.contains("correlation = -0.5") && error.contains("3 assets"), "{error}");
}

#[test]
fn jumps_add_to_the_diffusion_and_leave_it_as_it_was() {
    let quiet = diffusion();
    let jumping = SynthesisSpec { jumps_per_year: 50.0, jump_mean: -0.1, jump_deviation: 0.0, ..quiet.clone() };
    let (quiet, jumping) = (synthesize(&quiet).unwrap(), synthesize(&jumping).unwrap());
    let differences: Vec<f64> = log_returns(&jumping, "ETH")
        .iter()
        .zip(log_returns(&quiet, "ETH"))
        .map(|(with, without)| with - without)
        .collect();
    let jumps = differences.iter().filter(|difference| **difference < -0.05).count();
    assert!(
        differences
            .iter()
            .all(|difference| difference.abs() < 1e-9 || (difference + 0.1).abs() < 1e-9 || *difference < -0.19)
    );
    // 50 a year over 2000 days: 274 expected, standard deviation 17.
    assert!((200..350).contains(&jumps), "{jumps}");
}

#[test]
fn regimes_switch_drift_and_volatility() {
    let spec = SynthesisSpec {
        regimes: vec![
            gradpool_market::Regime { annual_drift: 0.0, volatility_factor: 0.1, mean_days: 50.0 },
            gradpool_market::Regime { annual_drift: 0.0, volatility_factor: 2.0, mean_days: 50.0 },
        ],
        ..diffusion()
    };
    let returns = log_returns(&synthesize(&spec).unwrap(), "BTC");
    let days: Vec<f64> = returns.chunks_exact(24).map(annual_volatility).collect();
    let calm = days.iter().filter(|volatility| **volatility < 0.2).count() as f64 / days.len() as f64;
    assert!((0.25..0.75).contains(&calm), "{calm}");
    assert!(days.iter().filter(|volatility| **volatility > 0.5).count() > days.len() / 5);
}

#[test]
fn assets_keep_their_own_settings_in_any_order_and_cash_stays_at_one() {
    let spec = SynthesisSpec {
        assets: ["USD", "ETH", "BTC"].map(str::to_owned).to_vec(),
        start_prices: PerAsset::Each(vec![5.0, 2000.0, 30_000.0]),
        days: 2.0,
        ..diffusion()
    };
    let table = synthesize(&spec).unwrap();
    assert_eq!((table.assets().join(","), table.row(0)), ("BTC,ETH,USD".to_owned(), &[30_000.0, 2000.0, 1.0][..]));
    assert!(table.column("USD").unwrap().iter().all(|price| *price == 1.0));
}

#[test]
fn impossible_settings_are_refused_by_name() {
    let base = SynthesisSpec { days: 1.0, ..SynthesisSpec::default() };
    let cases = [
        ("days", SynthesisSpec { days: 0.0, ..base.clone() }),
        ("days", SynthesisSpec { days: f64::NAN, ..base.clone() }),
        ("annual_volatility", SynthesisSpec { annual_volatility: PerAsset::All(-1.0), ..base.clone() }),
        ("annual_volatility", SynthesisSpec { annual_volatility: PerAsset::Each(vec![1.0]), ..base.clone() }),
        ("start_prices", SynthesisSpec { start_prices: PerAsset::All(0.0), ..base.clone() }),
        ("jumps_per_year", SynthesisSpec { jumps_per_year: f64::INFINITY, ..base.clone() }),
        ("jump_deviation", SynthesisSpec { jump_deviation: -0.1, ..base.clone() }),
    ];
    for (key, spec) in cases {
        match synthesize(&spec) {
            Err(MarketError::InvalidValue { key: named, .. }) => assert_eq!(named, key),
            other => panic!("{key}: {other:?}"),
        }
    }
    let explosive = SynthesisSpec { annual_drift: PerAsset::All(1e6), ..base };
    assert!(matches!(synthesize(&explosive), Err(MarketError::InvalidTable { .. })));
}
