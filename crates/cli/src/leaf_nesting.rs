//! How the numbers of a parameter nest in JSON.

use std::collections::BTreeMap;

use gradpool_strategy::bounds::BOUND_LEAVES;
use gradpool_strategy::rule::is_initial;
use gradpool_strategy::{LeafShape, LeafSpec, ParameterValues};
use serde_json::Value;

use crate::setup::Setup;

/// The parameters that a pool takes, and how each nests.
#[derive(Clone, Debug)]
pub struct LeafTable {
    /// Assets in the order of innermost lists.
    pub assets: Vec<String>,
    /// Name and nesting.
    pub leaves: Vec<(String, Nesting)>,
}

impl LeafTable {
    /// The parameters of a pool, the initial weights last.
    pub fn of(setup: &Setup) -> Self {
        let assets = setup.prices.assets();
        let strategy = setup.strategy();
        let leaves = [strategy.leaves().as_slice(), strategy.rule().initial_leaves()].concat();
        Self::new(&leaves, setup.parts.members, assets)
    }

    /// `leaves` are those of a rule with `members` copies, of bounds, and the initial weights.
    pub fn new(leaves: &[LeafSpec], members: usize, assets: &[String]) -> Self {
        let nesting = |leaf: &LeafSpec| {
            let is_shared = is_initial(&leaf.name) || BOUND_LEAVES.iter().any(|bound| bound.name == leaf.name);
            let members = if is_shared { 1 } else { members };
            (leaf.name.to_string(), Nesting::new(leaf.shape, members, assets.len()))
        };
        Self { assets: assets.to_vec(), leaves: leaves.iter().map(nesting).collect() }
    }

    /// How a parameter nests, if the pool takes it.
    pub fn nesting(&self, leaf: &str) -> Option<&Nesting> {
        self.leaves.iter().find(|(name, _)| name == leaf).map(|(_, nesting)| nesting)
    }

    /// The parameters of one set, each nested.
    pub fn nest(&self, values: &ParameterValues) -> BTreeMap<String, Value> {
        let nested = |(leaf, nesting): &(String, Nesting)| Some((leaf.clone(), nesting.nest(values.leaf(leaf)?)));
        self.leaves.iter().filter_map(nested).collect()
    }

    /// Names of all parameters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.leaves.iter().map(|(name, _)| name.as_str())
    }
}

/// Lengths of lists, outermost first: members of an ensemble, rows, assets. No list is a single number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nesting {
    lengths: Vec<usize>,
    /// The innermost list has one number per asset; one number alone holds for all.
    per_asset: bool,
}

impl Nesting {
    /// The nesting of a leaf whose shape counts all members.
    fn new(shape: LeafShape, members: usize, assets: usize) -> Self {
        let outer = if members > 1 { vec![members] } else { Vec::new() };
        let (inner, per_asset) = match shape {
            LeafShape::PerAsset => (vec![assets], true),
            LeafShape::Rows(rows) if members > 1 && rows == members => (vec![assets], true),
            LeafShape::Rows(rows) => (vec![rows / members, assets], true),
            LeafShape::Values(values) if values == members => (Vec::new(), false),
            LeafShape::Values(values) => (vec![values / members], false),
        };
        Self { lengths: [outer, inner].concat(), per_asset }
    }

    /// The values of every set in `value`; a nesting one level deeper than the leaf's own is one set after another.
    /// `None` if the numbers of lists are wrong.
    pub fn sets<'a>(&self, value: &'a Value) -> Option<Vec<Vec<&'a Value>>> {
        match value {
            Value::Array(entries) if depth(value) > self.lengths.len() && !self.is_single(entries) => {
                entries.iter().map(|entry| self.set(entry)).collect()
            }
            _ => Some(vec![self.set(value)?]),
        }
    }

    /// A list of one where a number alone is meant.
    fn is_single(&self, entries: &[Value]) -> bool {
        self.lengths.is_empty() && entries.len() == 1 && !entries[0].is_array()
    }

    /// The values of one set.
    fn set<'a>(&self, value: &'a Value) -> Option<Vec<&'a Value>> {
        let mut values = Vec::new();
        let value = match value {
            Value::Array(entries) if self.is_single(entries) => &entries[0],
            value => value,
        };
        self.collect(&self.lengths, value, &mut values).then_some(values)
    }

    fn collect<'a>(&self, lengths: &[usize], value: &'a Value, values: &mut Vec<&'a Value>) -> bool {
        let is_innermost = lengths.len() == 1;
        match (lengths.split_first(), value) {
            (Some((length, inner)), Value::Array(entries)) => {
                let fits = entries.len() == *length || is_innermost && self.per_asset && entries.len() == 1;
                fits && entries.iter().all(|entry| self.collect(inner, entry, values))
            }
            (None, Value::Array(_)) => false,
            (Some(_), _) if !(is_innermost && self.per_asset) => false,
            (_, number) => {
                values.push(number);
                true
            }
        }
    }

    /// The numbers of one set as nested lists; a number that is not finite is null.
    pub fn nest(&self, numbers: &[f64]) -> Value {
        nest(&self.lengths, numbers)
    }

    /// What would be right, in words.
    pub fn describe(&self, assets: &[String]) -> String {
        let lengths: Vec<String> = self.lengths.iter().map(ToString::to_string).collect();
        match (lengths.as_slice(), self.per_asset) {
            ([], _) => "a single number".to_owned(),
            ([length], false) => length.clone(),
            ([length], true) => format!("{length} ({})", assets.join(", ")),
            (lengths, false) => format!("nested lists of {}", lengths.join(" x ")),
            (lengths, true) => format!("nested lists of {} (innermost {})", lengths.join(" x "), assets.join(", ")),
        }
    }

    /// What to do about a wrong length.
    pub fn hint(&self) -> Option<String> {
        let alone = if self.lengths.len() == 1 { "alone" } else { "in place of an innermost list" };
        self.per_asset.then(|| format!("one number {alone} holds for every asset"))
    }
}

