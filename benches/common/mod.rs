//! What benches share.

use std::time::{Duration, Instant};

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;

/// Few samples: there are many routines.
pub fn briefly(group: &mut BenchmarkGroup<'_, WallTime>) {
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
}

/// Measures a routine and returns the best time of one iteration in ms; infinite if it was filtered out.
pub fn best(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut routine: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            (0..iterations)
                .map(|_| {
                    let start = Instant::now();
                    routine();
                    let elapsed = start.elapsed();
                    best = best.min(elapsed.as_secs_f64() * 1e3);
                    elapsed
                })
                .sum()
        });
    });
    best
}
