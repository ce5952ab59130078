//! `[runtime]`: where and how a run is computed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where and how a run is computed. `device`, `threads` and `memory_mb` change no result beyond the device's rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RuntimeSection {
    /// Where tensors live.
    pub device: DeviceKind,
    /// Type of the numbers. Default: f64 on a CPU, f32 on a GPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// CPU threads; 0: as many as there are cores.
    pub threads: usize,
    /// Memory of the device that a training may use, in megabytes, by estimate. Default: half of what is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<usize>,
    /// Seed of everything random.
    pub seed: u64,
}

/// Where tensors live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// burn's CPU backend.
    #[default]
    Cpu,
    /// burn-ndarray, on the CPU (feature `ndarray`).
    Ndarray,
    /// A GPU through wgpu (feature `wgpu`).
    Wgpu,
    /// An NVIDIA GPU (feature `cuda`).
    Cuda,
}

impl DeviceKind {
    /// Its name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// Whether this program was built with it.
    pub fn is_built(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Ndarray => cfg!(feature = "ndarray"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    /// The precision that is used unless another one is asked for.
    pub fn usual_precision(self) -> Precision {
        match self {
            Self::Cpu | Self::Ndarray => Precision::F64,
            Self::Wgpu | Self::Cuda => Precision::F32,
        }
    }
}

/// Type of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 64 bits, about 16 decimal digits.
    F64,
    /// 32 bits, about 7 decimal digits.
    F32,
}

impl Precision {
    /// Its name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
        }
    }
}
