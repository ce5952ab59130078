//! What both passes are launched with.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::arbitrage::terms::Terms;
use crate::arbitrage::{ArbitragePlan, CHECKPOINT_VISITS};
use crate::backend::cube::{constants, indices, table};

/// Sample of a visit that is none.
pub(super) const NO_SAMPLE: u32 = u32::MAX;

/// What is known when a kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Form {
    pub assets: usize,
    pub pairs_only: bool,
}

/// Sizes of a call.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub(super) struct Sizes {
    pub batch: u32,
    pub windows: u32,
    pub positions: u32,
    pub visits: u32,
    pub samples: u32,
    pub block_rows: u32,
    pub ramp_rows: u32,
    pub stride: u32,
    /// One if a block at the first position precedes the first ramp.
    pub held_blocks: u32,
    pub fees: u32,
    pub fee_rows: u32,
    /// One if nobody trades while weights rest.
    pub rests: u32,
    /// Visits of a stretch.
    pub stretch: u32,
}

/// What both passes read.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Call<F: Float> {
    pub positions: OwnedTensor<F>,
    pub fees: OwnedTensor<F>,
    pub prices: OwnedTensor<F>,
    /// First row of each window.
    pub starts: OwnedTensor<u32>,
    pub sample_of: OwnedTensor<u32>,
    /// Gas, half the arbitrageur's own fee, noise traders' income per fee, the protocol's share, and one.
    pub costs: OwnedTensor<F>,
    pub sizes: Sizes,
    #[cube(comptime)]
    pub form: Form,
}

/// What describes the windows of a call on the device: written by the forward pass, kept for the backward pass.
#[derive(Clone)]
pub(super) struct Described {
    starts: CubeTensor,
    sample_of: CubeTensor,
}

impl Described {
    pub(super) fn of(plan: &ArbitragePlan, like: &CubeTensor) -> Self {
        let mut sample_of = vec![NO_SAMPLE; plan.windows.visits()];
        for (sample, visit) in plan.windows.samples.iter().enumerate() {
            sample_of[*visit] = sample as u32;
        }
        let starts = plan.windows.starts.iter().map(|start| *start as u32);
        Self { starts: indices(like, starts), sample_of: indices(like, sample_of) }
    }

    pub(super) fn kept(self) -> [CubeTensor; 2] {
        [self.starts, self.sample_of]
    }

    pub(super) fn from_kept([starts, sample_of]: [CubeTensor; 2]) -> Self {
        Self { starts, sample_of }
    }
}

impl ArbitragePlan {
    /// The arguments that both passes share.
    pub(super) fn call<F: Float>(
        &self,
        positions: &CubeTensor,
        fees: &CubeTensor,
        described: &Described,
    ) -> CallLaunch<F> {
        let [batch, count, assets] = positions.meta.shape().dims::<3>();
        let terms = Terms::new(&self.costs);
        let costs = [terms.gas, terms.half_arbitrage_fee, terms.noise_per_fee, terms.protocol_share, 1.0];
        CallLaunch::new(
            positions.clone().into_tensor_arg(),
            fees.clone().into_tensor_arg(),
            table(positions, &self.windows.prices).into_tensor_arg(),
            described.starts.clone().into_tensor_arg(),
            described.sample_of.clone().into_tensor_arg(),
            constants(positions, &costs).into_tensor_arg(),
            self.sizes(batch, count, fees.meta.shape()[1]),
            Form { assets, pairs_only: self.costs.pairs_only },
        )
    }

    fn sizes(&self, batch: usize, positions: usize, fees: usize) -> SizesLaunch {
        let layout = &self.windows.layout;
        let small = |size: usize| size.min(u32::MAX as usize) as u32;
        SizesLaunch::new(
            small(batch),
            small(self.windows.starts.len()),
            small(positions),
            small(self.windows.visits()),
            small(self.windows.samples.len()),
            small(layout.block_rows),
            small(layout.ramp_rows),
            small(layout.stride),
            u32::from(layout.constant_first_block),
            small(fees),
            small(self.fee_rows),
            u32::from(self.rests_with_weights),
            small(CHECKPOINT_VISITS),
        )
    }
}
