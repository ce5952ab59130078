//! The commands of the guide run as they are printed.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::process::Command;

/// Pages whose commands run from a checkout, on bundled prices.
const PAGES: [&str; 1] = ["from-checkpoint-to-contract.md"];

/// The commands in the fenced `sh` blocks of a page, lines that end in a backslash joined.
fn commands(page: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let (mut in_block, mut goes_on) = (false, false);
    for line in page.lines() {
        if line.starts_with("```") {
            in_block = line == "```sh";
            continue;
        }
        let (text, continued) = line.strip_suffix('\\').map_or((line, false), |text| (text, true));
        match found.last_mut() {
            Some(command) if in_block && goes_on => command.push_str(text),
            _ if in_block && line.starts_with("gradpool ") => found.push(text.to_owned()),
            _ => continue,
        }
        goes_on = continued;
    }
    found
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn every_command_of_the_guide_runs() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in PAGES {
        let folder = tempfile::tempdir().unwrap();
        for part in ["configs", "datasets/daily"] {
            copy(&checkout.join(part), &folder.path().join(part));
        }
        let text = std::fs::read_to_string(checkout.join("docs/guide").join(page)).unwrap();
        let commands = commands(&text);
        assert!(!commands.is_empty(), "{page} has no command");
        for command in commands {
            let arguments = command.split_whitespace().skip(1);
            let run = Command::new(env!("CARGO_BIN_EXE_gradpool"))
                .args(arguments)
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert!(run.status.success(), "{page}: {command}\n{}", String::from_utf8_lossy(&run.stderr));
        }
    }
}
