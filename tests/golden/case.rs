//! One case of the reference system: what it was given, and how ours is compared with what came out.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Tensor;
use gradpool_cli::config::{self, Overrides, ResolvedConfig, Source};
use gradpool_cli::setup::Setup;
use gradpool_market::{SpreadTable, SupplyTable};
use gradpool_metrics::{Metric, evaluate_all};
use gradpool_pools::run::DenseSeries;
use gradpool_pools::{PoolRun, RowInputs, UserTrade};
use gradpool_strategy::{ParameterSets, ParameterValues, Windows};
use serde_json::Value;

use crate::common::{Golden, assert_close, number, numbers};

pub const VALUE_TOLERANCE: f64 = 1e-9;
const GRADIENT_TOLERANCE: f64 = 1e-7;

/// Every way to compute the same numbers.
pub const WAYS: [(&str, &str); 4] =
    [("vectorized", "step_by_step"), ("scan", "step_by_step"), ("vectorized", "auto"), ("scan", "auto")];

pub struct Case {
    pub golden: Golden,
    pub config: ResolvedConfig,
    pub setup: Setup,
    pub values: ParameterValues,
    /// Relative tolerances of values and gradients.
    pub tolerances: (f64, f64),
    /// Trades at the edge of the no-trade band come a row earlier or later.
    pub trades_flip: bool,
}

impl Case {
    pub fn load(shared: &Path, name: &str, set: &[&str]) -> Self {
        let golden = Golden::load(shared, name);
        let overrides = Overrides {
            set: set.iter().map(|text| (*text).to_owned()).collect(),
            data: Some(shared.join("golden/prices")),
            ..Overrides::default()
        };
        let config = config::load(&Source::File(golden.path(shared)), &overrides).unwrap().config;
        let setup = Setup::new(&config).unwrap();
        let leaves = golden.json["params"].as_object().unwrap();
        let leaves = leaves.iter().map(|(leaf, value)| (leaf.clone(), numbers(value))).collect();
        Self {
            golden,
            config,
            setup,
            values: ParameterValues { leaves },
            tolerances: (VALUE_TOLERANCE, GRADIENT_TOLERANCE),
            trades_flip: false,
        }
    }

    /// The same case where trades at the edge of the no-trade band come a row earlier or later by rounding. They are tiny
    /// beside the pool but not beside a small reserve, so reserves are compared as shares of the pool's value; and metrics,
    /// which divide values by little, are held to ten times the tolerance of values.
    pub fn with_flipping_trades(self) -> Self {
        Self { trades_flip: true, ..self }
    }

    fn shares_agree(&self, suffix: &str, found: &[f64], expected: &[f64], prices: &[f64], rows: &[usize]) {
        let assets = self.setup.strategy().settings().assets;
        for (place, row) in rows.iter().enumerate() {
            let prices = &prices[row * assets..(row + 1) * assets];
            let worth = |reserves: &[f64]| -> Vec<f64> {
                reserves[place * assets..(place + 1) * assets].iter().zip(prices).map(|(r, p)| r * p).collect()
            };
            let (found, expected) = (worth(found), worth(expected));
            let pool: f64 = expected.iter().sum();
            let what = format!("{} shares.{suffix} of row {row}", self.golden.name);
            assert_close(&what, &found, &expected, self.tolerances.0, pool);
        }
    }

    /// The same case with other tolerances.
    pub fn within(self, values: f64, gradients: f64) -> Self {
        Self { tolerances: (values, gradients), ..self }
    }

    /// The same case with the supplies that the reference says it used.
    pub fn with_published_supplies(mut self) -> Self {
        let (_, used) = self.golden.array("aux.chunkwise_supply_used").unwrap();
        let history = self.setup.experiment.history().prices();
        let (assets, interval) = (history.assets().len(), self.interval_rows());
        let rows = (0..history.rows()).flat_map(|row| used[row / interval * assets..][..assets].to_vec()).collect();
        let supplies = SupplyTable::from_rows(history.assets(), *history.grid(), rows).unwrap();
        self.setup.experiment = self.setup.experiment.with_supplies(supplies).unwrap();
        self
    }

