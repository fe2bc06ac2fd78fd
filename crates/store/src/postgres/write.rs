//! Writing: one statement at a time, for everybody who has come meanwhile.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::Permit;
use catalog::{EntryPath, WriteKind};
use sqlx::PgConnection;
use tokio::sync::{mpsc, oneshot};

use super::link::{self, Trouble, connect_to_write, within};
use super::picture::{After, Step};
use super::statement::{self, Columns};
use super::{Shared, rows};
use crate::expected::Expected;
use crate::{Catalogue, Change, Kept, StoreError};

/// How many writes share one statement.
const MOST: usize = 128;
/// How long a statement that gave way to another replica's waits at most before it is repeated.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a write is tried whose entry changes under it.
const TRIES: u32 = 16;
/// After so many changes those beyond the limit are forgotten.
const PRUNE_EVERY: u64 = 200;

/// What a write answers: the entry that is there since.
pub(super) type Written<E> = Result<Option<Arc<E>>, StoreError>;

/// One write that somebody waits for, or has waited for: it is done all the same.
pub(super) struct Wish<E> {
    pub(super) permit: Permit,
    pub(super) expected: Expected,
    pub(super) path: EntryPath,
    pub(super) new: Option<Arc<E>>,
    pub(super) answer: oneshot::Sender<Written<E>>,
    pub(super) tries: u32,
}

/// A wish whose turn it is, and the change that it will be; only its number is not known yet.
struct Due<E> {
    wish: Wish<E>,
    change: Change,
}

impl<E: Kept> Wish<E> {
    fn kind(&self) -> WriteKind {
        match (&self.expected, &self.new) {
            (Expected::Vacant, _) => WriteKind::Insert,
            (Expected::Tag(_), Some(_)) => WriteKind::Replace,
            (Expected::Tag(_), None) => WriteKind::Remove,
        }
    }

    fn end(self, written: Written<E>) {
        // He may have hung up.
        let _ = self.answer.send(written);
    }
}

struct Writer<E: Kept> {
    shared: Arc<Shared<E>>,
    connection: Option<PgConnection>,
    /// The follower's connections that were lost when ours was made.
    losses: u64,
    pruned: u64,
}

/// Writes until nobody can ask for it any more.
pub(super) async fn run<E: Kept>(shared: Arc<Shared<E>>, mut queue: mpsc::Receiver<Wish<E>>) {
    let pruned = shared.picture.last();
    let mut writer = Writer { shared, connection: None, losses: 0, pruned };
    let mut waiting = VecDeque::new();
    while let Some(wish) = next(&mut queue, &mut waiting).await {
        waiting.push_front(wish);
        while waiting.len() < MOST
            && let Ok(wish) = queue.try_recv()
        {
            waiting.push_back(wish);
        }
        writer.turn(&mut waiting).await;
    }
    if let Some(connection) = writer.connection {
        link::close(connection).await;
    }
}

async fn next<E>(queue: &mut mpsc::Receiver<Wish<E>>, waiting: &mut VecDeque<Wish<E>>) -> Option<Wish<E>> {
    match waiting.pop_front() {
        Some(wish) => Some(wish),
        None => queue.recv().await,
    }
}

impl<E: Kept> Writer<E> {
    /// Ends what is refused, writes one batch, and leaves the rest waiting.
    async fn turn(&mut self, waiting: &mut VecDeque<Wish<E>>) {
        if let Some(fault) = self.shared.picture.fault() {
            return waiting.drain(..).for_each(|wish| wish.end(Err(self.shared.unavailable(&fault))));
        }
        self.refuse(waiting).await;
        let picture = self.shared.picture.current();
        let mut batch = batch(waiting, &picture, (self.shared.clock)());
        if batch.is_empty() {
            return;
        }
        match self.write(&batch).await {
            Ok(numbers) => self.acknowledge(batch, numbers, waiting),
            // One of them may be why: then only that one fails.
            Err(Trouble::Unfit(_)) if batch.len() > 1 => self.each(batch, waiting).await,
            Err(trouble) => self.fail(&mut batch, &trouble),
        }
        self.prune().await;
    }

