//! The tutorial contract on values computed by hand.
#![allow(clippy::unwrap_used)]

use gradpool_chain::Int256;
use gradpool_chain::fixed_point::{ONE, SCALE};
use gradpool_chain::tutorial::{
    Bounds, Pool, Settings, TutorialError, average, block_multiplier, last_interpolation_block, momentum_weights,
};
use proptest::prelude::*;

/// Thousandths, with 18 decimals.
fn thousandths(value: i128) -> Int256 {
    Int256::new(value * (SCALE / 1000))
}

fn list(values: &[i128]) -> Vec<Int256> {
    values.iter().map(|value| thousandths(*value)).collect()
}

fn bounds() -> Bounds {
    Bounds::new(thousandths(100), thousandths(900)).unwrap()
}

fn settings() -> Settings {
    Settings { lambda: thousandths(940), gain: ONE, bounds: bounds(), update_interval: 100 }
}

#[test]
fn the_average_cuts_each_product() {
    assert_eq!(average(thousandths(100_000), thousandths(110_000), thousandths(940)), Ok(thousandths(100_600)));
    // 7 * 0.5 and 4 units * 0.5 are 3.5 and 2 units: 3 + 2.
    assert_eq!(average(Int256::new(7), Int256::new(4), thousandths(500)), Ok(Int256::new(5)));
    assert_eq!(average(Int256::new(7), Int256::new(5), thousandths(500)), Ok(Int256::new(5)));
    assert_eq!(average(ONE, ONE, thousandths(1001)), Err(TutorialError::Lambda(thousandths(1001))));
    assert_eq!(average(Int256::MAX, ONE, ONE), Err(TutorialError::Overflow));
    assert_eq!(average(ONE, thousandths(-1), ONE), Err(TutorialError::Negative(thousandths(-1))));
}

/// Against averages with 36 decimals, over 10 000 updates with lambda 0.94: each update loses up to two units and keeps
/// 0.94 of what was lost before, so that the loss stays below 2 / 0.06 units.
#[test]
fn rounding_losses_compound_until_they_are_forgotten() {
    let lambda = thousandths(940);
    let start = Int256::new(1_234_567_890_123_456_789);
    let finer = |value: Int256| value.checked_mul(ONE).unwrap();
    let (mut coarse, mut fine) = (start, finer(start));
    let mut losses = vec![];
    for update in 0..10_000_i128 {
        let price = start.checked_add(Int256::new(update * update * 7_919 % 1_000_003)).unwrap();
        coarse = average(coarse, price, lambda).unwrap();
        fine = average(fine, finer(price), lambda).unwrap();
        losses.push(fine.checked_sub(finer(coarse)).unwrap().to_f64() / 1e18);
    }
    let largest = losses.iter().copied().fold(0.0, f64::max);
    let mean = losses.iter().skip(1000).sum::<f64>() / 9000.0;
    assert!(losses.iter().all(|loss| *loss >= 0.0));
    assert!(losses[0] < 2.0 && largest < 2.0 / 0.06, "{largest}");
    // Two cuts lose one unit on average.
    assert!((mean - 1.0 / 0.06).abs() < 0.5, "{mean}");
}

#[test]
fn a_multiplier_has_the_sign_of_its_change_and_cuts_toward_zero() {
    assert_eq!(block_multiplier(thousandths(500), thousandths(600), 100), Ok(thousandths(1)));
    assert_eq!(block_multiplier(thousandths(500), thousandths(400), 100), Ok(thousandths(-1)));
    assert_eq!(block_multiplier(ONE, ONE, 7), Ok(Int256::ZERO));
    assert_eq!(block_multiplier(Int256::ZERO, Int256::new(-20), 7), Ok(Int256::new(-2)));
    assert_eq!(block_multiplier(ONE, ONE, 0), Err(TutorialError::NoBlocks));
}

#[test]
fn momentum_moves_weights_to_what_rose_more_than_its_average() {
    // Gradients 0.1 and -0.1, mean 0.
    let prices = list(&[110_000, 90_000]);
    let averages = list(&[100_000, 100_000]);
    let weights = momentum_weights(&list(&[500, 500]), &prices, &averages, thousandths(500)).unwrap();
    assert_eq!(weights, list(&[550, 450]));
    let error = |previous: &[i128], averages: &[i128]| {
        momentum_weights(&list(previous), &prices, &list(averages), ONE).unwrap_err()
    };
    assert_eq!(error(&[500, 500], &[1, 0]), TutorialError::ZeroAverage(1));
    assert_eq!(error(&[500, 500], &[1]), TutorialError::Length { expected: 2, found: 1 });
    assert_eq!(error(&[1000], &[1]), TutorialError::FewAssets);
}

