//! The names of all metrics.

use std::{fmt, str::FromStr};

use burn::tensor::Tensor;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    calendar::Calendar,
    error::MetricError,
    formula::{
        Benchmark::{Hold, Start, UniformHold},
        Formula,
    },
    sampling::Sampling,
    series::SeriesInputs,
};

/// One row of the table of metrics.
struct Definition {
    metric: Metric,
    name: &'static str,
    formula: Formula,
    description: &'static str,
    text: &'static str,
}

/// Declares [`Metric`] and its table together, so that none can lack a name or a formula.
macro_rules! metrics {
    ($($variant:ident $name:literal $formula:expr, $description:literal, $text:literal;)*) => {
        /// A figure of a value series: training objective or evaluation metric. All are maximised.
        ///
        /// Formulas: spec 05, sections 5.2 and 5.3; notation in the crate's documentation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Metric {
            $(#[doc = concat!("`", $name, "`: ", $description, ". `", $text, "`")] $variant,)*
        }

        const ALL: &[Metric] = &[$(Metric::$variant,)*];

        const DEFINITIONS: &[Definition] = &[$(Definition {
            metric: Metric::$variant,
            name: $name,
            formula: $formula,
            description: $description,
            text: $text,
        },)*];
    };
}

metrics! {
    Sharpe "sharpe" Formula::RowSharpe,
        "annualised Sharpe ratio of returns from row to row; undefined for a constant value",
        "sqrt(365 * rows_per_day) * mean(x) / std(x), x = diff(V) / V[:-1]";
    DailySharpe "daily_sharpe" Formula::DailySharpe,
        "annualised Sharpe ratio of daily returns; undefined for a constant value",
        "sqrt(365) * mean(x) / std(x), x = diff(U) / U[:-1], U = V[0::day]";
    DailyLogSharpe "daily_log_sharpe" Formula::DailyLogSharpe,
        "annualised Sharpe ratio of daily logarithmic returns",
        "sqrt(365) * mean(x) / (std(x) + 1e-8), x = diff(ln(V[0::day] + 1e-12))";
    Returns "returns" Formula::Growth { benchmark: Start, annualised: false },
        "return over the window",
        "V[-1] / V[0] - 1";
    AnnualisedReturns "annualised_returns" Formula::Growth { benchmark: Start, annualised: true },
        "return per year",
        "(V[-1] / V[0])^(525600 / step_min / (m - 1)) - 1";
    ReturnsOverHodl "returns_over_hodl" Formula::Growth { benchmark: Hold, annualised: false },
        "final value against holding the initial reserves",
        "V[-1] / H - 1, H = sum_i R_0i P_-1i";
    AnnualisedReturnsOverHodl "annualised_returns_over_hodl" Formula::Growth { benchmark: Hold, annualised: true },
        "final value against holding the initial reserves, per year",
        "(V[-1] / H)^(525600 / step_min / (m - 1)) - 1, H = sum_i R_0i P_-1i";
    ReturnsOverUniformHodl "returns_over_uniform_hodl" Formula::Growth { benchmark: UniformHold, annualised: false },
        "final value against holding equal shares of the initial value",
        "V[-1] / H - 1, H = sum_j R_0j P_0j * mean_i(P_-1i / P_0i)";
    AnnualisedReturnsOverUniformHodl "annualised_returns_over_uniform_hodl"
        Formula::Growth { benchmark: UniformHold, annualised: true },
        "final value against holding equal shares of the initial value, per year",
        "(V[-1] / H)^(525600 / step_min / (m - 1)) - 1, H = sum_j R_0j P_0j * mean_i(P_-1i / P_0i)";
    GreatestDrawDown "greatest_draw_down" Formula::LowestSinceStart,
        "lowest value relative to the start (no drawdown in the usual sense: see maximum_drawdown)",
        "min(V - V[0]) / V[0]";
    MaximumDrawdown "maximum_drawdown" Formula::MaximumDrawdown,
        "deepest fall below the running maximum, as a negative fraction",
        "min((V - runmax) / runmax)";
    WeeklyMaxDrawdown "weekly_max_drawdown" Formula::BlockDrawdown { days: 7 },
        "deepest fall below the running maximum of its own week, as a negative fraction",
        "min_k min((V_k - runmax_k) / runmax_k), D = 7 days";
    DailyVar95 "daily_var_95%" Formula::ValueAtRisk { days: 1, percent: 5.0 },
        "mean over days of the 5th percentile of row returns inside the day",
        "mean_k percentile_5(diff(V_k) / V_k[:-1]), D = 1 day";
    DailyVar95Trad "daily_var_95%_trad" Formula::ValueAtRiskOfBlocks { days: 1, percent: 5.0 },
        "5th percentile of returns from one day's end to the next",
        "percentile_5(diff(E) / E[:-1]), E_k = V_k[-1], D = 1 day";
    WeeklyVar95 "weekly_var_95%" Formula::ValueAtRisk { days: 7, percent: 5.0 },
        "mean over weeks of the 5th percentile of row returns inside the week",
        "mean_k percentile_5(diff(V_k) / V_k[:-1]), D = 7 days";
    WeeklyVar95Trad "weekly_var_95%_trad" Formula::ValueAtRiskOfBlocks { days: 7, percent: 5.0 },
        "5th percentile of returns from one week's end to the next",
        "percentile_5(diff(E) / E[:-1]), E_k = V_k[-1], D = 7 days";
    DailyVar99 "daily_var_99%" Formula::ValueAtRisk { days: 1, percent: 1.0 },
        "mean over days of the 1st percentile of row returns inside the day",
        "mean_k percentile_1(diff(V_k) / V_k[:-1]), D = 1 day";
    DailyVar99Trad "daily_var_99%_trad" Formula::ValueAtRiskOfBlocks { days: 1, percent: 1.0 },
        "1st percentile of returns from one day's end to the next",
        "percentile_1(diff(E) / E[:-1]), E_k = V_k[-1], D = 1 day";
    WeeklyVar99 "weekly_var_99%" Formula::ValueAtRisk { days: 7, percent: 1.0 },
        "mean over weeks of the 1st percentile of row returns inside the week",
        "mean_k percentile_1(diff(V_k) / V_k[:-1]), D = 7 days";
    WeeklyVar99Trad "weekly_var_99%_trad" Formula::ValueAtRiskOfBlocks { days: 7, percent: 1.0 },
        "1st percentile of returns from one week's end to the next",
        "percentile_1(diff(E) / E[:-1]), E_k = V_k[-1], D = 7 days";
    DailyRaroc "daily_raroc" Formula::ReturnOnRisk { days: 1 },
        "return per year against the value at risk inside days",
        "-((V[-1] / V[0])^F - 1) / (daily_var_95% * sqrt(F)), F = 365 / (m / rows_per_day)";
    WeeklyRaroc "weekly_raroc" Formula::ReturnOnRisk { days: 7 },
        "return per year against the value at risk inside weeks",
        "-((V[-1] / V[0])^F - 1) / (weekly_var_95% * sqrt(F / 7)), F = 365 / (m / rows_per_day)";
    DailyRovar "daily_rovar" Formula::BlockReturnOnRisk { days: 1 },
        "mean annualised return of days against the value at risk inside days",
        "-mean_k((V_k[-1] / V_k[0])^365 - 1) / (daily_var_95% * sqrt(F)), F = 365 / (m / rows_per_day)";
    WeeklyRovar "weekly_rovar" Formula::BlockReturnOnRisk { days: 7 },
        "mean annualised return of weeks against the value at risk inside weeks",
        "-mean_k((V_k[-1] / V_k[0])^(365 / 7) - 1) / (weekly_var_95% * sqrt(F / 7)), F = 365 / (m / rows_per_day)";
    MonthlyRovar "monthly_rovar" Formula::BlockReturnOnRisk { days: 30 },
        "mean annualised return of months (30 days) against the value at risk inside months",
        "-mean_k((V_k[-1] / V_k[0])^(365 / 30) - 1) / (var * sqrt(F / 30)), var as weekly_var_95% with D = 30 days, F = 365 / (m / rows_per_day)";
    DailyRovarTrad "daily_rovar_trad" Formula::BlockReturnOnRiskOfBlocks { days: 1 },
        "mean annualised return of days against the value at risk from day to day",
        "-mean_k((V_k[-1] / V_k[0])^365 - 1) / (daily_var_95%_trad * sqrt(F)), F = 365 / (m / rows_per_day)";
    WeeklyRovarTrad "weekly_rovar_trad" Formula::BlockReturnOnRiskOfBlocks { days: 7 },
        "mean annualised return of weeks against the value at risk from week to week",
        "-mean_k((V_k[-1] / V_k[0])^(365 / 7) - 1) / (weekly_var_95%_trad * sqrt(F / 7)), F = 365 / (m / rows_per_day)";
    MonthlyRovarTrad "monthly_rovar_trad" Formula::BlockReturnOnRiskOfBlocks { days: 30 },
        "mean annualised return of months (30 days) against the value at risk from month to month",
        "-mean_k((V_k[-1] / V_k[0])^(365 / 30) - 1) / (var * sqrt(F / 30)), var as weekly_var_95%_trad with D = 30 days, F = 365 / (m / rows_per_day)";
    Ulcer "ulcer" Formula::Ulcer { days: 30 },
        "negated ulcer index: root mean square drawdown inside months of 30 days",
        "-mean_k sqrt(mean(dd_k^2)), dd_k = (V_k - runmax_k) / runmax_k, D = 30 days";
    Sterling "sterling" Formula::Sterling { days: 30 },
        "return per year against the mean deepest drawdown of months of 30 days; infinite without drawdown",
        "((V[-1] / V[0])^F - 1) / -mean_k(min(dd_k)), D = 30 days, F = 365 / (m / rows_per_day)";
    Calmar "calmar" Formula::Calmar,
        "return per year against the deepest drawdown; infinite without drawdown",
        "((V[-1] / V[0])^F - 1) / -maximum_drawdown, F = 365 / (m / rows_per_day)";
    FeeRevenueOverValue "fee_revenue_over_value" Formula::FeeRevenueOverValue,
        "fee revenue against the initial value, 0 for pools without fee revenue",
        "sum(fee revenue) / V[0]";
    FinalValue "final_value" Formula::FinalValue,
        "value at the window's last row, in the numeraire",
        "V[-1]";
}

