//! Run folders as users name them.

use std::path::{Path, PathBuf};

use gradpool_trainer::{RunFolder, TrainerError};

use crate::output::Hinted;

const CONFIG: &str = "config.toml";

/// The run folder that a path means: itself, or the only run in it.
///
/// # Errors
/// If it is neither.
pub fn find_run(path: &Path) -> anyhow::Result<PathBuf> {
    if path.join(CONFIG).is_file() {
        return Ok(path.to_owned());
    }
    let mut runs: Vec<PathBuf> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| RunFolder::stored_hash(folder).is_ok())
        .collect();
    runs.sort();
    match runs.len() {
        1 => Ok(runs.remove(0)),
        0 => {
            let detail =
                if path.exists() { format!("it has no {CONFIG}") } else { "there is no such folder".to_owned() };
            Err(TrainerError::NotARunFolder { path: path.to_owned(), detail }.into())
        }
        count => {
            let names: Vec<String> = runs.iter().map(|run| run.display().to_string()).collect();
            Err(Hinted::new(
                format!("{} holds {count} runs", path.display()),
                format!("name one: {}", names.join(", ")),
            )
            .into())
        }
    }
}

/// The file with the configuration of a run.
///
/// # Errors
/// If the folder is no run folder.
pub fn stored_config_path(run: &Path) -> anyhow::Result<PathBuf> {
    RunFolder::stored_hash(run)?;
    Ok(run.join(CONFIG))
}

/// The run folder around a checkpoint: that of its own folder, or of `checkpoints/` in it.
pub fn run_of_checkpoint(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).take(2).find(|folder| RunFolder::stored_hash(folder).is_ok()).map(Path::to_owned)
}

/// The configuration of the run that parameters come from: `source` as the user named it, `parameters` the run folder or file
/// that it means.
///
/// # Errors
/// If they are of no run.
pub fn config_of_parameters(source: &Path, parameters: &Path) -> anyhow::Result<PathBuf> {
    if source.is_dir() {
        return stored_config_path(parameters);
    }
    let is_json = source.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if let Some(run) = run_of_checkpoint(source).filter(|_| !is_json) {
        return stored_config_path(&run);
    }
    let (problem, hint) = if source.exists() {
        (format!("{} does not say which pool it belongs to", source.display()), "name its configuration with --config")
    } else {
        let hint = "name a run folder, a checkpoint (.safetensors) or a JSON file with parameters";
        (format!("there is no {}", source.display()), hint)
    };
    Err(Hinted::new(problem, hint).into())
}
