//! One machine, one file: `agent_state.json` in the guide's form.
//!
//! Every write replaces the whole file atomically and durably before it is
//! acknowledged. That costs time in the number of agents; the journal that ends
//! this has its own issue, and the trait does not change for it.

mod layout;
mod replace;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::{Action, Permit};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use catalog::{AgentEntry, EntryPath};
use rustix::fs::{FlockOperation, flock};
use tokio::sync::Mutex;

use crate::{AgentStore, Catalogue, StoreError};

/// The guide's name for the file.
const STATE_FILE: &str = "agent_state.json";
/// Held for as long as the registry runs, so that no second one writes the same state.
const LOCK_FILE: &str = "registry.lock";

/// Agents in `agent_state.json` under one folder.
pub struct FileStore {
    file: PathBuf,
    current: ArcSwap<Catalogue>,
    /// Writes happen one after the other; readers never wait.
    writing: Mutex<()>,
    _lock: File,
}

impl FileStore {
    /// Reads the state under `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the file and the place: a registry must not start
    /// over a state it cannot read, or its first write would lose it.
    pub fn open(folder: &Path) -> Result<FileStore, StoreError> {
        let damaged = |reason: String| StoreError::Damaged { file: folder.to_owned(), reason };
        std::fs::create_dir_all(folder).map_err(|cause| damaged(format!("cannot be made: {cause}")))?;
        let lock = File::create(folder.join(LOCK_FILE))
            .map_err(|cause| damaged(format!("cannot be locked: {cause}")))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            damaged("another registry runs on this folder: stop it, or choose another".to_owned())
        })?;
        let file = folder.join(STATE_FILE);
        let catalogue = layout::load(&file)?;
        Ok(FileStore {
            file,
            current: ArcSwap::from_pointee(catalogue),
            writing: Mutex::new(()),
            _lock: lock,
        })
    }

    /// Makes the changed catalogue durable, then current.
    async fn publish(&self, changed: Catalogue) -> Result<(), StoreError> {
        let changed = Arc::new(changed);
        let (file, written) = (self.file.clone(), changed.clone());
        let outcome =
            tokio::task::spawn_blocking(move || replace::whole(&file, &layout::print(&written))).await;
        outcome
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(|cause| StoreError::Unavailable { file: self.file.clone(), cause })?;
        self.current.store(changed);
        Ok(())
    }

    fn expect(&self, path: &EntryPath, expected: &str) -> Result<Catalogue, StoreError> {
        let catalogue = self.current.load();
        match catalogue.get(path) {
            None => Err(StoreError::Absent(path.to_string())),
            Some(entry) if entry.etag != expected => {
                Err(StoreError::Changed { path: path.to_string(), current: entry.etag.clone() })
            }
            Some(_) => Ok(Catalogue::clone(&catalogue)),
        }
    }
}

#[async_trait]
impl AgentStore for FileStore {
    fn catalogue(&self) -> Arc<Catalogue> {
        self.current.load_full()
    }

    async fn insert(&self, permit: &Permit, entry: AgentEntry) -> Result<Arc<AgentEntry>, StoreError> {
        check(permit, Action::PublishAgent, &entry.path)?;
        let _turn = self.writing.lock().await;
        let mut catalogue = Catalogue::clone(&self.current.load());
        if catalogue.get(&entry.path).is_some() {
            return Err(StoreError::Taken(entry.path.to_string()));
        }
        let entry = Arc::new(entry);
        catalogue.put(entry.clone());
        self.publish(catalogue).await?;
        Ok(entry)
    }

    async fn replace(
        &self,
        permit: &Permit,
        expected: &str,
        entry: AgentEntry,
    ) -> Result<Arc<AgentEntry>, StoreError> {
        check(permit, Action::ModifyAgent, &entry.path)?;
        let _turn = self.writing.lock().await;
        let mut catalogue = self.expect(&entry.path, expected)?;
        let entry = Arc::new(entry);
        catalogue.put(entry.clone());
        self.publish(catalogue).await?;
        Ok(entry)
    }

    async fn remove(&self, permit: &Permit, expected: &str, path: &EntryPath) -> Result<(), StoreError> {
        check(permit, Action::DeleteAgent, path)?;
        let _turn = self.writing.lock().await;
        let mut catalogue = self.expect(path, expected)?;
        catalogue.take(path);
        self.publish(catalogue).await
    }
}

fn check(permit: &Permit, action: Action, path: &EntryPath) -> Result<(), StoreError> {
    if permit.is_for(action, path.as_str()) { Ok(()) } else { Err(StoreError::WrongPermit) }
}
