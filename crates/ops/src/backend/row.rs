//! One number per asset, in an array where pools have their usual sizes, so that loops over assets are unrolled.

use super::Real;

/// One number per asset.
pub(crate) trait Row<F>: Clone {
    /// The same number for `assets` assets.
    fn filled(value: F, assets: usize) -> Self;

    /// All numbers.
    fn slice(&self) -> &[F];

    /// All numbers, to be written.
    fn slice_mut(&mut self) -> &mut [F];
}

impl<F: Real, const N: usize> Row<F> for [F; N] {
    #[inline]
    fn filled(value: F, assets: usize) -> Self {
        debug_assert_eq!(assets, N);
        [value; N]
    }

    #[inline]
    fn slice(&self) -> &[F] {
        self
    }

    #[inline]
    fn slice_mut(&mut self) -> &mut [F] {
        self
    }
}

impl<F: Real> Row<F> for Vec<F> {
    fn filled(value: F, assets: usize) -> Self {
        vec![value; assets]
    }

    fn slice(&self) -> &[F] {
        self
    }

    fn slice_mut(&mut self) -> &mut [F] {
        self
    }
}

/// Calls a function with the row type that fits the number of assets: an array for the usual sizes.
macro_rules! with_row {
    ($assets:expr, $function:ident :: <$real:ty> ( $($argument:expr),* $(,)? )) => {
        match $assets {
            2 => $function::<$real, [$real; 2]>($($argument),*),
            3 => $function::<$real, [$real; 3]>($($argument),*),
            4 => $function::<$real, [$real; 4]>($($argument),*),
            8 => $function::<$real, [$real; 8]>($($argument),*),
            _ => $function::<$real, Vec<$real>>($($argument),*),
        }
    };
}

pub(crate) use with_row;
