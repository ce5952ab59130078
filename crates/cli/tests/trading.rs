//! The account of trading adds up: what a pool is worth at the end is what its reserves gained with the prices, less what
//! arbitrageurs took.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use gradpool_cli::config::{self, Overrides, Source};
use gradpool_cli::setup::Setup;
use gradpool_cli::simulation::{ComputedBy, Simulation};

const CURVE: &str = "data.assets=[\"BTC\", \"ETH\"]";

fn adds_up(set: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/momentum.toml");
    let set = set.iter().map(|text| (*text).to_owned()).collect();
    let config = config::load(&Source::File(path), &Overrides { set, ..Overrides::default() }).unwrap().config;
    let setup = Setup::for_simulation(&config).unwrap();
    let values = setup.initial_values(&config).unwrap().remove(0);
    let simulation = Simulation::new(&setup, &values, setup.simulated_rows(&config)).unwrap();
    let (simulated, trading) = (simulation.run(ComputedBy::Stream).unwrap(), simulation.trading().unwrap().unwrap());
    assert!(trading.arbitrages > 0 && trading.volume > 0.0, "{trading:?}");

    let assets = setup.prices.assets().len();
    let rows: Vec<(&[f64], &[f64])> =
        simulated.reserves.chunks_exact(assets).zip(simulation.prices().chunks_exact(assets)).collect();
    let gained = |pair: &[(&[f64], &[f64])]| -> f64 {
        (0..assets).map(|asset| pair[0].0[asset] * (pair[1].1[asset] - pair[0].1[asset])).sum()
    };
    let with_prices: f64 = rows.windows(2).map(gained).sum();
    let expected = config.pool.initial_value + with_prices - trading.arbitrage_loss_net - trading.protocol_fees;
    let found = simulated.values[simulated.values.len() - 1];
    assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected} {trading:?}");
    let fees = trading.arbitrage_loss_gross - trading.arbitrage_loss_net;
    assert!((fees - trading.fee_income - trading.protocol_fees).abs() < 1e-6 * fees.max(1.0), "{trading:?}");
}

#[test]
fn of_weighted_pools() {
    adds_up(&[]);
    adds_up(&["pool.fee_rate=0.003", "pool.gas_cost=5"]);
    adds_up(&["pool.fee_rate=0.003", "pool.protocol_fee_share=0.3", "pool.arbitrage=pairwise"]);
    adds_up(&["pool.fee_rate=0.003", "pool.fee_form=volatility"]);
    adds_up(&["pool.rule=balancer", "pool.fee_rate=0.01"]);
}

#[test]
fn of_pools_with_curves_of_their_own() {
    adds_up(&[CURVE, "pool.fee_rate=0.003", "pool.rule=cow"]);
    adds_up(&[CURVE, "pool.fee_rate=0.003", "pool.rule=reclamm"]);
    adds_up(&[
        CURVE,
        "pool.fee_rate=0.003",
        "pool.rule=gyroscope",
        "pool.gyroscope={ phi = 1.5, alpha = 5, beta = 90, lam = 20 }",
    ]);
}
