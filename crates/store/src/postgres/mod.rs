//! Many registries, one Postgres. Reads are in memory, also while the database is away; every write is one
//! statement; a follower keeps the picture equal to what all replicas write.
//!
//! Each kind of entries has its own tables, and its own store on them. The row of its counter gives every change its number and lets writers queue, so whoever sees a number has
//! seen all before it. At most two connections a kind, the writer's and the follower's, and one for the vectors.

mod follow;
pub(crate) mod link;
mod load;
mod look;
mod picture;
mod restore;
mod rows;
pub(crate) mod schema;
mod shelf;
mod statement;
mod url;
mod write;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use access::Permit;
use async_trait::async_trait;
use catalog::{AgentEntry, EntryPath, WriteKind};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use self::follow::Follower;
use self::link::Trouble;
use self::load::Whole;
use self::picture::Picture;
use self::write::{Wish, Written};
use crate::expected::{Expected, permitted};
use crate::{Catalogue, Clock, EntryStore, HistoryLimits, Kept, Status, StoreError};

pub use self::restore::restored;
pub use self::schema::migrate;
pub use self::shelf::PostgresShelf;
pub use self::url::{DatabaseUrl, UrlFault};

/// Writes that may wait for their turn.
const QUEUE: usize = 1024;

/// How a replica learns of what others write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follow {
    /// The database tells (LISTEN/NOTIFY), and is asked now and then in case it could not.
    #[default]
    Listen,
    /// It is asked again and again: for engines without LISTEN/NOTIFY.
    Poll,
}

/// How to open the store.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Where the database is.
    pub url: DatabaseUrl,
    /// Seconds since 1970.
    pub clock: Clock,
    /// How much is remembered, in memory and in the database.
    pub limits: HistoryLimits,
    /// How to follow other replicas.
    pub follow: Follow,
    /// How often the database is asked in any case.
    pub interval: Duration,
    /// After how long an answer is no longer waited for.
    pub patience: Duration,
    /// Whether missing tables are made.
    pub migrate: bool,
}

impl PostgresOptions {
    /// The usual ones.
    pub fn new(url: DatabaseUrl, clock: Clock) -> PostgresOptions {
        PostgresOptions {
            url,
            clock,
            limits: HistoryLimits::default(),
            follow: Follow::Listen,
            interval: Duration::from_secs(1),
            patience: Duration::from_secs(5),
            migrate: false,
        }
    }
}

/// The entries of one kind in a Postgres database that other registries use as well.
pub struct PostgresStore<E: Kept = AgentEntry> {
    shared: Arc<Shared<E>>,
    /// Gone once the store is closed.
    queue: Mutex<Option<mpsc::Sender<Wish<E>>>>,
    tasks: Mutex<Option<Tasks>>,
}

struct Tasks {
    writer: JoinHandle<()>,
    follower: JoinHandle<()>,
}

/// What the tasks share.
struct Shared<E: Kept> {
    url: DatabaseUrl,
    place: String,
    clock: Clock,
    limits: HistoryLimits,
    follow: Follow,
    interval: Duration,
    patience: Duration,
    picture: Picture<E>,
    /// Asks the follower to look now.
    wake: Notify,
    losses: AtomicU64,
    /// Why the last write was not kept.
    refusal: Mutex<Option<Trouble>>,
}

impl<E: Kept> PostgresStore<E> {
    /// Reads everything and begins to follow.
    ///
    /// # Errors
    /// [`StoreError::Unprepared`] when the tables are missing or another version's, and
    /// [`StoreError::Unavailable`] when the database is not reached. Neither names the password.
    pub async fn open(options: PostgresOptions) -> Result<PostgresStore<E>, StoreError> {
        let PostgresOptions { url, clock, limits, follow, interval, patience, migrate } = options;
        if migrate {
            schema::migrate(&url, follow).await?;
        }
        let place = url.place();
        let unavailable =
            |trouble: Trouble| StoreError::Unavailable { place: place.clone(), reason: trouble.reason() };
        let mut portion = load::PORTION;
        let (asked, Whole { catalogue, generation }) = loop {
            let mut connection = link::connect(&url, patience).await.map_err(unavailable)?;
            schema::check(&mut connection, &place).await?;
            let asked = Instant::now();
            match load::everything(&mut connection, limits, patience, portion).await {
                Ok(whole) => {
                    link::close(connection).await;
                    break (asked, whole);
                }
                // The way is slow: in smaller portions, then.
                Err(Trouble::Late(_)) if portion > 1 => portion = (portion / 10).max(1),
                Err(trouble) => return Err(unavailable(trouble)),
            }
        };
        let sure = catalogue.changes().last();
        let picture = Picture::new(catalogue, asked);
        let (wake, losses, refusal) = (Notify::new(), AtomicU64::new(0), Mutex::default());
        let shared = Arc::new(Shared {
            url,
            place,
            clock,
            limits,
            follow,
            interval,
            patience,
            picture,
            wake,
            losses,
            refusal,
        });
        let (queue, wishes) = mpsc::channel(QUEUE);
        let tasks = Tasks {
            writer: tokio::spawn(write::run(shared.clone(), wishes)),
            follower: tokio::spawn(Follower { shared: shared.clone(), generation, sure, portion }.run()),
        };
        Ok(PostgresStore { shared, queue: Mutex::new(Some(queue)), tasks: Mutex::new(Some(tasks)) })
    }