impl Metric {
    /// Every metric, in the order of the documentation.
    pub const fn all() -> &'static [Self] {
        ALL
    }

    /// The metric called `name`.
    ///
    /// # Errors
    /// [`MetricError::UnknownName`] with the nearest valid name.
    pub fn parse(name: &str) -> Result<Self, MetricError> {
        DEFINITIONS
            .iter()
            .find(|definition| definition.name == name)
            .map(|definition| definition.metric)
            .ok_or_else(|| MetricError::UnknownName { name: name.to_owned(), nearest: nearest_name(name) })
    }

    /// The name used in configurations, results and quantammsim's `return_val`.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// What it measures, in one line, for help texts.
    pub fn description(self) -> &'static str {
        self.definition().description
    }

    /// Its formula as plain text, for help texts.
    pub fn formula_text(self) -> &'static str {
        self.definition().text
    }

    /// Whether a larger value is better: true for every metric, drawdowns and values at risk being negative numbers.
    pub const fn higher_is_better(self) -> bool {
        true
    }

    /// The period metrics (spec 05, 5.5) in their order: key in quantammsim's result, and the metric that it is here.
    ///
    /// Two keys are traps: upstream's period metric `sharpe` is our [`Metric::DailySharpe`], and its `jax_sharpe` is
    /// the row-level ratio that its objective calls `sharpe`, as we do (spec T5.3). Upstream's `sharpe` is 0 where the
    /// standard deviation is at most 1e-12; ours is undefined for a constant value.
    pub const fn period_metrics() -> [(&'static str, Self); 12] {
        [
            ("sharpe", Self::DailySharpe),
            ("jax_sharpe", Self::Sharpe),
            ("daily_log_sharpe", Self::DailyLogSharpe),
            ("return", Self::Returns),
            ("returns_over_hodl", Self::ReturnsOverHodl),
            ("returns_over_uniform_hodl", Self::ReturnsOverUniformHodl),
            ("annualised_returns", Self::AnnualisedReturns),
            ("annualised_returns_over_hodl", Self::AnnualisedReturnsOverHodl),
            ("annualised_returns_over_uniform_hodl", Self::AnnualisedReturnsOverUniformHodl),
            ("ulcer", Self::Ulcer),
            ("calmar", Self::Calmar),
            ("sterling", Self::Sterling),
        ]
    }

    /// The metric behind a key of quantammsim's period metrics, e.g. its `early_stopping_metric`.
    pub fn from_period_key(key: &str) -> Option<Self> {
        Self::period_metrics().into_iter().find_map(|(name, metric)| (name == key).then_some(metric))
    }

    /// Rows of a window of `rows` rows at which the metric needs the value.
    pub fn sampling(self, calendar: &Calendar, rows: usize) -> Sampling {
        self.formula().sampling(*calendar, rows)
    }

    /// Rows at which any of `metrics` needs the value; the first row if there are no metrics.
    pub fn sampling_of(metrics: &[Self], calendar: &Calendar, rows: usize) -> Sampling {
        metrics
            .iter()
            .map(|metric| metric.sampling(calendar, rows))
            .reduce(Sampling::union)
            .unwrap_or(Sampling::Rows(vec![0]))
    }

    /// The metric of every series of the batch `[batch]`, differentiable with respect to the values.
    ///
    /// Series too short for the metric give NaN. Percentiles and drawdowns read the values back to the host.
    ///
    /// # Errors
    /// Inputs of contradictory shapes, sampled rows out of order, or a needed row that was not sampled.
    pub fn evaluate(self, inputs: &SeriesInputs) -> Result<Tensor<1>, MetricError> {
        inputs.check()?;
        self.formula().evaluate(inputs).map_err(|obstacle| obstacle.of(self))
    }

    pub(crate) fn formula(self) -> Formula {
        self.definition().formula
    }

    fn definition(self) -> &'static Definition {
        &DEFINITIONS[self as usize]
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Metric {
    type Err = MetricError;

    fn from_str(name: &str) -> Result<Self, MetricError> {
        Self::parse(name)
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).map_err(de::Error::custom)
    }
}

