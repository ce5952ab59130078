//! Times at which something happens.

use std::path::Path;

use super::rows::Rows;
use crate::MarketError;

/// Reads rising times, in milliseconds of the Unix epoch.
///
/// # Errors
/// [`MarketError::TimesFile`] for a file that cannot be read or has no row or no column `unix`, and times that are unreadable, unsorted or
/// repeated.
pub fn load_times(path: &Path) -> Result<Vec<i64>, MarketError> {
    read(path).map_err(|defect| MarketError::TimesFile { defect: Box::new(defect) })
}

fn read(path: &Path) -> Result<Vec<i64>, MarketError> {
    let rows = Rows::read(path, [], |[], _| Ok(()))?;
    rows.check_rising()?;
    if rows.times.is_empty() {
        return Err(MarketError::Empty { file: path.to_owned() });
    }
    Ok(rows.times)
}
