//! One machine: `agent_state.json` and `server_state.json` in the guide's form, and beside each the changes since.
//!
//! A change is one checksummed line of a journal (`registry.journal` of agents, `server.journal` of servers), on the disk before it is acknowledged, so that
//! its cost does not grow with the number of agents. Now and then, and at the end, the journal is folded
//! into the snapshot; at rest the snapshot alone is the truth, and a person may edit it. How the two are
//! put together at the start stands in `reading`.

mod compaction;
mod files;
mod history;
pub(crate) mod journal;
pub(crate) mod line;
pub(crate) mod lock;
mod picture;
pub(crate) mod reading;
pub(crate) mod record;
mod repair;
pub(crate) mod replace;
mod salvage;
mod snapshot;
mod writer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use access::Permit;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use catalog::{AgentEntry, Entry, EntryPath, WriteKind};
use tokio::sync::{mpsc, oneshot, watch};

use self::files::Files;
use self::journal::Journal;
use self::writer::{Ask, Outcome, Write, Writer};
use crate::expected::{Expected, permitted};
use crate::{Catalogue, Clock, EntryStore, HistoryLimits, Kept, Status, StoreError};

pub use files::Folder;
pub use picture::pictures;
pub use repair::{Report, check, compact, repair};

/// From how many bytes on a journal is folded, unless the snapshot is longer than that.
pub const FOLD_AFTER: u64 = 16 * 1024 * 1024;

/// The entries of one kind in one folder.
pub struct FileStore<E: Kept = AgentEntry> {
    shared: Arc<Shared<E>>,
    asks: mpsc::UnboundedSender<Ask<E>>,
    writer: Option<JoinHandle<()>>,
}

/// What readers and the writing thread share.
struct Shared<E: Entry> {
    files: Files,
    current: ArcSwap<Catalogue<E>>,
    latest: watch::Sender<u64>,
    fault: Mutex<Option<String>>,
    journal_bytes: AtomicU64,
    /// Kept for its lock.
    _folder: Folder,
}

impl<E: Kept> FileStore<E> {
    /// Reads the state in `folder`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the file and the place: a registry must not start
    /// over a state it cannot read, or its first write would lose it.
    pub fn open(folder: &Folder, clock: Clock, limits: HistoryLimits) -> Result<FileStore<E>, StoreError> {
        FileStore::open_folding(folder, clock, limits, FOLD_AFTER)
    }

    /// The same, folding a journal of `fold_after` bytes.
    ///
    /// # Errors
    /// Those of [`FileStore::open`].
    pub fn open_folding(
        folder: &Folder,
        clock: Clock,
        limits: HistoryLimits,
        fold_after: u64,
    ) -> Result<FileStore<E>, StoreError> {
        let files = folder.files::<E>();
        let found = reading::read(&files, limits, clock());
        repair::refuse_damage(&files, &found)?;
        repair::report(&files, &found);
        let mut unsettled = found.unsettled;
        if unsettled {
            match compaction::fold_all(&files, &found.catalogue) {
                Ok(()) => unsettled = false,
                // Reading goes on; the first write tries again.
                Err(cause) => {
                    tracing::error!(file = %files.state.display(), %cause, "cannot be written; nor can any change");
                }
            }
        }
        let journal = found.journal.map(|length| Journal::resume(&files.journal, length)).transpose();
        let journal = journal.map_err(|cause| StoreError::Unavailable {
            place: files.journal.display().to_string(),
            reason: cause.to_string(),
        })?;
        let shared = Arc::new(Shared {
            latest: watch::Sender::new(found.catalogue.changes().last()),
            current: ArcSwap::from_pointee(found.catalogue),
            fault: Mutex::default(),
            journal_bytes: AtomicU64::new(found.journal.unwrap_or_default()),
            files,
            _folder: folder.clone(),
        });
        let writer = Writer {
            shared: shared.clone(),
            clock,
            journal,
            unsettled,
            aside: None,
            fold_after,
            folding: None,
            fold_not_before: Instant::now(),
        };
        let (asks, asked) = mpsc::unbounded_channel();
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run(asked))
            .map_err(|cause| shared.unavailable(cause.to_string()))?;
        Ok(FileStore { shared, asks, writer: Some(writer) })
    }

    /// A caller who hangs up drops his future; what he asked for is done all the same, or not at all.
    async fn write(
        &self,
        permit: &Permit,
        expected: Expected,
        path: &EntryPath,
        new: Option<E>,
    ) -> Outcome<E> {
        let (reply, answer) = oneshot::channel();
        let write = Write { permit: permit.clone(), expected, path: path.clone(), new, reply };
        let stopped = || self.shared.unavailable("the registry is stopping".to_owned());
        self.asks.send(Ask::Write(Box::new(write))).map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// Waits for what is being written; what was not folded is read from the journal next time.
impl<E: Kept> Drop for FileStore<E> {
    fn drop(&mut self) {
        // The thread ends when nobody can ask it any more.
        self.asks = mpsc::unbounded_channel().0;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl<E: Entry> Shared<E> {
    fn unavailable(&self, reason: String) -> StoreError {
        StoreError::Unavailable { place: self.files.journal.display().to_string(), reason }
    }

    fn set_fault(&self, fault: Option<String>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

#[async_trait]
impl<E: Kept> EntryStore<E> for FileStore<E> {
    fn catalogue(&self) -> Arc<Catalogue<E>> {
        self.shared.current.load_full()
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        // What is acknowledged is shown, and no other process writes.
        Ok(())
    }

    async fn insert(&self, permit: &Permit, entry: E) -> Result<Arc<E>, StoreError> {
        permitted::<E>(permit, WriteKind::Insert, entry.path())?;
        let path = entry.path().clone();
        let kept = self.write(permit, Expected::Vacant, &path, Some(entry)).await?;
        kept.ok_or_else(|| StoreError::Absent(path.to_string()))
    }

    async fn replace(&self, permit: &Permit, expected: &str, entry: E) -> Result<Arc<E>, StoreError> {
        permitted::<E>(permit, WriteKind::Replace, entry.path())?;
        let path = entry.path().clone();
        let kept = self.write(permit, Expected::Tag(expected.to_owned()), &path, Some(entry)).await?;
        kept.ok_or_else(|| StoreError::Absent(path.to_string()))
    }

    async fn remove(&self, permit: &Permit, expected: &str, path: &EntryPath) -> Result<(), StoreError> {
        permitted::<E>(permit, WriteKind::Remove, path)?;
        self.write(permit, Expected::Tag(expected.to_owned()), path, None).await.map(drop)
    }

    fn follow(&self) -> watch::Receiver<u64> {
        self.shared.latest.subscribe()
    }

    fn status(&self) -> Status {
        Status {
            kind: "file",
            fault: self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            journal_bytes: self.shared.journal_bytes.load(Ordering::Relaxed),
            ..Status::default()
        }
    }

    async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.asks.send(Ask::Close(reply)).is_ok() {
            // An error means that the thread has ended, which is what was asked for.
            let _ = closed.await;
        }
    }
}
