//! What is written reads back to the same bits; tables keep their laws.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::single_range_in_vec_init, dead_code)]

mod support;

use std::fmt::Write as _;
use std::ops::Range;

use gradpool_market::{
    ConvertOptions, DataSource, FileFormat, Gaps, Grid, MarketError, PriceTable, convert, inspect, inspect_path, load,
    write_table,
};
use proptest::prelude::*;
use support::{DAY, HOUR, folder, hourly, table};
use tempfile::TempDir;

/// Tables of one to four assets, any positive finite prices, any step, any mask.
fn tables() -> impl Strategy<Value = PriceTable> {
    let steps = prop::sample::select(vec![60_000_i64, 300_000, HOUR, 86_400_000]);
    (1_usize..5, 2_usize..40, steps).prop_flat_map(|(assets, rows, step_ms)| {
        let column = prop::collection::vec((1e-12_f64..1e12).prop_map(f64::abs), rows);
        let mask = prop::collection::vec(any::<bool>(), rows);
        (prop::collection::vec(column, assets), prop::collection::vec(mask, assets)).prop_map(
            move |(columns, masks)| {
                let names: Vec<String> =
                    ["SOL", "BTC", "ETH", "XAU"][..assets].iter().map(|name| (*name).to_owned()).collect();
                let masks: Vec<_> = masks.iter().map(|mask| ranges(mask)).collect();
                PriceTable::from_masked_columns(&names, Grid::new(DAY, step_ms, rows).unwrap(), &columns, &masks)
                    .unwrap()
            },
        )
    })
}

