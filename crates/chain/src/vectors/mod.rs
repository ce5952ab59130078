//! Conformance vectors: what the real contracts returned, compared number by number with this crate.
//!
//! A vector file is a JSON document whose `schema` ends in the name of a [`Format`]. Every number and every error of an
//! expected outcome is one check.

mod arithmetic;
mod contract_errors;
mod covariance;
mod peer_facts;
mod rule_calls;
mod sequences;
mod swaps;
mod tally;
mod value;
mod weights;

use serde_json::Value;

use tally::Tally;
pub use tally::{Difference, NotChecked, Report};
use value::Node;

/// Why a document cannot be verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// The document is none of the known formats.
    #[error("not a vector file: {found}; expected a `schema` that ends in one of {}", Format::names())]
    UnknownFormat {
        /// What the document says it is.
        found: String,
    },
    /// A part of the document is missing or of another kind.
    #[error("{at}: {problem}")]
    Malformed {
        /// Path inside the document.
        at: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// The formats of vector files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Sequences of updates by runner, pool and rule.
    RuleSequences,
    /// Fixed-point functions.
    Primitives,
    /// Clamp and normalisation of weights.
    Guard,
    /// Multipliers, their expiry and their storage.
    Multiplier,
    /// Packed words.
    Packing,
    /// Weights over time.
    Interpolation,
    /// Swaps, invariants and balances.
    Swaps,
    /// The covariance estimator.
    Covariance,
    /// Which parameters a rule accepts.
    ValidParameters,
    /// Single rule calls, most of which revert.
    ErrorsRules,
    /// Reverts of runner, pool and factory, described in words.
    ErrorsContracts,
    /// Exact equalities of the contracts' own tests.
    PeerFacts,
    /// Gas that calls used: nothing that arithmetic could reproduce.
    Gas,
}

impl Format {
    const ALL: [(Self, &'static str); 13] = [
        (Self::RuleSequences, "rule-sequences"),
        (Self::Primitives, "primitives"),
        (Self::Guard, "guard"),
        (Self::Multiplier, "multiplier"),
        (Self::Packing, "packing"),
        (Self::Interpolation, "interpolation"),
        (Self::Swaps, "swaps"),
        (Self::Covariance, "covariance"),
        (Self::ValidParameters, "valid-parameters"),
        (Self::ErrorsRules, "errors-rules"),
        (Self::ErrorsContracts, "errors-contracts"),
        (Self::PeerFacts, "peer-facts"),
        (Self::Gas, "gas"),
    ];

    /// The format's name, as in the `schema` of a vector file.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(format, _)| *format == self).map_or("", |(_, name)| name)
    }

    fn names() -> String {
        Self::ALL.map(|(_, name)| name).join(", ")
    }

    /// The format of a document.
    ///
    /// # Errors
    /// [`VectorError::UnknownFormat`].
    pub fn of(document: &Value) -> Result<Self, VectorError> {
        // The measurements of gas carry no schema.
        if document.get("calculateNewWeights_legacy").is_some() {
            return Ok(Self::Gas);
        }
        let schema = document.get("schema").and_then(Value::as_str);
        let name = schema.map(|schema| schema.rsplit('#').next().unwrap_or(schema));
        Self::ALL.iter().find(|(_, known)| Some(*known) == name).map(|(format, _)| *format).ok_or_else(|| {
            VectorError::UnknownFormat {
                found: schema
                    .map_or_else(|| "it has no `schema`".to_owned(), |schema| format!("its schema is {schema:?}")),
            }
        })
    }
}

/// Compares every number of a vector file with this crate.
///
/// # Errors
/// [`VectorError::UnknownFormat`], and [`VectorError::Malformed`] where the document does not follow its format.
pub fn verify(document: &Value) -> Result<Report, VectorError> {
    let format = Format::of(document)?;
    let root = Node::root(document);
    let mut tally = Tally::default();
    match format {
        Format::RuleSequences => sequences::verify(&root, &mut tally)?,
        Format::Primitives => arithmetic::verify_primitives(&root, &mut tally)?,
        Format::Packing => arithmetic::verify_packing(&root, &mut tally)?,
        Format::Guard => weights::verify_guard(&root, &mut tally)?,
        Format::Multiplier => weights::verify_multiplier(&root, &mut tally)?,
        Format::Interpolation => weights::verify_interpolation(&root, &mut tally)?,
        Format::Swaps => swaps::verify(&root, &mut tally)?,
        Format::Covariance => covariance::verify(&root, &mut tally)?,
        Format::ValidParameters => rule_calls::verify_parameters(&root, &mut tally)?,
        Format::ErrorsRules => rule_calls::verify_calls(&root, &mut tally)?,
        Format::ErrorsContracts => contract_errors::verify(&root, &mut tally)?,
        Format::PeerFacts => peer_facts::verify(&root, &mut tally)?,
        Format::Gas => tally.skip("gas measurements hold no number that arithmetic could reproduce"),
    }
    Ok(tally.report())
}
