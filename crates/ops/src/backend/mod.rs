//! What every primitive shares: how a pair of slice functions becomes a differentiable tensor function.
//!
//! A primitive with `N` tensor inputs is a small value (its options and host constants) that implements
//! [`Primitive<N>`]: an output shape, a forward pass and a backward pass over slices. [`apply`] does
//! the rest: it finds the backend, hands out contiguous slices, allocates results, and registers one
//! node with burn's autodiff. Gradients of inputs that are not tracked are never computed.
//!
//! ```text
//! apply(primitive, [a, b]) -> Dispatch -> Flex | NdArray             -> Primitive::forward
//!                                      -> Autodiff<Flex | NdArray>   -> Primitive::forward, later backward
//! ```

mod autodiff;
mod flex;
mod host;
#[cfg(feature = "ndarray")]
mod ndarray;
mod real;
mod threads;

use burn::backend::{
    Backend, BackendTensor, Dispatch, DispatchAutodiffContext, DispatchDevice, DispatchTensor, DispatchTensorKind,
    ExtensionType, backend_extension, tensor::FloatTensor,
};
use burn::tensor::{Device, Tensor};
use std::fmt::Debug;

pub use host::{HostBackend, View};
pub use real::Real;
pub use threads::{pieces, run};

/// A differentiable operation on `N` float tensors with one output, computed on the host.
///
/// The value itself carries what is not a tensor: options and constants (behind an `Arc` when large).
/// Shapes were checked by [`Primitive::output_shape`] before the other functions are called.
pub trait Primitive<const N: usize>: Clone + Debug + Send + Sync + 'static {
    /// Shape of the output.
    ///
    /// # Panics
    /// When the inputs do not fit together: a mistake of the calling program. The message says what
    /// would be right.
    fn output_shape(&self, inputs: [&[usize]; N]) -> Vec<usize>;

    /// Fills `output`, which arrives as zeros.
    fn forward<F: Real>(&self, inputs: [View<'_, F>; N], output: &mut [F]);

    /// Fills the gradient of each input that wants one, given the gradient with respect to the output.
    /// The gradients arrive as zeros.
    fn backward<F: Real>(
        &self,
        inputs: [View<'_, F>; N],
        output: View<'_, F>,
        cotangent: View<'_, F>,
        gradients: [Option<&mut [F]>; N],
    );
}

/// The inputs of one primitive on one backend.
#[derive(Clone, Debug)]
pub struct PrimitiveInputs<B: Backend>(Vec<FloatTensor<B>>);

impl<B: Backend> PrimitiveInputs<B> {
    fn into_array<const N: usize>(self) -> [FloatTensor<B>; N] {
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
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Autodiff)]
pub trait PrimitiveOps: Backend {
    /// Runs a primitive.
    fn fused<P: Primitive<N>, const N: usize>(
        primitive: P,
        #[extension_type] inputs: PrimitiveInputs<Self>,
    ) -> FloatTensor<Self>;
}

/// Runs a primitive on the device of its inputs, recording it for the gradient where an input is tracked.
///
/// # Panics
/// When the inputs' shapes do not fit ([`Primitive::output_shape`]), their data types differ or are
/// neither f64 nor f32, or their device has no fused kernels ([`has_fused_kernels`]).
pub fn apply<P: Primitive<N>, const N: usize, const D: usize>(primitive: P, inputs: [DispatchTensor; N]) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::fused(primitive, PrimitiveInputs(inputs.into())))
}

/// Whether primitives run their fused kernels on this device (burn's CPU backends Flex and NdArray),
/// with or without autodiff. Elsewhere they run as ordinary tensor operations.
pub fn has_fused_kernels(device: &Device) -> bool {
    match device.clone().inner().as_dispatch() {
        DispatchDevice::Flex(_) => true,
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => true,
        #[allow(unreachable_patterns)]
        _ => false,
    }
}
