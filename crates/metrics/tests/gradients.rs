//! Gradients of every metric against central differences of the formula on plain slices.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use burn::tensor::{DType, Device};
use gradpool_metrics::{Metric, SeriesInputs, turnover};
use support::{HOUR_MS, Sample, assert_close, inputs, inputs_on, matrix, numbers, oracle, random_sample, sampled_for};

/// Gradient of the sum over the batch with respect to the values, `[batch][row]`.
fn gradients(metric: Metric, plain: &SeriesInputs) -> Vec<Vec<f64>> {
    let values = plain.values.clone().autodiff().require_grad();
    let inputs = SeriesInputs { values: values.clone(), ..plain.clone() };
    let result = metric.evaluate(&inputs).unwrap();
    let gradients = result.sum().backward();
    let flat = numbers(values.grad(&gradients).expect("the metric depends on the values"));
    let columns = flat.len() / plain.values.dims()[0];
    flat.chunks(columns).map(<[f64]>::to_vec).collect()
}

/// Fourth-order central difference of the oracle in one row; `None` beside a kink, where another row becomes decisive
/// within the steps and two step sizes disagree.
fn difference(metric: Metric, sample: &Sample, row: usize, tolerance: f64) -> Option<f64> {
    let with_step = |step: f64| {
        let moved = |steps: f64| {
            let mut moved = sample.clone();
            moved.values[row] += steps * step;
            oracle::metric(metric.name(), &moved, 24)
        };
        (8.0 * (moved(1.0) - moved(-1.0)) - (moved(2.0) - moved(-2.0))) / (12.0 * step)
    };
    let (wide, narrow) = (with_step(sample.values[row] * 4e-7), with_step(sample.values[row] * 2e-7));
    ((wide - narrow).abs() <= tolerance).then_some(wide)
}

#[test]
fn gradients_agree_with_central_differences() {
    // Two months and a part.
    let samples = [23, 24].map(|seed| random_sample(24 * 61 + 3, 0.02, seed));
    let inputs = inputs(&samples, HOUR_MS);
    for &metric in Metric::all() {
        let found = gradients(metric, &inputs);
        let mut kinks = 0;
        for (sample, found) in samples.iter().zip(&found) {
            let scale = found.iter().fold(0.0, |scale: f64, number| scale.max(number.abs()));
            let mut rows: Vec<usize> = (0..sample.values.len()).step_by(97).collect();
            // And where the gradient is largest, which sparse metrics would otherwise escape.
            let mut order: Vec<usize> = (0..found.len()).collect();
            order.sort_by(|left, right| found[*right].abs().total_cmp(&found[*left].abs()));
            rows.extend(&order[..8]);
            for row in rows {
                let Some(expected) = difference(metric, sample, row, 1e-7 * scale) else {
                    kinks += 1;
                    continue;
                };
                assert!(
                    (found[row] - expected).abs() <= 1e-7 * scale,
                    "{metric}, row {row}: {} instead of {expected} (largest {scale})",
                    found[row]
                );
            }
        }
        assert!(kinks <= 3, "{metric}: {kinks} of 48 rows could not be compared");
    }
}

#[test]
fn gradients_are_double_precision() {
    // d returns / d V[-1] = 1 / V[0], to the last bits; a gradient rounded to f32 would be off by 1e-8.
    let sample = random_sample(24 * 40, 0.01, 5);
    let found = gradients(Metric::Returns, &inputs(std::slice::from_ref(&sample), HOUR_MS));
    assert_close(found[0][sample.values.len() - 1], 1.0 / sample.values[0], 1e-14, "returns");

    // daily_log_sharpe is invariant to the scale of the values (its guards aside): sum_t V_t dM/dV_t = 0.
    let found = gradients(Metric::DailyLogSharpe, &inputs(std::slice::from_ref(&sample), HOUR_MS));
    let terms: Vec<f64> = found[0].iter().zip(&sample.values).map(|(gradient, value)| gradient * value).collect();
    let scale = terms.iter().fold(0.0, |scale: f64, term| scale.max(term.abs()));
    assert!(terms.iter().sum::<f64>().abs() < 1e-12 * scale);
}

