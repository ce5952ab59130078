//! Short trainings on bundled prices.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use super::{Outcome, gradpool};

/// Settings of a training that takes a fraction of a second and finds something.
pub const SHORT: [&str; 4] =
    ["train.iterations=12", "train.evaluate_every=3", "train.checkpoint_every=4", "initial.k_per_day=0.2"];

/// `gradpool train --out FOLDER` of the built-in configuration with [`SHORT`] and more settings.
pub fn train(folder: &Path, settings: &[&str], options: &[&str]) -> Outcome {
    let folder = folder.display().to_string();
    let mut arguments = vec!["train", "--out", &folder];
    for setting in SHORT.iter().chain(settings) {
        arguments.extend(["--set", setting]);
    }
    gradpool(arguments.into_iter().chain(options.iter().copied()))
}

/// The folder of a training that went well.
pub fn trained(folder: &Path, settings: &[&str]) -> PathBuf {
    let outcome = train(folder, settings, &["--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    PathBuf::from(outcome.json()["run"].as_str().unwrap_or_default())
}

/// Text with numbers, hashes and folders masked, and blanks collapsed to what numbers of any width leave.
pub fn masked(text: &str, folder: &Path) -> String {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap_or_default();
    let text = text.replace(&folder.display().to_string(), "FOLDER");
    let text = without_hashes(&text.replace(&checkout.display().to_string(), "CHECKOUT"));
    let line = |line: &str| {
        let indentation = if line.starts_with("  ") { "  " } else { "" };
        let words: Vec<&str> = line.split_whitespace().map(number_or).collect();
        indentation.to_owned() + &words.join(" ") + "\n"
    };
    text.lines().map(line).collect()
}

fn number_or(word: &str) -> &str {
    if word.parse::<f64>().is_ok() { "#" } else { word }
}

/// Replaces the digits behind the name of a run, and whole configuration hashes.
fn without_hashes(text: &str) -> String {
    let is_hash = |text: &str, digits: usize| {
        text.get(..digits).is_some_and(|part| part.chars().all(|character| character.is_ascii_hexdigit()))
    };
    let mut masked = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if is_hash(rest, 64) {
            masked += "HASH";
            rest = &rest[64..];
        } else if rest.starts_with("momentum-") && is_hash(&rest[9..], 8) {
            masked += "momentum-HASH";
            rest = &rest[17..];
        } else {
            masked.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    masked
}
