//! Every formula of spec 05, 5.2 and 5.3, once more, on slices and name by name.

use super::Sample;

/// The metric called `name` of one series with `day` rows per day.
pub fn metric(name: &str, sample: &Sample, day: usize) -> f64 {
    let values = &sample.values;
    let rows = values.len();
    let last = values[rows - 1];
    let minutes = 1440.0 / day as f64 * (rows - 1) as f64;
    let per_year = 365.0 * day as f64 / rows as f64;
    let hold = dot(&sample.reserves, &sample.last_prices);
    let deposit = dot(&sample.reserves, &sample.first_prices);
    let uniform: f64 =
        (0..3).map(|asset| deposit / (3.0 * sample.first_prices[asset]) * sample.last_prices[asset]).sum();
    let annual = |ratio: f64| {
        if rows < 2 { f64::NAN } else { ratio.powf(525_600.0 / minutes) - 1.0 }
    };
    let window_return = (last / values[0]).powf(per_year) - 1.0;
    let daily: Vec<f64> = values.iter().copied().step_by(day).collect();
    let raroc = |days: usize| -window_return / (in_rows(values, days * day, 5.0) * (per_year / days as f64).sqrt());
    let rovar = |days: usize, at_risk: f64| {
        let growth: Vec<f64> = values
            .chunks_exact(days * day)
            .map(|block| (block[block.len() - 1] / block[0]).powf(365.0 / days as f64) - 1.0)
            .collect();
        -mean(&growth) / (at_risk * (per_year / days as f64).sqrt())
    };
    match name {
        "sharpe" => (365.0 * day as f64).sqrt() * sharpe(&simple_returns(values)),
        "daily_sharpe" => 365_f64.sqrt() * sharpe(&simple_returns(&daily)),
        "daily_log_sharpe" => {
            let logs: Vec<f64> = daily.iter().map(|value| (value + 1e-12).ln()).collect();
            let returns: Vec<f64> = logs.windows(2).map(|pair| pair[1] - pair[0]).collect();
            365_f64.sqrt() * mean(&returns) / (deviation(&returns) + 1e-8)
        }
        "returns" => last / values[0] - 1.0,
        "annualised_returns" => annual(last / values[0]),
        "returns_over_hodl" => last / hold - 1.0,
        "annualised_returns_over_hodl" => annual(last / hold),
        "returns_over_uniform_hodl" => last / uniform - 1.0,
        "annualised_returns_over_uniform_hodl" => annual(last / uniform),
        "greatest_draw_down" => minimum(&values.iter().map(|value| value - values[0]).collect::<Vec<_>>()) / values[0],
        "maximum_drawdown" => minimum(&drawdowns(values)),
        "weekly_max_drawdown" => {
            let blocks: Vec<f64> = values.chunks_exact(7 * day).map(|block| minimum(&drawdowns(block))).collect();
            minimum(&blocks)
        }
        "daily_var_95%" => in_rows(values, day, 5.0),
        "daily_var_99%" => in_rows(values, day, 1.0),
        "weekly_var_95%" => in_rows(values, 7 * day, 5.0),
        "weekly_var_99%" => in_rows(values, 7 * day, 1.0),
        "daily_var_95%_trad" => at_ends(values, day, 5.0),
        "daily_var_99%_trad" => at_ends(values, day, 1.0),
        "weekly_var_95%_trad" => at_ends(values, 7 * day, 5.0),
        "weekly_var_99%_trad" => at_ends(values, 7 * day, 1.0),
        "daily_raroc" => raroc(1),
        "weekly_raroc" => raroc(7),
        "daily_rovar" => rovar(1, in_rows(values, day, 5.0)),
        "weekly_rovar" => rovar(7, in_rows(values, 7 * day, 5.0)),
        "monthly_rovar" => rovar(30, in_rows(values, 30 * day, 5.0)),
        "daily_rovar_trad" => rovar(1, at_ends(values, day, 5.0)),
        "weekly_rovar_trad" => rovar(7, at_ends(values, 7 * day, 5.0)),
        "monthly_rovar_trad" => rovar(30, at_ends(values, 30 * day, 5.0)),
        "ulcer" => {
            let roots: Vec<f64> = values
                .chunks_exact(30 * day)
                .map(|block| {
                    let squares: Vec<f64> = drawdowns(block).iter().map(|drop| drop * drop).collect();
                    mean(&squares).sqrt()
                })
                .collect();
            -mean(&roots)
        }
        "sterling" => {
            let deepest: Vec<f64> = values.chunks_exact(30 * day).map(|block| minimum(&drawdowns(block))).collect();
            over_depth(window_return, -mean(&deepest))
        }
        "calmar" => over_depth(window_return, -minimum(&drawdowns(values))),
        "fee_revenue_over_value" => sample.fee_revenue / values[0],
        "final_value" => last,
        other => panic!("the oracle does not know {other}"),
    }
}

/// NaN if there are no numbers.
fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn deviation(numbers: &[f64]) -> f64 {
    let centre = mean(numbers);
    let squares: Vec<f64> = numbers.iter().map(|number| (number - centre).powi(2)).collect();
    mean(&squares).sqrt()
}

fn sharpe(returns: &[f64]) -> f64 {
    mean(returns) / deviation(returns)
}

fn simple_returns(values: &[f64]) -> Vec<f64> {
    values.windows(2).map(|pair| (pair[1] - pair[0]) / pair[0]).collect()
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

fn minimum(numbers: &[f64]) -> f64 {
    numbers.iter().copied().reduce(f64::min).unwrap_or(f64::NAN)
}

fn drawdowns(values: &[f64]) -> Vec<f64> {
    let mut peak = f64::NEG_INFINITY;
    let drop = |value: &f64| {
        peak = peak.max(*value);
        (value - peak) / peak
    };
    values.iter().map(drop).collect()
}

fn over_depth(growth: f64, depth: f64) -> f64 {
    if depth <= 0.0 { f64::INFINITY } else { growth / depth }
}

fn percentile(numbers: &[f64], percent: f64) -> f64 {
    if numbers.is_empty() {
        return f64::NAN;
    }
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = percent / 100.0 * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    below + (above - below) * rank.fract()
}

fn in_rows(values: &[f64], block: usize, percent: f64) -> f64 {
    let percentiles: Vec<f64> =
        values.chunks_exact(block).map(|rows| percentile(&simple_returns(rows), percent)).collect();
    mean(&percentiles)
}

fn at_ends(values: &[f64], block: usize, percent: f64) -> f64 {
    let ends: Vec<f64> = values.chunks_exact(block).map(|rows| rows[block - 1]).collect();
    percentile(&simple_returns(&ends), percent)
}
