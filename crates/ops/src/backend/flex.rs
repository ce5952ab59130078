//! Primitives on burn-flex.

use super::{FusedBackend, HostBackend, Primitive, PrimitiveInputs, PrimitiveOps, Real};
use burn::backend::{Bytes, Flex};
use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};

impl HostBackend for Flex {
    fn contiguous(tensor: FlexTensor) -> FlexTensor {
        tensor.to_contiguous()
    }

    fn values<F: Real>(tensor: &FlexTensor) -> &[F] {
        tensor.as_slice().unwrap_or_else(|| panic!("expected a contiguous tensor of {:?}, got {tensor:?}", F::dtype()))
    }

    fn from_values<F: Real>(values: Vec<F>, shape: &[usize]) -> FlexTensor {
        let layout = Layout::contiguous(Shape::from(shape.to_vec()));
        FlexTensor::new(Bytes::from_elems(values), layout, F::dtype())
    }
}

impl PrimitiveOps for Flex {
    fn fused<P: Primitive<N>, const N: usize>(primitive: P, inputs: PrimitiveInputs<Self>) -> FlexTensor {
        Self::forward::<P, N>(&primitive, inputs.into_array(), false).0
    }
}
