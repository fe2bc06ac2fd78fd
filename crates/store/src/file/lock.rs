//! The lock on a folder: one process writes in it.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::replace;
use crate::StoreError;

/// Makes the folder and takes the lock of this name in it; `busy` tells whoever comes second. The lock goes
/// with the file that is returned.
pub(crate) fn take(folder: &Path, name: &str, busy: &str) -> Result<File, StoreError> {
    make(folder).map_err(|cause| refused(folder, format!("cannot be made: {cause}")))?;
    let name = folder.join(name);
    let lock = replace::private().write(true).create(true).truncate(false).open(&name);
    let lock = lock.map_err(|cause| unlockable(folder, &cause))?;
    replace::owned_like_folder(&lock, &name);
    exclude_others(folder, &lock, busy)?;
    Ok(lock)
}

/// The same without making anything: where there is no lock, nobody has ever run.
pub(crate) fn take_existing(folder: &Path, name: &str, busy: &str) -> Result<Option<File>, StoreError> {
    let lock = match File::open(folder.join(name)) {
        Ok(lock) => lock,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(unlockable(folder, &cause)),
    };
    exclude_others(folder, &lock, busy)?;
    Ok(Some(lock))
}

/// Makes the folder for its owner alone, and brings its name to the disk.
fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    folder.ancestors().skip(1).try_for_each(|folder| match folder.as_os_str().is_empty() {
        true => Ok(()),
        // Whoever may not open a folder above did not make it either.
        false => File::open(folder).map_or(Ok(()), |folder| folder.sync_all()),
    })
}

fn exclude_others(folder: &Path, lock: &File, busy: &str) -> Result<(), StoreError> {
    flock(lock, FlockOperation::NonBlockingLockExclusive).map_err(|cause| match cause {
        Errno::WOULDBLOCK => refused(folder, busy.to_owned()),
        other => unlockable(folder, &other.into()),
    })
}

fn unlockable(folder: &Path, cause: &io::Error) -> StoreError {
    refused(folder, format!("cannot be locked: {cause}"))
}

fn refused(folder: &Path, reason: String) -> StoreError {
    StoreError::Unavailable { place: folder.display().to_string(), reason }
}
