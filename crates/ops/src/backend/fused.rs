//! What a backend must be able to do to run primitives.

use std::fmt::Debug;

use burn::backend::{Backend, tensor::FloatTensor};

use super::{HostBackend, Primitive, host};

/// A backend that runs primitives fused.
pub trait FusedBackend: Backend {
    /// What a forward pass keeps for its backward pass; shared, not copied.
    type Kept: Clone + Debug + Send + 'static;

    /// Runs the forward pass; returns its output and, where it is `tracked`, what it keeps.
    fn forward<P: Primitive<N>, const N: usize>(
        primitive: &P,
        inputs: [FloatTensor<Self>; N],
        tracked: bool,
    ) -> (FloatTensor<Self>, Self::Kept);

    /// Runs the backward pass; `wanted` says which inputs need a gradient.
    fn backward<P: Primitive<N>, const N: usize>(
        primitive: &P,
        inputs: [FloatTensor<Self>; N],
        output: FloatTensor<Self>,
        kept: Self::Kept,
        cotangent: FloatTensor<Self>,
        wanted: [bool; N],
    ) -> [Option<FloatTensor<Self>>; N];
}

impl<B: HostBackend> FusedBackend for B {
    type Kept = std::sync::Arc<[f64]>;

    fn forward<P: Primitive<N>, const N: usize>(
        primitive: &P,
        inputs: [FloatTensor<Self>; N],
        tracked: bool,
    ) -> (FloatTensor<Self>, Self::Kept) {
        let (output, kept) = host::forward::<B, P, N>(primitive, inputs, tracked);
        (output, kept.into())
    }

    fn backward<P: Primitive<N>, const N: usize>(
        primitive: &P,
        inputs: [FloatTensor<Self>; N],
        output: FloatTensor<Self>,
        kept: Self::Kept,
        cotangent: FloatTensor<Self>,
        wanted: [bool; N],
    ) -> [Option<FloatTensor<Self>>; N] {
        host::backward::<B, P, N>(primitive, inputs, output, &kept, cotangent, wanted)
    }
}
