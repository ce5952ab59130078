//! Whether a device computes what the CPU does in double precision.
//!
//! In single precision the final value of every set may be off by 2e-5 and a ratio of daily returns, which are differences of
//! values, by 1e-3; gradients of both by 1e-3 of their norm. In double precision all by 1e-10.

use std::error::Error;

use gradpool::metrics::Metric;
use gradpool::strategy::ParameterSets;
use gradpool::tensor::DType;
use serde_json::{Value, json};

use super::subject::Subject;

/// How far a device is from the CPU.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What was computed.
    pub metric: Metric,
    /// Sets compared.
    pub sets: usize,
    /// Largest relative error of a set's value.
    pub value: f64,
    /// Largest error of a set's gradient, in units of its norm.
    pub gradient: f64,
    /// What both may be.
    pub limits: [f64; 2],
}

impl Check {
    /// Compares values and gradients of the same sets.
    pub fn of(
        metric: Metric,
        found: &Subject,
        reference: &Subject,
        dtype: DType,
        sets: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let compute = |subject: &Subject| subject.value_and_gradient(&subject.parameters(sets)?, metric);
        let (found, expected) = (compute(found)?, compute(reference)?);
        let errors = found
            .values
            .iter()
            .zip(&expected.values)
            .map(|(found, value)| relative((found - value).abs(), value.abs()));
        let value = largest(errors);
        let (found, expected) = (by_set(&found.gradient), by_set(&expected.gradient));
        let gradient = largest(found.iter().zip(&expected).map(|(found, expected)| {
            let difference: Vec<f64> = found.iter().zip(expected).map(|(found, expected)| found - expected).collect();
            relative(norm(&difference), norm(expected))
        }));
        let limits = match (dtype, metric) {
            (DType::F64, _) => [1e-10, 1e-10],
            (_, Metric::FinalValue) => [2e-5, 1e-3],
            _ => [1e-3, 1e-3],
        };
        Ok(Self { metric, sets, value, gradient, limits })
    }

    /// Whether both errors are within their limits; never for numbers that are not finite.
    pub fn passes(&self) -> bool {
        self.value <= self.limits[0] && self.gradient <= self.limits[1]
    }

    /// In words.
    pub fn said(&self) -> String {
        let Self { metric, sets, value, gradient, limits: [most, steepest] } = self;
        let verdict = if self.passes() { "passed" } else { "FAILED" };
        format!(
            "{verdict}: {} of {sets} sets off by {value:.1e} (limit {most:.0e}), gradients by {gradient:.1e} of their norm (limit \
             {steepest:.0e})",
            metric.name()
        )
    }

    /// For the document.
    pub fn document(&self) -> Value {
        json!({
            "metric": self.metric.name(), "sets": self.sets,
            "value_error": finite(self.value), "value_limit": self.limits[0],
            "gradient_error": finite(self.gradient), "gradient_limit": self.limits[1],
            "passes": self.passes(),
        })
    }
}

/// An error in units of what it is an error of; none of nothing is none.
fn relative(error: f64, size: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / size }
}

/// JSON has no NaN.
fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

/// The largest; NaN if there is one.
fn largest(errors: impl Iterator<Item = f64>) -> f64 {
    errors.fold(0.0, |most, error| if error > most || error.is_nan() { error } else { most })
}

fn norm(gradient: &[f64]) -> f64 {
    gradient.iter().map(|slope| slope * slope).sum::<f64>().sqrt()
}

fn by_set(gradient: &ParameterSets) -> Vec<Vec<f64>> {
    gradient.to_values().iter().map(|set| set.leaves.values().flatten().copied().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_not_finite_never_pass() {
        let check = |value, gradient| {
            Check { metric: Metric::FinalValue, sets: 1, value, gradient, limits: [1.0, 1.0] }.passes()
        };
        assert!(check(1.0, 0.5) && !check(1.5, 0.5) && !check(0.5, 1.5));
        assert!(!check(f64::NAN, 0.0) && !check(0.0, f64::INFINITY));
        assert_eq!((relative(0.0, 0.0), relative(1.0, 4.0)), (0.0, 0.25));
        assert!(relative(1.0, 0.0).is_infinite() && relative(f64::NAN, 1.0).is_nan());
        assert!(largest([1.0, f64::NAN, 2.0].into_iter()).is_nan());
    }
}
