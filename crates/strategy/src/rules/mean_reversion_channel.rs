//! Mean-reversion channels: against small moves, with large ones (spec 02 sec. 2.6.1).

use std::f64::consts::PI;

use burn::tensor::Tensor;

use super::leaves::{
    ABSOLUTE_K, GAIN_AND_DECAYS, K, LOG_AMPLITUDE, LOG_K, LOGIT_PRE_EXP_SCALING, POWER, RAW_EXPONENTS,
    RAW_PRE_EXP_SCALING, RAW_WIDTH, SP_AMPLITUDE, SP_WIDTH,
};
use super::momentum::{gain_and_decay, gradient, gradient_contract};
use super::power_channel::scaled_power;
use crate::context::RuleContext;
use crate::contract::{
    AMPLITUDE, ContractList, ContractObstacle, ContractRule, ContractTerms, EXPONENT, INVERSE_SCALING, KAPPA,
    PRE_EXP_SCALING, USE_RAW_PRICE, WIDTH, shared_if_equal,
};
use crate::estimators::Estimator;
use crate::initial::InitialSettings;
use crate::parameters::ParameterValues;
use crate::rule::{LeafShape, LeafSpec, Rule};
use crate::settings::StrategySettings;
use crate::transforms::{inverse_squareplus, logistic, memory_days_of_decay};

/// Largest value of `z - z^3 / 6` inside a channel, as the reference writes it.
const CHANNEL_PEAK: f64 = 0.5415;

/// A mean-reverting channel around zero gradient, and a power-law trend outside it, of one gradient.
#[derive(Clone, Copy, Debug)]
pub struct MeanReversionChannel;

/// The same with a gradient of its own for channel, trend and envelope.
#[derive(Clone, Copy, Debug)]
pub struct TripleThreat;

/// Gradients for channel, trend and envelope, `[sets, time, assets]`.
struct Gradients {
    channel: Tensor<3>,
    trend: Tensor<3>,
    envelope: Tensor<3>,
}

/// ```text
/// env = exp(-g_env^2 / (2 width^2))     z = pi g_ch / (3 width)
/// x = -amplitude env (z - z^3 / 6) / 0.5415 + (1 - env) sign(g_tr) |g_tr / (2 q)|^e
/// ```
fn signal(gradients: Gradients, amplitude: Tensor<2>, context: &RuleContext<'_>) -> Tensor<3> {
    let row = |tensor: Tensor<2>| tensor.unsqueeze_dim::<3>(1);
    let width = context.width();
    let inverse = width.recip();
    let relative = gradients.envelope * row(inverse.clone());
    let envelope = (relative.clone() * relative * -0.5).exp();
    let z = gradients.channel * row(inverse * (PI / 3.0));
    let cubic = z.clone() - z.clone() * z.clone() * z * (1.0 / 6.0);
    let channel = envelope.clone() * cubic * row(amplitude * (-1.0 / CHANNEL_PEAK));
    let trend = scaled_power(gradients.trend, context.pre_exponent_scale(), context.exponent());
    channel + (envelope.neg() + 1.0) * trend
}

