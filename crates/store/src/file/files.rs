//! The names in a registry's folder, and the lock on it.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::replace::beside;
use crate::StoreError;

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
        let refused = |reason: String| StoreError::Damaged { file: self.folder.clone(), reason };
        std::fs::create_dir_all(&self.folder).map_err(|cause| refused(format!("cannot be made: {cause}")))?;
        let lock = File::create(self.folder.join("registry.lock"))
            .map_err(|cause| refused(format!("cannot be locked: {cause}")))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            refused("another registry runs on this folder: stop it, or choose another".to_owned())
        })?;
        Ok(lock)
    }
}
