//! The program against numbers that it wrote itself, on bundled prices: what holds without any reference beside the
//! checkout. `tests/golden.rs` checks the same program against the reference system.
//!
//! `tests/data/momentum-daily.json` was written by
//!
//! ```text
//! gradpool simulate configs/momentum.toml --params tests/data/momentum-params.json \
//!     --gradients final_value,daily_log_sharpe --json
//! ```
//!
//! and those in `tests/data/rules`, one rule or pool each, in the same way with the `--set` that they name.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Asserts that two documents have the same shape, the same text and, to 1e-9, the same numbers.
fn assert_same(place: &str, found: &Value, expected: &Value) {
    match (found, expected) {
        (Value::Number(found), Value::Number(expected)) => {
            let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
            let close = (found - expected).abs() <= 1e-9 * expected.abs().max(1e-6);
            assert!(close, "{place}: {found} against {expected}");
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{place}: lengths");
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_same(&format!("{place}[{index}]"), found, expected);
            }
        }
        (Value::Object(found), Value::Object(expected)) => {
            assert!(found.keys().eq(expected.keys()), "{place}: keys {:?}", found.keys().collect::<Vec<_>>());
            for (key, expected) in expected {
                assert_same(&format!("{place}.{key}"), &found[key], expected);
            }
        }
        _ => assert_eq!(found, expected, "{place}"),
    }
}

/// The document of a simulation of `configs/momentum.toml` with some settings, its path replaced by that of `expected`.
fn simulated(parameters: &Path, set: &[String], path: &str, expected: &Value) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradpool"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["simulate", "configs/momentum.toml", "--json", "-q"]);
    command.arg("--params").arg(parameters).args(["--gradients", "final_value,daily_log_sharpe", "--path", path]);
    for setting in set {
        command.args(["--set", setting]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ran = found.as_object_mut().unwrap().insert("path".into(), expected["path"].clone());
    assert_eq!(ran, Some(Value::from(path)));
    found
}

#[test]
fn a_simulation_on_bundled_prices_gives_the_stored_numbers_on_every_path() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let expected: Value = serde_json::from_slice(&std::fs::read(data.join("momentum-daily.json")).unwrap()).unwrap();
    for path in ["vectorized", "scan"] {
        let found = simulated(&data.join("momentum-params.json"), &[], path, &expected);
        assert_same("momentum", &found, &expected);
    }
}

#[test]
fn every_rule_gives_its_stored_numbers_on_every_path() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rules");
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for file in std::fs::read_dir(data).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let stored: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let set: Vec<String> = serde_json::from_value(stored["set"].clone()).unwrap();
        let parameters = folder.path().join(format!("{name}.json"));
        std::fs::write(&parameters, stored["parameters"].to_string()).unwrap();
        for path in ["vectorized", "scan"] {
            let found = simulated(&parameters, &set, path, &stored["document"]);
            assert_same(&format!("{name}, {path}"), &found, &stored["document"]);
        }
        count += 1;
    }
    assert_eq!(count, 8);
}
