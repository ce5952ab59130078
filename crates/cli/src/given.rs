//! PARAMS of the command line: a JSON file, a contract file, a checkpoint, or a run folder, checked against the pool.

use std::path::Path;

use anyhow::Context;
use gradpool_strategy::ParameterValues;
use gradpool_trainer::load_parameters;

use crate::contract::file::ContractFile;
use crate::contract::import;
use crate::contract::tutorial::TutorialFile;
use crate::leaf_nesting::LeafTable;
use crate::output::Hinted;
use crate::parameters::ParameterFile;
use crate::setup::Setup;

/// Parameters that the user named.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenParameters {
    /// All sets in the file, at least one.
    pub sets: Vec<ParameterValues>,
    /// The one to use where one is wanted.
    pub preferred_set: usize,
    /// Step of the training that they come from, if they do.
    pub step: Option<usize>,
}

impl GivenParameters {
    /// Reads a JSON object, a contract file ([`ContractFile`]), a checkpoint (`.safetensors`) or the best checkpoint of a run folder.
    ///
    /// # Errors
    /// What is wrong with the file, or with the values for the pool.
    pub fn load(path: &Path, setup: &Setup) -> anyhow::Result<Self> {
        let is_checkpoint = path.is_dir() || path.extension().is_some_and(|extension| extension == "safetensors");
        let given = if is_checkpoint {
            let loaded = load_parameters(path)?;
            Self { sets: loaded.sets, preferred_set: loaded.preferred_set, step: Some(loaded.step) }
        } else if let Some(file) = ContractFile::read(path)? {
            Self { sets: vec![import::parameters(&file, path, setup)?], preferred_set: 0, step: None }
        } else if let Some(file) = TutorialFile::read(path)? {
            Self { sets: vec![import::tutorial_parameters(&file, path, setup)?], preferred_set: 0, step: None }
        } else {
            let file = ParameterFile::read(path, &LeafTable::of(setup))?;
            let sets = file.sets.into_iter().map(|leaves| ParameterValues { leaves }).collect();
            Self { sets, preferred_set: 0, step: None }
        };
        for values in &given.sets {
            setup.strategy().check(values).with_context(|| format!("{} does not fit the strategy", path.display()))?;
        }
        Ok(given)
    }

    /// The only set, or the preferred one of a checkpoint.
    ///
    /// # Errors
    /// If a JSON file holds several sets, so that nobody can know which is meant.
    pub fn single(&self, path: &Path) -> anyhow::Result<&ParameterValues> {
        if self.sets.len() > 1 && self.step.is_none() {
            return Err(Hinted::new(
                format!("{} holds {} parameter sets; one is wanted", path.display(), self.sets.len()),
                "keep one of the lists of each parameter",
            )
            .into());
        }
        Ok(&self.sets[self.preferred_set])
    }
}