    /// The vectors that all replicas share, in the same database.
    pub fn shelf(&self) -> PostgresShelf {
        PostgresShelf::new(self.shared.url.clone(), self.shared.patience)
    }

    /// Asks for one write. It is the writer's from then on: a caller who hangs up changes nothing.
    async fn write(
        &self,
        permit: &Permit,
        expected: Expected,
        path: EntryPath,
        new: Option<E>,
    ) -> Written<E> {
        let (answer, answered) = oneshot::channel();
        let wish = Wish { permit: permit.clone(), expected, path, new: new.map(Arc::new), answer, tries: 0 };
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let closed = || self.shared.unavailable("the store is closed");
        queue.ok_or_else(closed)?.send(wish).await.map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }
}

impl<E: Kept> Shared<E> {
    fn unavailable(&self, reason: &str) -> StoreError {
        StoreError::Unavailable { place: self.place.clone(), reason: reason.to_owned() }
    }

    /// The picture shows everything that was there at this instant.
    fn reached(&self, at: Instant) {
        if self.picture.fault().is_some() {
            tracing::info!(place = self.place, "reached again");
        }
        // A refusal stands until the next write; that it was not reached, is over.
        let mut refusal = self.refusal();
        if refusal.as_ref().is_some_and(Trouble::is_lost) {
            *refusal = None;
        }
        drop(refusal);
        self.picture.reached(at);
    }

    /// How often the database was lost.
    fn losses(&self) -> u64 {
        self.losses.load(Ordering::Acquire)
    }

    fn missed(&self, reason: &str) {
        self.losses.fetch_add(1, Ordering::AcqRel);
        self.picture.missed(reason);
    }

    /// Notes why a write was not kept, or that one was.
    fn refused(&self, trouble: Option<Trouble>) {
        *self.refusal() = trouble;
    }

    fn refusal(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the picture shows all that is there now, or says why it cannot.
    async fn newest(&self) -> Result<(), String> {
        let now = Instant::now();
        let mut known = self.picture.known();
        self.wake.notify_one();
        let settled = known.wait_for(|known| known.at >= now || known.missed.is_some_and(|at| at >= now));
        match tokio::time::timeout(self.patience, settled).await {
            Ok(Ok(known)) if known.at >= now => Ok(()),
            Ok(Ok(known)) => Err(known.fault.clone().unwrap_or_default()),
            Ok(Err(_)) | Err(_) => Err("no answer in time".to_owned()),
        }
    }
}

#[async_trait]
impl<E: Kept> EntryStore<E> for PostgresStore<E> {
    fn catalogue(&self) -> Arc<Catalogue<E>> {
        self.shared.picture.current()
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        self.shared.newest().await.map_err(|fault| self.shared.unavailable(&fault))
    }

    async fn insert(&self, permit: &Permit, entry: E) -> Result<Arc<E>, StoreError> {
        permitted::<E>(permit, WriteKind::Insert, entry.path())?;
        let kept = self.write(permit, Expected::Vacant, entry.path().clone(), Some(entry)).await?;
        kept.ok_or(StoreError::WrongPermit)
    }

    async fn replace(&self, permit: &Permit, expected: &str, entry: E) -> Result<Arc<E>, StoreError> {
        permitted::<E>(permit, WriteKind::Replace, entry.path())?;
        let expected = Expected::Tag(expected.to_owned());
        let kept = self.write(permit, expected, entry.path().clone(), Some(entry)).await?;
        kept.ok_or(StoreError::WrongPermit)
    }

    async fn remove(&self, permit: &Permit, expected: &str, path: &EntryPath) -> Result<(), StoreError> {
        permitted::<E>(permit, WriteKind::Remove, path)?;
        self.write(permit, Expected::Tag(expected.to_owned()), path.clone(), None).await.map(drop)
    }

    fn follow(&self) -> watch::Receiver<u64> {
        self.shared.picture.follow()
    }

    fn status(&self) -> Status {
        let refusal = || self.shared.refusal().as_ref().map(Trouble::reason);
        Status {
            kind: "postgres",
            fault: self.shared.picture.fault().or_else(refusal),
            lag: self.shared.picture.lag(),
            ..Status::default()
        }
    }

    async fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tasks) = tasks {
            // It ends when it has written what was asked for before.
            let _ = tasks.writer.await;
            tasks.follower.abort();
        }
    }
}

impl<E: Kept> Drop for PostgresStore<E> {
    fn drop(&mut self) {
        // The writer ends by itself: what it was asked for is written, also when nobody waits.
        if let Some(tasks) = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            tasks.follower.abort();
        }
    }
}
