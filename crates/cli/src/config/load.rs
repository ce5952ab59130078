//! Reads a configuration: finds the file, lays the layers on top of each other, checks the result.

use std::path::{Path, PathBuf};

use toml::Value;

use super::check::{check, check_data};
use super::error::ConfigError;
use super::keys::KeyNode;
use super::layers::{Layer, parse_together};
use super::place::Place;
use super::resolved::ResolvedConfig;
use super::{DataSection, DeviceKind, Precision, RunConfig, data, inputs};
use crate::fingerprint::{ImportReport, import_fingerprint};

/// What `gradpool train` runs without a configuration.
pub const BUILT_IN_NAME: &str = "configs/momentum.toml";
const BUILT_IN_TEXT: &str = include_str!("../../../../configs/momentum.toml");
/// The folder that the built-in text was taken from.
const BUILT_IN_FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs");

/// Where a configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `configs/momentum.toml` below the working directory, else the one that is compiled in.
    Default,
    /// A TOML configuration, or a quantammsim fingerprint if the name ends in `.json`.
    File(PathBuf),
}

/// What the command line lays on top of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `--set key=value`, in order.
    pub set: Vec<String>,
    /// `--data`: the folder of the price files.
    pub data: Option<PathBuf>,
    /// `--device`.
    pub device: Option<DeviceKind>,
    /// `--precision`.
    pub precision: Option<Precision>,
    /// `--threads`.
    pub threads: Option<usize>,
    /// `--seed`.
    pub seed: Option<u64>,
}

/// A configuration that was read and checked.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: ResolvedConfig,
    /// Where it came from, for people.
    pub origin: String,
    /// What became of each key, if it was a fingerprint.
    pub import: Option<ImportReport>,
}

/// Reads, completes and checks a configuration.
///
/// # Errors
/// [`ConfigError`] naming place and key.
pub fn load(source: &Source, overrides: &Overrides) -> Result<Loaded, ConfigError> {
    let (layers, origin, mut import) = all_layers(source, overrides)?;
    let (config, places) = parse_together(layers, &KeyNode::of_run_config())?;
    if let Some(report) = &mut import {
        report.consider(&config.pool.inputs);
    }
    if let Some(unsupported) = import.as_ref().and_then(|report| report.unsupported.first()) {
        return Err(unsupported.as_error(Path::new(&origin)));
    }
    check(&config, &places)?;
    Ok(Loaded { config: ResolvedConfig::complete(config), origin, import })
}

/// Reads and checks `[data]` alone, for commands that only look at prices.
///
/// # Errors
/// [`ConfigError`] naming place and key.
pub fn load_data(source: &Source, overrides: &Overrides) -> Result<DataSection, ConfigError> {
    let (layers, _, _) = all_layers(source, overrides)?;
    let (config, places) = parse_together(layers, &KeyNode::of_run_config())?;
    check_data(&config, &places)?;
    Ok(config.data)
}

fn all_layers(source: &Source, overrides: &Overrides) -> Result<(Layer, String, Option<ImportReport>), ConfigError> {
    let tree = KeyNode::of_run_config();
    let (mut layers, origin, import) = base_layer(source, &tree, overrides.data.is_some())?;
    for argument in &overrides.set {
        layers.merge(Layer::of_set(argument, &tree)?);
    }
    for layer in option_layers(overrides) {
        layers.merge(layer);
    }
    Ok((layers, origin, import))
}

fn base_layer(
    source: &Source,
    tree: &KeyNode,
    has_data: bool,
) -> Result<(Layer, String, Option<ImportReport>), ConfigError> {
    match source {
        Source::Default if Path::new(BUILT_IN_NAME).is_file() => {
            base_layer(&Source::File(PathBuf::from(BUILT_IN_NAME)), tree, has_data)
        }
        Source::Default => {
            let folder = built_in_folder(has_data)?;
            let layer = toml_layer(Path::new(BUILT_IN_NAME), BUILT_IN_TEXT, &folder, tree)?;
            Ok((layer, format!("{BUILT_IN_NAME} (built in)"), None))
        }
        Source::File(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            let origin = path.display().to_string();
            if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
                let (config, report) = import_fingerprint(&text, path)?;
                return Ok((fingerprint_layer(&config, path, &folder), origin, Some(report)));
            }
            Ok((toml_layer(path, &text, &folder, tree)?, origin, None))
        }
    }
}

fn toml_layer(path: &Path, text: &str, folder: &Path, tree: &KeyNode) -> Result<Layer, ConfigError> {
    let mut layer = Layer::of_file(path, text, tree)?;
    with_directory(&mut layer, folder);
    Ok(layer)
}

fn fingerprint_layer(config: &RunConfig, path: &Path, folder: &Path) -> Layer {
    // As for `ResolvedConfig::resolved_toml`: the schema has no type that TOML lacks.
    let table = toml::Table::try_from(config).unwrap_or_default();
    let keys = KeyNode::of_run_config().paths("");
    let places = keys.into_iter().map(|key| (key, Place::Fingerprint { path: path.to_owned() })).collect();
    let mut layer = Layer { table, places };
    with_directory(&mut layer, folder);
    layer
}

/// A file's own folder is where its prices are unless it says otherwise.
fn with_directory(layer: &mut Layer, folder: &Path) {
    let data = layer.table.entry("data").or_insert_with(|| Value::Table(toml::Table::new()));
    if let Value::Table(data) = data {
        data.entry("directory").or_insert_with(|| Value::String(String::new()));
    }
    data::anchor(&mut layer.table, folder);
    inputs::anchor(&mut layer.table, folder);
}

/// The `configs` folder of the checkout that this program was built in, or of the one that it lies in now.
fn built_in_folder(has_data: bool) -> Result<PathBuf, ConfigError> {
    let built = PathBuf::from(BUILT_IN_FOLDER);
    let program = std::env::current_exe().ok();
    let above = program.iter().flat_map(|program| program.ancestors().skip(1)).map(|folder| folder.join("configs"));
    let candidates: Vec<PathBuf> = std::iter::once(built.clone()).chain(above).collect();
    let found = candidates.into_iter().find(|folder| folder.join("../datasets/daily").is_dir());
    match found {
        Some(folder) => Ok(folder),
        // Another data folder was named, so this one will not be used.
        None if has_data => Ok(built),
        None => Err(ConfigError::BundledDataMissing { folder: built.join("../datasets/daily") }),
    }
}

fn option_layers(overrides: &Overrides) -> Vec<Layer> {
    let runtime = |name: &str, key: &'static str, value: Value| Layer::of_option(name, ["runtime", key], value);
    let whole = |number: u64| i64::try_from(number).map_or_else(|_| Value::String(number.to_string()), Value::Integer);
    let data = overrides.data.as_ref().map(|folder| {
        Layer::of_option("--data", ["data", "directory"], Value::String(folder.to_string_lossy().into_owned()))
    });
    let device = overrides.device.map(|device| runtime("--device", "device", Value::String(device.name().to_owned())));
    let precision = overrides
        .precision
        .map(|precision| runtime("--precision", "precision", Value::String(precision.name().to_owned())));
    let threads = overrides.threads.map(|threads| runtime("--threads", "threads", whole(threads as u64)));
    let seed = overrides.seed.map(|seed| runtime("--seed", "seed", whole(seed)));
    [data, device, precision, threads, seed].into_iter().flatten().collect()
}
