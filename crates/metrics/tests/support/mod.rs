//! Random series, tensors of them, and the formulas of spec 05 on plain slices.
#![allow(dead_code, clippy::unwrap_used, reason = "shared by several test files")]

pub mod oracle;

use burn::tensor::{DType, Device, Tensor, TensorData};
use gradpool_metrics::{Calendar, Metric, Sampling, SeriesInputs};

pub const MINUTE_MS: i64 = 60_000;
pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 86_400_000;

/// Uniform numbers in [-1, 1) from a seed (splitmix64): the same on every machine.
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// One series with everything that the metrics need.
#[derive(Clone)]
pub struct Sample {
    pub values: Vec<f64>,
    pub reserves: Vec<f64>,
    pub first_prices: Vec<f64>,
    pub last_prices: Vec<f64>,
    pub fee_revenue: f64,
}

pub fn random_sample(rows: usize, volatility: f64, seed: u64) -> Sample {
    let mut noise = Noise(seed);
    let mut value = 1e6;
    let values = (0..rows)
        .map(|_| {
            value *= (volatility * (noise.next() + 0.02)).exp();
            value
        })
        .collect();
    let mut positive = |scale: f64| (0..3).map(|_| scale * (1.5 + noise.next())).collect();
    Sample {
        values,
        reserves: positive(100.0),
        first_prices: positive(3000.0),
        last_prices: positive(3000.0),
        fee_revenue: 1234.5,
    }
}

pub fn matrix(rows: &[Vec<f64>], device: &Device, dtype: DType) -> Tensor<2> {
    let shape = [rows.len(), rows[0].len()];
    Tensor::from_data(TensorData::new(rows.concat(), shape), (device, dtype))
}

pub fn inputs_on(samples: &[Sample], step_ms: i64, device: &Device, dtype: DType) -> SeriesInputs {
    let tensor = |field: fn(&Sample) -> &Vec<f64>| {
        let rows: Vec<_> = samples.iter().map(|sample| field(sample).clone()).collect();
        matrix(&rows, device, dtype)
    };
    let rows = samples[0].values.len();
    let revenue: Vec<f64> = samples.iter().map(|sample| sample.fee_revenue).collect();
    SeriesInputs {
        values: tensor(|sample| &sample.values),
        sample_rows: (0..rows).collect(),
        rows,
        calendar: Calendar::from_step_ms(step_ms).unwrap(),
        initial_reserves: tensor(|sample| &sample.reserves),
        first_prices: tensor(|sample| &sample.first_prices),
        last_prices: tensor(|sample| &sample.last_prices),
        fee_revenue: Some(Tensor::from_data(TensorData::new(revenue, [samples.len()]), (device, dtype))),
    }
}

pub fn inputs(samples: &[Sample], step_ms: i64) -> SeriesInputs {
    inputs_on(samples, step_ms, &Device::flex(), DType::F64)
}

/// The same series at the metric's own rows only.
pub fn sampled_for(metric: Metric, full: &SeriesInputs) -> SeriesInputs {
    let Sampling::Rows(rows) = metric.sampling(&full.calendar, full.rows) else {
        return full.clone();
    };
    let columns = rows.iter().map(|&row| full.values.clone().slice_dim(1, row..row + 1)).collect();
    SeriesInputs { values: Tensor::cat(columns, 1), sample_rows: rows, ..full.clone() }
}

pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.try_into_vec_as::<f64>().unwrap()
}

pub fn evaluate(metric: Metric, inputs: &SeriesInputs) -> Vec<f64> {
    numbers(metric.evaluate(inputs).unwrap())
}

/// Asserts relative agreement; NaN and infinity agree with themselves.
pub fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let same = found == expected || (found.is_nan() && expected.is_nan());
    let scale = expected.abs().max(1e-12);
    assert!(same || (found - expected).abs() <= tolerance * scale, "{what}: {found} instead of {expected}");
}
