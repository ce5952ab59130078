//! `gradpool rules`: what it lists, for people and programs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_push_string)]

mod support;

use gradpool_cli::{EXIT_DONE, EXIT_FAILED};
use gradpool_strategy::rules::{RuleOptions, all};
use serde_json::{Value, json};
use support::gradpool;

fn data(arguments: &[&str]) -> String {
    let outcome = gradpool(["rules"].iter().chain(arguments));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (EXIT_DONE, ""), "{arguments:?}");
    outcome.stdout
}

#[test]
fn the_list_and_one_rule_of_each_kind() {
    let texts =
        [&[][..], &["min_variance"], &["triple_threat_mean_reversion_channel"], &["index_market_cap"], &["reclamm"]];
    let commands = texts.map(|arguments| format!("$ gradpool rules {}\n{}", arguments.join(" "), data(arguments)));
    insta::assert_snapshot!(commands.join("\n"));
}

#[test]
fn the_document_has_every_registered_rule_with_every_parameter() {
    let document: Value = serde_json::from_str(&data(&["--json"])).unwrap();
    let rules = document["rules"].as_array().unwrap();
    let registered = all(&RuleOptions::default());
    assert_eq!(rules.len(), registered.len());
    for (entry, rule) in rules.iter().zip(&registered) {
        assert_eq!((entry["name"].as_str(), entry["summary"].as_str()), (Some(rule.name()), Some(rule.summary())));
        assert_eq!(entry["paths"], json!(["vectorized", "scan", "stream"]), "{}", rule.name());
        let parameters = entry["parameters"].as_array().unwrap();
        for leaf in rule.leaves() {
            let parameter = parameters.iter().find(|parameter| parameter["name"] == *leaf.name).unwrap();
            assert_eq!(parameter["range"], json!(leaf.range), "{} {}", rule.name(), leaf.name);
            assert!(parameter["needed"] != "required" || !parameter["default"].is_null(), "{parameter}");
        }
        let has_weights = parameters.iter().any(|parameter| parameter["name"] == "initial_weights_logits");
        assert_eq!(has_weights, !rule.initial_leaves().is_empty(), "{}", rule.name());
    }
    let one: Value = serde_json::from_str(&data(&["min_variance", "--json"])).unwrap();
    assert_eq!(one["rules"].as_array().unwrap().len(), 1);
    let is_shrinkage = |parameter: &&Value| parameter["name"] == "logit_shrinkage";
    let shrinkage = one["rules"][0]["parameters"].as_array().unwrap().iter().find(is_shrinkage).unwrap();
    assert_eq!((&shrinkage["shape"], &shrinkage["only_with"]), (&json!([]), &json!("pool.covariance = \"full\"")));
}

#[test]
fn a_name_that_no_rule_has_finds_its_neighbour() {
    for (name, hint) in [
        ("momentun", "did you mean \"momentum\"?"),
        ("zebra", "available rules: momentum, "),
        ("composite", "`pool.blend`"),
    ] {
        let outcome = gradpool(["rules", name]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (EXIT_FAILED, ""));
        assert!(outcome.stderr.contains(hint), "{}", outcome.stderr);
    }
}
