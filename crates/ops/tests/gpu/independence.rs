//! What runs beside a set changes no bit of it.

use burn::tensor::{DType, Device, DeviceKind};
use gradpool_ops::guardrails::{GuardrailInputs, GuardrailSettings, guardrails};
use gradpool_ops::recurrence::{RecurrenceForm, RecurrenceOptions, recurrence};

use crate::common::{Numbers, tensor, values};

#[test]
fn sets_do_not_touch_each_other() {
    let (sets, rows, assets) = (5, 150, 3);
    let mut numbers = Numbers(31);
    let input = numbers.list(sets * rows * assets, -0.01, 0.01);
    let decay = numbers.list(sets * assets, 0.9, 0.999);
    let initial = numbers.weights(sets, assets);
    let settings = GuardrailSettings {
        interpolation_rows: 24,
        minimum_weight: 0.05,
        maximum_change_per_row: 2e-3,
        straight_through_limits: false,
        straight_through_cap: false,
    };
    let device = Device::wgpu(DeviceKind::DefaultDevice);
    let run = |set: usize, count: usize| {
        let part = |all: &[f64], width: usize| all[set * width..(set + count) * width].to_vec();
        let place = |values: Vec<f64>, shape: [usize; 3]| tensor(&values, shape, &device, DType::F32);
        let input = place(part(&input, rows * assets), [count, rows, assets]);
        let decay = place(part(&decay, assets), [1, count, assets]).squeeze_dim::<2>(0);
        let initial = place(part(&initial, assets), [1, count, assets]).squeeze_dim::<2>(0);
        let blocked = RecurrenceOptions { form: RecurrenceForm::Blocked, dead_zone: None };
        let outputs = recurrence(input, decay, initial.clone() * 0.0, blocked);
        let inputs = GuardrailInputs { outputs, initial, retention: None, bounds: None };
        values(&guardrails(inputs, &[4], rows - 10, &settings))
    };
    let (all, alone) = (run(0, sets), run(3, 1));
    assert_eq!(all[3 * alone.len()..4 * alone.len()], alone);
}