    /// The same case with the spreads that the reference says it used, one row per day of the window.
    pub fn with_published_spreads(mut self) -> Self {
        let (_, used) = self.golden.array("aux.spread_used_daily").unwrap();
        let history = self.setup.experiment.history().prices();
        let (assets, rows_per_day) = (history.assets().len(), history.grid().rows_per_day());
        let mut spreads = vec![0.0; history.rows().div_ceil(rows_per_day) * assets];
        let first = self.windows().starts[0] / rows_per_day * assets;
        spreads[first..first + used.len()].copy_from_slice(used);
        let spreads = SpreadTable::from_days(history.assets(), *history.grid(), spreads).unwrap();
        self.setup.experiment = self.setup.experiment.with_spreads(spreads).unwrap();
        self
    }

    /// The same case with the series that the reference was given.
    pub fn with_published_inputs(mut self) -> Self {
        let published = &self.golden.json["dynamic"];
        let table = self.setup.experiment.history().prices();
        let (rows, first) = (table.rows(), self.setup.simulated_rows(&self.config).start);
        let series = |name: &str, before: f64| -> Option<Arc<[f64]>> {
            let values = numbers(published.get(name)?.get("values")?);
            let hold = published[name]["hold"].as_u64().unwrap() as usize;
            let at = |row: usize| row.checked_sub(first).map_or(before, |row| values[row / hold % values.len()]);
            Some((0..rows).map(at).collect())
        };
        let trade = |trade: &Value| {
            let numbers = numbers(trade);
            UserTrade {
                row: first + numbers[0] as usize,
                token_in: numbers[1] as usize,
                token_out: numbers[2] as usize,
                amount_in: numbers[3],
            }
        };
        let inputs = RowInputs {
            fee_rate: series("fees", 0.0),
            gas_cost: series("gas_cost", 0.0),
            arbitrage_fee: series("arb_fees", 0.0),
            lp_supply: series("lp_supply", 1.0),
            trades: published["trades"].as_array().map(|trades| trades.iter().map(trade).collect()).unwrap_or_default(),
        };
        self.setup.experiment = self.setup.experiment.with_inputs(inputs).unwrap();
        self
    }

    pub fn parameters(&self) -> ParameterSets {
        ParameterSets::from_values(std::slice::from_ref(&self.values), &self.setup.device, self.setup.dtype).unwrap()
    }

    pub fn windows(&self) -> Windows {
        let rows = self.setup.simulated_rows(&self.config);
        Windows::single(rows.start, rows.len())
    }

    pub fn dense(&self) -> (PoolRun, DenseSeries) {
        let experiment = &self.setup.experiment;
        let run = experiment.run(&self.parameters(), &self.windows(), &[], true).unwrap();
        let series = experiment.pool().dense_series(experiment.history(), &run);
        (run, series)
    }

    pub fn series_agree(&self, run: &PoolRun, series: &DenseSeries) {
        self.arrays_agree(run, series, "weights");
    }

    /// Compares the series; `weights` is what the reference calls the weights.
    pub fn arrays_agree(&self, run: &PoolRun, series: &DenseSeries, weights: &str) {
        let rows = run.windows.rows;
        assert_eq!(rows as f64, self.golden.number(&["n_steps"]));
        let first_price_row = self.setup.experiment.history().prices().grid().start_ms as f64;
        assert_eq!(first_price_row, self.golden.number(&["data", "first_unix_ms"]));

        let assets = run.positions.dims()[2];
        let wide = |tensor: &Tensor<3>| host(tensor.clone());
        let arrays = [
            (weights, wide(&series.weights), assets),
            ("reserves", wide(&series.reserves), assets),
            ("local_prices", wide(&series.prices), assets),
            ("value", host(series.values.clone()), 1),
        ];
        for (name, values, width) in &arrays {
            for (suffix, chosen) in [
                ("every60", (0..rows).step_by(60).collect::<Vec<_>>()),
                ("first100", (0..100).collect()),
                ("last100", (rows - 100..rows).collect()),
            ] {
                let Some((_, expected)) = self.golden.array(&format!("{name}.{suffix}")) else { continue };
                let found: Vec<f64> =
                    chosen.iter().flat_map(|row| values[row * width..(row + 1) * width].iter().copied()).collect();
                if *name == "reserves" && self.trades_flip {
                    self.shares_agree(suffix, &found, expected, &arrays[2].1, &chosen);
                    continue;
                }
                self.close(&format!("{name}.{suffix}"), &found, expected, self.tolerances.0);
            }
        }
        let values = &arrays[3].1;
        self.close("final_value", &[values[rows - 1]], &[self.golden.number(&["final_value"])], self.tolerances.0);
        let reserves = &arrays[1].1[(rows - 1) * assets..];
        self.close("final_reserves", reserves, &numbers(&self.golden.json["final_reserves"]), self.tolerances.0);
        let total: f64 = values.iter().sum();
        self.close("value_sum", &[total], &[self.golden.number(&["value_sum"])], self.tolerances.0);
    }