impl Rule for MeanReversionChannel {
    fn name(&self) -> &'static str {
        "mean_reversion_channel"
    }

    fn summary(&self) -> &'static str {
        "against small price gradients, with large ones"
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        let channel = [SP_AMPLITUDE, LOG_AMPLITUDE, SP_WIDTH, RAW_WIDTH];
        GAIN_AND_DECAYS.into_iter().chain(channel).chain(POWER).collect()
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        vec![gradient(context)]
    }

    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        let gradient = estimates[0].clone();
        let memory = context.memory_days(context.decay());
        let gradients = Gradients { channel: gradient.clone(), trend: gradient.clone(), envelope: gradient };
        let signal = signal(gradients, context.amplitude(memory.clone()), context);
        context.remove_mean(signal, context.gain(memory))
    }

    fn has_contract(&self) -> bool {
        true
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        let from_log2 = |list: &[f64]| initial.leaf(list, settings, |raw| inverse_squareplus(raw.exp2()));
        initial
            .power_values(settings)
            .with("sp_amplitude", from_log2(&initial.log_amplitude))
            .with("sp_width", from_log2(&initial.raw_width))
    }

    fn contract(&self, context: &RuleContext<'_>) -> Result<ContractTerms, Vec<ContractObstacle>> {
        let memory = context.memory_days(context.decay());
        let peak = Tensor::full([1, context.settings.assets], CHANNEL_PEAK, (&context.device(), context.dtype()));
        let lists = shared_if_equal([
            ContractList::new(KAPPA, context.gain(memory.clone())),
            ContractList::new(WIDTH, context.width()),
            ContractList::new(AMPLITUDE, context.amplitude(memory)),
            ContractList::new(EXPONENT, context.exponent()),
            ContractList::new(INVERSE_SCALING, peak),
            ContractList::new(PRE_EXP_SCALING, context.pre_exponent_scale()),
        ]);
        let lists = lists.into_iter().chain([ContractList::single(USE_RAW_PRICE, 0.0)]).collect();
        gradient_contract(ContractRule::ChannelFollowing, lists, context)
    }

    /// The contract's inverse scaling is not a parameter here; a value of its own goes into the amplitude.
    fn values_of_contract(&self, terms: &ContractTerms, settings: &StrategySettings) -> Option<ParameterValues> {
        let values = gain_and_decay(terms).filter(|_| terms.rule == ContractRule::ChannelFollowing)?;
        let list = |name: &str| terms.list(name);
        if list(USE_RAW_PRICE)? != [0.0] {
            return None;
        }
        let amplitudes: Vec<f64> =
            list(AMPLITUDE)?.iter().zip(list(INVERSE_SCALING)?).map(|(a, h)| a * (CHANNEL_PEAK / h)).collect();
        let memories: Vec<f64> = terms
            .decays(amplitudes.len().max(terms.lambda.len()))
            .into_iter()
            .map(|decay| memory_days_of_decay(decay, settings.update_interval_min()).min(settings.maximum_memory_days))
            .collect();
        let amplitude = |asset: usize| amplitudes[if amplitudes.len() == 1 { 0 } else { asset }];
        let per_day = memories.iter().enumerate().map(|(asset, memory)| (amplitude(asset) / memory).log2()).collect();
        let log2 = |list: &[f64]| list.iter().map(|value| value.log2()).collect::<Vec<_>>();
        let exponents = list(EXPONENT)?.iter().map(|exponent| inverse_squareplus(*exponent)).collect();
        let values =
            values.with("log_amplitude", per_day).with("raw_width", log2(list(WIDTH)?)).with("sp_exponents", exponents);
        let scaling = list(PRE_EXP_SCALING)?;
        if settings.pre_exponent_scaling {
            return Some(values.with("raw_pre_exp_scaling", log2(scaling)));
        }
        Some(values).filter(|_| scaling.iter().all(|scale| *scale == 0.5))
    }
}

/// Rows of `logit_lamb` in [`TripleThreat`].
const ROWS: usize = 3;

const LOGIT_LAMB_ROWS: LeafSpec =
    LeafSpec::required("logit_lamb", "decays of channel, trend and envelope = logistic", (-4.0, 8.0))
        .with_shape(LeafShape::Rows(ROWS));
const LOGIT_LAMB_FOR_EWMA: LeafSpec = LeafSpec::required(
    "logit_lamb_for_ewma",
    "decay of the average in the denominator, whose memory scales gain and amplitude = logistic",
    (-4.0, 8.0),
);

impl Rule for TripleThreat {
    fn name(&self) -> &'static str {
        "triple_threat_mean_reversion_channel"
    }

    fn summary(&self) -> &'static str {
        "mean_reversion_channel with a memory of its own for channel, trend and envelope"
    }

    fn leaves(&self) -> Vec<LeafSpec> {
        vec![
            LOG_K,
            K,
            ABSOLUTE_K,
            LOGIT_LAMB_ROWS,
            LOGIT_LAMB_FOR_EWMA,
            LOG_AMPLITUDE,
            RAW_WIDTH,
            RAW_EXPONENTS,
            LOGIT_PRE_EXP_SCALING,
            RAW_PRE_EXP_SCALING,
        ]
    }

    fn estimators(&self, context: &RuleContext<'_>) -> Vec<Estimator> {
        let denominator = context.capped(logistic(context.required("logit_lamb_for_ewma")));
        (0..ROWS)
            .map(|row| Estimator::Gradient {
                decay: context.capped(logistic(context.required_row("logit_lamb", row, ROWS))),
                denominator_decay: Some(denominator.clone()),
            })
            .collect()
    }

    fn signal(&self, estimates: &[Tensor<3>], context: &RuleContext<'_>) -> Tensor<3> {
        let memory = context.memory_days(logistic(context.required("logit_lamb_for_ewma")));
        let gradients =
            Gradients { channel: estimates[0].clone(), trend: estimates[1].clone(), envelope: estimates[2].clone() };
        let signal = signal(gradients, context.amplitude(memory.clone()), context);
        context.remove_mean(signal, context.gain(memory))
    }

    fn initial_values(&self, initial: &InitialSettings, settings: &StrategySettings) -> ParameterValues {
        let decay = initial.logit_decay(initial.memory_days, settings);
        let as_it_is = |list: &[f64]| initial.leaf(list, settings, |raw| raw);
        ParameterValues::new([
            ("log_k", initial.leaf(&initial.k_per_day, settings, f64::log2)),
            ("logit_lamb", decay.repeat(ROWS)),
            ("logit_lamb_for_ewma", decay),
            ("log_amplitude", as_it_is(&initial.log_amplitude)),
            ("raw_width", as_it_is(&initial.raw_width)),
            ("raw_exponents", as_it_is(&initial.raw_exponents)),
            ("raw_pre_exp_scaling", initial.leaf(&initial.pre_exp_scaling, settings, f64::log2)),
        ])
    }
}
