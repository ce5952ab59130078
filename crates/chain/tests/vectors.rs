//! The numbers that the real contracts returned.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use gradpool_chain::interpolation::StoredWeights;
use gradpool_chain::vectors::{Report, verify};
use gradpool_chain::weighted_math::balance_for_invariant_ratio;
use gradpool_chain::{Int256, Panic};
use serde_json::Value;

/// The folder of the contracts' vectors: `GRADPOOL_SHARED`, or `shared` beside the checkout. Its absence is loud, and a
/// failure under CI.
fn shared(test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("GRADPOOL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = path.join("onchain");
    if path.is_dir() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{test}: the contracts' vectors are not at {} (set GRADPOOL_SHARED)",
        path.display()
    );
    eprintln!("SKIPPED {test}: the contracts' vectors are not at {} (set GRADPOOL_SHARED)", path.display());
    None
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Reports of all vector files of a folder, by file name.
fn reports(folder: &Path) -> Vec<(String, Report)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let report = verify(&read(&path)).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, report)
        })
        .collect()
}

#[test]
fn every_number_of_the_real_contracts_is_reproduced() {
    let Some(folder) = shared("every_number_of_the_real_contracts_is_reproduced") else { return };
    let mut checks = 0;
    let mut failed = vec![];
    for (name, report) in reports(&folder) {
        checks += report.checks;
        if let Some(difference) = &report.first_difference {
            failed.push(format!("{name}: {} of {} differ, first {difference}", report.failures, report.checks));
        }
        for skipped in &report.not_checked {
            eprintln!("{name}: not checked: {} x {}", skipped.entries, skipped.reason);
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(checks > 10_000, "only {checks} checks");
    eprintln!("{checks} checks");
}

fn own(name: &str) -> Value {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name))
}

#[test]
fn own_vectors_hold_without_the_real_ones() {
    let reports = reports(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"));
    let checks: Vec<(&str, usize)> = reports.iter().map(|(name, report)| (name.as_str(), report.checks)).collect();
    assert_eq!(checks, [("own_primitives.json", 104), ("own_sequences.json", 1254)]);
    for (name, report) in &reports {
        assert_eq!((report.failures, &report.first_difference, &report.not_checked[..]), (0, &None, &[][..]), "{name}");
    }
}

/// Changes the last digit of a number.
fn change(value: &mut Value) {
    match value {
        Value::String(text) => {
            let last = text.pop().unwrap();
            text.push(if last == '0' { '1' } else { '0' });
        }
        other => *other = Value::from(other.as_u64().unwrap() + 1),
    }
}

#[test]
fn one_changed_digit_is_one_failure_and_is_named() {
    let fields = ["w", "ma", "st", "est", "raw", "g", "m", "li"];
    for field in fields {
        let mut document = own("own_sequences.json");
        let value = &mut document["cases"][2]["steps"][6][field];
        change(if value.is_array() { &mut value[1] } else { value });
        let report = verify(&document).unwrap();
        let difference = report.first_difference.unwrap();
        assert_eq!(report.failures, 1, "{field}");
        assert!(difference.at.starts_with(&format!("cases[2].steps[6].{field}")), "{difference}");
    }
    let mut document = own("own_primitives.json");
    change(&mut document["exp"][1]["r"]);
    let difference = verify(&document).unwrap().first_difference.unwrap();
    assert_eq!(difference.to_string(), "exp[1].r: expected \"2718281828459045230\", found \"2718281828459045234\"");
}

#[test]
fn a_changed_error_or_input_is_a_failure() {
    let mut document = own("own_sequences.json");
    let error = &mut document["cases"][0]["steps"][5]["err"];
    assert_eq!(error["code"], "0x32");
    error["code"] = "0x11".into();
    assert_eq!(verify(&document).unwrap().failures, 1);

    let mut document = own("own_sequences.json");
    document["cases"][0]["steps"][0]["p"][0] = "20000000000000000000".into();
    assert!(verify(&document).unwrap().failures > 10);
}

#[test]
fn documents_that_are_not_vectors_are_refused_with_their_place() {
    let refused = |change: fn(&mut Value)| {
        let mut document = own("own_sequences.json");
        change(&mut document);
        verify(&document).unwrap_err().to_string()
    };
    let unknown = refused(|document| document["schema"] = "SCHEMA.md#colours".into());
    assert!(unknown.contains("\"SCHEMA.md#colours\"") && unknown.contains("rule-sequences"), "{unknown}");
    let missing = refused(|document| drop(document["cases"][1].as_object_mut().unwrap().remove("lambda")));
    assert_eq!(missing, "cases[1]: `lambda` is missing");
    let number = refused(|document| document["cases"][1]["steps"][2]["p"][0] = 1.into());
    assert_eq!(number, "cases[1].steps[2].p[0]: expected a 256-bit integer in decimal, as a string");
    let rule = refused(|document| document["cases"][0]["rule"] = "momentun".into());
    assert!(rule.starts_with("cases[0].rule: unknown rule \"momentun\"; known are momentum, "), "{rule}");
    assert!(verify(&Value::Null).is_err());
}

/// Every place of a document, as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), found));
        }
        Value::Object(members) => members.iter().for_each(|(key, item)| places(item, &format!("{at}/{key}"), found)),
        _ => {}
    }
}

