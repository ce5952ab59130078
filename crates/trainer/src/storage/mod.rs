//! What a training leaves on disk: run folders, event logs, checkpoints.

mod atomic;
pub mod checkpoint;
pub(crate) mod columns;
pub mod events;
pub mod run;
mod tensor_file;
