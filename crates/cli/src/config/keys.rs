//! The tree of valid keys, taken from the JSON schema so that there is one list of them.

use std::collections::BTreeMap;

use serde_json::Value;

/// A key of the configuration, or a table of them.
#[derive(Clone, Debug)]
pub enum KeyNode {
    /// A value.
    Value {
        /// What it means.
        meaning: String,
        /// The names it accepts, if it accepts only names.
        options: Vec<String>,
    },
    /// A table with these keys.
    Table(BTreeMap<String, KeyNode>),
    /// A table with any keys, such as tickers, or a list of tables, whose keys are the positions from 0.
    Map(Box<KeyNode>),
}

impl KeyNode {
    /// The keys of [`super::RunConfig`].
    pub fn of_run_config() -> Self {
        let schema = super::json_schema();
        build(&schema, &schema, "")
    }

    /// The node at a path of keys.
    pub fn at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Self> {
        path.into_iter().try_fold(self, |node, key| match node {
            Self::Value { .. } => None,
            Self::Table(keys) => keys.get(key),
            Self::Map(entry) => Some(&**entry),
        })
    }

    /// All full keys of values below this node. Any key of a map is written `*`.
    pub fn paths(&self, prefix: &str) -> Vec<String> {
        let join = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
        match self {
            Self::Value { .. } => vec![prefix.to_owned()],
            Self::Table(keys) => keys.iter().flat_map(|(key, node)| node.paths(&join(key))).collect(),
            Self::Map(entry) => entry.paths(&join("*")),
        }
    }

    /// The valid key nearest to an unknown one: a sibling that is spelt alike, else a key of that name in another
    /// section, else any key that is spelt alike.
    pub fn nearest(&self, parent: &[String], key: &str) -> Option<String> {
        let whole = |last: &str| parent.iter().map(String::as_str).chain([last]).collect::<Vec<_>>().join(".");
        let siblings: Vec<&str> = match self.at(parent.iter().map(String::as_str)) {
            Some(Self::Table(keys)) => keys.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        if let Some(sibling) = nearest_name(key, siblings.iter().copied()) {
            return Some(whole(sibling));
        }
        let paths: Vec<String> = self.paths("").into_iter().filter(|path| !path.contains('*')).collect();
        let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
        let same_name = paths.iter().find(|path| last(path) == key);
        same_name.cloned().or_else(|| nearest_name(&whole(key), paths.iter().map(String::as_str)).map(str::to_owned))
    }
}

/// The name nearest to `given`, if one is near enough to be a misspelling.
pub fn nearest_name<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let compared = |name: &str| {
        let name = name.to_lowercase();
        (strsim::jaro_winkler(&given, &name), strsim::damerau_levenshtein(&given, &name))
    };
    names
        .into_iter()
        .map(|name| {
            let (likeness, edits) = compared(name);
            (likeness, edits, name)
        })
        .filter(|(likeness, edits, name)| *edits <= (name.chars().count() / 3).max(1) || *likeness >= 0.9)
        .min_by(|left, right| left.1.cmp(&right.1).then(right.0.total_cmp(&left.0)))
        .map(|(_, _, name)| name)
}

fn build(root: &Value, schema: &Value, meaning: &str) -> KeyNode {
    let meaning = schema.get("description").and_then(Value::as_str).unwrap_or(meaning);
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let name = target.rsplit('/').next().unwrap_or(target);
        return build(root, &root["$defs"][name], meaning).described(meaning);
    }
    if let Some(alternatives) = schema.get("anyOf").and_then(Value::as_array)
        && let Some(present) = alternatives.iter().find(|alternative| alternative["type"] != "null")
        && alternatives.len() == 2
    {
        return build(root, present, meaning).described(meaning);
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let keys = properties.iter().map(|(key, value)| (key.clone(), build(root, value, ""))).collect();
        return KeyNode::Table(keys);
    }
    if let Some(entry) = schema.get("additionalProperties").filter(|entry| entry.is_object()) {
        return KeyNode::Map(Box::new(build(root, entry, meaning)));
    }
    if let Some(entry) = schema.get("items")
        && let table @ KeyNode::Table(_) = build(root, entry, meaning)
    {
        return KeyNode::Map(Box::new(table));
    }
    KeyNode::Value { meaning: meaning.replace('\n', " "), options: options(schema) }
}

impl KeyNode {
    /// The meaning of a key stands with the key, not with its type.
    fn described(self, key_meaning: &str) -> Self {
        match self {
            Self::Value { options, .. } if !key_meaning.is_empty() => {
                Self::Value { meaning: key_meaning.replace('\n', " "), options }
            }
            other => other,
        }
    }
}

fn options(schema: &Value) -> Vec<String> {
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    let described = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let described = described.flat_map(|option| {
        let several = option.get("enum").and_then(Value::as_array).cloned().unwrap_or_default();
        option.get("const").cloned().into_iter().chain(several)
    });
    listed.cloned().chain(described).filter_map(|option| option.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_key_has_a_meaning() {
        let tree = KeyNode::of_run_config();
        for path in tree.paths("") {
            let node = tree.at(path.split('.')).unwrap();
            let KeyNode::Value { meaning, .. } = node else { panic!("{path} is not a value") };
            assert!(!meaning.is_empty(), "{path} has no documentation");
        }
    }

    #[test]
    fn keys_that_scripts_rely_upon_exist() {
        let paths = KeyNode::of_run_config().paths("");
        for key in [
            "train.iterations",
            "train.objective",
            "train.learning_rate",
            "train.parameter_sets",
            "train.batch_size",
            "pool.rule",
            "pool.fee_rate",
            "pool.arbitrage",
            "pool.execution",
            "pool.compat.min_variance_lookahead",
            "runtime.device",
            "runtime.precision",
            "runtime.threads",
            "runtime.seed",
        ] {
            assert!(paths.iter().any(|path| path == key), "{key} is gone");
        }
    }

    #[test]
    fn misspelt_keys_find_their_neighbour() {
        let tree = KeyNode::of_run_config();
        let nearest = |parent: &[&str], key: &str| {
            let parent: Vec<String> = parent.iter().map(|part| (*part).to_owned()).collect();
            tree.nearest(&parent, key)
        };
        assert_eq!(nearest(&["train"], "iteratons").as_deref(), Some("train.iterations"));
        assert_eq!(nearest(&["train"], "lerning_rate").as_deref(), Some("train.learning_rate"));
        assert_eq!(nearest(&[], "trian").as_deref(), Some("train"));
        assert_eq!(nearest(&[], "learning_rate").as_deref(), Some("train.learning_rate"));
        assert_eq!(nearest(&["pool"], "learning_rate").as_deref(), Some("train.learning_rate"));
        assert_eq!(nearest(&["train"], "zzz"), None);
    }

    #[test]
    fn names_that_a_key_accepts_are_known() {
        let tree = KeyNode::of_run_config();
        let KeyNode::Value { options, .. } = tree.at(["pool", "interpolation"]).unwrap() else { panic!() };
        assert_eq!(options, &["linear", "approx_optimal"]);
        let KeyNode::Value { options, .. } = tree.at(["runtime", "precision"]).unwrap() else { panic!() };
        assert_eq!(options, &["f64", "f32"]);
    }
}