/// How deep lists are nested.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(entries) => 1 + entries.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Numbers in lists within lists; the innermost ones share evenly what there is.
fn nest(lengths: &[usize], numbers: &[f64]) -> Value {
    match lengths {
        [] => numbers.first().copied().map_or(Value::Null, Value::from),
        [_] => Value::from(numbers),
        [length, inner @ ..] => numbers.chunks((numbers.len() / length).max(1)).map(|part| nest(inner, part)).collect(),
    }
}

/// The lists of a value, in words: `2 values`, `nested lists of 3 x 2`.
pub fn describe_lists(value: &Value) -> String {
    let mut lengths = Vec::new();
    let mut inner = value;
    while let Value::Array(entries) = inner {
        lengths.push(entries.len().to_string());
        let Some(first) = entries.first() else { break };
        inner = first;
    }
    match lengths.as_slice() {
        [] => "a single number".to_owned(),
        [length] => format!("{length} values"),
        lengths => format!("nested lists of {}", lengths.join(" x ")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn widths(shape: LeafShape, members: usize, value: &Value) -> Option<Vec<usize>> {
        let sets = Nesting::new(shape, members, 3).sets(value)?;
        Some(sets.iter().map(Vec::len).collect())
    }

    #[test]
    fn the_own_shape_is_one_set_and_one_level_more_is_several() {
        let (one, rows, single, three) =
            (LeafShape::PerAsset, LeafShape::Rows(2), LeafShape::Values(1), LeafShape::Values(3));
        for (shape, value, expected) in [
            (one, json!(1), Some(vec![1])),
            (one, json!([1]), Some(vec![1])),
            (one, json!([1, 2, 3]), Some(vec![3])),
            (one, json!([[1, 2, 3], [4]]), Some(vec![3, 1])),
            (one, json!([[1], 2]), Some(vec![1, 1])),
            (one, json!([1, 2]), None),
            (one, json!([[[1, 2, 3]]]), None),
            (rows, json!([[1, 2, 3], [4, 5, 6]]), Some(vec![6])),
            (rows, json!([[1], [4]]), Some(vec![2])),
            (rows, json!([1, 4]), Some(vec![2])),
            (rows, json!([[[1, 2, 3], [4, 5, 6]], [[1], [2]], [1, 2]]), Some(vec![6, 2, 2])),
            (rows, json!([1, 2, 3]), None),
            (rows, json!(1), None),
            (single, json!(1), Some(vec![1])),
            (single, json!([1]), Some(vec![1])),
            (single, json!([1, 2]), Some(vec![1, 1])),
            (single, json!([[1], [2]]), Some(vec![1, 1])),
            (three, json!([1, 2, 3]), Some(vec![3])),
            (three, json!([[1, 2, 3], [1, 2, 3]]), Some(vec![3, 3])),
            (three, json!([1]), None),
        ] {
            assert_eq!(widths(shape, 1, &value), expected, "{shape:?} {value}");
        }
    }

    #[test]
    fn members_of_an_ensemble_are_the_outermost_lists_of_a_set() {
        let of_base = |shape: LeafShape| match shape {
            LeafShape::PerAsset => LeafShape::Rows(2),
            LeafShape::Rows(rows) => LeafShape::Rows(2 * rows),
            LeafShape::Values(values) => LeafShape::Values(2 * values),
        };
        for (base, value, expected) in [
            (LeafShape::PerAsset, json!([[1, 2, 3], [4, 5, 6]]), Some(vec![6])),
            (LeafShape::PerAsset, json!([1, 4]), Some(vec![2])),
            (LeafShape::PerAsset, json!([[[1, 2, 3], [4, 5, 6]], [[1], [2]], [3, 4]]), Some(vec![6, 2, 2])),
            (LeafShape::Rows(3), json!([[[1], [2], [3]], [[4], [5], [6]]]), Some(vec![6])),
            (LeafShape::Rows(3), json!([[1, 2, 3], [4, 5, 6]]), Some(vec![6])),
            (LeafShape::Values(1), json!([1, 2]), Some(vec![2])),
            (LeafShape::Values(1), json!([[1, 2], [3, 4], [5, 6]]), Some(vec![2, 2, 2])),
            (LeafShape::Values(3), json!([[1, 2, 3], [4, 5, 6]]), Some(vec![6])),
            (LeafShape::PerAsset, json!([1, 2, 3]), None),
        ] {
            assert_eq!(widths(of_base(base), 2, &value), expected, "{base:?} {value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_nested_reads_back(
            members in 1_usize..4, assets in 2_usize..5, kind in 0_usize..3, count in 2_usize..4, shared: bool,
        ) {
            let shape = match kind {
                0 if members > 1 => LeafShape::Rows(members),
                0 => LeafShape::PerAsset,
                1 => LeafShape::Rows(members * count),
                _ => LeafShape::Values(members * count),
            };
            let width = match shape {
                LeafShape::PerAsset => if shared { 1 } else { assets },
                LeafShape::Rows(rows) => if shared { rows } else { rows * assets },
                LeafShape::Values(values) => values,
            };
            let numbers: Vec<f64> = (0..width).map(|number| number as f64).collect();
            let nesting = Nesting::new(shape, members, assets);
            let nested = nesting.nest(&numbers);
            let sets = nesting.sets(&nested).unwrap();
            prop_assert_eq!(sets.len(), 1);
            let found: Vec<f64> = sets[0].iter().map(|number| number.as_f64().unwrap()).collect();
            prop_assert_eq!(found, numbers);
        }
    }
}
