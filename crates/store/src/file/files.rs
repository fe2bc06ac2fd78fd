//! A registry's folder: the lock on it, and the names in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lock::{self, Lock};
use super::replace::beside;
use crate::{Kept, StoreError};

/// What keeps a second registry off.
const LOCK: &str = "registry.lock";
/// What the second one is told.
const BUSY: &str = "another registry runs on this folder: stop it, or choose another";

/// A folder that this process alone writes in, for as long as any clone of this is there: one lock, however
/// many kinds of entries are kept in it.
#[derive(Clone)]
pub struct Folder {
    path: PathBuf,
    /// None where nothing may be made, and no registry has ever run.
    _lock: Option<Arc<Lock>>,
}

impl Folder {
    /// Makes the folder, where it is not there, and takes its lock, so that no second registry writes the same
    /// state.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when another registry runs on it, and when it cannot be made.
    pub fn lock(path: &Path) -> Result<Folder, StoreError> {
        let path = named(path);
        let lock = lock::take(&path, LOCK, BUSY)?;
        Ok(Folder { path, _lock: Some(Arc::new(lock)) })
    }

    /// The same without making anything: where there is no lock, no registry has ever run.
    pub(super) fn lock_existing(path: &Path) -> Result<Folder, StoreError> {
        let path = named(path);
        let lock = lock::take_existing(&path, LOCK, BUSY)?;
        Ok(Folder { path, _lock: lock.map(Arc::new) })
    }

    /// The files of one kind of entries in it.
    pub(super) fn files<E: Kept>(&self) -> Files {
        let journal = self.path.join(E::JOURNAL);
        let kind = E::SINGULAR;
        Files {
            folder: self.path.clone(),
            state: self.path.join(format!("{kind}_state.json")),
            folding: beside(&journal, "folding"),
            journal,
            history: self.path.join(format!("{kind}_history.jsonl")),
        }
    }
}

fn named(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() }
}

/// Where everything of one kind is.
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
    /// The folder itself.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a journal is there that is not folded. What cannot be looked at may be one.
    pub(super) fn has_journal(&self) -> bool {
        [&self.journal, &self.folding].iter().any(|file| file.try_exists().unwrap_or(true))
    }

    /// Whether anything of this kind is there at all.
    pub(super) fn hold_anything(&self) -> bool {
        self.has_journal()
            || [&self.state, &self.history].iter().any(|file| file.try_exists().unwrap_or(true))
    }
}