#[test]
fn damaged_documents_are_refused_or_differ_and_never_panic() {
    for name in ["own_primitives.json", "own_sequences.json"] {
        let document = own(name);
        let mut found = vec![];
        places(&document, "", &mut found);
        let everything = found.len();
        for place in found.iter().step_by(everything.div_ceil(400)) {
            for damage in [Value::Null, Value::from(u64::MAX), Value::from("-1"), Value::Array(vec![])] {
                let mut damaged = document.clone();
                *damaged.pointer_mut(place).unwrap() = damage;
                let _ = verify(&damaged);
            }
        }
    }
}

/// `swaps.json` has no weights where the pool's interpolation reverted; `interpolation.json` has the same pools, each at
/// its first, second and last time.
#[test]
fn swaps_without_weights_revert_where_interpolation_does() {
    let Some(folder) = shared("swaps_without_weights_revert_where_interpolation_does") else { return };
    let (pools, swaps) = (read(&folder.join("interpolation.json")), read(&folder.join("swaps.json")));
    let integers = |value: &Value| -> Vec<Int256> {
        value.as_array().unwrap().iter().map(|value| value.as_str().unwrap().parse().unwrap()).collect()
    };
    let mut reverting = 0;
    for (index, entry) in swaps["invariants"].as_array().unwrap().iter().enumerate() {
        let pool = &pools["cases"][index / 3];
        let time = pool["at"][[0, 1, 5][index % 3]]["t"].as_u64().unwrap();
        let values = [integers(&pool["weights"]), integers(&pool["multipliers"])].concat();
        let last = pool["lastInterpolationTime"].as_u64().unwrap();
        let stored = StoredWeights::new(&values, values.len() / 2, pool["setTime"].as_u64().unwrap(), last).unwrap();
        if !entry["weightsAt"].is_null() {
            assert_eq!(stored.at_swap(time).unwrap(), integers(&entry["weightsAt"]));
            continue;
        }
        reverting += 1;
        let panic = |outcome: &Value| outcome["err"]["code"] == "0x11";
        assert_eq!(stored.at_swap(time), Err(Panic::Arithmetic.into()));
        assert!(panic(&entry["up"]) && panic(&entry["down"]));
        let token = entry["tokenIndex"].as_u64().unwrap() as usize;
        match stored.weight_at_swap(time, token) {
            Err(revert) => assert!(revert == Panic::Arithmetic.into() && panic(&entry["computeBalance"])),
            Ok(weight) => {
                let amount = |value: &Value| value.as_str().unwrap().parse::<Int256>().unwrap().to_bits();
                let balance = amount(&entry["balances"][token]);
                let ratio = amount(&entry["invariantRatio"]);
                let found = balance_for_invariant_ratio(balance, weight.to_bits(), ratio);
                assert_eq!(found, Ok(amount(&entry["computeBalance"]["r"])));
            }
        }
    }
    let swaps = swaps["swaps"].as_array().unwrap();
    let swaps: Vec<_> = swaps.iter().filter(|swap| swap["weightsAt"].is_null()).collect();
    assert_eq!((reverting, swaps.len()), (21, 21));
    assert!(swaps.iter().all(|swap| swap["err"]["code"] == "0x11"));
}
