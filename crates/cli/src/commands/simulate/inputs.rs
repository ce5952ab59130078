//! `--input KIND=FILE`: the keys of `[pool.inputs]` as options.

use std::str::FromStr;

use crate::config::{InputsSection, nearest_name};
use crate::output::Hinted;

const KINDS: [&str; 5] = InputsSection::KEYS;

/// A file for one of the kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    kind: &'static str,
    path: String,
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

/// The files as arguments of `--set`, to lie on top of all others.
pub(super) fn overrides(files: &[InputFile]) -> anyhow::Result<Vec<String>> {
    if let Some((index, twice)) =
        files.iter().enumerate().find(|(index, file)| files[..*index].iter().any(|other| other.kind == file.kind))
    {
        let first = files[..index].iter().find(|other| other.kind == twice.kind).map_or("", |other| &other.path);
        return Err(Hinted::new(
            format!("`--input {}` is given twice: {first} and {}", twice.kind, twice.path),
            "put all rows into one file",
        )
        .into());
    }
    let quoted = |path: &String| toml::Value::String(path.clone());
    Ok(files.iter().map(|file| format!("pool.inputs.{}={}", file.kind, quoted(&file.path))).collect())
}
