//! Counting of checks.

use std::collections::BTreeMap;

use serde::Serialize;

/// What came of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Numbers that were compared.
    pub checks: usize,
    /// How many of them differ.
    pub failures: usize,
    /// The first number that differs, or why the file could not be checked.
    pub first_difference: Option<String>,
    /// What of the file was left out.
    pub not_checked: Vec<LeftOut>,
}

/// Entries of a file that were not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// How many.
    pub entries: usize,
    /// Why.
    pub reason: String,
}

impl Report {
    /// A file that could not be checked.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self { failures: 1, first_difference: Some(reason.into()), ..Self::default() }
    }

    /// A file that is left out.
    pub fn left_out(reason: impl Into<String>) -> Self {
        Self { not_checked: vec![LeftOut { entries: 1, reason: reason.into() }], ..Self::default() }
    }
}

/// Counts comparisons. Every number is one check.
#[derive(Debug, Default)]
pub struct Tally {
    report: Report,
    /// How the numbers that are being compared were computed.
    way: String,
    /// Beginnings of names that are left out, with the reason.
    skipped: Vec<(&'static str, &'static str)>,
    left_out: BTreeMap<String, &'static str>,
}

impl Tally {
    /// A tally that leaves out what begins with some names.
    pub fn skipping(skipped: &[(&'static str, &'static str)]) -> Self {
        Self { skipped: skipped.to_vec(), ..Self::default() }
    }

    /// Says how the numbers that follow were computed.
    pub fn computed_by(&mut self, way: impl Into<String>) {
        self.way = way.into();
    }

    /// Whether a part of the file is left out; notes it if so.
    pub fn skips(&mut self, name: &str) -> bool {
        let Some((_, reason)) = self.skipped.iter().find(|(start, _)| name.starts_with(start)) else { return false };
        self.left_out.insert(name.to_owned(), reason);
        true
    }

    /// Notes a part of the file that is not compared.
    pub fn leave_out(&mut self, name: &str, reason: &'static str) {
        self.left_out.insert(name.to_owned(), reason);
    }

    /// Compares numbers: `|found - expected| <= tolerance * scale`, where the scale is the largest magnitude expected, at least
    /// `floor`. What is not finite must not be finite.
    pub fn compare(&mut self, name: &str, found: &[f64], expected: &[f64], tolerance: f64, floor: f64) {
        let finite = expected.iter().filter(|value| value.is_finite());
        let scale = finite.fold(floor, |largest: f64, value| largest.max(value.abs()));
        self.compare_within(name, found, expected, tolerance * scale);
    }

    /// Compares numbers that may differ by `allowed`.
    pub fn compare_within(&mut self, name: &str, found: &[f64], expected: &[f64], allowed: f64) {
        if self.skips(name) {
            return;
        }
        let (count, found_count) = (expected.len(), found.len());
        if count != found_count {
            self.check(false, || format!("{name}: expected {count} numbers, found {found_count}"));
            return;
        }
        for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
            let agrees = if expected.is_finite() { (found - expected).abs() <= allowed } else { !found.is_finite() };
            let place = if count == 1 { String::new() } else { format!("[{index}]") };
            self.check(agrees, || format!("{name}{place}: expected {expected}, found {found}, tolerance {allowed:e}"));
        }
    }

    /// One check. Returns whether it was met.
    pub fn check(&mut self, met: bool, difference: impl FnOnce() -> String) -> bool {
        self.report.checks += 1;
        if !met {
            self.report.failures += 1;
            let way = if self.way.is_empty() { String::new() } else { format!("{}: ", self.way) };
            self.report.first_difference.get_or_insert_with(|| format!("{way}{}", difference()));
        }
        met
    }

    /// The outcome. An error that ended the comparison early is a failure.
    pub fn report(mut self, outcome: anyhow::Result<()>) -> Report {
        if let Err(error) = outcome {
            self.report.failures += 1;
            let reason = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
            self.report.first_difference.get_or_insert(reason);
        }
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, reason) in &self.left_out {
            by_reason.entry(reason).or_default().push(name);
        }
        self.report.not_checked = by_reason
            .into_iter()
            .map(|(reason, names)| LeftOut { entries: names.len(), reason: format!("{} ({reason})", names.join(", ")) })
            .collect();
        self.report
    }
}
