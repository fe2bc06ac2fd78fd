//! The lock on a folder: one process writes in it.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::replace;
use crate::StoreError;

/// A lock that is held; it is let go with this.
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Not only by closing the file: a process that is being started by another thread may have it open for
        // a moment longer. What cannot be unlocked goes with the last of them.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Makes the folder and takes the lock of this name in it; `busy` tells whoever comes second.
pub(crate) fn take(folder: &Path, name: &str, busy: &str) -> Result<Lock, StoreError> {
    make(folder).map_err(|cause| refused(folder, format!("cannot be made: {cause}")))?;
    let name = folder.join(name);
    let lock = replace::private().write(true).create(true).truncate(false).open(&name);
    let lock = lock.map_err(|cause| unlockable(folder, &cause))?;
    replace::owned_like_folder(&lock, &name);
    exclude_others(folder, lock, busy)
}

/// The same without making anything: where there is no lock, nobody has ever run.
pub(crate) fn take_existing(folder: &Path, name: &str, busy: &str) -> Result<Option<Lock>, StoreError> {
    let lock = match File::open(folder.join(name)) {
        Ok(lock) => lock,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(unlockable(folder, &cause)),
    };
    exclude_others(folder, lock, busy).map(Some)
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

fn exclude_others(folder: &Path, lock: File, busy: &str) -> Result<Lock, StoreError> {
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock(lock)),
        Err(Errno::WOULDBLOCK) => Err(refused(folder, busy.to_owned())),
        Err(other) => Err(unlockable(folder, &other.into())),
    }
}

fn unlockable(folder: &Path, cause: &io::Error) -> StoreError {
    refused(folder, format!("cannot be locked: {cause}"))
}

fn refused(folder: &Path, reason: String) -> StoreError {
    StoreError::Unavailable { place: folder.display().to_string(), reason }
}
