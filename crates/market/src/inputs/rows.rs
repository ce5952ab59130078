//! A CSV file with a time and other cells in every row.

use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::MarketError;
use crate::error::Place;
use crate::read::{TimeCell, find_column, open_csv, unit_of};
use crate::source::{FileKind, TimeUnit};

pub(super) const TIME_COLUMN: &str = "unix";

/// The rows of a file, in its order.
pub(super) struct Rows<T> {
    file: PathBuf,
    /// Milliseconds of the Unix epoch.
    pub(super) times: Vec<i64>,
    pub(super) values: Vec<T>,
    lines: Vec<Option<u64>>,
}

impl<T> Rows<T> {
    /// Reads the column of the time and, for each entry of `columns`, the first column that has one of its names. `parse` gets the
    /// cells of these columns.
    pub(super) fn read<const N: usize>(
        path: &Path,
        columns: [&[&str]; N],
        parse: impl Fn([Cell<'_>; N], &Place) -> Result<T, MarketError>,
    ) -> Result<Self, MarketError> {
        let is_compressed = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        let (mut reader, names) = open_csv(path, if is_compressed { FileKind::CsvGz } else { FileKind::Csv })?;
        let (time_column, _) = find_column(path, &names, None, &[TIME_COLUMN])?;
        let mut found = [0; N];
        for (found, names_of_column) in found.iter_mut().zip(columns) {
            *found = find_column(path, &names, None, names_of_column)?.0;
        }
        let mut rows = Self { file: path.to_owned(), times: Vec::new(), values: Vec::new(), lines: Vec::new() };
        let mut times = Vec::new();
        let mut place = Place { file: path.to_owned(), row: 0, line: None, time_ms: None };
        let mut record = StringRecord::new();
        while reader.read_record(&mut record).map_err(|source| MarketError::Csv { file: path.to_owned(), source })? {
            place.row += 1;
            place.line = record.position().map(csv::Position::line);
            rows.lines.push(place.line);
            times.push(TimeCell::from_text(&record[time_column]));
            let cells = found.map(|index| Cell { column: &names[index], text: &record[index] });
            rows.values.push(parse(cells, &place)?);
        }
        let (unit, expected) = unit_of(&times, TimeUnit::Auto);
        for (index, time) in times.into_iter().enumerate() {
            let time_ms =
                time.into_ms(unit).map_err(|text| rows.place(index).unreadable(&text, TIME_COLUMN, expected))?;
            rows.times.push(time_ms);
        }
        Ok(rows)
    }

    /// Refuses times that are not later than those before them.
    pub(super) fn check_rising(&self) -> Result<(), MarketError> {
        let bad = (1..self.times.len()).find(|&index| self.times[index] <= self.times[index - 1]);
        bad.map_or(Ok(()), |index| self.place(index).follows(self.times[index - 1]))
    }

    /// Where a row stands.
    pub(super) fn place(&self, index: usize) -> Place {
        Place {
            file: self.file.clone(),
            row: index as u64 + 1,
            line: self.lines[index],
            time_ms: self.times.get(index).copied(),
        }
    }
}

/// A cell and the name of its column.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) column: &'a str,
    pub(super) text: &'a str,
}

impl Cell<'_> {
    /// The number of the cell if it fits; `expected` says which do.
    pub(super) fn number(
        self,
        fits: impl Fn(f64) -> bool,
        expected: &'static str,
        place: &Place,
    ) -> Result<f64, MarketError> {
        let number = self.text.parse::<f64>().ok().filter(|number| number.is_finite() && fits(*number));
        number.ok_or_else(|| place.unreadable(self.text, self.column, expected))
    }
}
