//! Run folders: `<name>-<first eight digits of the hash>/` with `config.toml`, `events.jsonl`, `checkpoints/`,
//! `best.safetensors`, `result.json`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::atomic;
use super::checkpoint::Checkpoint;
use super::events::EventLog;
use crate::error::TrainerError;

pub(super) const BEST: &str = "best.safetensors";
const CONFIG: &str = "config.toml";
const EVENTS: &str = "events.jsonl";
const RESULT: &str = "result.json";
const CHECKPOINTS: &str = "checkpoints";
const HASH_LINE: &str = "# run_hash = ";
const VERSION_LINE: &str = "# program_version = ";

/// What a run is: two runs with the same hash and version give the same bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunIdentity {
    /// Name for people.
    pub name: String,
    /// Hash of the resolved configuration and data, hexadecimal.
    pub hash: String,
    /// Version of the program.
    pub version: String,
}

impl RunIdentity {
    /// `<name>-<first eight digits of the hash>`.
    pub fn folder_name(&self) -> String {
        let short: String = self.hash.chars().take(8).collect();
        format!("{}-{short}", self.name)
    }
}

/// The folder of a run.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    identity: RunIdentity,
}

impl RunFolder {
    /// Makes `parent/<name>-<hash8>/` for a new run.
    ///
    /// # Errors
    /// As [`RunFolder::create_at`].
    pub fn create(parent: &Path, identity: RunIdentity, config: &str, force: bool) -> Result<Self, TrainerError> {
        Self::create_at(&parent.join(identity.folder_name()), identity, config, force)
    }

