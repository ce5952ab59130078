//! Gradients and the training objective of a case, compared with those of this build.

use gradpool_metrics::Metric;
use gradpool_strategy::{ParameterSets, ParameterValues, Windows};
use serde_json::Value;

use super::case::{Case, Subject};
use super::golden::{GoldenError, members, number, numbers, text};
use super::tally::Tally;
use super::treatment::Slopes;

/// Slopes that are nearer to each other than this are those of a smooth case.
const SMOOTH: f64 = 5e-5;
/// Metrics with gradients in every case.
const GRADIENTS: usize = 3;
/// The reference takes no gradient for it.
const FIXED_LEAF: &str = "initial_weights_logits";

impl Subject {
    /// The case's parameters on the device.
    ///
    /// # Errors
    /// What the strategy refuses.
    pub fn parameters(&self) -> anyhow::Result<ParameterSets> {
        let set = std::slice::from_ref(&self.values);
        Ok(ParameterSets::from_values(set, &self.setup.device, self.setup.dtype)?)
    }

    /// The simulated rows as a window.
    pub fn windows(&self) -> Windows {
        let rows = self.setup.simulated_rows(&self.config);
        Windows::single(rows.start, rows.len())
    }

    /// A metric of the simulated rows, less the turnover penalty if it is wanted, and its gradient.
    ///
    /// # Errors
    /// What pool or metric refuse.
    pub fn gradient(&self, metric: Metric, penalised: bool) -> anyhow::Result<(f64, ParameterValues)> {
        let experiment = self.setup.experiment.clone();
        let experiment = if penalised { experiment } else { experiment.without_penalty() };
        let found = experiment.gradient(&self.parameters()?, metric, &self.windows())?;
        Ok((found.values[0], found.gradient.to_values().swap_remove(0)))
    }
}

/// Compares gradients and objective.
pub(super) fn compare(case: &Case<'_>, subject: &Subject, tally: &mut Tally) -> anyhow::Result<()> {
    let tolerances = subject.tolerances;
    if !tally.skips("gradients.") {
        let gradients = members("gradients", case.golden.part(&["gradients"])?)?;
        let count = gradients.len();
        tally.check(count == GRADIENTS, || format!("gradients: {count} are there; expected {GRADIENTS}"));
        for (metric, expected) in gradients {
            // The published gradients are those of the plain metric; the penalty is part of `objective`.
            let (_, found) = subject.gradient(Metric::parse(metric)?, false)?;
            match case.treatment.slopes {
                Slopes::Compared => {
                    slopes_agree(&format!("gradients.{metric}"), &found, expected, tolerances.gradients, tally)?;
                }
                Slopes::NearerThanDifference => nearer_than_difference(case, metric, &found, tally)?,
            }
        }
    }
    let Some(objective) = case.golden.json.get("objective").filter(|objective| !objective.is_null()) else {
        return Ok(());
    };
    if tally.skips("objective") {
        return Ok(());
    }
    let (value, gradient) = subject.gradient(Metric::parse(text(objective, "return_val")?)?, true)?;
    let expected = number(&objective["value"])
        .ok_or(GoldenError::Missing { at: "objective.value".to_owned(), expected: "a number" })?;
    tally.compare("objective.value", &[value], &[expected], tolerances.values, 0.0);
    if case.treatment.slopes == Slopes::Compared {
        slopes_agree("objective.grad", &gradient, &objective["grad"], tolerances.gradients, tally)?;
    } else {
        tally.leave_out("objective.grad", "the case is not smooth there");
    }
    Ok(())
}

/// Compares the slopes along all parameters, by the largest of them.
fn slopes_agree(
    name: &str,
    found: &ParameterValues,
    expected: &Value,
    tolerance: f64,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let leaves = members(name, expected)?;
    let largest = numbers_of(name, leaves)?.fold(0.0, |largest: f64, slope| largest.max(slope.abs()));
    for (leaf, expected) in leaves {
        let name = format!("{name}.{leaf}");
        let expected = numbers(&name, expected)?;
        tally.compare(&name, found.leaf(leaf).unwrap_or_default(), &expected, tolerance, largest);
    }
    Ok(())
}

fn numbers_of(name: &str, leaves: &serde_json::Map<String, Value>) -> Result<impl Iterator<Item = f64>, GoldenError> {
    let found: Vec<Vec<f64>> = leaves.values().map(|value| numbers(name, value)).collect::<Result<_, _>>()?;
    Ok(found.into_iter().flatten())
}

/// Our slope along the direction of the reference's check must be nearer to the reference's slope than the reference's central
/// difference is.
fn nearer_than_difference(
    case: &Case<'_>,
    metric: &str,
    gradient: &ParameterValues,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let along = |slopes: &[f64]| -> f64 {
        slopes.iter().enumerate().map(|(index, slope)| slope * (index as f64 + 0.3).cos()).sum()
    };
    let leaves = gradient.leaves.iter().filter(|(leaf, _)| *leaf != FIXED_LEAF);
    let found: f64 = leaves.map(|(_, slopes)| along(slopes)).sum();
    let analytic = case.golden.number(&["fd_check", metric, "analytic"])?;
    let difference = case.golden.number(&["fd_check", metric, "central_difference"])?;
    let name = format!("fd_check.{metric}");
    tally.check((difference / analytic - 1.0).abs() > SMOOTH, || {
        format!("{name}: {analytic} and {difference} are those of a smooth case, whose gradients can be compared")
    });
    tally.check((found - analytic).abs() < (difference - analytic).abs(), || {
        format!("{name}: expected nearer to {analytic} than {difference}, found {found}")
    });
    Ok(())
}