fn ranges(mask: &[bool]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for row in (0..mask.len()).filter(|&row| mask[row]) {
        match ranges.last_mut() {
            Some(range) if range.end == row => range.end += 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_written_table_reads_back_to_the_same_bits_and_mask(table in tables(), csv in any::<bool>()) {
        let folder = TempDir::new().unwrap();
        let format = if csv { FileFormat::Csv } else { FileFormat::Parquet };
        write_table(&table, folder.path(), format).unwrap();
        let source = DataSource::new(folder.path(), table.assets().iter().cloned());
        let read = load(&source).unwrap();
        prop_assert_eq!(read.content_hash(), table.content_hash());
        prop_assert_eq!(read.prices(), table.prices());
        prop_assert_eq!(read.filled(), table.filled());
        prop_assert!(std::fs::read_dir(folder.path()).unwrap().all(|entry| !entry.unwrap().path().ends_with(".tmp")));
    }

    #[test]
    fn a_slice_is_the_rows_it_names(table in tables(), cut in (0.0_f64..1.0, 0.0_f64..1.0)) {
        let start = (cut.0 * (table.rows() - 1) as f64) as usize;
        let end = start + 1 + (cut.1 * (table.rows() - start - 1) as f64) as usize;
        let slice = table.slice(start..end).unwrap();
        prop_assert_eq!(slice.rows(), end - start);
        prop_assert_eq!(slice.grid().start_ms, table.grid().time_ms(start));
        for row in start..end {
            prop_assert_eq!(slice.row(row - start), table.row(row));
            for asset in 0..table.assets().len() {
                prop_assert_eq!(slice.is_filled(row - start, asset), table.is_filled(row, asset));
            }
        }
    }

    #[test]
    fn forward_fill_restores_every_removed_row_from_the_one_before_and_marks_exactly_those(
        prices in prop::collection::vec(1.0_f64..100.0, 3..40),
        removed in prop::collection::vec(any::<bool>(), 40),
    ) {
        let last = prices.len() - 1;
        // First and last row stay: they bound the table. So does the second, which shows the step.
        let gone = |row: usize| row > 1 && row < last && removed[row];
        let texts: Vec<String> = prices.iter().map(ToString::to_string).collect();
        let rows: Vec<(f64, &str)> =
            (0..prices.len()).filter(|&row| !gone(row)).map(|row| (row as f64, texts[row].as_str())).collect();
        let folder = folder(&[("BTC_USD.csv", &hourly(&rows))]);
        let mut source = DataSource::new(folder.path(), ["BTC"]);
        source.step = Some(gradpool_market::Step::HOUR);
        source.gaps = Gaps::Ffill;
        let filled = load(&source).unwrap();
        prop_assert_eq!(filled.rows(), prices.len());
        for row in 0..prices.len() {
            prop_assert_eq!(filled.is_filled(row, 0), gone(row));
            let expected = if gone(row) { filled.price(row - 1, 0) } else { prices[row] };
            prop_assert_eq!(filled.price(row, 0), expected);
        }
        source.gaps = Gaps::Refuse;
        prop_assert_eq!(load(&source).is_err(), (0..prices.len()).any(gone));
    }
}

#[test]
fn columns_move_with_their_assets_into_alphabetical_order() {
    let one = table(&["ETH", "BTC"], &[vec![1.0, 2.0], vec![10.0, 20.0]]);
    let other = table(&["BTC", "ETH"], &[vec![10.0, 20.0], vec![1.0, 2.0]]);
    assert_eq!(one, other);
    assert_eq!(one.content_hash(), other.content_hash());
    assert_eq!(one.column("ETH").unwrap(), [1.0, 2.0]);
    let selected = one.select(&["ETH".to_owned()]).unwrap();
    assert_eq!((selected.assets(), selected.prices()), (&["ETH".to_owned()][..], &[1.0, 2.0][..]));
    let error = one.column("ETHH").unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean `ETH`?");
}

#[test]
fn the_content_hash_sees_every_part_of_a_table_and_stays_the_same_forever() {
    let prices = [vec![10.0, 20.0], vec![1.0, 2.0]];
    let original = table(&["BTC", "ETH"], &prices);
    let names = original.assets().to_vec();
    let grid = *original.grid();
    let other_price = table(&["BTC", "ETH"], &[vec![10.0, 20.000_000_000_000_004], vec![1.0, 2.0]]);
    let other_name = table(&["BTC", "ETC"], &prices);
    let later = PriceTable::from_columns(&names, Grid { start_ms: grid.start_ms + HOUR, ..grid }, &prices).unwrap();
    let masked = PriceTable::from_masked_columns(&names, grid, &prices, &[vec![1..2], vec![]]).unwrap();
    for different in [&other_price, &other_name, &later, &masked] {
        assert_ne!(different.content_hash(), original.content_hash());
    }
    assert_eq!(original.content_hash(), "2c4a311d063cd27bd10684570de947e0eece4fe0e7d53b47299c3eac92c6e843");
}

#[test]
fn tables_with_bad_prices_or_lengths_are_refused() {
    let names = ["BTC".to_owned()];
    let grid = Grid::new(DAY, HOUR, 2).unwrap();
    for column in [vec![1.0, 0.0], vec![1.0, -1.0], vec![1.0, f64::NAN], vec![1.0, f64::INFINITY]] {
        let error = PriceTable::from_columns(&names, grid, &[column]).unwrap_err().to_string();
        assert!(error.contains("BTC at 2023-03-01 01:00:00 (row 1)"), "{error}");
    }
    assert!(PriceTable::from_columns(&names, grid, &[vec![1.0]]).is_err());
    assert!(PriceTable::from_columns(&names, Grid { rows: 0, ..grid }, &[vec![]]).is_err());
    assert!(PriceTable::from_masked_columns(&names, grid, &[vec![1.0, 1.0]], &[vec![1..3]]).is_err());
    assert!(table(&["BTC"], &[vec![1.0, 2.0]]).slice(1..3).is_err());
}

#[test]
fn conversion_keeps_gaps_or_fills_and_marks_them() {
    let text = hourly(&[(0.0, "10"), (1.0, "11"), (4.0, "14"), (5.0, "15")]);
    let folder = folder(&[("BTC_USD.csv", &text)]);
    let output = folder.path().join("out");
    let source = DataSource::new(folder.path(), ["BTC", "USD"]);
    assert!(matches!(convert(&source, &output, &ConvertOptions::default()), Err(MarketError::Gap { .. })));
    assert!(!output.exists(), "nothing is written before everything is checked");

    let kept = convert(&source, &output, &ConvertOptions { keep_gaps: true, ..ConvertOptions::default() }).unwrap();
    assert_eq!((kept.len(), kept[0].rows, kept[0].missing, kept[0].filled), (1, 4, 2, 0));
    let inspection = inspect_path(&kept[0].path).unwrap();
    assert_eq!((inspection.assets[0].asset.as_str(), inspection.assets[0].missing_rows), ("BTC", 2));

    let filling = DataSource { gaps: Gaps::Ffill, ..source };
    let filled =
        convert(&filling, &output, &ConvertOptions { format: FileFormat::Csv, ..ConvertOptions::default() }).unwrap();
    assert_eq!((filled[0].rows, filled[0].missing, filled[0].filled), (6, 0, 2));
    std::fs::remove_file(&kept[0].path).unwrap();
    // The filled file has every row, so that nothing more needs to be tolerated, and still says which rows are not real.
    let table = load(&DataSource::new(&output, ["BTC"])).unwrap();
    assert_eq!(table.filled(), [vec![2..4]]);

    let unwritable = folder.path().join("BTC_USD.csv").join("sub");
    assert!(matches!(convert(&filling, &unwritable, &ConvertOptions::default()), Err(MarketError::Write { .. })));
}

#[test]
fn an_inspection_lists_every_problem_and_refuses_nothing() {
    let text = hourly(&[
        (0.0, "10"),
        (1.0, "11"),
        (1.0, "11"),
        (2.0, "0"),
        (1.0, "9"),
        (2.5, "12"),
        (5.0, "13"),
        (6.0, "what"),
        (7.0, ""),
        (8.0, "14"),
    ]) + "soon,1\n";
    let folder = folder(&[("BTC_USD.csv", &text), ("ETH_USD.csv", "a,b\n1,2\n")]);
    let inspection = inspect(&DataSource::new(folder.path(), ["BTC", "ETH", "XRP", "USD"])).unwrap();
    assert!(!inspection.is_clean());
    let bitcoin = &inspection.assets[0];
    assert_eq!(bitcoin.step.as_deref(), Some("1 h"));
    assert_eq!((bitcoin.rows, bitcoin.grid_rows, bitcoin.missing_rows), (9, 9, 3));
    assert_eq!((bitcoin.gap_count, bitcoin.duplicate_count, bitcoin.unsorted_count), (2, 1, 1));
    assert_eq!((bitcoin.off_grid_count, bitcoin.bad_price_count, bitcoin.bad_time_count), (1, 2, 1));
    assert_eq!(bitcoin.gaps[0].from, "2023-03-01 03:00:00");
    assert_eq!(bitcoin.longest_gap.as_ref().unwrap().rows, 2);
    assert_eq!((bitcoin.bad_prices[1].row, bitcoin.bad_prices[1].problem.as_str()), (8, "price `what`"));
    assert_eq!((bitcoin.bad_times[0].row, bitcoin.bad_times[0].line), (11, Some(12)));
    assert!(!bitcoin.whole_days);
    assert!(inspection.assets[1].error.as_ref().unwrap().contains("no column"), "ETH");
    assert!(inspection.assets[2].is_clean(), "the constant cash leg");
    assert!(inspection.assets[3].error.as_ref().unwrap().contains("no prices of XRP"));
    let json = serde_json::to_value(&inspection).unwrap();
    assert_eq!(json["assets"][0]["duplicates"][0]["row"], 3);
}

#[test]
fn long_lists_of_problems_are_cut_and_counted() {
    let mut text = "unix,close\n".to_owned();
    for row in 0..100 {
        writeln!(text, "{},{}", DAY + row * HOUR, 1 - row % 2).unwrap();
    }
    let folder = folder(&[("BTC_USD.csv", &text)]);
    let inspection = inspect_path(folder.path()).unwrap();
    assert_eq!((inspection.assets[0].bad_price_count, inspection.assets[0].bad_prices.len()), (50, 20));
}

#[test]
fn gzipped_csv_reads_as_plain_csv() {
    use std::io::Write as _;
    let folder = TempDir::new().unwrap();
    let file = std::fs::File::create(folder.path().join("BTC_USD.csv.gz")).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    encoder.write_all(hourly(&[(0.0, "10"), (1.0, "11")]).as_bytes()).unwrap();
    encoder.finish().unwrap();
    assert_eq!(load(&DataSource::new(folder.path(), ["BTC"])).unwrap().prices(), [10.0, 11.0]);
}