    /// Makes a run folder at `path` and stores the resolved configuration in it. With `force`, an earlier run of the same
    /// configuration is deleted.
    ///
    /// # Errors
    /// [`TrainerError::RunExists`] for the same configuration without `force`,
    /// [`TrainerError::RunOfAnotherConfiguration`] or [`TrainerError::NotARunFolder`] for what must not be overwritten,
    /// [`TrainerError::File`] if the folder cannot be written.
    pub fn create_at(path: &Path, identity: RunIdentity, config: &str, force: bool) -> Result<Self, TrainerError> {
        let run = Self { path: path.to_owned(), identity };
        let occupied = match fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(TrainerError::file("read", path)(error)),
        };
        if occupied {
            run.check_hash()?;
            if !force {
                return Err(TrainerError::RunExists { path: path.to_owned() });
            }
            run.clear()?;
        }
        // The configuration comes first: a folder that was cut short here is still known as this run's.
        fs::create_dir_all(path).map_err(TrainerError::file("create the run folder", path))?;
        let RunIdentity { hash, version, .. } = &run.identity;
        let text = format!("{HASH_LINE}\"{hash}\"\n{VERSION_LINE}\"{version}\"\n\n{config}");
        atomic::replace(&run.config_path(), text.as_bytes())?;
        let checkpoints = run.checkpoints_path();
        fs::create_dir_all(&checkpoints).map_err(TrainerError::file("create the folder", &checkpoints))?;
        Ok(run)
    }

    /// Opens an existing run folder to continue it.
    ///
    /// # Errors
    /// [`TrainerError::NotARunFolder`], [`TrainerError::CheckpointOfAnotherVersion`],
    /// [`TrainerError::RunOfAnotherConfiguration`].
    pub fn open(path: &Path, identity: RunIdentity) -> Result<Self, TrainerError> {
        let run = Self { path: path.to_owned(), identity };
        let found = header(path, VERSION_LINE)?;
        if found != run.identity.version {
            let (path, expected) = (path.to_owned(), run.identity.version.clone());
            return Err(TrainerError::CheckpointOfAnotherVersion { path, found, expected });
        }
        run.check_hash()?;
        Ok(run)
    }

    /// The configuration stored in a run folder, as TOML.
    ///
    /// # Errors
    /// [`TrainerError::NotARunFolder`] if there is none.
    pub fn stored_config(path: &Path) -> Result<String, TrainerError> {
        let file = path.join(CONFIG);
        fs::read_to_string(&file).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                TrainerError::NotARunFolder { path: path.to_owned(), detail: format!("it has no {CONFIG}") }
            }
            _ => TrainerError::file("read", &file)(error),
        })
    }

    /// The configuration hash stored in a run folder.
    ///
    /// # Errors
    /// [`TrainerError::NotARunFolder`] if there is none.
    pub fn stored_hash(path: &Path) -> Result<String, TrainerError> {
        header(path, HASH_LINE)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What run it is.
    pub fn identity(&self) -> &RunIdentity {
        &self.identity
    }

    /// `config.toml`.
    pub fn config_path(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// `events.jsonl`.
    pub fn events_path(&self) -> PathBuf {
        self.path.join(EVENTS)
    }

    /// `best.safetensors`.
    pub fn best_path(&self) -> PathBuf {
        self.path.join(BEST)
    }

    /// `result.json`.
    pub fn result_path(&self) -> PathBuf {
        self.path.join(RESULT)
    }

    /// `checkpoints/`.
    pub fn checkpoints_path(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }

    /// File of the checkpoint after `step` updates.
    pub fn checkpoint_path(&self, step: usize) -> PathBuf {
        self.checkpoints_path().join(format!("step-{step:06}.safetensors"))
    }

    /// Reads the latest checkpoint.
    ///
    /// # Errors
    /// [`TrainerError::NoCheckpoint`] if there is none, else as [`Checkpoint::load`].
    pub fn latest_checkpoint(&self) -> Result<Checkpoint, TrainerError> {
        let folder = self.checkpoints_path();
        match self.checkpoints()?.last() {
            Some(&step) => Checkpoint::load(&self.checkpoint_path(step), &self.identity),
            None => Err(TrainerError::NoCheckpoint { path: folder }),
        }
    }

    /// Writes `result.json` as indented JSON; it appears whole or not at all.
    ///
    /// # Errors
    /// [`TrainerError::File`].
    pub fn write_result(&self, result: &impl Serialize) -> Result<(), TrainerError> {
        let path = self.result_path();
        let mut text = serde_json::to_vec_pretty(result)
            .map_err(|error| TrainerError::file("write", &path)(std::io::Error::from(error)))?;
        text.push(b'\n');
        atomic::replace(&path, &text)
    }

    /// A new or continued event log.
    pub(crate) fn event_log(&self, resumed_from: Option<usize>) -> Result<EventLog, TrainerError> {
        match resumed_from {
            Some(step) => EventLog::resume(&self.events_path(), &self.identity, step),
            None => EventLog::create(&self.events_path(), &self.identity),
        }
    }

    /// Deletes all but the `keep` latest checkpoints.
    pub(crate) fn prune(&self, keep: usize) -> Result<(), TrainerError> {
        let steps = self.checkpoints()?;
        for &step in &steps[..steps.len().saturating_sub(keep)] {
            let path = self.checkpoint_path(step);
            fs::remove_file(&path).map_err(TrainerError::file("delete", &path))?;
        }
        Ok(())
    }

    /// Steps of the checkpoints present, ascending.
    fn checkpoints(&self) -> Result<Vec<usize>, TrainerError> {
        let folder = self.checkpoints_path();
        let mut steps = Vec::new();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(steps),
            Err(error) => return Err(TrainerError::file("read", &folder)(error)),
        };
        for entry in entries {
            let name = entry.map_err(TrainerError::file("read", &folder))?.file_name();
            let name = name.to_string_lossy();
            let step = name.strip_prefix("step-").and_then(|rest| rest.strip_suffix(".safetensors"));
            steps.extend(step.and_then(|digits| digits.parse::<usize>().ok()));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    fn check_hash(&self) -> Result<(), TrainerError> {
        let found = Self::stored_hash(&self.path)?;
        if found == self.identity.hash {
            return Ok(());
        }
        let (path, expected) = (self.path.clone(), self.identity.hash.clone());
        Err(TrainerError::RunOfAnotherConfiguration { path, found, expected })
    }

    /// Deletes what an earlier run left; files that are not a run's own stay.
    fn clear(&self) -> Result<(), TrainerError> {
        self.prune(0)?;
        for path in [self.events_path(), self.best_path(), self.result_path()] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(TrainerError::file("delete", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The quoted value after `prefix` in the head of the stored configuration.
fn header(path: &Path, prefix: &str) -> Result<String, TrainerError> {
    let config = RunFolder::stored_config(path)?;
    let value = config.lines().take(2).find_map(|line| line.strip_prefix(prefix));
    value.map(|value| value.trim_matches('"').to_owned()).ok_or_else(|| TrainerError::NotARunFolder {
        path: path.to_owned(),
        detail: format!("its {CONFIG} does not begin with `{}`", prefix.trim_end()),
    })
}
