//! Learning rate as a function of the update (spec 07 sec. 6.2).

use serde::{Deserialize, Serialize};

/// Shape of the learning rate over the updates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// `b`.
    #[default]
    Constant,
    /// `b ((1 - a) (1 + cos(pi min(t, N) / N)) / 2 + a)`.
    Cosine,
    /// `b a^(t / N)`; keeps falling past `N`.
    Exponential,
    /// A straight line from `a b` to `b` over `W` updates, then cosine from `b` to `a b` over `N - W`.
    WarmupCosine,
}

/// A learning rate schedule with base rate `b`, `N` steps, floor ratio `a` and `W` warm-up steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Shape.
    pub kind: ScheduleKind,
    /// `b`, the highest rate.
    pub base: f64,
    /// `N`, updates until the floor is reached.
    pub steps: usize,
    /// `1 / a`: highest over lowest rate.
    pub decay_ratio: f64,
    /// `W`, used by [`ScheduleKind::WarmupCosine`] only; below `steps`.
    pub warmup_steps: usize,
}

impl Schedule {
    /// The rate of update `update`, counted from 0.
    pub fn learning_rate(&self, update: usize) -> f64 {
        let (t, steps, warmup) = (update as f64, self.steps as f64, self.warmup_steps as f64);
        let floor = 1.0 / self.decay_ratio;
        match self.kind {
            ScheduleKind::Constant => self.base,
            ScheduleKind::Cosine => self.base * cosine(floor, t, steps),
            ScheduleKind::Exponential => self.base * floor.powf(t / steps),
            // Written as a fall from the difference, as the reference does, because its rounding shows at t = 0.
            ScheduleKind::WarmupCosine if t < warmup => {
                (floor * self.base - self.base) * (1.0 - t / warmup) + self.base
            }
            ScheduleKind::WarmupCosine => self.base * cosine(floor, t - warmup, steps - warmup),
        }
    }
}

/// Falls from 1 at `t = 0` to `floor` at `t >= steps` along half a cosine.
fn cosine(floor: f64, t: f64, steps: f64) -> f64 {
    let fall = 0.5 * (1.0 + (std::f64::consts::PI * (t.min(steps) / steps)).cos());
    (1.0 - floor) * fall + floor
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(kind: ScheduleKind) -> Schedule {
        Schedule { kind, base: 0.2, steps: 100, decay_ratio: 50.0, warmup_steps: 20 }
    }

    #[test]
    fn schedules_start_and_end_where_they_say() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-15, "{a} {b}");
        near(schedule(ScheduleKind::Constant).learning_rate(1_000), 0.2);
        near(schedule(ScheduleKind::Cosine).learning_rate(0), 0.2);
        near(schedule(ScheduleKind::Cosine).learning_rate(50), 0.2 * (0.98 * 0.5 + 0.02));
        near(schedule(ScheduleKind::Cosine).learning_rate(110), 0.004);
        near(schedule(ScheduleKind::Exponential).learning_rate(100), 0.004);
        assert!(schedule(ScheduleKind::Exponential).learning_rate(110) < 0.004);
        near(schedule(ScheduleKind::WarmupCosine).learning_rate(0), 0.004);
        near(schedule(ScheduleKind::WarmupCosine).learning_rate(1), 0.004 + 0.196 / 20.0);
        near(schedule(ScheduleKind::WarmupCosine).learning_rate(20), 0.2);
        near(schedule(ScheduleKind::WarmupCosine).learning_rate(100), 0.004);
    }
}