#[test]
fn sampled_rows_get_the_gradient_of_the_full_series() {
    let full = inputs(&[random_sample(24 * 65, 0.01, 31)], HOUR_MS);
    for &metric in Metric::all() {
        let sampled = sampled_for(metric, &full);
        let by_row = gradients(metric, &full);
        let by_sample = gradients(metric, &sampled);
        for (position, &row) in sampled.sample_rows.iter().enumerate() {
            assert_close(by_sample[0][position], by_row[0][row], 1e-14, metric.name());
        }
    }
}

#[test]
fn hold_benchmarks_are_constants() {
    let plain = inputs(&[random_sample(48, 0.01, 3)], HOUR_MS);
    let reserves = plain.initial_reserves.clone().autodiff().require_grad();
    let values = plain.values.clone().autodiff().require_grad();
    let inputs = SeriesInputs { values, initial_reserves: reserves.clone(), ..plain };
    for metric in [Metric::ReturnsOverHodl, Metric::ReturnsOverUniformHodl] {
        let gradients = metric.evaluate(&inputs).unwrap().sum().backward();
        assert!(reserves.grad(&gradients).is_none());
    }
}

#[test]
fn a_constant_value_is_a_flat_point_of_daily_log_sharpe_and_ulcer() {
    let mut sample = random_sample(24 * 30, 0.01, 3);
    sample.values.fill(5.0);
    let inputs = inputs(&[sample], HOUR_MS);
    assert!(gradients(Metric::Ulcer, &inputs)[0].iter().all(|gradient| *gradient == 0.0));
    assert!(gradients(Metric::DailyLogSharpe, &inputs)[0].iter().all(|gradient| gradient.is_finite()));
}

#[test]
fn turnover_is_the_mean_absolute_change_of_shares() {
    let device = Device::flex();
    let cube = |rows: Vec<Vec<f64>>| matrix(&rows, &device, DType::F64).unsqueeze::<3>();
    // Shares 1/2, 1/2 -> 3/4, 1/4 -> 3/4, 1/4.
    let reserves = cube(vec![vec![1.0, 1.0], vec![3.0, 1.0], vec![3.0, 1.0]]);
    let prices = cube(vec![vec![2.0, 2.0], vec![1.0, 1.0], vec![5.0, 5.0]]);
    let values = matrix(&[vec![4.0, 4.0, 20.0]], &device, DType::F64);
    assert_eq!(numbers(turnover(reserves.clone(), prices.clone(), values.clone())), vec![0.25]);
    let one_row = turnover(reserves.slice_dim(1, 0..1), prices.slice_dim(1, 0..1), values.slice_dim(1, 0..1));
    assert_eq!(numbers(one_row), vec![0.0]);
}

#[test]
fn the_gradient_of_turnover_agrees_with_differences() {
    let device = Device::flex();
    let mut noise = support::Noise(8);
    let rows: Vec<Vec<f64>> = (0..6).map(|_| (0..3).map(|_| 2.0 + noise.next()).collect()).collect();
    let prices: Vec<Vec<f64>> = (0..6).map(|_| (0..3).map(|_| 2.0 + noise.next()).collect()).collect();
    let evaluate = |rows: &[Vec<f64>]| {
        let reserves = matrix(rows, &device, DType::F64).unsqueeze::<3>().autodiff().require_grad();
        let prices = matrix(&prices, &device, DType::F64).unsqueeze::<3>();
        let values = (reserves.clone() * prices.clone()).sum_dim(2).squeeze_dim::<2>(2);
        (turnover(reserves.clone(), prices, values), reserves)
    };
    let (result, reserves) = evaluate(&rows);
    let found = numbers(reserves.grad(&result.backward()).unwrap());
    for row in 0..6 {
        for asset in 0..3 {
            let moved = |step: f64| {
                let mut moved = rows.clone();
                moved[row][asset] += step;
                numbers(evaluate(&moved).0.inner())[0]
            };
            let expected = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((found[row * 3 + asset] - expected).abs() < 1e-9);
        }
    }
}

#[test]
fn single_precision_gradients_stay_finite() {
    let samples = [random_sample(24 * 65, 0.01, 11)];
    let inputs = inputs_on(&samples, HOUR_MS, &Device::flex(), DType::F32);
    for &metric in Metric::all() {
        assert!(gradients(metric, &inputs)[0].iter().all(|gradient| gradient.is_finite()), "{metric}");
    }
}
