//! `--input KIND=FILE`: series that change while the pool runs (spec 06 sec. 6.7).

use std::path::PathBuf;
use std::str::FromStr;

use crate::config::nearest_name;
use crate::output::Hinted;

const KINDS: [&str; 5] = ["fees", "gas_cost", "arb_fees", "lp_supply", "trades"];

/// A file for one of the kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    kind: &'static str,
    path: PathBuf,
}

impl InputFile {
    /// The error of using it.
    pub fn not_available(&self) -> anyhow::Error {
        Hinted::new(
            format!("`--input {}={}` is not available in this version", self.kind, self.path.display()),
            "costs are constant here yet: `pool.fee_rate`, `pool.gas_cost`, `pool.arbitrage_fee`",
        )
        .into()
    }
}

impl FromStr for InputFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, path) = text.split_once('=').ok_or("expected KIND=FILE")?;
        match KINDS.iter().find(|known| **known == kind) {
            Some(kind) if !path.is_empty() => Ok(Self { kind, path: path.into() }),
            Some(_) => Err("the file is missing after `=`".to_owned()),
            None => {
                let nearest = nearest_name(kind, KINDS).map(|name| format!("; did you mean `{name}`?"));
                Err(format!("unknown kind `{kind}`; known: {}{}", KINDS.join(", "), nearest.unwrap_or_default()))
            }
        }
    }
}
