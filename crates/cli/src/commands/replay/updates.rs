//! `--updates`: when a keeper triggers updates.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use gradpool_chain::replay::{Keeper, trigger_times};
use gradpool_market::load_times;
use gradpool_trainer::random::{Purpose, stream, unit};

use crate::config::nearest_name;
use crate::output::Hinted;

const EXPECTED: &str =
    "punctual, late:SECONDS, missed:ONE_IN, random:SEED, or a CSV file with a column unix of the times";

/// Of `random:SEED`: the share of an update interval that an update is late by at most, and of the updates that never come.
const LATEST: f64 = 0.25;
const MISSED: f64 = 0.1;

/// A keeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Updates {
    /// As soon as the pool allows it.
    Punctual,
    /// So many seconds later.
    Late(u64),
    /// One in so many never comes.
    Missed(usize),
    /// Late by a random part of up to a quarter of an interval; one in ten never comes.
    Random(u64),
    /// At the times of a file.
    File(PathBuf),
}

impl FromStr for Updates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, number) = text.split_once(':').map_or((text, None), |(kind, number)| (kind, Some(number)));
        let whole = |unit: &str, least: u64| {
            let number = number.and_then(|number| number.parse::<u64>().ok()).filter(|number| *number >= least);
            number.ok_or_else(|| format!("expected {kind}:{unit}, a whole number of at least {least}"))
        };
        match kind {
            "punctual" if number.is_none() => Ok(Self::Punctual),
            "late" => whole("SECONDS", 0).map(Self::Late),
            "missed" => whole("ONE_IN", 2).map(|count| Self::Missed(usize::try_from(count).unwrap_or(usize::MAX))),
            "random" => whole("SEED", 0).map(Self::Random),
            _ if Path::new(text).exists() || Path::new(text).extension().is_some() => Ok(Self::File(text.into())),
            _ => {
                let nearest = nearest_name(kind, ["punctual", "late", "missed", "random"]);
                let nearest = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
                Err(format!("expected {EXPECTED}{nearest}"))
            }
        }
    }
}

/// Times of triggers, and how many more the file had.
pub(super) struct Times {
    /// In seconds, inside the period.
    pub(super) inside: Vec<u64>,
    /// Number of times outside it.
    pub(super) outside: usize,
}

/// When a pool's updates are due, in seconds.
pub(super) struct Due {
    /// The first.
    pub(super) first: u64,
    /// From the pool's deployment to the end.
    pub(super) period: Range<u64>,
    /// Between two updates, at least.
    pub(super) interval: u64,
}

impl Updates {
    /// When updates of a pool are triggered.
    ///
    /// # Errors
    /// What is wrong with a file, or that there is no update.
    pub(super) fn times(&self, due: &Due) -> anyhow::Result<Times> {
        let Due { first, ref period, interval } = *due;
        let of = |keeper: Keeper| keeper.times(first, period.end, interval);
        let all = match self {
            Self::Punctual => of(Keeper::PUNCTUAL),
            Self::Late(delay) => of(Keeper { delay: *delay, misses_one_in: 0 }),
            Self::Missed(one_in) => of(Keeper { delay: 0, misses_one_in: *one_in }),
            Self::Random(seed) => trigger_times(first, period.end, interval, |count| {
                let mut random = stream(*seed, Purpose::Keeper, count, 0);
                ((unit(&mut random) * LATEST * interval as f64) as u64, unit(&mut random) >= MISSED)
            }),
            Self::File(path) => {
                let times = load_times(path)?;
                times.into_iter().map(|time_ms| u64::try_from(time_ms / 1000).unwrap_or(0)).collect()
            }
        };
        let count = all.len();
        let inside: Vec<u64> = all.into_iter().filter(|time| period.contains(time)).collect();
        if inside.is_empty() {
            let problem = match self {
                Self::File(path) => format!("no time of {} is inside the period", path.display()),
                _ => "no update is due inside the period".to_owned(),
            };
            return Err(
                Hinted::new(problem, "choose a longer period with `--on FROM..TO`, or other `--updates`").into()
            );
        }
        Ok(Times { outside: count - inside.len(), inside })
    }

    /// In words.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Punctual => "punctual".to_owned(),
            Self::Late(delay) => format!("{delay} s late"),
            Self::Missed(one_in) => format!("one in {one_in} missed"),
            Self::Random(seed) => {
                format!("up to {} % of an interval late, one in ten missed, seed {seed}", 100.0 * LATEST)
            }
            Self::File(path) => format!("times of {}", path.display()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn updates_are_words_or_files() {
        let parse = |text: &str| text.parse::<Updates>();
        assert_eq!(parse("punctual"), Ok(Updates::Punctual));
        assert_eq!(parse("late:60"), Ok(Updates::Late(60)));
        assert_eq!(parse("missed:2"), Ok(Updates::Missed(2)));
        assert_eq!(parse("random:0"), Ok(Updates::Random(0)));
        assert_eq!(parse("times.csv"), Ok(Updates::File("times.csv".into())));
        for bad in ["late", "late:soon", "late:-1", "missed:1", "random:1.5", "punctual:1", "lat:60", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("lat:60").unwrap_err().contains("did you mean `late`?"));
    }
}
