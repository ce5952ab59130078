//! How both passes are launched.

use std::ops::Range;

use burn_cubecl::ops::numeric::zeros_client;
use burn_cubecl::tensor::CubeTensor;

use super::backward::{GradientsLaunch, NotesLaunch, backward, notes_of_visit};
use super::call::Described;
use super::forward::forward;
use crate::arbitrage::{Arbitrage, CHECKPOINT_VISITS, cpu};
use crate::backend::cube::{element, empty, empty_indices, launch_of};
use crate::backend::{CubePass, Kernels};

/// Most turns of loops that a thread takes in one launch, by estimate. Mesa's software driver silently ends all loops of a thread
/// after 65 535 turns together, and others lose patience with a kernel that runs for seconds.
const MOST_TURNS: usize = 1 << 15;

/// The stretches of each launch, in order of time.
fn launches(stretches: usize, assets: usize) -> impl DoubleEndedIterator<Item = Range<usize>> {
    // Backward, every visit is run twice, and each of its two trades looks at the tokens one by one.
    let turns = CHECKPOINT_VISITS * (2 + 4 * assets);
    let most = (MOST_TURNS / turns).max(1);
    (0..stretches).step_by(most).map(move |first| first..(first + most).min(stretches))
}

impl Kernels<3> for Arbitrage {
    fn forward(&self, [positions, initial, fees]: [CubeTensor; 3], tracked: bool) -> (CubeTensor, Vec<CubeTensor>) {
        let plan = &*self.0;
        let [batch, _, assets] = positions.meta.shape().dims::<3>();
        let output = empty(&positions, [batch, plan.windows.samples.len(), assets]);
        let kept = empty(&positions, if tracked { [batch, cpu::stretches(plan), 2, assets] } else { [1, 1, 1, 1] });
        let described = Described::of(plan, &positions);
        let (groups, group) = launch_of(batch);
        let carried = empty(&positions, [batch, 2, assets]);
        for stretches in launches(cpu::stretches(plan), assets) {
            forward::launch(
                &positions.client,
                groups.clone(),
                group,
                plan.call(&positions, &fees, &described, stretches),
                initial.clone().into_tensor_arg(),
                carried.clone().into_tensor_arg(),
                output.clone().into_tensor_arg(),
                kept.clone().into_tensor_arg(),
                tracked,
                element(&positions),
            );
        }
        (output, if tracked { described.kept().into_iter().chain([kept]).collect() } else { vec![] })
    }

    fn backward(&self, pass: CubePass<3>, wanted: [bool; 3]) -> [Option<CubeTensor>; 3] {
        let plan = &*self.0;
        let [positions, initial, fees] = pass.inputs;
        let Ok([starts, sample_of, kept]) = <[CubeTensor; 3]>::try_from(pass.kept) else {
            return [None, None, None];
        };
        let described = Described::from_kept([starts, sample_of]);
        let [batch, _, assets] = positions.meta.shape().dims::<3>();
        let notes = notes_of_visit(!plan.inputs.trades.is_empty());
        let noted = empty(&positions, [batch, CHECKPOINT_VISITS, notes, assets]);
        let happened = empty_indices(&positions, [batch, CHECKPOINT_VISITS, notes]);
        let zeros = |like: &CubeTensor| {
            zeros_client(like.client.clone(), like.device.clone(), like.meta.shape().clone(), like.dtype)
        };
        let (to_positions, to_fees) = (zeros(&positions), zeros(&fees));
        let to_initial = empty(&initial, [batch, assets]);
        let (groups, group) = launch_of(batch);
        for stretches in launches(cpu::stretches(plan), assets).rev() {
            backward::launch(
                &positions.client,
                groups.clone(),
                group,
                plan.call(&positions, &fees, &described, stretches),
                kept.clone().into_tensor_arg(),
                pass.cotangent.clone().into_tensor_arg(),
                NotesLaunch::new(noted.clone().into_tensor_arg(), happened.clone().into_tensor_arg()),
                GradientsLaunch::new(
                    to_positions.clone().into_tensor_arg(),
                    to_initial.clone().into_tensor_arg(),
                    to_fees.clone().into_tensor_arg(),
                ),
                element(&positions),
            );
        }
        [wanted[0].then_some(to_positions), wanted[1].then_some(to_initial), wanted[2].then_some(to_fees)]
    }
}