fn nearest_name(name: &str) -> &'static str {
    let mut nearest = (usize::MAX, "");
    for definition in DEFINITIONS {
        let distance = edit_distance(&name.to_lowercase(), definition.name);
        if distance < nearest.0 {
            nearest = (distance, definition.name);
        }
    }
    nearest.1
}

/// Levenshtein distance in characters.
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut previous: Vec<usize> = (0..=to.len()).collect();
    for (row, character) in from.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = previous[column] + usize::from(character != *other);
            current.push(replaced.min(previous[column + 1] + 1).min(current[column] + 1));
        }
        previous = current;
    }
    previous[to.len()]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_name_parses_to_its_metric() {
        for &metric in Metric::all() {
            assert_eq!(Metric::parse(metric.name()), Ok(metric));
            assert_eq!(metric.definition().metric, metric);
        }
    }

    #[test]
    fn a_mistyped_name_is_answered_with_the_nearest() {
        for (typed, nearest) in [
            ("daily_sharp", "daily_sharpe"),
            ("Sharpe", "sharpe"),
            ("return", "returns"),
            ("daily_var_95", "daily_var_95%"),
            ("max_drawdown", "maximum_drawdown"),
        ] {
            let error = Metric::parse(typed).unwrap_err();
            assert_eq!(error.to_string(), format!("unknown metric `{typed}`: the nearest valid name is `{nearest}`"));
        }
    }

    #[test]
    fn period_keys_resolve_the_two_sharpes() {
        assert_eq!(Metric::from_period_key("sharpe"), Some(Metric::DailySharpe));
        assert_eq!(Metric::from_period_key("jax_sharpe"), Some(Metric::Sharpe));
        assert_eq!(Metric::from_period_key("daily_sharpe"), None);
    }
}
