//! Checkpoints: all that an exact resume needs, and parameters for evaluation.
//!
//! A checkpoint is one safetensors file. `NAME` holds the parameters of leaf `NAME` as `[sets, width]` for the sets that are
//! still trained, `moment:AVERAGE:NAME` an average of the optimiser, `best:NAME` the best point of each set, and `set:NAME`
//! numbers of each set as `[sets, 1]` in double precision: its number, counters and scores. The metadata says which run,
//! program version and step it is, and carries the rest of the state (`state`, JSON), whose size does not depend on the number
//! of sets beyond a hundred. `best.safetensors` holds the leaves of one set as `[1, width]`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::DType;
use gradpool_strategy::ParameterTable;
use gradpool_strategy::parameters::ParameterValues;

use super::atomic;
use super::run::RunIdentity;
use super::tensor_file::{SEPARATOR, TensorFile};
use crate::error::TrainerError;
use crate::tracker::Recorded;
use crate::trainer::state::HostState;

const FORMAT: &str = "gradpool 3";
const MOMENT: &str = "moment:";
const BEST_OF_SETS: &str = "best:";

/// A complete training state, read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub(crate) path: PathBuf,
    pub(crate) precision: String,
    pub(crate) state: HostState,
    pub(crate) parameters: ParameterTable,
    pub(crate) moments: BTreeMap<String, ParameterTable>,
}

impl Checkpoint {
    /// Reads the checkpoint of a run.
    ///
    /// # Errors
    /// [`TrainerError::CheckpointOfAnotherVersion`], [`TrainerError::CheckpointOfAnotherRun`], and
    /// [`TrainerError::CheckpointFormat`] for a damaged file or one without a training state.
    pub fn load(path: &Path, identity: &RunIdentity) -> Result<Self, TrainerError> {
        let file = read(path)?;
        let found = field(&file, path, "program_version")?;
        if found != identity.version {
            let (found, expected) = (found.to_owned(), identity.version.clone());
            return Err(TrainerError::CheckpointOfAnotherVersion { path: path.to_owned(), found, expected });
        }
        let found = field(&file, path, "run_hash")?;
        if found != identity.hash {
            let (found, expected) = (found.to_owned(), identity.hash.clone());
            return Err(TrainerError::CheckpointOfAnotherRun { path: path.to_owned(), found, expected });
        }
        let mut state: HostState = serde_json::from_str(field(&file, path, "state")?)
            .map_err(|error| malformed(path, format!("its training state cannot be read ({error})")))?;
        let disagree = || malformed(path, "its parts disagree on the number of parameter sets".to_owned());
        let parameters = file.sets("").ok_or_else(disagree)?;
        let mut moments = BTreeMap::new();
        for name in file.tensors.keys().filter_map(|name| name.strip_prefix(MOMENT)?.split_once(SEPARATOR)) {
            let sets = file.sets(&format!("{MOMENT}{}{SEPARATOR}", name.0)).ok_or_else(disagree)?;
            moments.entry(name.0.to_owned()).or_insert(sets);
        }
        let best = file.sets(BEST_OF_SETS).ok_or_else(disagree)?;
        let mut columns = file.columns();
        let sets = parameters.sets();
        if best.sets() != sets || columns.columns.values().any(|column| column.len() != sets) {
            return Err(disagree());
        }
        state
            .restore(&mut columns, best)
            .ok_or_else(|| malformed(path, "it lacks numbers of its parameter sets".to_owned()))?;
        Ok(Self {
            path: path.to_owned(),
            precision: field(&file, path, "precision")?.to_owned(),
            state,
            parameters,
            moments,
        })
    }

    /// Updates done.
    pub fn step(&self) -> usize {
        self.state.step
    }

    /// Parameters at that step of the sets that were still trained.
    pub fn parameters(&self) -> &ParameterTable {
        &self.parameters
    }

    /// Writes the checkpoint; the file appears whole or not at all.
    pub(crate) fn save(&self, identity: &RunIdentity, dtype: DType) -> Result<(), TrainerError> {
        let preferred = self.state.preferred_place();
        let mut file = TensorFile { metadata: description(identity, self.state.step, preferred), ..Default::default() };
        let state = serde_json::to_string(&self.state)
            .map_err(|error| malformed(&self.path, format!("its training state cannot be written ({error})")))?;
        file.metadata.insert("state".to_owned(), state);
        file.metadata.insert("precision".to_owned(), self.precision.clone());
        describe_leaves(&mut file, &self.parameters, &self.path)?;
        file.insert_sets("", &self.parameters);
        file.insert_sets(BEST_OF_SETS, &self.state.tracker.points);
        file.insert_columns(self.state.columns());
        for (name, sets) in &self.moments {
            file.insert_sets(&format!("{MOMENT}{name}{SEPARATOR}"), sets);
        }
        atomic::replace(&self.path, &file.encode(dtype))
    }
}

