//! Parameters as the reference system reads them: leaf -> list, or nested lists.

use gradpool_strategy::combinations::MIXTURE_LOGITS;
use gradpool_strategy::{LeafShape, ParameterValues};
use serde_json::{Value, json};

use crate::leaf_nesting::LeafTable;
use crate::setup::Setup;

/// The parameters with a value for every asset, which the reference system needs: it misreads one for all (spec 01, T1.1).
pub(super) fn document(setup: &Setup, values: &ParameterValues) -> Value {
    let assets = setup.prices.assets().len();
    let mut values = values.clone();
    for spec in setup.strategy().leaves() {
        let shared = match spec.shape {
            LeafShape::PerAsset => 1,
            LeafShape::Rows(rows) => rows,
            LeafShape::Values(_) => continue,
        };
        if let Some(leaf) = values.leaves.get_mut(spec.name.as_ref()).filter(|leaf| leaf.len() == shared) {
            *leaf = leaf.iter().flat_map(|value| std::iter::repeat_n(*value, assets)).collect();
        }
    }
    json!(LeafTable::of(setup).nest(&values))
}

/// What the reference system makes of them.
pub(super) fn notes(setup: &Setup, values: &ParameterValues) -> Vec<String> {
    let fees = setup.strategy().settings().fee.leaves();
    let is_own = |leaf: &str| {
        leaf.contains('.')
            || [MIXTURE_LOGITS, "logit_shrinkage"].contains(&leaf)
            || fees.iter().any(|fee| fee.name == leaf)
    };
    let named = |holds: &dyn Fn(&str) -> bool| {
        let names = values.leaves.keys().filter(|leaf| holds(leaf)).map(|leaf| format!("`{leaf}`"));
        Some(names.collect::<Vec<_>>().join(", ")).filter(|names| !names.is_empty())
    };
    let unknown = named(&is_own).map(|names| format!("quantammsim does not know {names}"));
    let lost = named(&|leaf| leaf.starts_with("sp_")).map(|names| {
        format!("quantammsim's own export to contracts leaves out {names}: export to a contract from here")
    });
    unknown.into_iter().chain(lost).collect()
}
