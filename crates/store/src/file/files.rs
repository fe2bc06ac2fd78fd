//! The names in a registry's folder, and the lock on it.

use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::replace::{self, beside};
use crate::StoreError;

/// What keeps a second registry off.
const LOCK: &str = "registry.lock";

/// Where everything is.
#[derive(Clone, Debug)]
pub(super) struct Files {
    folder: PathBuf,
    /// The snapshot; the guide's name.
    pub(super) state: PathBuf,
    /// What has changed since, one line a change.
    pub(super) journal: PathBuf,
    /// A journal that is being folded into the snapshot, while the next one is written.
    pub(super) folding: PathBuf,
    /// The changes that are remembered.
    pub(super) history: PathBuf,
}

impl Files {
    pub(super) fn in_folder(folder: &Path) -> Files {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let journal = folder.join("registry.journal");
        Files {
            folder: folder.to_owned(),
            state: folder.join("agent_state.json"),
            folding: beside(&journal, "folding"),
            journal,
            history: folder.join("agent_history.jsonl"),
        }
    }

    /// Makes the folder and takes its lock, so that no second registry writes the same state. The lock goes
    /// with the file that is returned.
    pub(super) fn lock(&self) -> Result<File, StoreError> {
        self.make().map_err(|cause| self.refused(format!("cannot be made: {cause}")))?;
        let name = self.folder.join(LOCK);
        let lock = replace::private().write(true).create(true).truncate(false).open(&name);
        let lock = lock.map_err(|cause| self.unlockable(&cause))?;
        replace::owned_like_folder(&lock, &name);
        self.exclude_others(&lock)?;
        Ok(lock)
    }

    /// Makes the folder for its owner alone, and brings its name to the disk.
    fn make(&self) -> std::io::Result<()> {
        if self.folder.is_dir() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        self.folder.ancestors().skip(1).try_for_each(|folder| match folder.as_os_str().is_empty() {
            true => Ok(()),
            // Whoever may not open a folder above did not make it either.
            false => File::open(folder).map_or(Ok(()), |folder| folder.sync_all()),
        })
    }

    /// The same without making anything: where there is no lock, no registry has ever run.
    pub(super) fn lock_existing(&self) -> Result<Option<File>, StoreError> {
        let lock = match File::open(self.folder.join(LOCK)) {
            Ok(lock) => lock,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(self.unlockable(&cause)),
        };
        self.exclude_others(&lock)?;
        Ok(Some(lock))
    }

    /// The folder itself.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a journal is there that is not folded. What cannot be looked at may be one.
    pub(super) fn has_journal(&self) -> bool {
        [&self.journal, &self.folding].iter().any(|file| file.try_exists().unwrap_or(true))
    }

    fn exclude_others(&self, lock: &File) -> Result<(), StoreError> {
        flock(lock, FlockOperation::NonBlockingLockExclusive).map_err(|cause| match cause {
            Errno::WOULDBLOCK => {
                self.refused("another registry runs on this folder: stop it, or choose another".to_owned())
            }
            other => self.unlockable(&other.into()),
        })
    }

    fn unlockable(&self, cause: &std::io::Error) -> StoreError {
        self.refused(format!("cannot be locked: {cause}"))
    }

    fn refused(&self, reason: String) -> StoreError {
        StoreError::Unavailable { place: self.folder.display().to_string(), reason }
    }
}
