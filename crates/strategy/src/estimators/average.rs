//! The exponentially weighted moving average (spec 02 sec. 2.1.1).

use burn::tensor::Tensor;
use gradpool_ops::recurrence::{self, RecurrenceForm, RecurrenceOptions, recurrence};

/// Rows `m_1 .. m_{N-1}` with `m_0 = x_0`, as `m_t = decay m_{t-1} + (1 - decay) x_t`.
pub(super) fn rows(series: &Tensor<3>, decay: Tensor<2>, form: RecurrenceForm) -> Tensor<3> {
    let [_, rows, assets] = series.dims();
    let [sets, _] = decay.dims();
    let first = series.clone().slice([0..1, 0..1, 0..assets]).reshape([1, assets]).expand([sets, assets]);
    let rest = series.clone().slice([0..1, 1..rows, 0..assets]);
    let complement: Tensor<3> = (decay.clone().neg() + 1.0).unsqueeze_dim(1);
    recurrence(rest * complement, decay, first, RecurrenceOptions { form, dead_zone: None })
}

/// One step of one asset.
pub(crate) fn advance(average: &mut f64, decay: f64, value: f64) {
    *average = recurrence::step(*average, decay, value * (1.0 - decay));
}

/// One step of every asset; returns the average.
pub(super) fn step(average: &mut [f64], decay: &[f64], values: &[f64]) -> Vec<f64> {
    for ((average, decay), value) in average.iter_mut().zip(decay).zip(values) {
        advance(average, *decay, *value);
    }
    average.to_vec()
}