    /// Writes one after the other. All together have the time of one: others wait for their turn.
    async fn each(&mut self, batch: Vec<Due<E>>, waiting: &mut VecDeque<Wish<E>>) {
        let began = Instant::now();
        let mut rest = VecDeque::from(batch);
        while let Some(due) = rest.pop_front() {
            let mut alone = vec![due];
            match self.write(&alone).await {
                Ok(numbers) => self.acknowledge(alone, numbers, waiting),
                Err(trouble) => {
                    self.fail(&mut alone, &trouble);
                    if trouble.is_lost() {
                        return self.fail(&mut rest.into(), &trouble);
                    }
                }
            }
            if began.elapsed() > self.shared.patience && !rest.is_empty() {
                let late = Trouble::Refused("too much was refused, and others wait".to_owned());
                return self.fail(&mut rest.into(), &late);
            }
        }
    }

    /// Ends those that count on something else than what is there. Before anybody is refused, the picture
    /// must be the newest: he may have read what another replica wrote a moment ago. Where it cannot be had, all end:
    /// they have waited as long for it as they would for the database to write, which is no nearer.
    async fn refuse(&self, waiting: &mut VecDeque<Wish<E>>) {
        let doubtful = |wish: &Wish<E>, picture: &Catalogue<E>| {
            wish.tries > 0
                || wish.expected.check(&wish.path, picture.get(&wish.path).map(Arc::as_ref)).is_err()
        };
        let picture = self.shared.picture.current();
        if !waiting.iter().any(|wish| doubtful(wish, &picture)) {
            return;
        }
        let fresh = self.shared.newest().await;
        let picture = self.shared.picture.current();
        for wish in std::mem::take(waiting) {
            let checked = wish.expected.check(&wish.path, picture.get(&wish.path).map(Arc::as_ref));
            match (checked, &fresh) {
                (_, Err(fault)) => wish.end(Err(self.shared.unavailable(fault))),
                (Err(refused), Ok(())) => wish.end(Err(refused)),
                (Ok(()), Ok(())) if wish.tries >= TRIES => {
                    wish.end(Err(self.shared.unavailable(&Trouble::Conflict.reason())));
                }
                (Ok(()), Ok(())) => waiting.push_back(wish),
            }
        }
    }

    async fn write(&mut self, batch: &[Due<E>]) -> Result<Vec<(String, u64)>, Trouble> {
        let Some(kind) = batch.first().map(|due| due.wish.kind()) else { return Ok(Vec::new()) };
        let columns = columns(batch);
        let began = Instant::now();
        for attempt in 1.. {
            let (patience, follow) = (self.shared.patience, self.shared.follow);
            let connection = self.connection().await?;
            match within(patience, statement::run::<E>(connection, kind, follow, &columns)).await {
                Err(Trouble::Conflict) if began.elapsed() < patience => {
                    tokio::time::sleep(pause(attempt)).await;
                }
                Err(trouble) => {
                    // Broken, in the middle of an answer, or at a server that is read-only by now.
                    if trouble.is_lost() || matches!(trouble, Trouble::ReadOnly(_)) {
                        self.connection = None;
                    }
                    return Err(trouble);
                }
                Ok(numbers) => return Ok(numbers),
            }
        }
        Err(Trouble::Conflict)
    }

    /// Shows what was written, and tells whoever asked for it.
    fn acknowledge(&self, batch: Vec<Due<E>>, numbers: Vec<(String, u64)>, waiting: &mut VecDeque<Wish<E>>) {
        let began = Instant::now();
        let highest = numbers.iter().map(|(_, number)| *number).max().unwrap_or_default();
        let mut steps = Vec::new();
        let mut written = Vec::new();
        for Due { mut wish, change } in batch {
            match numbers.iter().find(|(path, _)| *path == wish.path.as_str()) {
                Some((_, number)) => {
                    let after = wish.new.clone().map_or(After::Gone, After::Is);
                    let (number, path) = (*number, Some(wish.path.clone()));
                    steps.push(Step { number, path, change: Some(Change { number, ..change }), after });
                    written.push(wish);
                }
                None => {
                    wish.tries += 1;
                    waiting.push_back(wish);
                }
            }
        }
        self.shared.refused(None);
        let taken = self.shared.picture.take(steps);
        let shared = self.shared.clone();
        let end = move |shown: bool| {
            for wish in written {
                let new = wish.new.clone();
                wish.end(if shown { Ok(new) } else { Err(shared.unavailable(KEPT_UNSEEN)) });
            }
        };
        // A number that is shown as another change was given twice: the database has lost changes.
        let is_doubtful = taken.differs || taken.forgotten;
        if taken.all_shown && !is_doubtful {
            return end(true);
        }
        // Other replicas' changes come before ours: the follower brings them.
        let shared = self.shared.clone();
        shared.wake.notify_one();
        tokio::spawn(async move {
            if is_doubtful {
                return end(shared.newest().await.is_ok());
            }
            let mut latest = shared.picture.follow();
            let limit = shared.patience.saturating_sub(began.elapsed());
            let shown = tokio::time::timeout(limit, latest.wait_for(|latest| *latest >= highest)).await;
            end(matches!(shown, Ok(Ok(_))));
        });
    }

