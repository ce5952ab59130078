//! Guard rails with every option.

use gradpool_ops::guardrails::{GuardrailInputs, GuardrailSettings, guardrails};

use crate::common::Numbers;
use crate::{assert_close, both};

#[test]
fn guardrails_with_every_option() {
    let (sets, windows, rows, ramps) = (3, 2, 20, 12);
    for (assets, straight) in [(2, false), (4, true), (8, false)] {
        for (has_retention, has_bounds) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut numbers = Numbers(11);
            let outputs = numbers.list(sets * rows * assets, -0.1, 0.1);
            let initial = numbers.weights(sets * windows, assets);
            let retention = numbers.list(sets * assets, 0.6, 0.95);
            let (low, high) = (0.3 / assets as f64, 1.8 / assets as f64);
            let bounds = (0..sets).flat_map(|_| [vec![low; assets], vec![high; assets]].concat()).collect();
            let inputs = [
                (outputs, [sets, rows, assets]),
                (initial, [1, sets * windows, assets]),
                (retention, [1, sets, assets]),
                (bounds, [sets, 2, assets]),
            ];
            let wanted = [true, true, has_retention, has_bounds];
            let given: Vec<_> =
                inputs.into_iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(input, _)| input).collect();
            let settings = GuardrailSettings {
                interpolation_rows: 24,
                minimum_weight: 0.05,
                maximum_change_per_row: 2e-3,
                straight_through_limits: straight,
                straight_through_cap: straight,
            };
            let found = both(&given, &|inputs| {
                let mut inputs = inputs.iter().cloned();
                let mut next = || inputs.next().unwrap();
                let (outputs, initial) = (next(), next().squeeze_dim::<2>(0));
                let inputs = GuardrailInputs {
                    outputs,
                    // Which of two equal changes is the largest is rounding; along weights that sum to one it does not matter.
                    initial: initial.clone() / initial.sum_dim(1),
                    retention: has_retention.then(|| next().squeeze_dim::<2>(0)),
                    bounds: has_bounds.then(&mut next),
                };
                guardrails(inputs, &[0, 7], ramps, &settings)
            });
            assert_close(&found, 1e-5, 1e-3);
        }
    }
}