/// Parameters read from any file of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedParameters {
    /// All sets in the file: one for `best.safetensors`, every set for a checkpoint.
    pub sets: Vec<ParameterValues>,
    /// Index into `sets` of the one to evaluate if only one is wanted: for a checkpoint, the set that held the best
    /// point so far, or the best of those that were still trained.
    pub preferred_set: usize,
    /// Updates done.
    pub step: usize,
    /// Configuration hash of the run.
    pub run_hash: String,
    /// Version of the program that wrote the file.
    pub program_version: String,
}

/// Reads the parameters of a checkpoint, of `best.safetensors`, or, given a run folder, of its `best.safetensors`. Any
/// run and any program version will do.
///
/// # Errors
/// [`TrainerError::File`] and [`TrainerError::CheckpointFormat`].
pub fn load_parameters(path: &Path) -> Result<LoadedParameters, TrainerError> {
    let path = if path.is_dir() { path.join(super::run::BEST) } else { path.to_owned() };
    let file = read(&path)?;
    let number = |key: &str| {
        let text = field(&file, &path, key)?;
        text.parse::<usize>().map_err(|_| malformed(&path, format!("its metadata `{key}` is `{text}`, not a number")))
    };
    let loaded = LoadedParameters {
        sets: file.sets("").map(|sets| sets.to_values()).unwrap_or_default(),
        preferred_set: number("preferred_set")?,
        step: number("step")?,
        run_hash: field(&file, &path, "run_hash")?.to_owned(),
        program_version: field(&file, &path, "program_version")?.to_owned(),
    };
    if loaded.preferred_set >= loaded.sets.len() {
        return Err(malformed(&path, "it holds no parameters".to_owned()));
    }
    Ok(loaded)
}

/// Writes the leaves of the best point.
pub(crate) fn save_best(
    path: &Path,
    best: &Recorded,
    identity: &RunIdentity,
    dtype: DType,
) -> Result<(), TrainerError> {
    let mut file = TensorFile { metadata: description(identity, best.step, 0), ..Default::default() };
    file.metadata.insert("set".to_owned(), best.set.to_string());
    let sets = ParameterTable::repeat(&best.parameters, 1);
    describe_leaves(&mut file, &sets, path)?;
    file.insert_sets("", &sets);
    atomic::replace(path, &file.encode(dtype))
}

fn description(identity: &RunIdentity, step: usize, preferred_set: usize) -> BTreeMap<String, String> {
    let entries = [
        ("format", FORMAT.to_owned()),
        ("run", identity.name.clone()),
        ("run_hash", identity.hash.clone()),
        ("program_version", identity.version.clone()),
        ("step", step.to_string()),
        ("preferred_set", preferred_set.to_string()),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Notes names and widths of the leaves, as JSON.
fn describe_leaves(file: &mut TensorFile, sets: &ParameterTable, path: &Path) -> Result<(), TrainerError> {
    let widths: BTreeMap<&String, usize> = sets.leaves().iter().map(|(leaf, values)| (leaf, values.width)).collect();
    if let Some(leaf) = widths.keys().find(|leaf| leaf.contains(SEPARATOR)) {
        return Err(malformed(path, format!("the parameter `{leaf}` has a `{SEPARATOR}` in its name")));
    }
    file.metadata.insert("leaves".to_owned(), serde_json::json!(widths).to_string());
    Ok(())
}

fn read(path: &Path) -> Result<TensorFile, TrainerError> {
    let bytes = fs::read(path).map_err(TrainerError::file("read", path))?;
    let file = TensorFile::decode(&bytes, path)?;
    match file.metadata.get("format").map(String::as_str) {
        Some(FORMAT) => Ok(file),
        Some(other) => Err(malformed(path, format!("its format is `{other}`; this program reads `{FORMAT}`"))),
        None => Err(malformed(path, "it was not written by gradpool (no `format` in its metadata)".to_owned())),
    }
}

fn field<'a>(file: &'a TensorFile, path: &Path, key: &str) -> Result<&'a str, TrainerError> {
    file.metadata.get(key).map(String::as_str).ok_or_else(|| malformed(path, format!("its metadata has no `{key}`")))
}

fn malformed(path: &Path, detail: String) -> TrainerError {
    TrainerError::CheckpointFormat { path: path.to_owned(), detail }
}
