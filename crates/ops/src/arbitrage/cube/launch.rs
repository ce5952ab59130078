//! How both passes are launched.

use burn_cubecl::tensor::CubeTensor;

use super::backward::{GradientsLaunch, NotesLaunch, backward};
use super::call::Described;
use super::forward::forward;
use crate::arbitrage::{Arbitrage, ArbitragePlan, CHECKPOINT_VISITS, cpu};
use crate::backend::cube::{element, empty, empty_indices, launch_of};
use crate::backend::{CubePass, Kernels};
use crate::interpolation::Interpolation;

impl ArbitragePlan {
    /// Whether the kernels know everything that this plan asks for.
    pub(in crate::arbitrage) fn runs_on_gpus(&self) -> bool {
        self.inputs.is_empty() && !self.costs.dynamic_form && self.windows.layout.interpolation == Interpolation::Linear
    }
}

impl Kernels<3> for Arbitrage {
    fn forward(&self, [positions, initial, fees]: [CubeTensor; 3], tracked: bool) -> (CubeTensor, Vec<CubeTensor>) {
        let plan = &*self.0;
        let [batch, _, assets] = positions.meta.shape().dims::<3>();
        let output = empty(&positions, [batch, plan.windows.samples.len(), assets]);
        let kept = empty(&positions, if tracked { [batch, cpu::stretches(plan), 2, assets] } else { [1, 1, 1, 1] });
        let described = Described::of(plan, &positions);
        let (groups, group) = launch_of(batch);
        forward::launch(
            &positions.client,
            groups,
            group,
            plan.call(&positions, &fees, &described),
            initial.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            kept.clone().into_tensor_arg(),
            tracked,
            element(&positions),
        );
        (output, if tracked { described.kept().into_iter().chain([kept]).collect() } else { vec![] })
    }

    fn backward(&self, pass: CubePass<3>, wanted: [bool; 3]) -> [Option<CubeTensor>; 3] {
        let plan = &*self.0;
        let [positions, initial, fees] = pass.inputs;
        let Ok([starts, sample_of, kept]) = <[CubeTensor; 3]>::try_from(pass.kept) else {
            return [None, None, None];
        };
        let described = Described::from_kept([starts, sample_of]);
        let [batch, count, assets] = positions.meta.shape().dims::<3>();
        let noted = empty(&positions, [batch, CHECKPOINT_VISITS, 2, assets]);
        let happened = empty_indices(&positions, [batch, CHECKPOINT_VISITS, 2]);
        let to_positions = empty(&positions, [batch, count, assets]);
        let to_initial = empty(&initial, [batch, assets]);
        let to_fees = empty(&fees, [batch, fees.meta.shape()[1]]);
        let (groups, group) = launch_of(batch);
        backward::launch(
            &positions.client,
            groups,
            group,
            plan.call(&positions, &fees, &described),
            kept.into_tensor_arg(),
            pass.cotangent.into_tensor_arg(),
            NotesLaunch::new(noted.into_tensor_arg(), happened.into_tensor_arg()),
            GradientsLaunch::new(
                to_positions.clone().into_tensor_arg(),
                to_initial.clone().into_tensor_arg(),
                to_fees.clone().into_tensor_arg(),
            ),
            element(&positions),
        );
        [wanted[0].then_some(to_positions), wanted[1].then_some(to_initial), wanted[2].then_some(to_fees)]
    }
}
