//! Strategy parameters in human units.

mod reader;

use burn::tensor::{DType, Device, Tensor};
use gradpool_strategy::bounds::{BOUND_LEAVES, learned_bounds};
use gradpool_strategy::combinations::MIXTURE_LOGITS;
use gradpool_strategy::{
    INITIAL_WEIGHTS_LOGITS, OutputKind, ParameterSets, ParameterValues, Rule, StrategyError, StrategySettings,
};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::judgement::table;
use crate::rule::RuleParts;
use reader::Reader;

/// Something that people read, per asset or once.
#[derive(Clone, Debug, PartialEq)]
struct Quantity {
    /// In JSON.
    key: String,
    /// Of a column.
    heading: String,
    digits: usize,
    values: Vec<f64>,
}

impl Quantity {
    fn new(key: &str, heading: &str, digits: usize, values: Vec<f64>) -> Self {
        Self { key: key.to_owned(), heading: heading.to_owned(), digits, values }
    }

    fn text(&self, index: usize) -> String {
        let digits = self.digits;
        self.values.get(index).map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    }
}

/// Parameters that belong together: those of one member of one component, or of the pool.
#[derive(Clone, Debug, Default, PartialEq)]
struct Group {
    component: Option<String>,
    member: Option<usize>,
    per_asset: Vec<Quantity>,
    once: Vec<Quantity>,
}

/// All parameters of a set in human units.
///
/// In JSON, a list of objects: one per asset with `asset`, and one with what holds for all assets; `component` names the
/// rule of a composite, `member` counts the copies of an ensemble from 0.
#[derive(Clone, Debug, PartialEq)]
pub struct HumanUnits {
    assets: Vec<String>,
    groups: Vec<Group>,
}

impl HumanUnits {
    /// Translates a checked parameter set.
    ///
    /// # Errors
    /// If the rule's components do not go together.
    pub fn new(
        values: &ParameterValues,
        parts: &RuleParts,
        settings: &StrategySettings,
        assets: &[String],
    ) -> Result<Self, StrategyError> {
        let mut groups = Vec::new();
        for member in 0..parts.members {
            for (index, (component, rule)) in parts.components.iter().enumerate() {
                let own = own_values(values, component.as_deref(), rule.as_ref(), member, parts.members);
                let mut group = Reader { rule: rule.as_ref(), values: &own, settings }.group()?;
                if let Some(logits) = values.leaf(MIXTURE_LOGITS).filter(|_| component.is_some()) {
                    let shares = softmax(part(logits, member, parts.members));
                    group.once.insert(0, Quantity::new("share", "share", 4, vec![shares[index]]));
                }
                group.component.clone_from(component);
                group.member = (parts.members > 1).then_some(member);
                groups.push(group);
            }
        }
        let rule = parts.rule()?;
        let starts_at_weights = rule.output_kind() != OutputKind::Target && !rule.initial_leaves().is_empty();
        let pool = pool_group(values, settings, starts_at_weights)?;
        match groups.as_mut_slice() {
            [only] if only.component.is_none() && only.member.is_none() => {
                only.per_asset.extend(pool.per_asset);
                only.once.extend(pool.once);
            }
            _ => groups.push(pool),
        }
        Ok(Self { assets: assets.to_vec(), groups })
    }

    /// A table for each group, under a line that names it where there are several.
    pub fn lines(&self) -> Vec<String> {
        self.groups.iter().flat_map(|group| group.lines(&self.assets)).collect()
    }
}

impl Group {
    fn title(&self) -> Option<String> {
        let member = self.member.map(|member| format!("member {member}"));
        let once = self.once.iter().map(|quantity| format!("{} {}", quantity.heading, quantity.text(0)));
        let parts: Vec<String> = self.component.clone().into_iter().chain(member).chain(once).collect();
        (!parts.is_empty()).then(|| format!("  {}:", parts.join(", ")))
    }

