//! What holds for every input.
#![allow(clippy::unwrap_used)]

use gradpool_chain::estimators::Lambda;
use gradpool_chain::fixed_point::{
    ONE, SCALE, divide, exponential, exponential_base_2, logarithm_base_2, multiply, power, signal_power,
};
use gradpool_chain::guard::{guard, upper_rail};
use gradpool_chain::interpolation::{MAXIMUM_ASSETS, StoredWeights};
use gradpool_chain::multiplier::{NEVER, run};
use gradpool_chain::packing::{
    NINE_DECIMALS, pack_array, pack_eight, pack_nine_decimals, unpack_array, unpack_eight, unpack_nine_decimals,
};
use gradpool_chain::rules::{Caller, Rule, RuleCall};
use gradpool_chain::runner::{InitialState, Pool, PoolSettings};
use gradpool_chain::validation::Proposal;
use gradpool_chain::weighted_math::{Rounding, Swap, SwapKind, balance_for_invariant_ratio, invariant};
use gradpool_chain::{Int256, Uint256};
use proptest::collection::vec;
use proptest::prelude::*;

const UNIT: u64 = SCALE as u64;

/// Any 256 bits, with the edges and the usual magnitudes often among them.
fn any_integer() -> impl Strategy<Value = Int256> {
    prop_oneof![
        any::<[u64; 4]>().prop_map(|limbs| Int256::from_bits(Uint256::from_limbs(limbs))),
        any::<i128>().prop_map(Int256::new),
        (-100 * SCALE..100 * SCALE).prop_map(Int256::new),
        prop::sample::select(vec![
            Int256::MIN,
            Int256::MAX,
            Int256::ZERO,
            ONE,
            Int256::new(1),
            Int256::new(-1),
            Int256::new(i128::MAX),
            Int256::new(i128::MIN),
        ]),
    ]
}

fn any_setting() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..=UNIT, prop::sample::select(vec![0, 1, UNIT - 1, UNIT, UNIT + 1, u64::MAX])]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    prop::sample::select(Rule::ALL.to_vec())
}

/// Weights of nine decimals that sum to one, each at the guard rail or above.
fn railed_weights(guard_rail: i128) -> impl Strategy<Value = Vec<Int256>> {
    vec(1..1_000_i128, 2..=MAXIMUM_ASSETS).prop_map(move |shares| {
        let free = SCALE - guard_rail * shares.len() as i128;
        let total: i128 = shares.iter().sum();
        let mut weights: Vec<i128> =
            shares.iter().map(|share| guard_rail + free / NINE_DECIMALS * share / total * NINE_DECIMALS).collect();
        weights[0] += SCALE - weights.iter().sum::<i128>();
        weights.into_iter().map(Int256::new).collect()
    })
}

fn sum(values: &[Int256]) -> Int256 {
    values.iter().fold(Int256::ZERO, |sum, value| sum.wrapping_add(*value))
}

