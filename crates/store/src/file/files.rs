//! The names in a registry's folder, and the lock on it.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::replace::beside;
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
        std::fs::create_dir_all(&self.folder)
            .map_err(|cause| self.refused(format!("cannot be made: {cause}")))?;
        let lock = File::create(self.folder.join(LOCK)).map_err(|cause| self.unlockable(&cause))?;
        self.exclude_others(&lock)?;
        Ok(lock)
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

    fn exclude_others(&self, lock: &File) -> Result<(), StoreError> {
        flock(lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            self.refused("another registry runs on this folder: stop it, or choose another".to_owned())
        })
    }

    fn unlockable(&self, cause: &std::io::Error) -> StoreError {
        self.refused(format!("cannot be locked: {cause}"))
    }

    fn refused(&self, reason: String) -> StoreError {
        StoreError::Damaged { file: self.folder.clone(), reason }
    }
}
