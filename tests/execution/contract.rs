//! A strategy with one parameter set as a deployed pool: its contract's parameters by hand (spec 13 sec. 5 and 12), and the state
//! that its estimators have at deployment.

use gradpool::chain::Int256;
use gradpool::chain::decimal::{from_f64, weights_from_f64};
use gradpool::chain::rules::Rule;
use gradpool::chain::runner::{InitialState, PERFORM_UPDATE, Pool, PoolSettings};
use gradpool::market::PriceTable;
use gradpool::strategy::{EstimatorState, ParameterSets, ParameterValues, RuleContext, Strategy, StreamingStrategy};
use gradpool::tensor::{DType, Device, Tensor};

/// When pools are created, in seconds.
pub const CREATED: u64 = 1_700_000_000;

pub fn integers(values: &[f64]) -> Vec<Int256> {
    values.iter().map(|value| from_f64(*value).unwrap()).collect()
}

fn unsigned(value: f64) -> u64 {
    from_f64(value).unwrap().to_i128().unwrap().try_into().unwrap()
}

/// The rule's lists of parameters and the decays of its pool.
struct Parameters {
    rule: Rule,
    lists: Vec<Vec<f64>>,
    decay: Vec<f64>,
}

fn parameters(strategy: &Strategy, values: &ParameterValues) -> Parameters {
    let sets = ParameterSets::from_values(std::slice::from_ref(values), &Device::flex(), DType::F64).unwrap();
    let context = RuleContext::new(&sets, strategy.settings());
    let host = |tensor: Tensor<2>| tensor.into_data().iter::<f64>().collect::<Vec<_>>();
    let memory = || context.memory_days(context.decay());
    let gain = || host(context.gain(memory()));
    let decay = || host(context.capped(context.decay()));
    match strategy.rule().name() {
        "momentum" => Parameters { rule: Rule::Momentum, lists: vec![gain()], decay: decay() },
        "anti_momentum" => Parameters { rule: Rule::AntiMomentum, lists: vec![gain()], decay: decay() },
        "power_channel" => {
            // (g / 2q)^e = (2q)^-e g^e, folded into the gain; all assets must have the same factor.
            let exponent = host(context.exponent().clamp_min(1.0));
            let scale = host(context.pre_exponent_scale());
            let factors: Vec<f64> = scale.iter().zip(&exponent).map(|(scale, e)| (2.0 * scale).powf(-e)).collect();
            assert!(factors.iter().all(|factor| *factor == factors[0]));
            let gain = gain().iter().zip(factors).map(|(gain, factor)| gain * factor).collect();
            Parameters { rule: Rule::PowerChannel, lists: vec![gain, exponent], decay: decay() }
        }
        "mean_reversion_channel" => {
            let assets = strategy.settings().assets;
            let lists = vec![
                gain(),
                host(context.width()),
                host(context.amplitude(memory())),
                host(context.exponent()),
                vec![0.5415; assets],
                host(context.pre_exponent_scale()),
                vec![0.0],
            ];
            Parameters { rule: Rule::ChannelFollowing, lists, decay: decay() }
        }
        "difference_momentum" => {
            let days = ["memory_days_1", "memory_days_2"].map(|leaf| context.days(leaf).unwrap());
            let [long, short] = days.clone().map(|days| host(context.capped(context.decay_of_days(days))));
            let [first, second] = days;
            let gain = host(context.gain(first.max_pair(second))).iter().map(|gain| -gain).collect();
            Parameters { rule: Rule::DifferenceMomentum, lists: vec![gain, short], decay: long }
        }
        "min_variance" => {
            let decay = host(context.capped(context.decay_of_days(context.days("memory_days_1").unwrap())));
            Parameters { rule: Rule::MinimumVariance, lists: vec![host(context.smoothing())], decay }
        }
        other => panic!("there is no contract of {other}"),
    }
}

/// Moving averages and the rule's second state after the coarse rows `0..=last`.
fn state(stream: &StreamingStrategy, prices: &PriceTable, interval: usize, last: usize) -> (Vec<f64>, Vec<f64>) {
    let mut state = stream.initial_rule_state(prices.row(0));
    for coarse in 1..=last {
        stream.rule_output(&mut state, prices.row(coarse * interval));
    }
    match &state.estimators[..] {
        [EstimatorState::Gradient(state)] => (state.average.clone(), state.running.clone()),
        [EstimatorState::PriceVariance(state)] => (state.mean.clone(), state.spread.clone()),
        [EstimatorState::Average(long), EstimatorState::Average(short)] => (long.clone(), short.clone()),
        other => panic!("no contract has the state {other:?}"),
    }
}

/// The pool of a strategy that is deployed at a row of a price table, a multiple of its update interval.
pub fn deployed(strategy: &Strategy, values: &ParameterValues, prices: &PriceTable, row: usize) -> Pool {
    let stream = strategy.streaming(values).unwrap();
    let settings = strategy.settings();
    let contract = settings.execution_settings().unwrap();
    let Parameters { rule, lists, decay } = parameters(strategy, values);
    let lists: Vec<Vec<Int256>> = lists.iter().map(|list| integers(list)).collect();
    assert!(rule.valid_parameters(&lists), "{rule}: {lists:?}");
    let interval = settings.update_interval_rows;
    let (averages, intermediate) = state(&stream, prices, interval, row / interval);
    let pool = PoolSettings {
        rule,
        parameters: lists,
        lambda: decay.into_iter().map(unsigned).collect(),
        epsilon_max: unsigned(contract.largest_change),
        guard_rail: unsigned(contract.minimum_weight),
        update_interval: u64::from(contract.interval_seconds),
        oracle_staleness: 1,
        registry: PERFORM_UPDATE,
    };
    let initial = InitialState {
        weights: weights_from_f64(stream.initial_weights()).unwrap(),
        moving_averages: integers(&averages),
        intermediate: integers(&intermediate),
        time: CREATED,
    };
    Pool::new(pool, &initial).unwrap()
}
