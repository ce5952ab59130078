//! One layer of a configuration: a file, or one `--set`. Each is checked on its own, so that an error knows its place.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::Value;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::keys::{KeyNode, nearest_name};
use super::place::Place;
use super::{RunConfig, SCHEMA_VERSION};

/// How serde begins to say that a required key is absent.
const MISSING: &str = "missing field";

/// Where each key was written.
pub type Places = BTreeMap<String, Place>;

/// The values of one layer and where each was written.
#[derive(Debug, Default)]
pub struct Layer {
    /// The values.
    pub table: toml::Table,
    /// Full key to place.
    pub places: Places,
}

impl Layer {
    /// Parses a TOML file.
    pub fn of_file(path: &Path, text: &str, tree: &KeyNode) -> Result<Self, ConfigError> {
        parse(text, tree, true, |span| Place::in_text(path, text, &span))
    }

    /// Parses `key=value`. A value that is not valid TOML is taken as a string.
    pub fn of_set(argument: &str, tree: &KeyNode) -> Result<Self, ConfigError> {
        let (key, value) = argument
            .split_once('=')
            .map(|(key, value)| (key.trim(), value.trim()))
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| ConfigError::SetWithoutValue { argument: argument.to_owned() })?;
        let mut text = format!("{key} = {value}\n");
        if DeTable::parse(&text).is_err() {
            text = format!("{key} = {}\n", Value::String(value.to_owned()));
        }
        parse(&text, tree, false, |_| Place::Set { argument: argument.to_owned() })
    }

    /// A command-line option that stands for one key.
    pub fn of_option(name: &str, key: [&str; 2], value: Value) -> Self {
        let [section, last] = key;
        let inner = toml::Table::from_iter([(last.to_owned(), value)]);
        Self {
            table: toml::Table::from_iter([(section.to_owned(), Value::Table(inner))]),
            places: Places::from([(key.join("."), Place::Option { name: name.to_owned() })]),
        }
    }

    /// Lays `over` on top: its values win, tables are merged.
    pub fn merge(&mut self, over: Self) {
        merge_tables(&mut self.table, over.table);
        self.places.extend(over.places);
    }
}

