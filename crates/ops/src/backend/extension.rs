//! The trait that burn's dispatcher routes to a backend.
// The macro's code names burn's deprecated NdArray backend, which users may still ask for.
#![cfg_attr(feature = "ndarray", allow(deprecated))]

use super::Primitive;
use burn::backend::{
    Backend, BackendTensor, Dispatch, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind, ExtensionType,
    backend_extension, tensor::FloatTensor,
};

/// The inputs of one primitive on one backend.
#[derive(Clone, Debug)]
pub struct PrimitiveInputs<B: Backend>(Vec<FloatTensor<B>>);

impl<B: Backend> PrimitiveInputs<B> {
    pub(super) fn new<const N: usize>(inputs: [FloatTensor<B>; N]) -> Self {
        Self(inputs.into())
    }

    pub(super) fn into_array<const N: usize>(self) -> [FloatTensor<B>; N] {
        self.0.try_into().unwrap_or_else(|inputs: Vec<_>| panic!("a primitive of {N} inputs got {}", inputs.len()))
    }
}

impl<B: Backend> ExtensionType<B> for PrimitiveInputs<B> {
    type Target = PrimitiveInputs<Dispatch>;

    fn map_to_dispatch<F>(self, map_kind: F, autodiff: DispatchAutodiffContext) -> Self::Target
    where
        F: Fn(BackendTensor<B>) -> DispatchTensorKind,
    {
        let wrap = |tensor| DispatchTensor { kind: map_kind(BackendTensor::Float(tensor)), autodiff };
        PrimitiveInputs(self.0.into_iter().map(wrap).collect())
    }

    fn map_from_dispatch<F>(target: Self::Target, unwrap_kind: F) -> Self
    where
        F: Fn(DispatchTensor) -> BackendTensor<B>,
    {
        Self(target.0.into_iter().map(|tensor| unwrap_kind(tensor).float()).collect())
    }

    fn routing_tensor(target: &Self::Target) -> Option<&DispatchTensor> {
        target.0.first()
    }

    fn routing_float_tensor(target: &Self::Target) -> Option<&DispatchTensor> {
        target.0.first()
    }

    fn autodiff_context(target: &Self::Target) -> DispatchAutodiffContext {
        target.0.iter().fold(DispatchAutodiffContext::Disabled, |context, tensor| context.merge(tensor.autodiff))
    }
}

/// The extension of burn's backends: any [`Primitive`] runs on a backend that has this.
///
/// There is no implementation for a doubly differentiated backend, so second derivatives through a
/// fused primitive do not compile rather than fail.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "cube"), Autodiff)]
pub trait PrimitiveOps: Backend {
    /// Runs a primitive.
    fn fused<P: Primitive<N>, const N: usize>(
        primitive: P,
        #[extension_type] inputs: PrimitiveInputs<Self>,
    ) -> FloatTensor<Self>;
}
