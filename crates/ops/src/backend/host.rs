//! Tensors as slices of host memory.

use super::{Pass, Primitive, Real};
use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::DType;

/// A tensor's values in row-major order.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, F> {
    /// Size of each dimension.
    pub shape: &'a [usize],
    /// All values, the last dimension fastest.
    pub values: &'a [F],
}

/// A backend whose tensors lie in host memory.
pub trait HostBackend: Backend {
    /// The same tensor in row-major order without gaps; free when it already is.
    fn contiguous(tensor: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The values of a tensor that [`HostBackend::contiguous`] returned.
    ///
    /// # Panics
    /// When the tensor is of another data type than `F`, or not contiguous.
    fn values<F: Real>(tensor: &FloatTensor<Self>) -> &[F];

    /// A tensor from its values.
    fn from_values<F: Real>(values: Vec<F>, shape: &[usize]) -> FloatTensor<Self>;
}

/// Runs the forward pass of a primitive; returns its output and, where it is `tracked`, what it keeps for the backward pass.
pub(super) fn forward<B: HostBackend, P: Primitive<N>, const N: usize>(
    primitive: &P,
    inputs: [FloatTensor<B>; N],
    tracked: bool,
) -> (FloatTensor<B>, Vec<f64>) {
    match common_dtype::<B>(&inputs) {
        DType::F64 => forward_as::<B, P, f64, N>(primitive, inputs, tracked),
        _ => forward_as::<B, P, f32, N>(primitive, inputs, tracked),
    }
}

/// Runs the backward pass of a primitive; `wanted` says which inputs need a gradient.
pub(super) fn backward<B: HostBackend, P: Primitive<N>, const N: usize>(
    primitive: &P,
    inputs: [FloatTensor<B>; N],
    output: FloatTensor<B>,
    kept: &[f64],
    cotangent: FloatTensor<B>,
    wanted: [bool; N],
) -> [Option<FloatTensor<B>>; N] {
    match common_dtype::<B>(&inputs) {
        DType::F64 => backward_as::<B, P, f64, N>(primitive, inputs, output, kept, cotangent, wanted),
        _ => backward_as::<B, P, f32, N>(primitive, inputs, output, kept, cotangent, wanted),
    }
}

fn common_dtype<B: Backend>(tensors: &[FloatTensor<B>]) -> DType {
    let dtypes: Vec<DType> = tensors.iter().map(TensorMetadata::dtype).collect();
    let first = dtypes[0];
    assert!(
        matches!(first, DType::F64 | DType::F32) && dtypes.iter().all(|dtype| *dtype == first),
        "a primitive takes tensors that are all f64 or all f32, got {dtypes:?}"
    );
    first
}

fn forward_as<B: HostBackend, P: Primitive<N>, F: Real, const N: usize>(
    primitive: &P,
    inputs: [FloatTensor<B>; N],
    tracked: bool,
) -> (FloatTensor<B>, Vec<f64>) {
    let inputs = inputs.map(B::contiguous);
    let shapes = inputs.each_ref().map(TensorMetadata::shape);
    let shapes = shapes.each_ref().map(|shape| &**shape);
    let shape = primitive.output_shape(shapes);
    let mut output = vec![F::ZERO; shape.iter().product()];
    let mut kept = vec![0.0; if tracked { primitive.kept(shapes) } else { 0 }];
    primitive.forward(views::<B, F, N>(&inputs, shapes), &mut output, &mut kept);
    (B::from_values(output, &shape), kept)
}

fn backward_as<B: HostBackend, P: Primitive<N>, F: Real, const N: usize>(
    primitive: &P,
    inputs: [FloatTensor<B>; N],
    output: FloatTensor<B>,
    kept: &[f64],
    cotangent: FloatTensor<B>,
    wanted: [bool; N],
) -> [Option<FloatTensor<B>>; N] {
    let inputs = inputs.map(B::contiguous);
    let shapes = inputs.each_ref().map(TensorMetadata::shape);
    let shapes = shapes.each_ref().map(|shape| &**shape);
    let (output, cotangent) = (B::contiguous(output), B::contiguous(cotangent));
    let output_shape = output.shape();
    let mut gradients: [Option<Vec<F>>; N] =
        std::array::from_fn(|index| wanted[index].then(|| vec![F::ZERO; shapes[index].iter().product()]));
    let pass = Pass {
        inputs: views::<B, F, N>(&inputs, shapes),
        output: View { shape: &output_shape, values: B::values(&output) },
        kept,
        cotangent: View { shape: &output_shape, values: B::values(&cotangent) },
    };
    primitive.backward(pass, gradients.each_mut().map(Option::as_deref_mut));
    let mut shapes = shapes.into_iter();
    gradients.map(|gradient| {
        let shape = shapes.next().unwrap_or_default();
        gradient.map(|values| B::from_values(values, shape))
    })
}

fn views<'a, B: HostBackend, F: Real, const N: usize>(
    inputs: &'a [FloatTensor<B>; N],
    shapes: [&'a [usize]; N],
) -> [View<'a, F>; N] {
    std::array::from_fn(|index| View { shape: shapes[index], values: B::values(&inputs[index]) })
}
