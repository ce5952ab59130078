//! Threads over the batch. Each task owns its part of the results, so the number of threads changes no bit.

use rayon::prelude::*;

/// Work below which threads cost more than they save, in elementary steps of about a nanosecond.
const WORTH_A_THREAD: usize = 50_000;

/// Runs `body` on each task, on several threads when `work` (elementary steps in all) is worth it.
pub fn run<T: Send>(tasks: Vec<T>, work: usize, body: impl Fn(T) + Send + Sync) {
    if tasks.len() < 2 || work < WORTH_A_THREAD || rayon::current_num_threads() < 2 {
        tasks.into_iter().for_each(body);
    } else {
        tasks.into_par_iter().for_each(body);
    }
}

/// Cuts a buffer into `count` equal parts, or hands out `count` times nothing where there is no buffer.
pub fn pieces<F>(buffer: Option<&mut [F]>, count: usize) -> Vec<Option<&mut [F]>> {
    match buffer {
        Some(buffer) if !buffer.is_empty() => {
            let length = buffer.len() / count;
            buffer.chunks_exact_mut(length).map(Some).collect()
        }
        _ => (0..count).map(|_| None).collect(),
    }
}
