//! Maps between raw parameters and what they mean (spec 01 sec. 1.2 and 1.3), on the host and on tensors.

use burn::tensor::Tensor;

use crate::settings::MINUTES_PER_DAY;

/// Smallest decay whose memory is differentiated; below, `decay^(1/3)` has no finite slope (trap T1.3).
const SMALLEST_DECAY: f64 = 1e-12;

/// `1 / (1 + e^-x)`, elementwise.
pub fn logistic<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // Not burn's sigmoid: its default form, which NdArray uses, goes through f32 whatever the tensor's type.
    (x.neg().exp() + 1.0).recip()
}

/// `2^x`, elementwise.
pub fn power_of_two<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    (x * std::f64::consts::LN_2).exp()
}

/// `(x + sqrt(x^2 + 4)) / 2`, elementwise: positive, 1 at 0.
pub fn squareplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // squareplus(-x) = 1 / squareplus(x); as written, small gains would be differences of large numbers.
    let negative = x.clone().detach().lower_elem(0.0);
    let size = x.clone().mask_where(negative.clone(), x.neg());
    let root = ((size.clone() * size.clone() + 4.0).sqrt() + size) * 0.5;
    root.clone().mask_where(negative, root.recip())
}

/// Memory in days of an EWMA with this decay: `cbrt(6 decay / (1 - decay)^3) * 2 * interval / 1440` (spec 01 sec. 1.3.1),
/// for any shape of decays; `interval_min` is the update interval.
pub fn memory_days<const D: usize>(decay: Tensor<D>, interval_min: f64) -> Tensor<D> {
    let complement = decay.clone().neg() + 1.0;
    let cube_root = ((decay.clamp_min(SMALLEST_DECAY) * 6.0).log() * (1.0 / 3.0)).exp();
    cube_root / complement * (2.0 * interval_min / MINUTES_PER_DAY)
}

/// The decay whose memory is `days`, elementwise (spec 01 sec. 1.3.2, the form of [`decay_of_memory_days`]); days are
/// positive.
pub fn decay_of_memory<const D: usize>(days: Tensor<D>, interval_min: f64) -> Tensor<D> {
    // sqrt(3 S) = sqrt(x^3 / 2) with x = 1440 days / (2 interval).
    let ratio = days * (MINUTES_PER_DAY / (2.0 * interval_min));
    let root = (ratio.clone() * ratio.clone() * ratio * 0.5).sqrt();
    let third = (root.clone() * 1.5).asinh() * (1.0 / 3.0);
    (third.sinh() * 2.0 / root).neg() + 1.0
}

/// `min(max(x, lower), upper)` with slope one everywhere (spec 03 sec. 3.4).
pub fn clip_straight_through<const D: usize>(x: Tensor<D>, lower: f64, upper: f64) -> Tensor<D> {
    let clipped = x.clone().detach().clamp(lower, upper);
    x.clone() + (clipped - x.detach())
}

/// `sign(x) |x|^exponent`, elementwise; zero with zero slope at `x = 0`.
pub fn signed_power<const D: usize>(x: Tensor<D>, exponent: Tensor<D>) -> Tensor<D> {
    let zero = x.clone().detach().equal_elem(0.0);
    let size = x.clone().abs().mask_fill(zero.clone(), 1.0);
    let power = (size.log() * exponent).exp();
    (power * x.detach().sign()).mask_fill(zero, 0.0)
}

/// [`memory_days`] of one decay on the host.
pub fn memory_days_of_decay(decay: f64, interval_min: f64) -> f64 {
    (6.0 * decay).cbrt() / (1.0 - decay) * 2.0 * interval_min / MINUTES_PER_DAY
}

/// The decay whose memory is `days` (spec 01 sec. 1.3.2): with `S = (1440 days / (2 interval))^3 / 6` and `u = 1 - decay`,
/// the root of `S u^3 + u - 1 = 0` in its well-conditioned form
/// `u = 2 / sqrt(3 S) * sinh(asinh(3/2 sqrt(3 S)) / 3)`. Zero days give zero.
pub fn decay_of_memory_days(days: f64, interval_min: f64) -> f64 {
    if days <= 0.0 {
        return 0.0;
    }
    let scale = (MINUTES_PER_DAY * days / (2.0 * interval_min)).powi(3) / 6.0;
    let root = (3.0 * scale).sqrt();
    1.0 - 2.0 / root * ((1.5 * root).asinh() / 3.0).sinh()
}