fn merge_tables(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge_tables(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// `is_whole`: required keys must be there; a single `--set` may give one of two that belong together.
fn parse(
    text: &str,
    tree: &KeyNode,
    is_whole: bool,
    place: impl Fn(Range<usize>) -> Place,
) -> Result<Layer, ConfigError> {
    let at = |error: &toml::de::Error| place(error.span().unwrap_or(0..0));
    let syntax = |error: toml::de::Error| ConfigError::Syntax {
        place: at(&error),
        message: error.message().lines().collect::<Vec<_>>().join("; "),
    };
    let spanned = DeTable::parse(text).map_err(syntax)?;
    refuse_other_versions(text, &place)?;
    let mut keys = Vec::new();
    list_keys(spanned.get_ref(), &mut Vec::new(), &mut keys);
    for key in &keys {
        refuse_unknown(key, tree, &place)?;
    }
    if let Err(error) = toml::from_str::<RunConfig>(text)
        && (is_whole || !error.message().starts_with(MISSING))
    {
        let span = error.span().unwrap_or(0..0);
        let key = keys.iter().filter(|key| key.covers(&span)).max_by_key(|key| key.path.len());
        let path = key.map(|key| key.path.clone()).unwrap_or_default();
        return Err(type_error(&error, path, tree, at(&error)));
    }
    let places = keys.into_iter().map(|key| (key.path.join("."), place(key.key_span))).collect();
    Ok(Layer { table: toml::from_str(text).map_err(syntax)?, places })
}

/// A file of another version has other keys, so this comes before anything is said about keys.
fn refuse_other_versions(text: &str, place: &impl Fn(Range<usize>) -> Place) -> Result<(), ConfigError> {
    let spanned = DeTable::parse(text).ok();
    let version = spanned.as_ref().and_then(|table| table.get_ref().iter().find(|(key, _)| key.get_ref() == "version"));
    let Some((_, value)) = version else { return Ok(()) };
    match value.get_ref().as_integer().map(toml::de::DeInteger::as_str) {
        Some(number) if number != SCHEMA_VERSION.to_string() => Err(ConfigError::Value {
            place: Some(place(value.span())),
            key: "version".to_owned(),
            problem: format!("is {number}; this program reads version {SCHEMA_VERSION}"),
            hint: Some("use a program of that version, or bring the file up to date with `gradpool schema`".to_owned()),
        }),
        _ => Ok(()),
    }
}

struct WrittenKey {
    path: Vec<String>,
    key_span: Range<usize>,
    value_span: Range<usize>,
}

impl WrittenKey {
    fn covers(&self, span: &Range<usize>) -> bool {
        let inside = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
        inside(&self.key_span) || inside(&self.value_span)
    }
}

fn list_keys(table: &DeTable<'_>, parent: &mut Vec<String>, keys: &mut Vec<WrittenKey>) {
    for (key, value) in table {
        parent.push(key.get_ref().to_string());
        keys.push(WrittenKey { path: parent.clone(), key_span: key.span(), value_span: value.span() });
        list_below(value.get_ref(), parent, keys);
        parent.pop();
    }
}

/// The keys of a table, or of the tables in a list.
fn list_below(value: &DeValue<'_>, parent: &mut Vec<String>, keys: &mut Vec<WrittenKey>) {
    match value {
        DeValue::Table(table) => list_keys(table, parent, keys),
        DeValue::Array(entries) => {
            for (position, entry) in entries.iter().enumerate() {
                if let DeValue::Table(table) = entry.get_ref() {
                    parent.push(position.to_string());
                    keys.push(WrittenKey { path: parent.clone(), key_span: entry.span(), value_span: entry.span() });
                    list_keys(table, parent, keys);
                    parent.pop();
                }
            }
        }
        _ => {}
    }
}

fn refuse_unknown(key: &WrittenKey, tree: &KeyNode, place: &impl Fn(Range<usize>) -> Place) -> Result<(), ConfigError> {
    let path = || key.path.iter().map(String::as_str);
    if tree.at(path()).is_some() {
        return Ok(());
    }
    let (last, parent) = key.path.split_last().map_or(("", &[][..]), |(last, parent)| (last.as_str(), parent));
    // A table in the place of a value: the type error says it better.
    if matches!(tree.at(parent.iter().map(String::as_str)), Some(KeyNode::Value { .. })) {
        return Ok(());
    }
    let valid = match tree.at(parent.iter().map(String::as_str)) {
        Some(KeyNode::Table(keys)) => keys.keys().cloned().collect(),
        _ => Vec::new(),
    };
    Err(ConfigError::UnknownKey {
        place: place(key.key_span.clone()),
        key: key.path.join("."),
        nearest: tree.nearest(parent, last),
        valid,
    })
}

/// The layers were parsed one by one; laid on top of each other they can still lack a required key, such as the path of
/// a file that only got a column by `--set`.
pub fn parse_together(layers: Layer, tree: &KeyNode) -> Result<(RunConfig, Places), ConfigError> {
    let Layer { table, places } = layers;
    match table.try_into::<RunConfig>() {
        Ok(config) => Ok((config, places)),
        Err(error) => {
            // The path of keys stands on the last line: in `data.files.BTC`.
            let text = error.to_string();
            let key = text.lines().filter_map(|line| line.strip_prefix("in `")).next_back().unwrap_or_default();
            let path: Vec<String> = key.trim_end_matches('`').split('.').map(str::to_owned).collect();
            let below = |written: &&String| written.starts_with(&path.join("."));
            let place = places.keys().rfind(below).and_then(|written| places.get(written)).cloned();
            let place = place.unwrap_or_else(|| Place::Set { argument: path.join(".") });
            Err(type_error(&error, path, tree, place))
        }
    }
}

fn type_error(error: &toml::de::Error, path: Vec<String>, tree: &KeyNode, place: Place) -> ConfigError {
    let (meaning, options) = match tree.at(path.iter().map(String::as_str)) {
        Some(KeyNode::Value { meaning, options }) => (meaning.clone(), options.clone()),
        Some(KeyNode::Table(keys)) => {
            (format!("a table of {}", keys.keys().cloned().collect::<Vec<_>>().join(", ")), Vec::new())
        }
        _ => (String::new(), Vec::new()),
    };
    let given = error.message().split('`').nth(1).filter(|_| error.message().starts_with("unknown variant"));
    let nearest = given.and_then(|given| nearest_name(given, options.iter().map(String::as_str))).map(str::to_owned);
    let key = path.join(".");
    let hint = nearest
        .map(|nearest| format!("did you mean \"{nearest}\"?"))
        .or_else(|| (!meaning.is_empty()).then(|| format!("`{key}`: {meaning}")));
    ConfigError::Type { place, key, message: in_plain_words(error.message()), hint }
}

/// Serde speaks of Rust's types; users do not.
fn in_plain_words(message: &str) -> String {
    let message = message.lines().next().unwrap_or(message);
    if let Some((found, _)) = message.split_once(", expected struct ") {
        return in_plain_words(&format!("{found}, expected a table"));
    }
    [
        ("expected usize", "expected a whole number, 0 or more"),
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected u32", "expected a whole number, 0 or more"),
        ("expected f64", "expected a number"),
        ("expected a boolean", "expected true or false"),
        ("expected a sequence", "expected a list"),
        ("invalid type: ", "found "),
        ("invalid value: ", "found "),
        ("floating point `", "number `"),
    ]
    .iter()
    .fold(message.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
}
