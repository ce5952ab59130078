//! Power channel: momentum that weighs large price gradients more than small ones (spec 02 sec. 2.6).

use burn::tensor::Tensor;

use super::leaves::{GAIN_AND_DECAYS, POWER};
use super::momentum::{gain_and_decay, gradient, gradient_contract};
use crate::context::RuleContext;
use crate::contract::{
    ContractList, ContractObstacle, ContractRule, ContractTerms, EXPONENT, KAPPA, shared_if_equal, to_host,
};
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::ParameterValues;
use crate::rule::{LeafSpec, Rule};
use crate::settings::StrategySettings;
use crate::transforms::{inverse_squareplus, signed_power};

/// Largest relative difference between the powers of scalings that counts as rounding.
const ROUNDING: f64 = 1e-12;

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

    /// The contract does not scale: `k |g / (2 q)|^e` becomes `kappa |g|^e` with `kappa = k (2 q)^-e`. That is the same only
    /// if the factor is, for the mean that is removed weighs with gains.
    fn contract(&self, context: &RuleContext<'_>) -> Result<ContractTerms, Vec<ContractObstacle>> {
        let exponents = to_host(context.exponent().clamp_min(1.0));
        let scales = to_host(context.pre_exponent_scale());
        let factors: Vec<f64> =
            exponents.iter().zip(scales).map(|(exponent, scale)| (2.0 * scale).powf(-exponent)).collect();
        let gains = to_host(context.gain(context.memory_days(context.decay())));
        let kappa = gains.iter().zip(&factors).map(|(gain, factor)| gain * factor).collect();
        let lists = shared_if_equal([
            ContractList { name: KAPPA, values: kappa },
            ContractList { name: EXPONENT, values: exponents },
        ]);
        let found = gradient_contract(ContractRule::PowerChannel, lists.into(), context);
        if factors.iter().all(|factor| (factor / factors[0] - 1.0).abs() <= ROUNDING) {
            return found;
        }
        Err([found.err().unwrap_or_default(), vec![ContractObstacle::UnequalScaling]].concat())
    }

    fn values_of_contract(&self, terms: &ContractTerms, _: &StrategySettings) -> Option<ParameterValues> {
        let exponents = terms.list(EXPONENT)?.iter().map(|exponent| inverse_squareplus(*exponent)).collect();
        gain_and_decay(terms)
            .filter(|_| terms.rule == ContractRule::PowerChannel)
            .map(|values| values.with("sp_exponents", exponents))
    }
}

/// `sign(g) |g / (2 q)|^e` of gradients `[sets, time, assets]` with scales and exponents `[sets, assets]`.
pub(super) fn scaled_power(gradient: Tensor<3>, scale: Tensor<2>, exponent: Tensor<2>) -> Tensor<3> {
    let shape = gradient.dims();
    let scaled = gradient / (scale * 2.0).unsqueeze_dim::<3>(1);
    signed_power(scaled, exponent.unsqueeze_dim::<3>(1).expand(shape))
}
