//! Where in its update intervals a window's rows lie, and the segments of a valuation in closed form.

use gradpool_ops::growth::{Segment, Span};

/// The rows of a window: the first update interval holds position 0; interval `k` moves from position `k - 1` to position
/// `k` in its first `interpolation_rows` rows and then holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowLayout {
    pub rows: usize,
    pub interval_rows: usize,
    pub interpolation_rows: usize,
    pub stride: usize,
}

impl RowLayout {
    /// The row of the last arbitrage at or before `row`.
    pub fn visited(&self, row: usize) -> usize {
        row - row % self.stride
    }

    /// Number of rows that arbitrage visits.
    pub fn visits(&self) -> usize {
        self.rows.div_ceil(self.stride)
    }

    /// Where the weights are from `row` on.
    pub fn span(&self, row: usize) -> Span {
        let (interval, offset) = (row / self.interval_rows, row % self.interval_rows);
        match interval {
            0 => Span::Hold { position: 0 },
            _ if offset < self.interpolation_rows => Span::Ramp { block: interval as u32 - 1, offset: offset as u32 },
            _ => Span::Hold { position: interval as u32 },
        }
    }

    /// Whether every change of pace happens at a visited row, so that a block is a line in steps of the stride.
    pub fn has_closed_form(&self) -> bool {
        self.interval_rows.is_multiple_of(self.stride) && self.interpolation_rows.is_multiple_of(self.stride)
    }

    /// The visited rows at which a line begins or a sample lies, from row 0 to the last of `samples` (visited rows, rising).
    fn breaks(&self, samples: &[usize]) -> Vec<usize> {
        let last = samples.last().copied().unwrap_or(0);
        let starts = (0..=last).step_by(self.interval_rows);
        let holds = starts.clone().skip(1).map(|row| row + self.interpolation_rows).filter(|&row| row <= last);
        let mut breaks: Vec<usize> = starts.chain(holds).chain(samples.iter().copied()).collect();
        breaks.sort_unstable();
        breaks.dedup();
        breaks
    }

    /// Segments between breaks with their first rows; those that end at a sample are marked.
    pub fn segments(&self, samples: &[usize]) -> (Vec<Segment>, Vec<usize>) {
        let breaks = self.breaks(samples);
        let segment = |pair: &[usize]| Segment {
            span: self.span(pair[0]),
            steps: ((pair[1] - pair[0]) / self.stride) as u32,
            stride: self.stride as u32,
            sample: samples.binary_search(&pair[1]).is_ok(),
        };
        (breaks.windows(2).map(segment).collect(), breaks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_cut_at_ramps_holds_and_samples() {
        let layout = RowLayout { rows: 31, interval_rows: 12, interpolation_rows: 8, stride: 2 };
        assert!(layout.has_closed_form());
        let (segments, breaks) = layout.segments(&[14, 30]);
        assert_eq!(breaks, [0, 12, 14, 20, 24, 30]);
        let spans: Vec<Span> = segments.iter().map(|segment| segment.span).collect();
        let expected = [
            Span::Hold { position: 0 },
            Span::Ramp { block: 0, offset: 0 },
            Span::Ramp { block: 0, offset: 2 },
            Span::Hold { position: 1 },
            Span::Ramp { block: 1, offset: 0 },
        ];
        assert_eq!(spans, expected);
        assert_eq!(segments.iter().map(|segment| segment.steps).collect::<Vec<_>>(), [6, 1, 3, 2, 3]);
        assert_eq!(
            segments.iter().map(|segment| segment.sample).collect::<Vec<_>>(),
            [false, true, false, false, true]
        );
    }
}
