//! Where in its update intervals a window's rows lie, and the segments of a valuation in closed form.

use gradpool_ops::growth::{Segment, Span};
use gradpool_ops::interpolation::PathLayout;

/// The row of the last arbitrage at or before `row`.
pub(crate) fn visited(layout: &PathLayout, row: usize) -> usize {
    row - row % layout.stride
}

/// Rising keys, each once, and where among those each of the given ones is.
pub(crate) fn without_repetition(keys: impl Iterator<Item = usize>) -> (Vec<usize>, Vec<usize>) {
    let (mut distinct, mut places) = (Vec::new(), Vec::new());
    for key in keys {
        if distinct.last() != Some(&key) {
            distinct.push(key);
        }
        places.push(distinct.len() - 1);
    }
    (distinct, places)
}

/// Whether every change of pace happens at a visited row, so that a block is a line in steps of the stride.
pub(crate) fn has_closed_form(layout: &PathLayout) -> bool {
    layout.block_rows.is_multiple_of(layout.stride) && layout.ramp_rows.is_multiple_of(layout.stride)
}

/// Where the weights are from `row` on.
pub(crate) fn span(layout: &PathLayout, row: usize) -> Span {
    let Some(row) = row.checked_sub(layout.held_rows()) else {
        return Span::Hold { position: 0 };
    };
    let (block, offset) = ((row / layout.block_rows) as u32, row % layout.block_rows);
    if offset < layout.ramp_rows {
        Span::Ramp { block, offset: offset as u32 }
    } else {
        Span::Hold { position: block + 1 }
    }
}

/// The visited rows at which a line begins or a sample lies, from row 0 to the last of `samples` (visited rows, rising).
fn breaks(layout: &PathLayout, samples: &[usize]) -> Vec<usize> {
    let last = samples.last().copied().unwrap_or(0);
    let starts = (0..=last).step_by(layout.block_rows);
    let ramps = starts.clone().filter(|&row| row >= layout.held_rows());
    let holds = ramps.map(|row| row + layout.ramp_rows).filter(|&row| row <= last);
    let mut breaks: Vec<usize> = starts.chain(holds).chain(samples.iter().copied()).collect();
    breaks.sort_unstable();
    breaks.dedup();
    breaks
}

/// Segments between breaks with their first rows; those that end at a sample are marked.
pub(crate) fn segments(layout: &PathLayout, samples: &[usize]) -> (Vec<Segment>, Vec<usize>) {
    let breaks = breaks(layout, samples);
    let segment = |pair: &[usize]| Segment {
        span: span(layout, pair[0]),
        steps: ((pair[1] - pair[0]) / layout.stride) as u32,
        stride: layout.stride as u32,
        sample: samples.binary_search(&pair[1]).is_ok(),
    };
    (breaks.windows(2).map(segment).collect(), breaks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradpool_ops::Interpolation;

    fn layout(constant_first_block: bool) -> PathLayout {
        PathLayout {
            block_rows: 12,
            ramp_rows: 8,
            interpolation: Interpolation::Linear,
            constant_first_block,
            rows: 31,
            stride: 2,
        }
    }

    #[test]
    fn a_window_is_cut_at_ramps_holds_and_samples() {
        assert!(has_closed_form(&layout(true)));
        let (segments, breaks) = segments(&layout(true), &[14, 30]);
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

    #[test]
    fn a_window_of_a_target_rule_moves_from_its_first_row() {
        let (segments, breaks) = segments(&layout(false), &[18]);
        assert_eq!(breaks, [0, 8, 12, 18]);
        let spans: Vec<Span> = segments.iter().map(|segment| segment.span).collect();
        let expected =
            [Span::Ramp { block: 0, offset: 0 }, Span::Hold { position: 1 }, Span::Ramp { block: 1, offset: 0 }];
        assert_eq!(spans, expected);
    }
}
