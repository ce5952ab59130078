//! Files that are either whole or untouched.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::error::TrainerError;

/// Replaces a file: written under a temporary name in the same folder, forced to disk, then renamed. Whatever fails, the
/// file that was there before stays as it was.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), TrainerError> {
    replace_with(path, |file| write_synced(file, bytes))
}

fn replace_with(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), TrainerError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.partial"));
    let outcome = File::create(&temporary)
        .and_then(|mut file| write(&mut file))
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| sync_folder(path));
    if outcome.is_err() {
        // Best effort: on a full disk the half-written file is what must go; the first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    outcome.map_err(TrainerError::file("write", path))
}

fn write_synced(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the rename itself durable where folders can be opened as files.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| cfg!(unix) && !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_write_that_fails_half_way_leaves_the_previous_file_and_no_debris() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step-000010.safetensors");
        replace(&path, b"previous").unwrap();
        let error = replace_with(&path, |file| {
            file.write_all(b"half of the ne")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .unwrap_err();
        assert!(error.to_string().contains("step-000010.safetensors"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"previous");
        assert_eq!(files(folder.path()), ["step-000010.safetensors"]);
        replace(&path, b"next").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"next");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_and_the_previous_file_survives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("best.safetensors");
        replace(&path, b"previous").unwrap();
        // The device that is always full stands in for a disk that has just become so.
        let full = |_: &mut File| write_synced(&mut File::options().write(true).open("/dev/full")?, &[7; 4096]);
        let TrainerError::File { source, .. } = replace_with(&path, full).unwrap_err() else { panic!("wrong error") };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"previous");
        assert_eq!(files(folder.path()), ["best.safetensors"]);
    }

    #[test]
    fn a_folder_that_does_not_exist_is_named() {
        let error = replace(Path::new("/nonexistent/result.json"), b"").unwrap_err().to_string();
        assert_eq!(error, "cannot write /nonexistent/result.json");
    }
}