    pub fn coarse_weights_agree(&self, run: &PoolRun) {
        let outputs =
            self.setup.experiment.pool().rule_outputs(self.setup.experiment.history(), &self.parameters()).unwrap();
        let outputs = host(outputs);
        let (shape, expected) = self.golden.array("rule_outputs.full").unwrap();
        // Market-cap rules of the reference have a row for the first prices too.
        let extra = shape[0] + 1 - self.golden.number(&["data", "n_price_rows"]) as usize / self.interval_rows();
        let expected = &expected[extra * shape[1]..];
        // The reference's prices go on a day beyond what is simulated.
        let shown = outputs.len().min(expected.len());
        self.close("rule_outputs.full", &outputs[..shown], &expected[..shown], self.tolerances.0);
        let positions = host(run.positions.clone());
        let (_, starts) = self.golden.array("coarse.actual_starts").unwrap();
        let shown = positions.len().min(starts.len());
        self.close("coarse.actual_starts", &positions[..shown], &starts[..shown], self.tolerances.0);
        let (_, changes) = self.golden.array("coarse.scaled_diffs").unwrap();
        let assets = run.positions.dims()[2];
        let per_row: Vec<f64> = positions
            .iter()
            .zip(&positions[assets..])
            .map(|(before, after)| (after - before) / run.layout.ramp_rows as f64)
            .collect();
        self.close("coarse.scaled_diffs", &per_row, &changes[..per_row.len()], self.tolerances.0);
    }

    pub fn metrics_agree(&self, run: &PoolRun) {
        self.metrics_agree_except(run, &[]);
    }

    pub fn metrics_agree_except(&self, run: &PoolRun, without: &[Metric]) {
        let expected = self.golden.json["metrics"].as_object().unwrap();
        assert_eq!(expected.len(), 31);
        let metrics: Vec<Metric> = expected.keys().map(|name| Metric::parse(name).unwrap()).collect();
        let found = evaluate_all(&metrics, &self.setup.experiment.series(run)).unwrap();
        for (found, (name, expected)) in found[0].iter().zip(expected) {
            let Some(expected) = number(expected) else {
                assert!(expected.get("error").is_some(), "{name}: {expected}");
                continue;
            };
            if without.contains(&found.metric) {
                continue;
            }
            // What is zero but for rounding has no digits to compare.
            if expected.abs() < 1e-14 {
                assert!(found.value.abs() < 1e-14, "{name}: {} {expected}", found.value);
                continue;
            }
            // Annualised powers of a day's growth stand to the power 365: so does its rounding.
            let tolerance = if self.trades_flip { 10.0 * self.tolerances.0 } else { self.tolerances.0 };
            self.close(name, &[found.value], &[expected], tolerance);
        }
    }

    pub fn gradients_agree(&self) {
        let expected = self.golden.json["gradients"].as_object().unwrap();
        for (name, expected) in expected {
            // The published gradients are those of the plain metric; the penalty is part of `objective`.
            let found = self.gradient(Metric::parse(name).unwrap(), false);
            self.gradient_agrees(name, &found, expected, self.tolerances.1);
        }
    }

    pub fn objective_agrees(&self) {
        let objective = &self.golden.json["objective"];
        let metric = Metric::parse(objective["return_val"].as_str().unwrap()).unwrap();
        let found = self.gradient(metric, true);
        self.close("objective", &found.0, &[number(&objective["value"]).unwrap()], self.tolerances.0);
        self.gradient_agrees("objective", &found, &objective["grad"], self.tolerances.1);
    }

