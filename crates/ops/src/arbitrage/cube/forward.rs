//! The forward pass.

use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::call::{Call, NO_SAMPLE};
use super::path::{is_open, set_weights};
use super::pool::{ONE, pool, settle};
use super::trade::trade;
use super::users::{swap, trades_since};
use super::visit::{issue, meet};

/// Reserves at the samples, and where they are tracked those at the beginning of each stretch. `carried` are the reserves between
/// two launches.
#[cube(launch)]
pub(super) fn forward<F: Float>(
    call: &Call<F>,
    initial: &Tensor<F>,
    carried: &mut Tensor<F>,
    output: &mut Tensor<F>,
    kept: &mut Tensor<F>,
    #[comptime] tracked: bool,
    #[define(F)] _type: ElemType,
) {
    let entry = ABSOLUTE_POS;
    if entry >= call.sizes.batch as usize {
        terminate!();
    }
    let form = comptime!(call.form);
    let assets = comptime!(form.assets);
    let mut pool = pool::<F>(assets);
    pool.numbers[ONE] = call.costs[4];
    let between = entry * 2 * assets;
    #[unroll]
    for i in 0..assets {
        if call.sizes.first_stretch == 0 {
            pool.reserves[i] = initial[entry * assets + i];
            pool.low[i] = F::new(0.0);
        } else {
            pool.reserves[i] = carried[between + i];
            pool.low[i] = carried[between + assets + i];
        }
    }
    let stretches = call.sizes.visits.div_ceil(call.sizes.stretch);
    let end = min(call.sizes.end_stretch * call.sizes.stretch, call.sizes.visits);
    for index in call.sizes.first_stretch * call.sizes.stretch..end {
        if tracked {
            if index % call.sizes.stretch == 0 {
                let at = (entry * stretches as usize + (index / call.sizes.stretch) as usize) * 2 * assets;
                #[unroll]
                for i in 0..assets {
                    kept[at + i] = pool.reserves[i];
                    kept[at + assets + i] = pool.low[i];
                }
            }
        }
        issue::<F>(call, &mut pool, entry, index);
        if is_open(index, &call.sizes) {
            let visit = meet::<F>(call, &mut pool, entry, index);
            set_weights::<F>(call, &mut pool, entry, &visit.before);
            trade::<F>(&mut pool, &visit.terms, form);
            set_weights::<F>(call, &mut pool, entry, &visit.here);
            if comptime!(call.users.is_some()) {
                let since = trades_since::<F>(call, &visit);
                swap::<F>(call, &mut pool, &visit, since.first, since.end);
            }
            trade::<F>(&mut pool, &visit.terms, form);
            settle::<F>(&mut pool, form);
        }
        let sample = call.sample_of[index as usize];
        if sample != NO_SAMPLE {
            #[unroll]
            for i in 0..assets {
                output[(entry * call.sizes.samples as usize + sample as usize) * assets + i] = pool.reserves[i];
            }
        }
    }
    #[unroll]
    for i in 0..assets {
        carried[between + i] = pool.reserves[i];
        carried[between + assets + i] = pool.low[i];
    }
}
