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
use tokio::sync::watch;

use crate::expected::{Expected, permitted};
use crate::{AgentStore, Catalogue, Change, Clock, HistoryLimits, Status, StoreError};

/// The guide's name for the file.
const STATE_FILE: &str = "agent_state.json";
/// Held for as long as the registry runs, so that no second one writes the same state.
const LOCK_FILE: &str = "registry.lock";

/// Agents in `agent_state.json` under one folder.
pub struct FileStore(Arc<Inner>);

struct Inner {
    file: PathBuf,
    current: ArcSwap<Catalogue>,
    clock: Clock,
    latest: watch::Sender<u64>,
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
    pub fn open(folder: &Path, clock: Clock, limits: HistoryLimits) -> Result<FileStore, StoreError> {
        let _ = limits;
        let damaged = |reason: String| StoreError::Damaged { file: folder.to_owned(), reason };
        std::fs::create_dir_all(folder).map_err(|cause| damaged(format!("cannot be made: {cause}")))?;
        let lock = File::create(folder.join(LOCK_FILE))
            .map_err(|cause| damaged(format!("cannot be locked: {cause}")))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            damaged("another registry runs on this folder: stop it, or choose another".to_owned())
        })?;
        let file = folder.join(STATE_FILE);
        let catalogue = layout::load(&file)?;
        let latest = watch::Sender::new(catalogue.changes().last());
        let current = ArcSwap::from_pointee(catalogue);
        Ok(FileStore(Arc::new(Inner { file, current, clock, latest, writing: Mutex::new(()), _lock: lock })))
    }

    async fn write(
        &self,
        permit: &Permit,
        expected: Expected,
        path: EntryPath,
        new: Option<AgentEntry>,
    ) -> Result<Option<Arc<AgentEntry>>, StoreError> {
        let inner = self.0.clone();
        let permit = permit.clone();
        let written = tokio::task::spawn_blocking(move || inner.write(&permit, &expected, &path, new)).await;
        written.unwrap_or_else(|panic| Err(self.0.unavailable(std::io::Error::other(panic))))
    }
}

impl Inner {
    fn write(
        &self,
        permit: &Permit,
        expected: &Expected,
        path: &EntryPath,
        new: Option<AgentEntry>,
    ) -> Result<Option<Arc<AgentEntry>>, StoreError> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut catalogue = Catalogue::clone(&self.current.load());
        let old = catalogue.get(path).cloned();
        expected.check(path, old.as_deref())?;
        let new = new.map(Arc::new);
        let number = catalogue.changes().last() + 1;
        if let Some(change) = Change::between(number, (self.clock)(), permit, old.as_deref(), new.as_deref())
        {
            catalogue.apply(change, new.clone());
        }
        replace::whole(&self.file, &layout::print(&catalogue)).map_err(|cause| self.unavailable(cause))?;
        self.current.store(Arc::new(catalogue));
        self.latest.send_replace(number);
        Ok(new)
    }

    fn unavailable(&self, cause: std::io::Error) -> StoreError {
        StoreError::Unavailable { place: self.file.display().to_string(), reason: cause.to_string() }
    }
}

#[async_trait]
impl AgentStore for FileStore {
    fn catalogue(&self) -> Arc<Catalogue> {
        self.0.current.load_full()
    }

    async fn insert(&self, permit: &Permit, entry: AgentEntry) -> Result<Arc<AgentEntry>, StoreError> {
        permitted(permit, Action::PublishAgent, &entry.path)?;
        let kept = self.write(permit, Expected::Vacant, entry.path.clone(), Some(entry)).await?;
        kept.ok_or(StoreError::WrongPermit)
    }

    async fn replace(
        &self,
        permit: &Permit,
        expected: &str,
        entry: AgentEntry,
    ) -> Result<Arc<AgentEntry>, StoreError> {
        permitted(permit, Action::ModifyAgent, &entry.path)?;
        let expected = Expected::Tag(expected.to_owned());
        let kept = self.write(permit, expected, entry.path.clone(), Some(entry)).await?;
        kept.ok_or(StoreError::WrongPermit)
    }

    async fn remove(&self, permit: &Permit, expected: &str, path: &EntryPath) -> Result<(), StoreError> {
        permitted(permit, Action::DeleteAgent, path)?;
        self.write(permit, Expected::Tag(expected.to_owned()), path.clone(), None).await.map(drop)
    }

    fn follow(&self) -> watch::Receiver<u64> {
        self.0.latest.subscribe()
    }

    fn status(&self) -> Status {
        Status { kind: "file", ..Status::default() }
    }

    async fn close(&self) {}
}
