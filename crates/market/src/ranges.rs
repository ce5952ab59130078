//! Sorted ranges of rows: which rows of a column carry a mark.

use std::ops::Range;

/// The ranges of the rows that are marked.
pub(crate) fn marked(marks: &[bool]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for row in (0..marks.len()).filter(|&row| marks[row]) {
        match ranges.last_mut() {
            Some(range) if range.end == row => range.end += 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

/// The part of the ranges inside `rows`, counted from its start.
pub(crate) fn cut(ranges: &[Range<usize>], rows: &Range<usize>) -> Vec<Range<usize>> {
    ranges
        .iter()
        .map(|range| range.start.max(rows.start)..range.end.min(rows.end))
        .filter(|range| !range.is_empty())
        .map(|range| range.start - rows.start..range.end - rows.start)
        .collect()
}
