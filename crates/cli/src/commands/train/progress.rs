//! What a training says while it runs: a bar on a terminal, a line every few seconds elsewhere.

use std::time::{Duration, Instant};

use gradpool_trainer::observer::{BestReport, EvaluationReport, HalvingReport, RestartReport, StartReport, StepReport};
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
    between_lines: Duration,
    iterations: usize,
    started: (usize, Instant),
    last_line: Instant,
    best: Option<BestReport>,
    /// Objective over the validation period of the set that holds the best point.
    validation: Option<f64>,
    /// Sets at the start.
    sets: usize,
}

impl<'o, 'w> Progress<'o, 'w> {
    /// Shows the training on stderr, as `output` allows.
    pub fn new(output: &'o mut Output<'w>, objective: &str) -> Self {
        let now = Instant::now();
        Self {
            output,
            objective: objective.to_owned(),
            bar: None,
            between_lines: BETWEEN_LINES,
            iterations: 0,
            started: (0, now),
            last_line: now,
            best: None,
            validation: None,
            sets: 0,
        }
    }

    /// `objective 0.512, best 0.431 (step 110, set 2), validation 0.431, learning rate 0.05`.
    fn state(&self, report: &StepReport) -> String {
        // Of the windows of this step; the best set's, since the others do not matter to the result.
        let objective = report.objective.iter().copied().filter(|value| value.is_finite()).reduce(f64::max);
        let best = self.best.as_ref();
        let best = best.map(|best| format!("best {} (step {}, set {})", number(Some(best.score)), best.step, best.set));
        let validation = self.validation.map(|value| format!("validation {}", number(Some(value))));
        let factor = report.plateau_factor.iter().copied().fold(f64::NAN, f64::max);
        let learning_rate = report.learning_rate * if factor.is_finite() { factor } else { 1.0 };
        let learning_rate = format!("learning rate {learning_rate:.3e}");
        let alive = report.objective.len();
        let alive = (alive < self.sets).then(|| format!("{} sets, {alive} alive", self.sets));
        let objective = format!("objective {}", number(objective));
        let parts = [alive, Some(objective), best, validation, Some(learning_rate)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
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
        self.sets = report.parameter_sets;
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
        } else if self.output.progress && self.last_line.elapsed() >= self.between_lines {
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
            let validation = report.best_evaluation.as_ref().and_then(|best| best.validation.as_ref());
            self.validation = validation.and_then(|metrics| metrics.get(&self.objective).copied().flatten());
        }
        self.best.clone_from(&report.best);
        Ok(())
    }

    fn on_halving(&mut self, report: &HalvingReport) -> Result<(), TrainerError> {
        let HalvingReport { step, before, kept, .. } = report;
        let scores = format!("{} or more", number(report.lowest_kept));
        let text = format!("step {step}: {kept} of {before} sets go on, with a score of {scores}");
        self.beside_bar(|output| output.say(text));
        Ok(())
    }

    fn on_restart(&mut self, report: &RestartReport) -> Result<(), TrainerError> {
        let text = format!("step {}: set {} was restarted: {}", report.step, report.set, report.reason);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gradpool_trainer::SetEvaluation;
    use gradpool_trainer::observer::NonFiniteReason;

    use super::*;

    fn step(step: usize) -> StepReport {
        StepReport {
            step,
            alive: Vec::new(),
            starts: vec![60],
            objective: vec![0.25, f64::NAN],
            learning_rate: 0.05,
            plateau_factor: vec![1.0, 0.8],
            gradient_norm: vec![1.0, f64::NAN],
            skipped: Vec::new(),
        }
    }

    /// What is said about a training without a terminal.
    fn said(progress: bool) -> String {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut output = Output::new(&mut stdout, &mut stderr, false);
        output.progress = progress;
        let mut lines = Progress::new(&mut output, "sharpe");
        lines.between_lines = Duration::ZERO;
        let start = StartReport {
            step: 0,
            iterations: 10,
            parameter_sets: 2,
            optimiser: "adam".to_owned(),
            trained: Vec::new(),
            frozen: Vec::new(),
            seed: 0,
            memory: None,
        };
        lines.on_start(&start).unwrap();
        let validation = Some([("sharpe".to_owned(), Some(0.5))].into());
        let best = Some(BestReport { step: 0, set: 0, score: 0.5 });
        let best_evaluation = Some(SetEvaluation { validation, ..SetEvaluation::default() });
        let report = EvaluationReport {
            step: 0,
            alive: Vec::new(),
            sets: Vec::new(),
            population: None,
            best,
            improved: true,
            best_evaluation,
        };
        lines.on_evaluation(&report).unwrap();
        lines.on_step(&step(10)).unwrap();
        let restart = RestartReport {
            step: 3,
            set: 1,
            reason: NonFiniteReason::Objective,
            last_finite: gradpool_strategy::ParameterValues::default(),
            source: gradpool_trainer::observer::RestartSource::FreshDraw,
            parameters: gradpool_strategy::ParameterValues::default(),
        };
        lines.on_restart(&restart).unwrap();
        drop(lines);
        assert!(stdout.is_empty());
        String::from_utf8(stderr).unwrap()
    }

    #[test]
    fn without_a_terminal_there_are_lines() {
        let step = "step 10/10: objective 0.2500, best 0.5000 (step 0, set 0), validation 0.5000, learning rate 5.000e-2, ETA 0 s\n";
        let restart = "warning: step 3: set 1 was restarted: the objective is not finite\n";
        assert_eq!(said(true), format!("{step}{restart}"));
        // Restarts are no progress: they are said in any case.
        assert_eq!(said(false), restart);
    }
    #[test]
    fn dropped_sets_are_said_once_and_counted_from_then_on() {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut output = Output::new(&mut stdout, &mut stderr, false);
        let mut lines = Progress::new(&mut output, "sharpe");
        (lines.between_lines, lines.sets, lines.iterations) = (Duration::ZERO, 1000, 10);
        let halving = HalvingReport {
            step: 5,
            before: 1000,
            kept: 2,
            lowest_kept: Some(0.25),
            highest_dropped: None,
            alive: vec![3, 8],
        };
        lines.on_halving(&halving).unwrap();
        lines.on_step(&step(10)).unwrap();
        drop(lines);
        let said = String::from_utf8(stderr).unwrap();
        assert!(said.starts_with("step 5: 2 of 1000 sets go on, with a score of 0.2500 or more\n"), "{said}");
        assert!(said.contains("step 10/10: 1000 sets, 2 alive, objective 0.2500"), "{said}");
    }
}