proptest! {
    #[test]
    fn guarded_weights_sum_to_exactly_one(
        weights in vec((any_integer(), any_integer()), 1..=MAXIMUM_ASSETS),
        epsilon_max in any_setting(),
        guard_rail in any_setting(),
    ) {
        let (weights, previous): (Vec<_>, Vec<_>) = weights.into_iter().unzip();
        if let Ok(guarded) = guard(&weights, &previous, epsilon_max, guard_rail) {
            prop_assert_eq!(sum(&guarded), ONE);
        }
    }

    #[test]
    fn usual_weights_are_always_guarded_and_move_no_more_than_allowed(
        previous in railed_weights(SCALE / 20),
        raw in vec(-2 * SCALE..3 * SCALE, MAXIMUM_ASSETS),
        epsilon_max in UNIT / 1000..=UNIT,
    ) {
        let raw: Vec<Int256> = raw[..previous.len()].iter().map(|value| Int256::new(*value)).collect();
        let guarded = guard(&raw, &previous, epsilon_max, UNIT / 20).unwrap();
        prop_assert_eq!(sum(&guarded), ONE);
        // The repair of the sum puts what is missing on one asset, whatever its limit.
        let moves = guarded.iter().zip(&previous).map(|(to, from)| to.wrapping_sub(*from).to_i128().unwrap().abs());
        let beyond = moves.filter(|change| *change > i128::from(epsilon_max) + 8).count();
        prop_assert!(beyond <= 1);
    }

    #[test]
    fn no_weight_leaves_its_rail_before_the_run_ends(
        current in railed_weights(SCALE / 20),
        raw in vec(-SCALE..2 * SCALE, MAXIMUM_ASSETS),
        interval in 1..200_000_u64,
        share in 0.0..=1.0_f64,
    ) {
        let now = 1_700_000_000;
        let raw: Vec<Int256> = raw[..current.len()].iter().map(|value| Int256::new(*value)).collect();
        let target = guard(&raw, &current, UNIT / 10, UNIT / 20).unwrap();
        let found = run(&current, &target, interval, UNIT / 20, now).unwrap();
        let (lowest, highest) = (Int256::from(UNIT / 20), upper_rail(current.len(), UNIT / 20).unwrap());
        prop_assume!(current.iter().all(|weight| (lowest..=highest).contains(weight)));
        let values = [current.clone(), found.multipliers].concat();
        let Ok(stored) = StoredWeights::new(&values, current.len(), now, found.last_interpolation_time) else {
            return Ok(());
        };
        let seconds = ((found.last_interpolation_time - now) as f64 * share) as u64;
        for time in [now + seconds, found.last_interpolation_time, NEVER] {
            for weight in stored.at(time).unwrap() {
                prop_assert!((lowest..=highest).contains(&weight), "{weight} at {time}");
            }
        }
        prop_assert_eq!(stored.at(NEVER), stored.at_swap(found.last_interpolation_time));
    }

    #[test]
    fn packed_state_is_read_back(values in vec(any::<i128>(), 2..=MAXIMUM_ASSETS)) {
        let values: Vec<Int256> = values.into_iter().map(Int256::new).collect();
        prop_assert_eq!(unpack_array(&pack_array(&values).unwrap(), values.len()), Ok(values));
    }

    #[test]
    fn packed_weights_are_read_back(values in vec(any::<i32>(), 1..=20)) {
        let wide: Vec<Int256> =
            values.iter().map(|value| Int256::new(i128::from(*value) * NINE_DECIMALS)).collect();
        prop_assert_eq!(unpack_nine_decimals(&pack_nine_decimals(&wide).unwrap(), wide.len()), Ok(wide));
        let eight: [i32; 8] = std::array::from_fn(|index| values.get(index).copied().unwrap_or(0));
        prop_assert_eq!(unpack_eight(pack_eight(&eight)), eight);
    }

    #[test]
    fn stored_weights_are_read_back(values in vec(any::<(i32, i32)>(), 1..=MAXIMUM_ASSETS)) {
        let wide = |value: i32| Int256::new(i128::from(value) * NINE_DECIMALS);
        let weights = values.iter().map(|(weight, _)| wide(*weight));
        let flat: Vec<Int256> = weights.chain(values.iter().map(|(_, multiplier)| wide(*multiplier))).collect();
        prop_assert_eq!(StoredWeights::new(&flat, values.len(), 1, 2).unwrap().stored(), values);
    }

    #[test]
    fn integers_are_read_back(value in any_integer()) {
        prop_assert_eq!(value.to_string().parse(), Ok(value));
        prop_assert_eq!(Int256::from_bits(value.to_bits()), value);
        prop_assert_eq!(Int256::from_magnitude(value.is_negative(), value.magnitude()), Some(value));
    }

    #[test]
    fn logarithm_and_exponential_undo_each_other(value in SCALE / 1_000_000..SCALE * 1_000_000) {
        let found = exponential_base_2(logarithm_base_2(Int256::new(value)).unwrap()).unwrap().to_i128().unwrap();
        // Both lose a few units of the last decimal, and an exponential stretches those of its exponent.
        prop_assert!((found - value).abs() <= 40 + value / (SCALE / 100), "{found} for {value}");
    }

    #[test]
    fn fixed_point_never_panics(x in any_integer(), y in any_integer()) {
        let _ = (multiply(x, y), divide(x, y), power(x, y), signal_power(x, y));
        let _ = (exponential(x), exponential_base_2(x), logarithm_base_2(x));
        let _ = (x.checked_add(y), x.checked_sub(y), x.checked_mul(y), x.checked_div(y), x.checked_rem(y));
        let _ = (x.to_f64(), x.to_i128(), x.low_i128());
    }

    #[test]
    fn packing_never_panics(values in vec(any_integer(), 0..20), assets in 0..20_usize) {
        let _ = (unpack_array(&values, assets), pack_array(&values), pack_nine_decimals(&values));
        let _ = unpack_nine_decimals(&values, assets);
    }

    #[test]
    fn rules_never_panic(
        rule in any_rule(),
        weights in vec(any_integer(), 0..=9),
        prices in vec(any_integer(), 0..=9),
        parameters in vec(vec(any_integer(), 0..=4), 0..=8),
        lambda in vec(any_setting(), 0..=4),
        state in vec(any::<i128>().prop_map(Int256::new), 0..=9),
        settings in (any_setting(), any_setting()),
    ) {
        let call = RuleCall {
            caller: Caller::Runner,
            previous_weights: &weights,
            prices: &prices,
            parameters: &parameters,
            lambda: Lambda(&lambda),
            epsilon_max: settings.0,
            guard_rail: settings.1,
        };
        let _ = rule.valid_parameters(&parameters);
        let _ = rule.initialise(&prices, &state, prices.len());
        if let Ok(mut state) = rule.initialise(&state, &state, state.len()) {
            let before = state.clone();
            if rule.calculate(&mut state, &call).is_err() {
                prop_assert_eq!(state, before);
            }
        }
    }

    #[test]
    fn pools_never_panic(
        rule in any_rule(),
        weights in vec(prop_oneof![Just(Int256::new(SCALE / 2)), any_integer()], 0..=3),
        manual in vec(prop_oneof![Just(Int256::new(SCALE / 2)), (-SCALE..SCALE).prop_map(Int256::new)], 0..=9),
        parameters in vec(vec(1..100 * SCALE, 1..=2), 0..=7),
        times in vec(any::<u64>(), 3),
        settings in (any_setting(), any_setting(), any_setting()),
    ) {
        let parameters =
            parameters.into_iter().map(|list| list.into_iter().map(Int256::new).collect()).collect();
        let settings = PoolSettings {
            rule,
            parameters,
            lambda: vec![settings.0],
            epsilon_max: settings.1,
            guard_rail: settings.2,
            update_interval: times[2] % 100_000,
            oracle_staleness: times[1],
            registry: 1,
        };
        let initial = InitialState {
            moving_averages: vec![ONE; weights.len()],
            intermediate: vec![ONE; weights.len()],
            weights,
            time: times[0],
        };
        let _ = Proposal::new(settings.clone(), initial.clone()).deploy();
        if let Ok(mut pool) = Pool::new(settings, &initial) {
            for time in times {
                let _ = pool.perform_update(time, &vec![Int256::new(2 * SCALE); pool.assets()]);
                let _ = (pool.weights_at(time), pool.stored_weights().at_swap(time));
                let _ = pool.set_target_weights_manually(&manual, time, time);
                let _ = pool.set_weights_manually(&manual, time, time / 2);
                let _ = pool.stored_weights().slots();
            }
        }
    }

    #[test]
    fn runs_never_panic(
        weights in vec((any_integer(), any_integer()), 0..=9),
        interval in any::<u64>(),
        guard_rail in any_setting(),
        now in any::<u64>(),
    ) {
        let (current, target): (Vec<_>, Vec<_>) = weights.into_iter().unzip();
        if let Ok(found) = run(&current, &target, interval, guard_rail, now) {
            prop_assert!(found.last_interpolation_time <= NEVER);
        }
    }

    #[test]
    fn swaps_never_panic(
        amounts in vec(any_integer().prop_map(Int256::to_bits), 3),
        weights in vec(any_integer(), 2),
        ratio in any_setting(),
        exact_in in any::<bool>(),
    ) {
        let kind = if exact_in { SwapKind::ExactIn } else { SwapKind::ExactOut };
        for index_out in [1, 2] {
            let swap = Swap {
                kind,
                amount: amounts[2],
                balances: &amounts[..2],
                weights: &weights,
                index_in: 0,
                index_out,
                maximum_trade_size_ratio: ratio,
            };
            let _ = swap.amount_calculated();
        }
        let _ = (invariant(&amounts, &weights, Rounding::Up), invariant(&amounts, &weights, Rounding::Down));
        let _ = balance_for_invariant_ratio(amounts[0], weights[0].to_bits(), amounts[1]);
    }
}
