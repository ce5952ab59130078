//! Which rows of a series a metric looks at.

/// Rows of a value series that must be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// Every row of the window.
    All,
    /// These rows only: sorted, without repetition, never empty.
    Rows(Vec<usize>),
}

impl Sampling {
    /// The rows that satisfy both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::Rows(mut rows), Self::Rows(more)) => {
                rows.extend(more);
                Self::from_rows(rows)
            }
            _ => Self::All,
        }
    }

    /// The row indices of a window of `rows` rows.
    pub fn into_rows(self, rows: usize) -> Vec<usize> {
        match self {
            Self::All => (0..rows).collect(),
            Self::Rows(rows) => rows,
        }
    }

    pub(crate) fn from_rows(mut rows: Vec<usize>) -> Self {
        rows.sort_unstable();
        rows.dedup();
        Self::Rows(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::Sampling::{All, Rows};

    #[test]
    fn a_union_is_sorted_and_without_repetition() {
        assert_eq!(Rows(vec![0, 4, 8]).union(Rows(vec![3, 4])), Rows(vec![0, 3, 4, 8]));
        assert_eq!(Rows(vec![0]).union(All), All);
        assert_eq!(All.into_rows(3), vec![0, 1, 2]);
    }
}
