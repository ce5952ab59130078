//! quantammsim run fingerprints (JSON, spec 10 sec. 5) as run configurations.
//!
//! Absent keys and nulls take that system's defaults. What has no effect here is listed, what has an effect that this
//! program cannot compute is listed as unsupported, and what it does otherwise than that system is noted.

mod group;
mod import;
mod keys;
mod report;
mod training;

pub use import::import_fingerprint;
pub use report::{DeadKey, ImportReport, Unsupported};