    /// Objective and gradient.
    pub fn gradient(&self, metric: Metric, penalised: bool) -> (Vec<f64>, ParameterValues) {
        let experiment = self.setup.experiment.clone();
        let experiment = if penalised { experiment } else { experiment.without_penalty() };
        let found = experiment.gradient(&self.parameters(), metric, &self.windows()).unwrap();
        (found.values, found.gradient.to_values().remove(0))
    }

    /// Where the reference's slope is not that of its own central difference the case is not smooth: a trade at the edge of
    /// the no-trade band, or one of two equally good pairs, flips. There our slope must be nearer to the reference's than its
    /// difference is.
    pub fn slopes_are_nearer_than_differences(&self) {
        let expected = self.golden.json["gradients"].as_object().unwrap();
        for name in expected.keys() {
            let (_, gradient) = self.gradient(Metric::parse(name).unwrap(), false);
            let along = |values: &Vec<f64>| -> f64 {
                values.iter().enumerate().map(|(index, slope)| slope * (index as f64 + 0.3).cos()).sum()
            };
            let leaves = gradient.leaves.iter().filter(|(leaf, _)| *leaf != "initial_weights_logits");
            let found: f64 = leaves.map(|(_, values)| along(values)).sum();
            let analytic = self.golden.number(&["fd_check", name, "analytic"]);
            let difference = self.golden.number(&["fd_check", name, "central_difference"]);
            assert!((difference / analytic - 1.0).abs() > 5e-5, "{name} is smooth");
            assert!(
                (found - analytic).abs() < (difference - analytic).abs(),
                "{name}: {found} {analytic} {difference}"
            );
        }
    }

    fn gradient_agrees(&self, name: &str, found: &(Vec<f64>, ParameterValues), expected: &Value, tolerance: f64) {
        let expected = expected.as_object().unwrap();
        let flat = |leaf: &str| numbers(&expected[leaf]);
        let scale: f64 =
            expected.keys().flat_map(|leaf| flat(leaf)).fold(0.0, |largest, value| largest.max(value.abs()));
        for leaf in expected.keys() {
            let (found, expected) = (&found.1.leaves[leaf], flat(leaf));
            let what = format!("{} d {name} / d {leaf}", self.golden.name);
            assert_close(&what, found, &expected, tolerance, scale);
        }
    }

    fn interval_rows(&self) -> usize {
        self.setup.strategy().settings().update_interval_rows
    }

    /// The value in the last row.
    pub fn final_value(&self) -> f64 {
        let metrics = [Metric::FinalValue];
        let run = self.setup.experiment.run(&self.parameters(), &self.windows(), &metrics, false).unwrap();
        host(run.values).pop().unwrap()
    }

    /// Compares numbers by the largest one expected.
    pub fn close(&self, what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
        assert_close(&format!("{} {what}", self.golden.name), found, expected, tolerance, 0.0);
    }
}

/// The numbers of a tensor.
pub fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Compares everything that the reference published, on every path and by both valuations. `prepare` may change the case.
pub fn check_prepared(shared: &Path, name: &str, set: &[&str], prepare: impl Fn(Case) -> Case) {
    for (path, valuation) in WAYS {
        let (path, valuation) = (format!("pool.weights={path}"), format!("pool.valuation={valuation}"));
        let set = [set, &[path.as_str(), valuation.as_str()]].concat();
        let case = prepare(Case::load(shared, name, &set));
        if valuation.ends_with("step_by_step") {
            let (run, series) = case.dense();
            case.series_agree(&run, &series);
            case.coarse_weights_agree(&run);
            case.metrics_agree(&run);
        }
        // Those of mom_ste* reach 1e18, where a central difference says 3e4: straight-through gradients explode. They are
        // compared relatively, like all others.
        case.gradients_agree();
        case.objective_agrees();
    }
}

/// [`check_prepared`] of the case as it is, with some settings.
pub fn check(shared: &Path, name: &str, set: &[&str]) {
    check_prepared(shared, name, set, |case| case);
}