    fn lines(&self, assets: &[String]) -> Vec<String> {
        let headings = self.per_asset.iter().map(|quantity| quantity.heading.clone());
        let heading = std::iter::once("asset".to_owned()).chain(headings).collect();
        let row = |(index, asset): (usize, &String)| {
            let cells = self.per_asset.iter().map(|quantity| quantity.text(index));
            std::iter::once(asset.clone()).chain(cells).collect()
        };
        let rows: Vec<Vec<String>> = std::iter::once(heading).chain(assets.iter().enumerate().map(row)).collect();
        let table = if self.per_asset.is_empty() { Vec::new() } else { table(&rows).collect() };
        self.title().into_iter().chain(table).collect()
    }
}

impl Serialize for HumanUnits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.groups.iter().flat_map(|group| group.records(&self.assets)))
    }
}

/// One object of the JSON list.
struct Record<'a> {
    group: &'a Group,
    /// Index and name; `None` for what holds for all.
    asset: Option<(usize, &'a str)>,
}

impl Group {
    fn records<'a>(&'a self, assets: &'a [String]) -> impl Iterator<Item = Record<'a>> {
        let per_asset = if self.per_asset.is_empty() { &[][..] } else { assets };
        let per_asset = per_asset.iter().enumerate().map(|(index, asset)| Some((index, asset.as_str())));
        let once = (!self.once.is_empty()).then_some(None);
        per_asset.chain(once).map(move |asset| Record { group: self, asset })
    }
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(component) = &self.group.component {
            map.serialize_entry("component", component)?;
        }
        if let Some(member) = self.group.member {
            map.serialize_entry("member", &member)?;
        }
        let (quantities, index) = match self.asset {
            Some((index, asset)) => {
                map.serialize_entry("asset", asset)?;
                (&self.group.per_asset, index)
            }
            None => (&self.group.once, 0),
        };
        for quantity in quantities {
            map.serialize_entry(&quantity.key, &quantity.values[index])?;
        }
        map.end()
    }
}

/// The part of a leaf that belongs to one member.
fn part(values: &[f64], member: usize, members: usize) -> &[f64] {
    let each = values.len() / members;
    &values[member * each..(member + 1) * each]
}

/// The leaves of one member of one component, under the names that its rule knows.
fn own_values(
    values: &ParameterValues,
    component: Option<&str>,
    rule: &dyn Rule,
    member: usize,
    members: usize,
) -> ParameterValues {
    let own = |leaf: &str| {
        let name = component.map_or_else(|| leaf.to_owned(), |component| format!("{component}.{leaf}"));
        Some((leaf.to_owned(), part(values.leaf(&name)?, member, members).to_vec()))
    };
    ParameterValues { leaves: rule.leaves().iter().filter_map(|leaf| own(&leaf.name)).collect() }
}