/// `ln(y / (1 - y))`.
pub fn logit(y: f64) -> f64 {
    (y / (1.0 - y)).ln()
}

/// The raw value whose [`squareplus`] is `y`: `(y^2 - 1) / y`.
pub fn inverse_squareplus(y: f64) -> f64 {
    (y * y - 1.0) / y
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device, TensorData};
    use proptest::prelude::*;

    #[test]
    fn defaults_of_the_reference_are_reproduced() {
        // Spec 01 sec. 1.9: 10 days at a daily interval.
        let raw = logit(decay_of_memory_days(10.0, 1440.0));
        assert!((raw - 0.755_429_980_824_209_9).abs() < 1e-14, "{raw}");
        assert_eq!(inverse_squareplus(20.0), 19.95);
    }

    proptest! {
        #[test]
        fn memory_and_decay_are_inverse(days in 1e-3..2000.0f64, interval in prop::sample::select(vec![1.0, 60.0, 1440.0])) {
            let decay = decay_of_memory_days(days, interval);
            prop_assert!((0.0..1.0).contains(&decay));
            // 1 - decay is what carries the digits.
            let back = memory_days_of_decay(decay, interval);
            prop_assert!((back / days - 1.0).abs() < 1e-15 / (1.0 - decay) + 1e-13, "{back} {days}");
        }

        #[test]
        fn tensors_and_host_agree(raw in -8.0..8.0f64) {
            let device = Device::flex();
            let tensor = Tensor::<1>::from_data(TensorData::new(vec![raw], [1]), (&device, DType::F64));
            let decay = logistic(tensor.clone()).into_scalar::<f64>();
            prop_assert!((decay - 1.0 / (1.0 + (-raw).exp())).abs() < 1e-15);
            let days = memory_days(logistic(tensor.clone()), 60.0).into_scalar::<f64>();
            prop_assert!((days / memory_days_of_decay(decay, 60.0) - 1.0).abs() < 1e-14);
            prop_assert!((power_of_two(tensor.clone()).into_scalar::<f64>() / raw.exp2() - 1.0).abs() < 1e-14);
            let root = squareplus(tensor).into_scalar::<f64>();
            prop_assert!((inverse_squareplus(root) - raw).abs() < 1e-11);
        }

        #[test]
        fn squareplus_and_its_slope_keep_their_digits(raw in prop_oneof![Just(0.0), -1e5..1e5f64, -1.0..1.0f64]) {
            let device = Device::flex().autodiff();
            let tensor = Tensor::<1>::from_data(TensorData::new(vec![raw], [1]), (&device, DType::F64)).require_grad();
            let value = squareplus(tensor.clone());
            let found = value.clone().into_scalar::<f64>();
            let root = raw.hypot(2.0);
            let expected = if raw < 0.0 { 2.0 / (root - raw) } else { f64::midpoint(root, raw) };
            prop_assert!((found / expected - 1.0).abs() < 1e-15, "{found} {expected}");
            let slope = tensor.grad(&value.backward()).unwrap().into_scalar::<f64>();
            prop_assert!((slope * root / expected - 1.0).abs() < 2e-15, "{slope} {}", expected / root);
        }

        #[test]
        fn decays_of_memories_agree_on_tensors_and_host(
            days in 1e-2..1000.0f64,
            interval in prop::sample::select(vec![1.0, 60.0, 1440.0]),
        ) {
            let tensor = Tensor::<1>::from_data(TensorData::new(vec![days], [1]), (&Device::flex(), DType::F64));
            let decay = decay_of_memory(tensor, interval).into_scalar::<f64>();
            let expected = decay_of_memory_days(days, interval);
            // Small decays are a difference of two numbers near one.
            prop_assert!((decay - expected).abs() < 1e-15, "{decay} {expected}");
        }
    }
}
