//! Power channel: momentum that weighs large price gradients more than small ones (spec 02 sec. 2.6).

use burn::tensor::Tensor;

use super::leaves::{GAIN_AND_DECAYS, POWER};
use super::momentum::gradient;
use crate::context::RuleContext;
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::ParameterValues;
use crate::rule::{LeafSpec, Rule};
use crate::settings::StrategySettings;
use crate::transforms::signed_power;

/// Signal `sign(g) |g / (2 q)|^e` of the relative price gradients `g` with exponents `e >= 1`, its mean removed.
#[derive(Clone, Copy, Debug)]
pub struct PowerChannel;

impl Rule for PowerChannel {
    fn name(&self) -> &'static str {
        "power_channel"
    }

    fn summary(&self) -> &'static str {
        "momentum that weighs large price gradients more than small ones"
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        GAIN_AND_DECAYS.into_iter().chain(POWER).collect()
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        vec![gradient(context)]
    }

    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        let exponent = context.exponent().clamp_min(1.0);
        let signal = scaled_power(estimates[0].clone(), context.pre_exponent_scale(), exponent);
        context.remove_mean(signal, context.gain(context.memory_days(context.decay())))
    }

    fn has_contract(&self) -> bool {
        true
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        initial.power_values(settings)
    }
}

/// `sign(g) |g / (2 q)|^e` of gradients `[sets, time, assets]` with scales and exponents `[sets, assets]`.
pub(super) fn scaled_power(gradient: Tensor<3>, scale: Tensor<2>, exponent: Tensor<2>) -> Tensor<3> {
    let shape = gradient.dims();
    let scaled = gradient / (scale * 2.0).unsqueeze_dim::<3>(1);
    signed_power(scaled, exponent.unsqueeze_dim::<3>(1).expand(shape))
}
