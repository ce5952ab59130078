//! How long something takes.

use std::error::Error;
use std::time::Instant;

/// How often something is repeated.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// At most so often, after once to warm up.
    pub repetitions: usize,
    /// Not again after so many seconds in all.
    pub seconds: f64,
}

/// Time of one run.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Median, in seconds.
    pub seconds: f64,
    /// Runs that it is the median of.
    pub repetitions: usize,
}

/// Runs once to warm up, then several times, and takes the median. `run` waits for the device before it returns.
pub fn median(
    patience: Patience,
    mut run: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Timing, Box<dyn Error>> {
    let start = Instant::now();
    run()?;
    let mut seconds = Vec::new();
    while seconds.is_empty() || seconds.len() < patience.repetitions && start.elapsed().as_secs_f64() < patience.seconds
    {
        let start = Instant::now();
        run()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(Timing { seconds: seconds[seconds.len() / 2], repetitions: seconds.len() })
}
