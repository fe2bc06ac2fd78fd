//! The names in a registry's folder, and the lock on it.

use std::path::{Path, PathBuf};

use super::lock::{self, Lock};
use super::replace::beside;
use crate::StoreError;

/// What keeps a second registry off.
const LOCK: &str = "registry.lock";
/// What the second one is told.
const BUSY: &str = "another registry runs on this folder: stop it, or choose another";

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

    /// Makes the folder and takes its lock, so that no second registry writes the same state. The lock
    /// goes with what is returned.
    pub(super) fn lock(&self) -> Result<Lock, StoreError> {
        lock::take(&self.folder, LOCK, BUSY)
    }

    /// The same without making anything: where there is no lock, no registry has ever run.
    pub(super) fn lock_existing(&self) -> Result<Option<Lock>, StoreError> {
        lock::take_existing(&self.folder, LOCK, BUSY)
    }

    /// The folder itself.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a journal is there that is not folded. What cannot be looked at may be one.
    pub(super) fn has_journal(&self) -> bool {
        [&self.journal, &self.folding].iter().any(|file| file.try_exists().unwrap_or(true))
    }
}
