//! What a training says while it runs: a bar on a terminal, a line every few seconds elsewhere.

use std::time::{Duration, Instant};

use gradpool_trainer::observer::{BestReport, EvaluationReport, RestartReport, StartReport, StepReport};
use gradpool_trainer::{Observer, TrainerError};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Output;

/// Time between two lines where no bar can be drawn.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Shows how a training goes.
pub struct Progress<'o, 'w> {
    output: &'o mut Output<'w>,
    objective: String,
    bar: Option<ProgressBar>,
    iterations: usize,
    started: (usize, Instant),
    last_line: Instant,
    best: Option<BestReport>,
    /// Objective over the validation period of the set that holds the best point.
    validation: Option<f64>,
}

impl<'o, 'w> Progress<'o, 'w> {
    /// Shows the training on stderr, as `output` allows.
    pub fn new(output: &'o mut Output<'w>, objective: &str) -> Self {
        let now = Instant::now();
        Self {
            output,
            objective: objective.to_owned(),
            bar: None,
            iterations: 0,
            started: (0, now),
            last_line: now,
            best: None,
            validation: None,
        }
    }

    /// `objective 0.512, best 0.431 (step 110, set 2), validation 0.431, learning rate 0.05`.
    fn state(&self, report: &StepReport) -> String {
        // Of the windows of this step; the best set's, since the others do not matter to the result.
        let objective = report.objective.iter().copied().filter(|value| value.is_finite()).reduce(f64::max);
        let mut text = format!("objective {}", number(objective));
        if let Some(best) = &self.best {
            text += &format!(", best {} (step {}, set {})", number(Some(best.score)), best.step, best.set);
        }
        if self.validation.is_some() {
            text += &format!(", validation {}", number(self.validation));
        }
        let factor = report.plateau_factor.iter().copied().fold(f64::NAN, f64::max);
        let learning_rate = report.learning_rate * if factor.is_finite() { factor } else { 1.0 };
        text + &format!(", learning rate {learning_rate:.3e}")
    }

    /// Prints a line beside the bar.
    fn beside_bar(&mut self, print: impl FnOnce(&mut Output<'_>)) {
        match &self.bar {
            Some(bar) => bar.suspend(|| print(self.output)),
            None => print(self.output),
        }
    }
}

impl Observer for Progress<'_, '_> {
    fn on_start(&mut self, report: &StartReport) -> Result<(), TrainerError> {
        self.iterations = report.iterations;
        self.started = (report.step, Instant::now());
        self.last_line = Instant::now();
        if self.output.progress && self.output.interactive {
            let bar = ProgressBar::new(report.iterations as u64).with_position(report.step as u64);
            let template = "{wide_bar} {pos}/{len} steps, ETA {eta}\n{msg}";
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.reset_eta();
            self.bar = Some(bar);
        }
        Ok(())
    }

    fn on_step(&mut self, report: &StepReport) -> Result<(), TrainerError> {
        if let Some(bar) = &self.bar {
            bar.set_message(self.state(report));
            bar.set_position(report.step as u64);
        } else if self.output.progress && self.last_line.elapsed() >= BETWEEN_LINES {
            self.last_line = Instant::now();
            let (first, since) = self.started;
            let done = (report.step - first).max(1) as f64;
            let left = since.elapsed().mul_f64((self.iterations - report.step) as f64 / done).as_secs();
            let (iterations, state) = (self.iterations, self.state(report));
            self.output.say(format!("step {}/{iterations}: {state}, ETA {left} s", report.step));
        }
        Ok(())
    }

    fn on_evaluation(&mut self, report: &EvaluationReport) -> Result<(), TrainerError> {
        if report.improved {
            let of_best = report.best.as_ref().and_then(|best| report.sets.get(best.set));
            let validation = of_best.and_then(|set| set.validation.as_ref());
            self.validation = validation.and_then(|metrics| metrics.get(&self.objective).copied().flatten());
        }
        self.best.clone_from(&report.best);
        Ok(())
    }

    fn on_restart(&mut self, report: &RestartReport) -> Result<(), TrainerError> {
        let text =
            format!("step {}: set {} was restarted: {}", report.step, report.set, report.reason);
        self.beside_bar(|output| output.warn(text));
        Ok(())
    }
}

impl Drop for Progress<'_, '_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}
