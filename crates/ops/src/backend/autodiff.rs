//! One autodiff node for any primitive.

use super::{FusedBackend, Primitive, PrimitiveInputs, PrimitiveOps};
use burn::backend::Autodiff;
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use std::marker::PhantomData;

#[derive(Debug)]
struct Adjoint<P>(PhantomData<P>);

impl<B: FusedBackend, P: Primitive<N>, const N: usize> Backward<B, N> for Adjoint<P> {
    /// The primitive, its inputs, its output and what it kept; the tensors are shared, not copied.
    type State = (P, [FloatTensor<B>; N], FloatTensor<B>, B::Kept);

    fn backward(self, ops: Ops<Self::State, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let cotangent = gradients.consume::<B>(&ops.node);
        let (primitive, inputs, output, kept) = ops.state;
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = B::backward::<P, N>(&primitive, inputs, output, kept, cotangent, wanted);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                gradients.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: FusedBackend + PrimitiveOps, C: CheckpointStrategy> PrimitiveOps for Autodiff<B, C> {
    fn fused<P: Primitive<N>, const N: usize>(primitive: P, inputs: PrimitiveInputs<Self>) -> FloatTensor<Self> {
        let inputs = inputs.into_array::<N>();
        // The guards keep the parents alive until this node is registered.
        let guards = inputs.each_ref().map(FloatTensor::<Self>::node);
        let inputs = inputs.map(FloatTensor::<Self>::into_primitive);
        match Adjoint::<P>(PhantomData).prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => {
                let (output, kept) = B::forward::<P, N>(&primitive, inputs.clone(), true);
                preparation.finish((primitive, inputs, output.clone(), kept), output)
            }
            OpsKind::UnTracked(preparation) => preparation.finish(B::forward::<P, N>(&primitive, inputs, false).0),
        }
    }
}
