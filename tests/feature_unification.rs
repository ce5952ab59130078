//! `cargo run --release` and `cargo test --workspace --release` must share one set of built dependencies: development
//! dependencies may not switch on features that the program alone does not have.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::process::Command;

/// Every third-party package with its features, as `cargo tree` resolves it.
fn packages(arguments: &[&str]) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["tree", "--offline", "--no-dedupe", "--prefix", "none"]);
    let output = command.args(["--format", "{p} {f}"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.starts_with("gradpool")).map(str::to_owned).collect()
}

#[test]
fn the_program_and_the_tests_build_the_same_dependencies() {
    let program = packages(&["--package", "gradpool", "--edges", "normal,build"]);
    let tests = packages(&["--workspace", "--edges", "normal,build,dev"]);
    let rebuilt: Vec<&String> = program.difference(&tests).collect();
    assert!(
        rebuilt.is_empty(),
        "the tests build these with more features than the program; name them in the root Cargo.toml: {rebuilt:#?}"
    );
}
