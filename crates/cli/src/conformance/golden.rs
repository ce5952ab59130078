//! One golden case as it lies on disk: a JSON document and the arrays beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde_json::Value;

/// Arrays by name: shape, and numbers in row-major order.
pub type Arrays = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

/// What keeps a golden case from being read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GoldenError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not JSON.
    #[error("{} is not JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// Not a file of arrays, or a torn one.
    #[error("the arrays of {} cannot be read", path.display())]
    Arrays {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: SafeTensorError,
    },
    /// An array of other numbers.
    #[error("{}: the array `{array}` has {dtype:?} numbers; expected F64", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The array.
        array: String,
        /// What its numbers are.
        dtype: Dtype,
    },
    /// A part that every case has.
    #[error("`{at}` is missing; expected {expected}")]
    Missing {
        /// Path inside the document, or name of the array.
        at: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A part of another kind.
    #[error("`{at}` is {found}; expected {expected}")]
    Kind {
        /// Path inside the document, or name of the array.
        at: String,
        /// What is there.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
}

/// What the reference system was given and what came out.
#[derive(Clone, Debug)]
pub struct Golden {
    /// The case's name.
    pub name: String,
    /// The JSON file.
    pub path: PathBuf,
    /// Its content.
    pub json: Value,
    /// The arrays in the `.safetensors` file of the same name.
    pub arrays: Arrays,
}

impl Golden {
    /// Reads a case from its JSON file and the arrays beside it.
    ///
    /// # Errors
    /// [`GoldenError`] naming the file.
    pub fn read(path: &Path) -> Result<Self, GoldenError> {
        let bytes = std::fs::read(path).map_err(|source| GoldenError::Read { path: path.to_owned(), source })?;
        let json =
            serde_json::from_slice(&bytes).map_err(|source| GoldenError::Json { path: path.to_owned(), source })?;
        Self::with_document(path, json)
    }

    /// The same with a document that was read already.
    ///
    /// # Errors
    /// [`GoldenError`] naming the file.
    pub fn with_document(path: &Path, json: Value) -> Result<Self, GoldenError> {
        let name = text(&json, "case")?.to_owned();
        Ok(Self { name, path: path.to_owned(), arrays: arrays(&path.with_extension("safetensors"))?, json })
    }

    /// The part of the document at a path, e.g. `["metrics", "sharpe"]`.
    ///
    /// # Errors
    /// [`GoldenError::Missing`].
    pub fn part(&self, path: &[&str]) -> Result<&Value, GoldenError> {
        let found = path.iter().try_fold(&self.json, |value, key| value.get(key));
        found.ok_or_else(|| GoldenError::Missing { at: path.join("."), expected: "a part of a golden case" })
    }

    /// A number by path.
    ///
    /// # Errors
    /// [`GoldenError`] naming the path.
    pub fn number(&self, path: &[&str]) -> Result<f64, GoldenError> {
        let value = self.part(path)?;
        number(value).ok_or_else(|| GoldenError::Kind {
            at: path.join("."),
            found: value.to_string(),
            expected: "a number",
        })
    }

    /// The numbers of an array, if the case has it.
    pub fn array(&self, name: &str) -> Option<&[f64]> {
        self.arrays.get(name).map(|(_, values)| values.as_slice())
    }

    /// The numbers of an array that the case needs.
    ///
    /// # Errors
    /// [`GoldenError::Missing`].
    pub fn needed_array(&self, name: &str) -> Result<&[f64], GoldenError> {
        self.array(name).ok_or_else(|| GoldenError::Missing { at: name.to_owned(), expected: "an array of the case" })
    }
}

/// Where the prices of a golden file are: the folder `prices` beside the folder that holds the file.
pub fn prices_beside(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).join("../prices")
}

/// The arrays of a `.safetensors` file of float64 numbers.
///
/// # Errors
/// [`GoldenError`] naming the file.
pub fn arrays(path: &Path) -> Result<Arrays, GoldenError> {
    let bytes = std::fs::read(path).map_err(|source| GoldenError::Read { path: path.to_owned(), source })?;
    let file =
        SafeTensors::deserialize(&bytes).map_err(|source| GoldenError::Arrays { path: path.to_owned(), source })?;
    let decode = |data: &[u8]| data.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word)).collect();
    file.tensors()
        .into_iter()
        .map(|(name, view)| match view.dtype() {
            Dtype::F64 => Ok((name, (view.shape().to_vec(), decode(view.data())))),
            dtype => Err(GoldenError::Type { path: path.to_owned(), array: name, dtype }),
        })
        .collect()
}

/// The text at a key.
///
/// # Errors
/// [`GoldenError`] naming the key.
pub fn text<'a>(json: &'a Value, key: &str) -> Result<&'a str, GoldenError> {
    let value = json.get(key).ok_or_else(|| GoldenError::Missing { at: key.to_owned(), expected: "a text" })?;
    value.as_str().ok_or_else(|| GoldenError::Kind { at: key.to_owned(), found: value.to_string(), expected: "a text" })
}

/// A JSON number, or one of the texts that stand for what JSON cannot say.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "nan" => Some(f64::NAN),
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// All numbers of a (nested) JSON array, in order.
///
/// # Errors
/// [`GoldenError::Kind`] if something in it is no number; `at` says where it stands.
pub fn numbers(at: &str, value: &Value) -> Result<Vec<f64>, GoldenError> {
    let mut found = Vec::new();
    collect(at, value, &mut found)?;
    Ok(found)
}

fn collect(at: &str, value: &Value, found: &mut Vec<f64>) -> Result<(), GoldenError> {
    if let Value::Array(items) = value {
        return items.iter().try_for_each(|item| collect(at, item, found));
    }
    let number = number(value).ok_or_else(|| GoldenError::Kind {
        at: at.to_owned(),
        found: value.to_string(),
        expected: "a number or a list of numbers",
    })?;
    found.push(number);
    Ok(())
}

/// The members of a JSON object.
///
/// # Errors
/// [`GoldenError::Kind`]; `at` says where it stands.
pub fn members<'a>(at: &str, value: &'a Value) -> Result<&'a serde_json::Map<String, Value>, GoldenError> {
    value.as_object().ok_or_else(|| GoldenError::Kind {
        at: at.to_owned(),
        found: value.to_string(),
        expected: "an object",
    })
}

/// The items of a JSON array.
///
/// # Errors
/// [`GoldenError::Kind`]; `at` says where it stands.
pub fn items<'a>(at: &str, value: &'a Value) -> Result<&'a [Value], GoldenError> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| GoldenError::Kind {
        at: at.to_owned(),
        found: value.to_string(),
        expected: "a list",
    })
}
