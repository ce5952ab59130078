//! Every metric against its formula on plain slices.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use burn::tensor::{DType, Device};
use gradpool_metrics::{Metric, MetricError, SeriesInputs};
use proptest::prelude::*;
use support::{
    DAY_MS, HOUR_MS, MINUTE_MS, Sample, assert_close, evaluate, inputs, inputs_on, oracle, random_sample, sampled_for,
};

fn assert_every_metric_follows_its_formula(samples: &[Sample], step_ms: i64, day: usize, tolerance: f64) {
    let inputs = inputs(samples, step_ms);
    for &metric in Metric::all() {
        for (found, sample) in evaluate(metric, &inputs).into_iter().zip(samples) {
            let expected = oracle::metric(metric.name(), sample, day);
            assert_close(found, expected, tolerance, metric.name());
        }
    }
}

#[test]
fn every_metric_follows_its_formula_on_hourly_rows() {
    let samples = [1, 2, 3].map(|seed| random_sample(24 * 100 + 5, 0.004, seed));
    assert_every_metric_follows_its_formula(&samples, HOUR_MS, 24, 1e-12);
}

#[test]
fn every_metric_follows_its_formula_on_minute_rows() {
    let samples = [random_sample(1440 * 61 + 77, 0.0005, 7)];
    assert_every_metric_follows_its_formula(&samples, MINUTE_MS, 1440, 1e-11);
}

#[test]
fn every_metric_follows_its_formula_on_daily_rows() {
    let samples = [4, 5].map(|seed| random_sample(400, 0.02, seed));
    assert_every_metric_follows_its_formula(&samples, DAY_MS, 1, 1e-12);
}

#[test]
fn blocks_of_exact_length_are_whole() {
    for rows in [24 * 7, 24 * 30, 24 * 60] {
        assert_every_metric_follows_its_formula(&[random_sample(rows, 0.004, 9)], HOUR_MS, 24, 1e-12);
    }
}

#[test]
fn single_precision_keeps_single_precision() {
    let samples = [random_sample(24 * 40, 0.01, 11)];
    let inputs = inputs_on(&samples, HOUR_MS, &Device::flex(), DType::F32);
    for name in ["daily_log_sharpe", "returns", "weekly_max_drawdown", "calmar", "ulcer", "weekly_var_95%_trad"] {
        let metric = Metric::parse(name).unwrap();
        let result = metric.evaluate(&inputs).unwrap();
        assert_eq!(result.dtype(), DType::F32);
        assert_close(support::numbers(result)[0], oracle::metric(name, &samples[0], 24), 1e-4, name);
    }
}

#[test]
fn a_missing_row_is_named() {
    let full = inputs(&[random_sample(10, 0.01, 1)], DAY_MS);
    let first_half =
        SeriesInputs { values: full.values.clone().slice_dim(1, 0..5), sample_rows: (0..5).collect(), ..full };
    let error = Metric::Returns.evaluate(&first_half).unwrap_err();
    assert_eq!(error.to_string(), "metric `returns` needs the value at row 9, which is not among the sampled rows");
    let error = Metric::Calmar.evaluate(&first_half).unwrap_err();
    assert_eq!(error, MetricError::MissingRow { metric: Metric::Calmar, row: 5 });
}

#[test]
fn contradictory_inputs_are_refused() {
    let good = inputs(&[random_sample(10, 0.01, 1)], DAY_MS);
    let short = SeriesInputs { sample_rows: vec![0, 1], ..good.clone() };
    assert!(matches!(Metric::Returns.evaluate(&short), Err(MetricError::Shape { name: "values", .. })));
    let unsorted = SeriesInputs { sample_rows: vec![0, 1, 2, 4, 3, 5, 6, 7, 8, 9], ..good.clone() };
    assert_eq!(
        Metric::Returns.evaluate(&unsorted).unwrap_err(),
        MetricError::SampleRows { position: 4, row: 3, rows: 10 }
    );
    let beyond = SeriesInputs { rows: 9, ..good };
    assert_eq!(
        Metric::Returns.evaluate(&beyond).unwrap_err(),
        MetricError::SampleRows { position: 9, row: 9, rows: 9 }
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sampled_rows_give_what_all_rows_give(rows in 1_usize..1800, seed in any::<u64>()) {
        let full = inputs(&[random_sample(rows, 0.01, seed), random_sample(rows, 0.02, !seed)], HOUR_MS);
        for &metric in Metric::all() {
            let sampled = evaluate(metric, &sampled_for(metric, &full));
            for (sampled, full) in sampled.into_iter().zip(evaluate(metric, &full)) {
                assert_close(sampled, full, 0.0, metric.name());
            }
        }
    }

    #[test]
    fn a_superset_of_the_needed_rows_changes_nothing(rows in 2_usize..1800, seed in any::<u64>()) {
        let full = inputs(&[random_sample(rows, 0.01, seed)], HOUR_MS);
        let listed: Vec<Metric> = Metric::all().iter().copied()
            .filter(|metric| metric.sampling(&full.calendar, rows) != gradpool_metrics::Sampling::All)
            .collect();
        let union = Metric::sampling_of(&listed, &full.calendar, rows).into_rows(rows);
        let columns = union.iter().map(|&row| full.values.clone().slice_dim(1, row..row + 1)).collect();
        let sampled = SeriesInputs {
            values: burn::tensor::Tensor::cat(columns, 1),
            sample_rows: union,
            ..full.clone()
        };
        for metric in listed {
            assert_close(evaluate(metric, &sampled)[0], evaluate(metric, &full)[0], 0.0, metric.name());
        }
    }

    #[test]
    fn a_batch_gives_what_its_series_give(rows in 1_usize..900, seed in any::<u64>()) {
        let samples: Vec<Sample> =
            (0..3).map(|entry| random_sample(rows, 0.01, seed.wrapping_add(entry))).collect();
        let together = inputs(&samples, HOUR_MS);
        for &metric in Metric::all() {
            let batch = evaluate(metric, &together);
            for (found, sample) in batch.into_iter().zip(&samples) {
                let alone = evaluate(metric, &inputs(std::slice::from_ref(sample), HOUR_MS))[0];
                assert_close(found, alone, 0.0, metric.name());
            }
        }
    }

    #[test]
    fn only_the_final_value_depends_on_the_scale(seed in any::<u64>()) {
        let sample = random_sample(24 * 65, 0.01, seed);
        let mut scaled = sample.clone();
        for number in scaled.values.iter_mut().chain(&mut scaled.reserves) {
            *number *= 8.0;
        }
        scaled.fee_revenue *= 8.0;
        let (before, after) = (inputs(&[sample], HOUR_MS), inputs(&[scaled], HOUR_MS));
        for &metric in Metric::all() {
            let factor = if metric == Metric::FinalValue { 8.0 } else { 1.0 };
            let expected = factor * evaluate(metric, &before)[0];
            assert_close(evaluate(metric, &after)[0], expected, 1e-10, metric.name());
        }
    }
}
