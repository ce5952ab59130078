//! The forward pass.

use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::call::{Call, NO_SAMPLE};
use super::path::{is_open, set_weights};
use super::pool::pool;
use super::trade::trade;
use super::visit::meet;

/// Reserves at the samples, and where they are tracked those at the beginning of each stretch.
#[cube(launch)]
pub(super) fn forward<F: Float>(
    call: &Call<F>,
    initial: &Tensor<F>,
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
    #[unroll]
    for i in 0..assets {
        pool.reserves[i] = initial[entry * assets + i];
        pool.low[i] = F::new(0.0);
    }
    let stretches = call.sizes.visits.div_ceil(call.sizes.stretch);
    for index in 0..call.sizes.visits {
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
        if is_open(index, &call.sizes) {
            let visit = meet::<F>(call, &mut pool, entry, index);
            set_weights::<F>(call, &mut pool, entry, &visit.before);
            trade::<F>(&mut pool, &visit.terms, form);
            set_weights::<F>(call, &mut pool, entry, &visit.here);
            trade::<F>(&mut pool, &visit.terms, form);
        }
        let sample = call.sample_of[index as usize];
        if sample != NO_SAMPLE {
            #[unroll]
            for i in 0..assets {
                output[(entry * call.sizes.samples as usize + sample as usize) * assets + i] = pool.reserves[i];
            }
        }
    }
}