#[test]
fn the_run_ends_at_the_first_bound() {
    let end = |weights: &[i128], multipliers: &[i128]| {
        last_interpolation_block(&list(weights), &list(multipliers), bounds(), 1000).unwrap()
    };
    // 0.3 of room at 0.001 a block; 0.2 at 0.003.
    assert_eq!(end(&[600, 300], &[1, -3]), Some(1066));
    assert_eq!(end(&[600, 400], &[0, 0]), None);
    // At or beyond the bound that the weight moves to: no block more. Away from it: the whole way.
    assert_eq!(end(&[900, 100], &[1, -1]), Some(1000));
    assert_eq!(end(&[950, 50], &[1, 0]), Some(1000));
    assert_eq!(end(&[900, 100], &[-1, 1]), Some(1800));
    assert!(matches!(Bounds::new(ONE, ONE), Err(TutorialError::Bounds { .. })));
}

#[test]
fn an_update_waits_for_its_interval_and_runs_on_past_its_target() {
    let mut pool = Pool::new(settings(), list(&[500, 500]), list(&[100_000, 100_000]), 1000).unwrap();
    let prices = list(&[100_000, 100_000]);
    assert_eq!(pool.trigger_update(1099, &prices), Err(TutorialError::IntervalNotElapsed { next: 1100 }));
    pool.trigger_update(1100, &prices).unwrap();
    assert_eq!((pool.multipliers(), pool.last_interpolation_block()), (&list(&[0, 0])[..], None));
    assert_eq!(pool.weights_at(u64::MAX).unwrap(), list(&[500, 500]));

    // Averages become 106 and 94: gradients 94/106 and -94/94, which send both weights to their bounds.
    pool.trigger_update(1200, &list(&[200_000, 0])).unwrap();
    assert_eq!(pool.averages(), list(&[106_000, 94_000]));
    assert_eq!(pool.multipliers(), list(&[4, -4]));
    assert_eq!(pool.last_interpolation_block(), Some(1300));
    assert_eq!(pool.weights_at(1250).unwrap(), list(&[700, 300]));
    assert_eq!(pool.weights_at(5000).unwrap(), list(&[900, 100]));
    assert_eq!(pool.weights_at(1199), Err(TutorialError::BeforeLastUpdate { block: 1199, last_update_block: 1200 }));

    // With all weights at their bounds and the same wish, nothing moves.
    pool.trigger_update(1300, &list(&[200_000, 0])).unwrap();
    assert_eq!(pool.multipliers(), list(&[0, 0]));
    assert_eq!(pool.weights_at(9000).unwrap(), list(&[900, 100]));
}

#[test]
fn a_refused_update_changes_nothing() {
    let mut pool = Pool::new(settings(), list(&[500, 500]), list(&[0, 100]), 0).unwrap();
    let before = pool.clone();
    assert_eq!(pool.trigger_update(100, &list(&[0, 100])), Err(TutorialError::ZeroAverage(0)));
    assert_eq!(pool.trigger_update(100, &list(&[1])), Err(TutorialError::Length { expected: 2, found: 1 }));
    assert_eq!(pool, before);
}

proptest! {
    #[test]
    fn the_sum_of_weights_moves_by_less_than_two_units_per_asset(
        assets in prop::collection::vec((1..10_i128.pow(24), 1..10_i128.pow(24)), 2..9),
        gain in 0..=SCALE,
    ) {
        let (prices, averages): (Vec<_>, Vec<_>) =
            assets.iter().map(|(price, average)| (Int256::new(*price), Int256::new(*average))).unzip();
        let previous = vec![Int256::new(SCALE / assets.len() as i128); assets.len()];
        let sum = |weights: &[Int256]| weights.iter().map(|weight| weight.to_i128().unwrap()).sum::<i128>();
        let moved = momentum_weights(&previous, &prices, &averages, Int256::new(gain)).unwrap();
        prop_assert!((sum(&moved) - sum(&previous)).abs() < 2 * assets.len() as i128);
    }
}
