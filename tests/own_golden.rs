//! The program against numbers that it wrote itself, on bundled prices: what holds without any reference beside the
//! checkout. `tests/golden.rs` checks the same program against the reference system.
//!
//! `tests/data/momentum-daily.json` was written by
//!
//! ```text
//! gradpool simulate configs/momentum.toml --params tests/data/momentum-params.json \
//!     --gradients final_value,daily_log_sharpe --json
//! ```
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

#[test]
fn a_simulation_on_bundled_prices_gives_the_stored_numbers_on_every_path() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stored = std::fs::read(root.join("tests/data/momentum-daily.json")).unwrap();
    let expected: Value = serde_json::from_slice(&stored).unwrap();
    for path in ["vectorized", "scan"] {
        let output = Command::new(env!("CARGO_BIN_EXE_gradpool"))
            .current_dir(root)
            .args(["simulate", "configs/momentum.toml", "--params", "tests/data/momentum-params.json", "--json", "-q"])
            .args(["--gradients", "final_value,daily_log_sharpe", "--path", path])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let ran = found.as_object_mut().unwrap().insert("path".into(), expected["path"].clone());
        assert_eq!(ran, Some(Value::from(path)));
        assert_same("simulation", &found, &expected);
    }
}
