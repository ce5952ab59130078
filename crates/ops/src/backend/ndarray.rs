//! Primitives on burn-ndarray.
#![allow(deprecated)] // Deprecated upstream, kept for those who ask for it.

use super::{FusedBackend, HostBackend, Primitive, PrimitiveInputs, PrimitiveOps, Real};
use burn::backend::NdArray;
use burn::tensor::TensorData;
use burn_ndarray::{NdArrayTensor, SharedArray};

impl HostBackend for NdArray {
    fn contiguous(tensor: NdArrayTensor) -> NdArrayTensor {
        match tensor {
            NdArrayTensor::F64(storage) => standard_layout(storage.into_shared()).into(),
            NdArrayTensor::F32(storage) => standard_layout(storage.into_shared()).into(),
            other => other,
        }
    }

    fn values<F: Real>(tensor: &NdArrayTensor) -> &[F] {
        let values = match tensor {
            NdArrayTensor::F64(storage) => storage.view().to_slice().and_then(reinterpret),
            NdArrayTensor::F32(storage) => storage.view().to_slice().and_then(reinterpret),
            _ => None,
        };
        values.unwrap_or_else(|| panic!("expected a contiguous tensor of {:?}, got {tensor:?}", F::dtype()))
    }

    fn from_values<F: Real>(values: Vec<F>, shape: &[usize]) -> NdArrayTensor {
        NdArrayTensor::from_data(TensorData::new(values, shape.to_vec()))
    }
}

/// The same slice, where the two types are the same.
fn reinterpret<E: Real, F: Real>(values: &[E]) -> Option<&[F]> {
    if E::dtype() == F::dtype() { bytemuck::try_cast_slice(values).ok() } else { None }
}

fn standard_layout<E: Clone>(array: SharedArray<E>) -> SharedArray<E> {
    if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned().into_shared() }
}

impl PrimitiveOps for NdArray {
    fn fused<P: Primitive<N>, const N: usize>(primitive: P, inputs: PrimitiveInputs<Self>) -> NdArrayTensor {
        Self::forward::<P, N>(&primitive, inputs.into_array(), false).0
    }
}
