//! A directory that is kept: what its readers and its keeper share, and the way from one to the other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use access::DirectoryPermit;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};

use super::keeper::{Ask, Keeper, Write};
use super::log::{Log, Trouble};
use super::{Directory, DirectoryStore, Done, Wish};
use crate::{Clock, Status, StoreError};

/// Wishes that may wait for their turn.
const QUEUE: usize = 4096;

/// What is the same wherever it is kept.
pub(super) struct Setting {
    /// `file` or `postgres`.
    pub(super) kind: &'static str,
    /// Which file or database; without a password.
    pub(super) place: String,
    pub(super) clock: Clock,
    /// Grows with every change of who may do what.
    pub(super) rights: Arc<AtomicU64>,
}

/// What readers and the keeper share.
pub(super) struct Shared {
    pub(super) setting: Setting,
    pub(super) current: ArcSwap<Directory>,
    pub(super) latest: watch::Sender<u64>,
    pub(super) bytes: AtomicU64,
    /// Whether it ends well: with everything in its resting form.
    pub(super) is_closing: AtomicBool,
    health: Mutex<Health>,
}

/// How the log is doing.
#[derive(Default)]
struct Health {
    /// Why it was not reached the last time, or not understood.
    away: Option<String>,
    /// Why the last batch was not kept.
    refusal: Option<String>,
    /// When the picture was last known to be the newest; `None` where it always is.
    newest: Option<Instant>,
}

/// The store: a way to the keeper, and its newest picture.
struct Kept {
    shared: Arc<Shared>,
    /// Gone once it is closed.
    queue: Mutex<Option<mpsc::Sender<Ask>>>,
    /// Told of when the keeper has gone, and with it all that it holds.
    end: watch::Receiver<()>,
    /// Where the keeper has a thread of its own.
    thread: Option<thread::JoinHandle<()>>,
}

/// Keeps a directory in a log whose every use is short and blocks: on a thread of its own, so that no fsync
/// holds up whoever answers requests.
pub(super) fn keep_on_thread(
    setting: Setting,
    directory: Directory,
    log: impl Log,
) -> Result<Arc<dyn DirectoryStore>, StoreError> {
    let (mut kept, keeper, ended) = Kept::new(setting, directory, log);
    let unavailable = |cause: std::io::Error| kept.shared.unavailable(&cause.to_string());
    let here = tokio::runtime::Builder::new_current_thread().build().map_err(unavailable)?;
    let run = move || {
        here.block_on(keeper.run());
        drop(ended);
    };
    let thread = thread::Builder::new().name("directory-log".to_owned()).spawn(run);
    kept.thread = Some(thread.map_err(unavailable)?);
    Ok(Arc::new(kept))
}

/// Keeps a directory in a log that is far away.
pub(super) fn keep_in_task(setting: Setting, directory: Directory, log: impl Log) -> Arc<dyn DirectoryStore> {
    let (kept, keeper, ended) = Kept::new(setting, directory, log);
    tokio::spawn(async move {
        keeper.run().await;
        drop(ended);
    });
    Arc::new(kept)
}

impl Kept {
    fn new<L: Log>(setting: Setting, directory: Directory, log: L) -> (Kept, Keeper<L>, watch::Sender<()>) {
        let newest = log.interval().map(|_| Instant::now());
        let shared = Arc::new(Shared {
            setting,
            latest: watch::Sender::new(directory.number()),
            current: ArcSwap::from_pointee(directory),
            bytes: AtomicU64::new(log.bytes()),
            is_closing: AtomicBool::new(false),
            health: Mutex::new(Health { newest, ..Health::default() }),
        });
        let (queue, asks) = mpsc::channel(QUEUE);
        let (ended, end) = watch::channel(());
        let keeper = Keeper::new(shared.clone(), log, asks);
        (Kept { shared, queue: Mutex::new(Some(queue)), end, thread: None }, keeper, ended)
    }

    /// Asks the keeper. The ask is his from then on: a caller who hangs up changes nothing.
    async fn ask<T>(
        &self,
        ask: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Ask,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let closed = || self.shared.unavailable("the directory is closed");
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        queue.ok_or_else(closed)?.send(ask(reply)).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }
}

impl Shared {
    pub(super) fn unavailable(&self, reason: &str) -> StoreError {
        StoreError::Unavailable { place: self.setting.place.clone(), reason: reason.to_owned() }
    }

    /// Shows a picture; `rights` says whether it changes who may do what.
    pub(super) fn publish(&self, directory: Directory, rights: bool) {
        let number = directory.number();
        self.current.store(Arc::new(directory));
        if rights {
            // After the picture: whoever sees this looks at that one, or a later one.
            self.setting.rights.fetch_add(1, Ordering::Release);
        }
        self.latest.send_replace(number);
    }

    /// The picture shows all that was there at this instant.
    pub(super) fn reached(&self, at: Instant) {
        let mut health = self.health();
        if health.away.take().is_some() {
            tracing::info!(place = self.setting.place, "reached again");
        }
        health.newest = health.newest.map(|_| at);
    }

    /// Notes that a batch was kept.
    pub(super) fn kept(&self) {
        self.health().refusal = None;
    }

    /// Notes why a batch was not kept, or why nobody knows what others have written.
    pub(super) fn failed(&self, trouble: &Trouble) {
        let (place, reason) = (&self.setting.place, &trouble.reason);
        let mut health = self.health();
        if !trouble.is_away {
            if health.refusal.replace(reason.clone()).is_none() {
                tracing::error!(place, reason, "the directory cannot be written");
            }
        } else if health.away.replace(reason.clone()).is_none() {
            tracing::warn!(
                place,
                reason,
                "what others have written is not known; reads go on, writes are refused"
            );
        }
    }

    /// Why it is not reached.
    pub(super) fn away(&self) -> Option<String> {
        self.health().away.clone()
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl DirectoryStore for Kept {
    fn directory(&self) -> Arc<Directory> {
        self.shared.current.load_full()
    }

    async fn write(&self, permit: &DirectoryPermit, wish: Wish) -> Result<Done, StoreError> {
        if !wish.is_permitted(permit) {
            return Err(StoreError::WrongPermit);
        }
        let by = permit.by().to_owned();
        self.ask(|reply| Ask::Write(Box::new(Write { by, wish, reply }))).await
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        if self.shared.health().newest.is_none() {
            // What is acknowledged is shown, and no other process writes.
            return Ok(());
        }
        self.ask(Ask::Refresh).await
    }

    fn follow(&self) -> watch::Receiver<u64> {
        self.shared.latest.subscribe()
    }

    fn lag(&self) -> Duration {
        self.shared.health().newest.map_or(Duration::ZERO, |newest| newest.elapsed())
    }

    fn status(&self) -> Status {
        let health = self.shared.health();
        // Its sender goes with the keeper.
        let gone = self.end.has_changed().err().map(|_| "the directory is closed".to_owned());
        Status {
            kind: self.shared.setting.kind,
            fault: gone.or_else(|| health.away.clone()).or_else(|| health.refusal.clone()),
            lag: health.newest.map_or(Duration::ZERO, |newest| newest.elapsed()),
            journal_bytes: self.shared.bytes.load(Ordering::Relaxed),
        }
    }

    async fn close(&self) {
        self.shared.is_closing.store(true, Ordering::Release);
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Its sender says nothing; it goes when the keeper has done all that was asked for before.
        let _ = self.end.clone().changed().await;
    }
}

impl Drop for Kept {
    /// Waits for what is being written, so that the folder is free afterwards.
    fn drop(&mut self) {
        self.queue.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
