//! What every primitive shares: how a pair of slice functions becomes a differentiable tensor function.
//!
//! A primitive with `N` tensor inputs is a small value (its options and host constants) that implements
//! [`Primitive<N>`]: an output shape, a forward pass and a backward pass over slices. [`apply`] does
//! the rest: it finds the backend, hands out contiguous slices, allocates results, and registers one
//! node with burn's autodiff. Gradients of inputs that are not tracked are never computed.
//!
//! ```text
//! apply(primitive, [a, b]) -> Dispatch -> Flex | NdArray             -> Primitive::forward
//!                                      -> Cube (wgpu, CUDA)          -> Kernels::forward
//!                                      -> Autodiff of one of these   -> the same, later backward
//! ```

mod autodiff;
#[cfg(feature = "cube")]
pub mod cube;
mod extension;
mod flex;
mod fused;
mod host;
#[cfg(feature = "ndarray")]
mod ndarray;
mod real;
mod row;
mod threads;

use burn::backend::{Dispatch, DispatchDevice, DispatchTensor};
use burn::tensor::{Device, Tensor};
use std::fmt::Debug;

#[cfg(feature = "cube")]
pub use cube::{CubePass, Kernels};
pub use extension::{PrimitiveInputs, PrimitiveOps};
pub use fused::FusedBackend;
pub use host::{HostBackend, View};
pub use real::Real;
pub(crate) use row::{Row, with_row};
pub use threads::{pieces, run};

/// What a backward pass knows of its forward pass.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a, F, const N: usize> {
    /// The inputs.
    pub inputs: [View<'a, F>; N],
    /// What the forward pass returned.
    pub output: View<'a, F>,
    /// What it kept.
    pub kept: &'a [f64],
    /// Gradient with respect to the output.
    pub cotangent: View<'a, F>,
}

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

    /// How many numbers the forward pass keeps for the backward pass, where there will be one.
    fn kept(&self, inputs: [&[usize]; N]) -> usize {
        let _ = inputs;
        0
    }

    /// Fills `output`, which arrives as zeros; and `kept`, unless it is empty because nothing is tracked.
    fn forward<F: Real>(&self, inputs: [View<'_, F>; N], output: &mut [F], kept: &mut [f64]);

    /// Fills the gradient of each input that wants one, given the gradient with respect to the output.
    /// The gradients arrive as zeros.
    fn backward<F: Real>(&self, pass: Pass<'_, F, N>, gradients: [Option<&mut [F]>; N]);

    /// The same for GPUs, if it exists there; else the caller computes in tensor operations ([`is_fused`]).
    #[cfg(feature = "cube")]
    fn kernels(&self) -> Option<&dyn Kernels<N>> {
        None
    }
}

/// Runs a primitive on the device of its inputs, recording it for the gradient where an input is tracked.
///
/// # Panics
/// When the inputs' shapes do not fit ([`Primitive::output_shape`]), their data types differ or are
/// neither f64 nor f32, or their device has no fused kernels ([`has_fused_kernels`]).
pub fn apply<P: Primitive<N>, const N: usize, const D: usize>(primitive: P, inputs: [DispatchTensor; N]) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::fused(primitive, PrimitiveInputs::new(inputs)))
}

/// Whether a primitive runs fused on this device; else its function computes in tensor operations.
pub fn is_fused<P: Primitive<N>, const N: usize>(primitive: &P, device: &Device) -> bool {
    #[cfg(feature = "cube")]
    if cube::is_gpu(device) {
        return primitive.kernels().is_some();
    }
    let _ = primitive;
    has_fused_kernels(device)
}

/// Whether every primitive runs its fused kernels on this device (burn's CPU backends Flex and NdArray),
/// with or without autodiff.
pub fn has_fused_kernels(device: &Device) -> bool {
    match device.clone().inner().as_dispatch() {
        DispatchDevice::Flex(_) => true,
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => true,
        #[allow(unreachable_patterns)]
        _ => false,
    }
}
