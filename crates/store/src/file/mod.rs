//! One machine, one file: `agent_state.json` in the guide's form.
//!
//! Every write replaces the whole file atomically and durably before it is
//! acknowledged. That costs time in the number of agents; the journal that ends
//! this has its own issue, and the trait does not change for it.

mod layout;
mod replace;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use access::{Action, Permit};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use catalog::{AgentEntry, EntryPath};
use rustix::fs::{FlockOperation, flock};

use crate::{AgentStore, Catalogue, StoreError};

/// The guide's name for the file.
const STATE_FILE: &str = "agent_state.json";
/// Held for as long as the registry runs, so that no second one writes the same state.
const LOCK_FILE: &str = "registry.lock";

/// Agents in `agent_state.json` under one folder.
pub struct FileStore(Arc<Inner>);

struct Inner {
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
        let current = ArcSwap::from_pointee(catalogue);
        Ok(FileStore(Arc::new(Inner { file, current, writing: Mutex::new(()), _lock: lock })))
    }

    /// Makes one change durable, then current.
    ///
    /// All of it happens on a thread of its own, under one lock that the thread holds: a caller
    /// who hangs up drops his future, and must neither stop a write in its middle nor let the
    /// next one begin before it.
    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Catalogue) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.0.clone();
        let written = tokio::task::spawn_blocking(move || inner.write(change)).await;
        written.unwrap_or_else(|panic| Err(self.0.unavailable(std::io::Error::other(panic))))
    }
}

impl Inner {
    fn write<T>(
        &self,
        change: impl FnOnce(&mut Catalogue) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut catalogue = Catalogue::clone(&self.current.load());
        let done = change(&mut catalogue)?;
        replace::whole(&self.file, &layout::print(&catalogue)).map_err(|cause| self.unavailable(cause))?;
        self.current.store(Arc::new(catalogue));
        Ok(done)
    }

    fn unavailable(&self, cause: std::io::Error) -> StoreError {
        StoreError::Unavailable { file: self.file.clone(), cause }
    }
}

/// Refuses a change of an entry that is gone or is another by now.
fn expect(catalogue: &Catalogue, path: &EntryPath, expected: &str) -> Result<(), StoreError> {
    match catalogue.get(path) {
        None => Err(StoreError::Absent(path.to_string())),
        Some(entry) if entry.etag != expected => {
            Err(StoreError::Changed { path: path.to_string(), current: entry.etag.clone() })
        }
        Some(_) => Ok(()),
    }
}

#[async_trait]
impl AgentStore for FileStore {
    fn catalogue(&self) -> Arc<Catalogue> {
        self.0.current.load_full()
    }

    async fn insert(&self, permit: &Permit, entry: AgentEntry) -> Result<Arc<AgentEntry>, StoreError> {
        check(permit, Action::PublishAgent, &entry.path)?;
        self.write(move |catalogue| {
            if catalogue.get(&entry.path).is_some() {
                return Err(StoreError::Taken(entry.path.to_string()));
            }
            let entry = Arc::new(entry);
            catalogue.put(entry.clone());
            Ok(entry)
        })
        .await
    }

    async fn replace(
        &self,
        permit: &Permit,
        expected: &str,
        entry: AgentEntry,
    ) -> Result<Arc<AgentEntry>, StoreError> {
        check(permit, Action::ModifyAgent, &entry.path)?;
        let expected = expected.to_owned();
        self.write(move |catalogue| {
            expect(catalogue, &entry.path, &expected)?;
            let entry = Arc::new(entry);
            catalogue.put(entry.clone());
            Ok(entry)
        })
        .await
    }

    async fn remove(&self, permit: &Permit, expected: &str, path: &EntryPath) -> Result<(), StoreError> {
        check(permit, Action::DeleteAgent, path)?;
        let (expected, path) = (expected.to_owned(), path.clone());
        self.write(move |catalogue| {
            expect(catalogue, &path, &expected)?;
            catalogue.take(&path);
            Ok(())
        })
        .await
    }
}

fn check(permit: &Permit, action: Action, path: &EntryPath) -> Result<(), StoreError> {
    if permit.is_for(action, path.as_str()) { Ok(()) } else { Err(StoreError::WrongPermit) }
}
