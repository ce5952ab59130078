//! Recurrences, one row after the other and in blocks.

use gradpool_ops::recurrence::{RecurrenceForm, RecurrenceOptions, recurrence};

use crate::common::Numbers;
use crate::{assert_close, both};

#[test]
fn recurrences() {
    for (form, dead_zone) in
        [(RecurrenceForm::Sequential, None), (RecurrenceForm::Sequential, Some(0.05)), (RecurrenceForm::Blocked, None)]
    {
        for (sets, inputs, rows, assets) in [(1, 1, 5, 2), (3, 1, 150, 3), (2, 2, 200, 5)] {
            let mut numbers = Numbers(7);
            let input = numbers.list(inputs * rows * assets, -1.0, 1.0);
            let decay = numbers.list(sets * assets, 0.5, 0.999);
            let initial = numbers.list(sets * assets, -1.0, 1.0);
            let inputs = [(input, [inputs, rows, assets]), (decay, [1, sets, assets]), (initial, [1, sets, assets])];
            let found = both(&inputs, &|inputs| {
                let [decay, initial] = [1, 2].map(|index| inputs[index].clone().squeeze_dim::<2>(0));
                recurrence(inputs[0].clone(), decay, initial, RecurrenceOptions { form, dead_zone })
            });
            assert_close(&found, 1e-5, 1e-4);
        }
    }
}
