//! `gradpool devices`: what `--device` can name here.

use clap::Args;
use serde::Serialize;

use crate::EXIT_DONE;
use crate::config::DeviceKind;
use crate::describe::table;
use crate::output::Output;

/// Arguments of `gradpool devices`.
#[derive(Debug, Args)]
#[command(after_help = "\
A device that this program was built without is listed with the feature that brings it. Where there are several GPUs, the
first is used; CUBECL_WGPU_DEFAULT_DEVICE chooses another one for wgpu.

Examples:
  gradpool devices
  gradpool devices --json")]
pub struct DevicesArguments {}

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    devices: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    /// What `--device` calls it.
    device: &'static str,
    name: String,
    memory_bytes: Option<u64>,
    /// Types of numbers that are computed right, the usual one first.
    precision: &'static [&'static str],
    usable: bool,
}

/// Lists devices.
///
/// # Errors
/// If stdout cannot be written.
pub fn run(output: &mut Output<'_>) -> anyhow::Result<u8> {
    let devices = devices();
    if output.json {
        output.document(&Document { devices })?;
        return Ok(EXIT_DONE);
    }
    let heading = ["device", "memory", "precision", "name"].map(str::to_owned).to_vec();
    let row = |entry: &Entry| {
        let memory = entry.memory_bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{} MB", bytes >> 20));
        vec![entry.device.to_owned(), memory, entry.precision.join(", "), entry.name.clone()]
    };
    for line in table(&std::iter::once(heading).chain(devices.iter().map(row)).collect::<Vec<_>>()) {
        output.data(line)?;
    }
    Ok(EXIT_DONE)
}

fn devices() -> Vec<Entry> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let host = |kind: DeviceKind, name: String| Entry {
        device: kind.name(),
        name,
        memory_bytes: None,
        precision: &["f64", "f32"],
        usable: true,
    };
    let mut devices = vec![host(DeviceKind::Cpu, format!("{threads} threads"))];
    if DeviceKind::Ndarray.is_built() {
        devices.push(host(DeviceKind::Ndarray, format!("{threads} threads, burn-ndarray")));
    }
    #[cfg(feature = "wgpu")]
    devices.extend(gpus(DeviceKind::Wgpu, gradpool_ops::gpus::wgpu(), &["f32"]));
    #[cfg(feature = "cuda")]
    devices.extend(gpus(DeviceKind::Cuda, gradpool_ops::gpus::cuda(), &["f32", "f64"]));
    for kind in [DeviceKind::Ndarray, DeviceKind::Wgpu, DeviceKind::Cuda] {
        if !kind.is_built() {
            let name = format!("not in this program: build it with --features {}", kind.name());
            devices.push(absent(kind, name));
        }
    }
    devices
}

fn absent(kind: DeviceKind, name: String) -> Entry {
    Entry { device: kind.name(), name, memory_bytes: None, precision: &[], usable: false }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn gpus(kind: DeviceKind, found: Vec<gradpool_ops::gpus::Gpu>, precision: &'static [&'static str]) -> Vec<Entry> {
    if found.is_empty() {
        return vec![absent(kind, "no GPU found".to_owned())];
    }
    let entry = |gpu: gradpool_ops::gpus::Gpu| Entry {
        device: kind.name(),
        name: gpu.name,
        memory_bytes: gpu.memory_bytes,
        precision,
        usable: true,
    };
    found.into_iter().map(entry).collect()
}