fn sets(values: &ParameterValues) -> Result<ParameterSets, StrategyError> {
    ParameterSets::from_values(std::slice::from_ref(values), &Device::flex(), DType::F64)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// What belongs to the pool: first weights if it starts at any, and bounds where they are parameters.
fn pool_group(
    values: &ParameterValues,
    settings: &StrategySettings,
    starts_at_weights: bool,
) -> Result<Group, StrategyError> {
    let mut per_asset = Vec::new();
    if starts_at_weights {
        let weights = initial_weights(values, settings.assets);
        per_asset.push(Quantity::new("initial_weight", "initial weight", 4, weights));
    }
    if settings.has_bound_leaves() {
        let own = |leaf: &str| Some((leaf.to_owned(), values.leaf(leaf)?.to_vec()));
        let leaves = BOUND_LEAVES.iter().filter_map(|leaf| own(&leaf.name)).collect();
        let mut minimum = numbers(learned_bounds(&sets(&ParameterValues { leaves })?, settings.assets));
        let maximum = minimum.split_off(settings.assets);
        per_asset.push(Quantity::new("minimum_weight", "minimum", 4, minimum));
        per_asset.push(Quantity::new("maximum_weight", "maximum", 4, maximum));
    }
    let fee = settings.fee.in_human_units(values, settings).into_iter();
    let once = fee.map(|(key, value)| Quantity::new(key, &key.replace('_', " "), 6, vec![value])).collect();
    Ok(Group { per_asset, once, ..Group::default() })
}

/// Initial weights of a parameter set (spec 01 sec. 1.7); equal ones if it has none.
pub fn initial_weights(values: &ParameterValues, assets: usize) -> Vec<f64> {
    match (values.leaf("initial_weights"), values.leaf(INITIAL_WEIGHTS_LOGITS)) {
        (_, Some(logits)) => softmax(logits),
        (Some(weights), None) => weights.to_vec(),
        (None, None) => vec![1.0 / assets as f64; assets],
    }
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / total).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gradpool_strategy::transforms::{decay_of_memory_days, inverse_squareplus, logit};
    use gradpool_strategy::{BoundsForm, InitialSettings, LeafSpec, RuleContext, WeightBounds};
    use serde_json::{Value, json};

    use super::*;
    use crate::config::{BlendComponent, EnsembleSection, PoolSection};

    fn human(pool: &PoolSection, settings: &StrategySettings, values: &ParameterValues) -> HumanUnits {
        let assets = ["BTC", "ETH"].map(str::to_owned);
        HumanUnits::new(values, &RuleParts::of(pool).unwrap(), settings, &assets).unwrap()
    }

    fn pool(rule: &str) -> PoolSection {
        PoolSection { rule: rule.to_owned(), ..PoolSection::default() }
    }

    /// The starting point in human units, as JSON.
    fn start(pool: &PoolSection, settings: &StrategySettings) -> Value {
        let initial = InitialSettings { memory_delta_days: 5.0, ..InitialSettings::default() };
        let rule = RuleParts::of(pool).unwrap().rule().unwrap();
        let values = initial.values(rule.as_ref(), settings).unwrap();
        let mut document = serde_json::to_value(human(pool, settings, &values)).unwrap();
        round(&mut document);
        document
    }

    fn round(value: &mut Value) {
        match value {
            Value::Number(number) => *value = json!((number.as_f64().unwrap() * 1e6).round() / 1e6),
            Value::Array(entries) => entries.iter_mut().for_each(round),
            Value::Object(entries) => entries.values_mut().for_each(round),
            _ => {}
        }
    }

    #[test]
    fn decays_are_memories_and_logarithms_are_gains() {
        let settings = StrategySettings::daily(2, 1440.0);
        let ten_days = logit(decay_of_memory_days(10.0, 1440.0));
        let values = ParameterValues::new([
            ("log_k", vec![3.0]),
            // Longer than allowed.
            ("logit_lamb", vec![ten_days, 60.0]),
            ("initial_weights_logits", vec![0.0, 3f64.ln()]),
        ]);
        let expected = [
            "  asset  memory (days)  k per day  initial weight",
            "  BTC            10.00      8.000          0.2500",
            "  ETH           365.00      8.000          0.7500",
        ];
        assert_eq!(human(&pool("momentum"), &settings, &values).lines(), expected);
    }

    #[test]
    fn every_rule_starts_where_the_settings_say() {
        let settings = StrategySettings::daily(2, 1440.0);
        let first = |rule: &str| start(&pool(rule), &settings)[0].clone();
        assert_eq!(
            first("power_channel"),
            json!({
                "asset": "BTC", "memory_days": 10.0, "k_per_day": 20.0, "exponent": 1.0, "scaling": 0.5,
                "initial_weight": 0.5,
            })
        );
        assert_eq!(
            first("triple_threat_mean_reversion_channel"),
            json!({
                "asset": "BTC", "memory_days": 10.0, "channel_memory_days": 10.0, "trend_memory_days": 10.0,
                "envelope_memory_days": 10.0, "k_per_day": 20.0, "amplitude_per_day": 1.0, "width": 1.0,
                "exponent": 1.0, "scaling": 0.5, "initial_weight": 0.5,
            })
        );
        assert_eq!(
            first("difference_momentum"),
            json!({
                "asset": "BTC", "memory_days": 10.0, "second_memory_days": 15.0, "k_per_day": 20.0,
                "initial_weight": 0.5,
            })
        );
        // One memory and one gain for all assets.
        let found = start(&pool("tutorial_momentum"), &settings);
        assert_eq!(found[0], json!({ "asset": "BTC", "initial_weight": 0.5 }));
        assert_eq!(found[2], json!({ "memory_days": 10.0, "k_per_day": 20.0 }));
        let full = PoolSection { covariance: crate::config::Covariance::Full, ..pool("min_variance") };
        let found = start(&full, &settings);
        assert_eq!(found[0], json!({ "asset": "BTC", "memory_days": 10.0, "smoothing_days": 15.0 }));
        assert_eq!(found[2], json!({ "shrinkage": 0.1 }));
        assert_eq!(first("index_market_cap"), json!({ "asset": "BTC", "smoothing_days": 10.0 }));
    }

    #[test]
    fn every_leaf_of_every_rule_is_understood() {
        for rule in gradpool_strategy::rules::builtin(&gradpool_strategy::rules::RuleOptions::default()) {
            let (values, settings) = (ParameterValues::default(), StrategySettings::daily(2, 1440.0));
            let reader = Reader { rule: rule.as_ref(), values: &values, settings: &settings };
            for leaf in rule.leaves() {
                assert!(reader.understands(&leaf), "{} of {}", leaf.name, rule.name());
            }
        }
    }

    #[test]
    fn components_members_and_bounds_have_tables_of_their_own() {
        let blend = ["momentum", "min_variance"]
            .map(|rule| BlendComponent { rule: rule.to_owned(), ..BlendComponent::default() })
            .to_vec();
        let ensemble = EnsembleSection { members: 2, ..EnsembleSection::default() };
        let pool = PoolSection { blend, ensemble, ..pool("composite") };
        let bounds = WeightBounds { minimum: vec![0.1, 0.2], maximum: vec![0.7, 0.8], form: BoundsForm::Learned };
        let settings = StrategySettings { bounds: Some(bounds), ..StrategySettings::daily(2, 1440.0) };
        let rule = RuleParts::of(&pool).unwrap().rule().unwrap();
        let mut values = InitialSettings::default().values(rule.as_ref(), &settings).unwrap();
        values.leaves.insert("mixture_logits".to_owned(), vec![0.0, 0.0, 0.0, 3f64.ln()]);
        let lines = human(&pool, &settings, &values).lines();
        let titles: Vec<&String> = lines.iter().filter(|line| line.ends_with(':')).collect();
        assert_eq!(
            titles,
            [
                "  momentum, member 0, share 0.5000:",
                "  min_variance, member 0, share 0.5000:",
                "  momentum, member 1, share 0.2500:",
                "  min_variance, member 1, share 0.7500:",
            ]
        );
        assert_eq!(
            lines[lines.len() - 3..],
            [
                "  asset  initial weight  minimum  maximum",
                "  BTC            0.5000   0.1000   0.7000",
                "  ETH            0.5000   0.2000   0.8000",
            ]
        );
        let records = serde_json::to_value(human(&pool, &settings, &values)).unwrap();
        assert_eq!(records[0]["component"], "momentum");
        assert_eq!(records[2]["member"], 0);
        assert_eq!(records[2]["share"], 0.5);
    }

    #[test]
    fn leaves_of_a_rule_of_ones_own_are_shown_as_they_are() {
        #[derive(Debug)]
        struct Own;
        impl Rule for Own {
            fn name(&self) -> &'static str {
                "own"
            }
            fn summary(&self) -> &'static str {
                "of one's own"
            }
            fn leaves(&self) -> Vec<LeafSpec> {
                vec![LeafSpec::required("patience", "how long it waits", (0.0, 1.0))]
            }
            fn estimators(&self, _: &RuleContext<'_>) -> Vec<gradpool_strategy::Estimator> {
                Vec::new()
            }
            fn signal(&self, estimates: &[Tensor<3>], _: &RuleContext<'_>) -> Tensor<3> {
                estimates[0].clone()
            }
            fn initial_values(&self, _: &InitialSettings, _: &StrategySettings) -> ParameterValues {
                ParameterValues::default()
            }
        }
        let parts = RuleParts { members: 1, components: vec![(None, std::sync::Arc::new(Own))] };
        let values = ParameterValues::new([("patience", vec![inverse_squareplus(2.0)])]);
        let assets = ["BTC", "ETH"].map(str::to_owned);
        let human = HumanUnits::new(&values, &parts, &StrategySettings::daily(2, 1440.0), &assets).unwrap();
        assert_eq!(human.lines()[1], "  BTC      1.5000          0.5000");
    }
}
