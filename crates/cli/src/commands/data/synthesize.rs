//! `gradpool data synthesize`: made-up prices.

use clap::Args;
use gradpool_market::{PerAsset, Step, SynthesisSpec, format_time, parse_time, synthesize, write_table};
use serde_json::json;

use anyhow::Context;

use super::source::TargetOptions;
use crate::EXIT_DONE;
use crate::arguments::CommonOptions;
use crate::output::Output;

/// Arguments of `gradpool data synthesize`.
#[derive(Debug, Args)]
#[command(after_help = "\
The same options and --seed give the same prices on every machine. Years have 365 days.

Example:
  gradpool data synthesize --assets BTC,ETH,USD --days 730 --step 1h --seed 7 --out synthetic")]
pub struct SynthesizeArguments {
    /// Where to write.
    #[command(flatten)]
    pub target: TargetOptions,
    /// Tickers; USD is a constant 1
    #[arg(long, value_name = "TICKER,..", value_delimiter = ',')]
    pub assets: Option<Vec<String>>,
    /// Time of the first row, UTC [default: 2023-01-01]
    #[arg(long, value_name = "TIME")]
    pub start: Option<String>,
    /// Days to cover [default: 365]
    #[arg(long, value_name = "DAYS")]
    pub days: Option<f64>,
    /// Spacing of the rows, such as 1min, 1h, 1d [default: 1min]
    #[arg(long, value_name = "STEP")]
    pub step: Option<Step>,
    /// First price, for all assets or one each [default: 100]
    #[arg(long, value_name = "USD,..", value_delimiter = ',')]
    pub start_price: Option<Vec<f64>>,
    /// Annual drift, for all assets or one each [default: 0]
    #[arg(long, value_name = "RATE,..", value_delimiter = ',', allow_hyphen_values = true)]
    pub drift: Option<Vec<f64>>,
    /// Annual volatility, for all assets or one each [default: 0.7]
    #[arg(long, value_name = "RATE,..", value_delimiter = ',')]
    pub volatility: Option<Vec<f64>>,
    /// Correlation of any two assets [default: 0.7]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub correlation: Option<f64>,
    /// Mean number of jumps per year and asset [default: 10]
    #[arg(long, value_name = "NUMBER")]
    pub jumps_per_year: Option<f64>,
    /// Mean jump of the log price [default: -0.01]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub jump_mean: Option<f64>,
    /// Standard deviation of a jump of the log price [default: 0.04]
    #[arg(long, value_name = "NUMBER")]
    pub jump_deviation: Option<f64>,
    /// One market without bull and bear regimes
    #[arg(long)]
    pub no_regimes: bool,
}

impl SynthesizeArguments {
    fn spec(&self, seed: u64) -> anyhow::Result<SynthesisSpec> {
        let usual = SynthesisSpec::default();
        let start = self.start.as_deref();
        let start_ms = start.map(|text| parse_time(text).with_context(|| format!("--start {text} cannot be used")));
        Ok(SynthesisSpec {
            assets: self.assets.clone().unwrap_or(usual.assets),
            start_ms: start_ms.transpose()?.unwrap_or(usual.start_ms),
            days: self.days.unwrap_or(usual.days),
            step: self.step.unwrap_or(usual.step),
            seed,
            start_prices: per_asset(self.start_price.as_deref(), usual.start_prices),
            annual_drift: per_asset(self.drift.as_deref(), usual.annual_drift),
            annual_volatility: per_asset(self.volatility.as_deref(), usual.annual_volatility),
            correlation: self.correlation.unwrap_or(usual.correlation),
            jumps_per_year: self.jumps_per_year.unwrap_or(usual.jumps_per_year),
            jump_mean: self.jump_mean.unwrap_or(usual.jump_mean),
            jump_deviation: self.jump_deviation.unwrap_or(usual.jump_deviation),
            regimes: if self.no_regimes { Vec::new() } else { usual.regimes },
        })
    }
}

fn per_asset(given: Option<&[f64]>, usual: PerAsset) -> PerAsset {
    match given {
        None => usual,
        Some([one]) => PerAsset::All(*one),
        Some(each) => PerAsset::Each(each.to_vec()),
    }
}

/// Makes the prices and says what was written.
///
/// # Errors
/// If a setting is not possible or files cannot be written.
pub fn run(arguments: &SynthesizeArguments, common: &CommonOptions, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let spec = arguments.spec(common.seed.unwrap_or(0))?;
    let table = synthesize(&spec)?;
    let files = write_table(&table, &arguments.target.out, arguments.target.format.into())?;
    let (first, last) = (format_time(table.grid().start_ms), format_time(table.grid().last_ms()));
    if output.json {
        output.document(&json!({
            "files": files,
            "assets": table.assets(),
            "rows": table.rows(),
            "first_time": first,
            "last_time": last,
            "content_hash": table.content_hash(),
            "spec": spec,
        }))?;
        return Ok(EXIT_DONE);
    }
    for file in &files {
        output.data(format!("{}: {} rows, {first} .. {last}", file.display(), table.rows()))?;
    }
    Ok(EXIT_DONE)
}
