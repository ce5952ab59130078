//! Series that do not define a metric: null with a reason, never a repaired number.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use gradpool_metrics::{Metric, MetricValue, MetricValues, SeriesInputs, evaluate_all, reasons};
use support::{DAY_MS, HOUR_MS, Sample, inputs, random_sample};

fn with_values(values: Vec<f64>) -> Sample {
    Sample { values, ..random_sample(1, 0.01, 1) }
}

fn reason(metric: Metric, inputs: &SeriesInputs) -> String {
    let value = evaluate_all(&[metric], inputs).unwrap().remove(0).remove(0);
    assert!(value.finite().is_none(), "{metric} is {}", value.value);
    value.reason.expect("a value that is not finite has a reason")
}

#[test]
fn a_constant_value_has_no_sharpe_ratio_but_a_guarded_one_of_zero() {
    let constant = inputs(&[with_values(vec![7.0; 24 * 31])], HOUR_MS);
    assert_eq!(reason(Metric::Sharpe, &constant), "zero variance");
    assert_eq!(reason(Metric::DailySharpe, &constant), "zero variance");
    let value = Metric::DailyLogSharpe.evaluate(&constant).unwrap().into_scalar::<f64>();
    assert_eq!(value, 0.0);
}

#[test]
fn a_rising_value_has_no_drawdown_to_divide_by() {
    let rising = inputs(&[with_values((1..24 * 31).map(f64::from).collect())], HOUR_MS);
    for metric in [Metric::Calmar, Metric::Sterling] {
        assert_eq!(metric.evaluate(&rising).unwrap().into_scalar::<f64>(), f64::INFINITY);
        assert_eq!(reason(metric, &rising), "no drawdown");
    }
    for metric in [Metric::Ulcer, Metric::MaximumDrawdown, Metric::WeeklyMaxDrawdown, Metric::GreatestDrawDown] {
        assert_eq!(metric.evaluate(&rising).unwrap().into_scalar::<f64>(), 0.0);
    }
}

#[test]
fn a_series_shorter_than_a_block_says_which() {
    let short = inputs(&[random_sample(24 * 30 - 1, 0.01, 2)], HOUR_MS);
    assert_eq!(reason(Metric::Ulcer, &short), "fewer than one block of 30 days");
    assert_eq!(reason(Metric::Sterling, &short), "fewer than one block of 30 days");
    assert_eq!(reason(Metric::MonthlyRovar, &short), "fewer than one block of 30 days");
    assert_eq!(reason(Metric::MonthlyRovarTrad, &short), "fewer than two blocks of 30 days");

    let one_day = inputs(&[random_sample(24, 0.01, 2)], HOUR_MS);
    assert_eq!(reason(Metric::DailyLogSharpe, &one_day), "fewer than two daily values");
    assert_eq!(reason(Metric::DailyVar95Trad, &one_day), "fewer than two blocks of 1 day");
    assert_eq!(reason(Metric::WeeklyMaxDrawdown, &one_day), "fewer than one block of 7 days");

    let one_row = inputs(&[random_sample(1, 0.01, 2)], HOUR_MS);
    assert_eq!(reason(Metric::Sharpe, &one_row), "fewer than two rows");
    assert_eq!(reason(Metric::AnnualisedReturns, &one_row), "fewer than two rows");
    assert_eq!(Metric::Returns.evaluate(&one_row).unwrap().into_scalar::<f64>(), 0.0);
}

#[test]
fn daily_rows_have_no_returns_inside_a_day() {
    let daily = inputs(&[random_sample(100, 0.01, 2)], DAY_MS);
    assert_eq!(reason(Metric::DailyVar95, &daily), "no returns inside a block of 1 day: it has one row");
    assert!(Metric::WeeklyVar95.evaluate(&daily).unwrap().into_scalar::<f64>().is_finite());
}

#[test]
fn a_value_that_is_not_a_number_reaches_every_metric_that_sees_it() {
    let mut sample = random_sample(24 * 65, 0.01, 2);
    sample.values[100] = f64::NAN;
    let broken = inputs(&[sample], HOUR_MS);
    for &metric in Metric::all() {
        let needs_it = metric.sampling(&broken.calendar, broken.rows).into_rows(broken.rows).contains(&100);
        if needs_it {
            assert_eq!(reason(metric, &broken), "the value is not finite at row 100 (NaN)", "{metric}");
        }
    }
}

#[test]
fn results_serialise_as_numbers_or_null_with_their_reasons_apart() {
    let constant = inputs(&[with_values(vec![7.0; 48])], HOUR_MS);
    let metrics = [Metric::Returns, Metric::Sharpe, Metric::Calmar];
    let values: Vec<MetricValue> = evaluate_all(&metrics, &constant).unwrap().remove(0);
    assert_eq!(
        serde_json::to_string(&MetricValues(&values)).unwrap(),
        r#"{"returns":0.0,"sharpe":null,"calmar":null}"#
    );
    assert_eq!(
        serde_json::to_string(&reasons(&values)).unwrap(),
        r#"{"calmar":"no drawdown","sharpe":"zero variance"}"#
    );
}

#[test]
fn a_metric_is_its_name_in_a_configuration() {
    let metric: Metric = serde_json::from_str(r#""weekly_var_95%_trad""#).unwrap();
    assert_eq!(metric, Metric::WeeklyVar95Trad);
    assert_eq!(serde_json::to_string(&metric).unwrap(), r#""weekly_var_95%_trad""#);
    let error = serde_json::from_str::<Metric>(r#""sharp""#).unwrap_err().to_string();
    assert!(error.starts_with("unknown metric `sharp`: the nearest valid name is `sharpe`"), "{error}");
}

#[test]
fn every_upstream_name_is_known() {
    // The `metrics` object of quantammsim's golden cases.
    let upstream = "sharpe daily_sharpe daily_log_sharpe returns annualised_returns returns_over_hodl \
        annualised_returns_over_hodl returns_over_uniform_hodl annualised_returns_over_uniform_hodl \
        greatest_draw_down weekly_max_drawdown daily_var_95% daily_var_95%_trad weekly_var_95% weekly_var_95%_trad \
        daily_var_99% daily_var_99%_trad weekly_var_99% weekly_var_99%_trad daily_raroc weekly_raroc daily_rovar \
        weekly_rovar monthly_rovar daily_rovar_trad weekly_rovar_trad monthly_rovar_trad ulcer sterling calmar \
        fee_revenue_over_value";
    let known: Vec<&str> = Metric::all().iter().map(|metric| metric.name()).collect();
    assert_eq!(upstream.split_whitespace().count(), 31);
    assert!(upstream.split_whitespace().all(|name| known.contains(&name)));
    assert_eq!(known.len(), 33);
}