    fn fail(&self, batch: &mut Vec<Due<E>>, trouble: &Trouble) {
        if batch.is_empty() {
            return;
        }
        let reason = trouble.reason();
        tracing::warn!(place = self.shared.place, reason, writes = batch.len(), "not written");
        self.shared.refused(Some(trouble.clone()));
        // Who has waited as long for his turn need not wait again. Whether it is reached, the follower finds out.
        if trouble.is_lost() {
            self.shared.missed(&reason);
        }
        self.shared.wake.notify_one();
        batch.drain(..).for_each(|due| due.wish.end(Err(self.shared.unavailable(&reason))));
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, Trouble> {
        let losses = self.shared.losses();
        let connection = match self.connection.take() {
            // Whatever cut the follower off has most likely cut this one off, too.
            Some(connection) if self.losses == losses => connection,
            Some(_) | None => connect_to_write(&self.shared.url, self.shared.patience).await?,
        };
        self.losses = losses;
        Ok(self.connection.insert(connection))
    }

    async fn prune(&mut self) {
        let last = self.shared.picture.last();
        if last < self.pruned + PRUNE_EVERY {
            return;
        }
        self.pruned = last;
        let forget = last.saturating_sub(self.shared.limits.total as u64);
        let patience = self.shared.patience;
        let Ok(connection) = self.connection().await else { return };
        if let Err(trouble) = within(patience, statement::prune::<E>(connection, forget)).await {
            self.connection = None;
            tracing::warn!(reason = trouble.reason(), "old changes stay until the next time");
        }
    }
}

/// Longer each time, and never as long as that of those it met.
fn pause(attempt: u32) -> Duration {
    let longest = Duration::from_millis(3 << attempt.min(7)).min(PAUSE);
    // The standard library's random keys: nobody needs to be unable to guess it.
    let chance = RandomState::new().hash_one(attempt) % 1024;
    longest.mul_f64(chance as f64 / 1024.0)
}

/// The change is committed; only this replica does not know yet.
const KEPT_UNSEEN: &str = "it was kept, but this replica cannot show it yet";

/// Takes the first wish and those of its kind that go with it. Of one path only one: the next one counts on
/// what this one leaves.
fn batch<E: Kept>(waiting: &mut VecDeque<Wish<E>>, picture: &Catalogue<E>, now: u64) -> Vec<Due<E>> {
    let Some(kind) = waiting.front().map(Wish::kind) else { return Vec::new() };
    let mut paths = HashSet::new();
    let mut batch = Vec::new();
    for wish in std::mem::take(waiting) {
        // The entry of the picture is the one that the statement finds, since both have the expected tag.
        let old = picture.get(&wish.path).map(Arc::as_ref);
        let is_possible = wish.expected.check(&wish.path, old).is_ok();
        let change = Change::between(0, now, &wish.permit, old, wish.new.as_deref());
        // Once a path is named, whatever comes later for it waits, of whatever kind.
        match change.filter(|_| paths.insert(wish.path.clone()) && wish.kind() == kind && is_possible) {
            Some(change) => batch.push(Due { wish, change }),
            None => waiting.push_back(wish),
        }
    }
    batch
}

fn columns<E: Kept>(batch: &[Due<E>]) -> Columns {
    let mut columns = Columns::default();
    for Due { wish, change } in batch {
        columns.paths.push(wish.path.to_string());
        columns.expected.push(match &wish.expected {
            Expected::Vacant => String::new(),
            Expected::Tag(tag) => tag.clone(),
        });
        columns.etags.push(wish.new.as_ref().map(|entry| entry.etag().to_owned()));
        columns.cards.push(wish.new.as_ref().map(|entry| entry.json().to_string()));
        columns.records.push(rows::record(change));
    }
    columns
}
