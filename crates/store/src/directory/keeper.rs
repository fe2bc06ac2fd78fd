//! The one who writes: whoever waits while a batch is brought to the disk is in the next one, so that many
//! share one fsync, or one statement.
//!
//! A wish is decided on the newest picture, its event is durable before the picture shows it, and the
//! picture shows it before anybody is told.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::kept::Shared;
use super::log::{Appended, Event, Log, News, Trouble};
use super::picture::Applied;
use super::{Directory, Done, Wish};
use crate::StoreError;

/// Events that are kept together at most.
const BATCH: usize = 1024;
/// How often a batch is decided anew because others wrote meanwhile.
const TRIES: u32 = 8;
/// How often others may come before, until they must wait.
const OVERTAKEN: u32 = 2;
/// After how long a batch is not tried again: others wait for their turn.
const LONGEST: Duration = Duration::from_secs(5);
/// How long after a failure the log is asked again at the latest.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long after a failed folding the next one is tried.
const FOLD_AGAIN: Duration = Duration::from_secs(60);

/// What comes of a wish.
pub(super) type Outcome = Result<Done, StoreError>;

/// A wish that somebody waits for, or has waited for: it is done all the same.
pub(super) struct Write {
    /// Whom the permit was given to.
    pub(super) by: String,
    pub(super) wish: Wish,
    pub(super) reply: oneshot::Sender<Outcome>,
}

/// What the keeper is asked for.
pub(super) enum Ask {
    Write(Box<Write>),
    /// To show all that is there by now.
    Refresh(oneshot::Sender<Result<(), StoreError>>),
}

/// The keeper's own things.
pub(super) struct Keeper<L> {
    shared: Arc<Shared>,
    log: L,
    asks: mpsc::Receiver<Ask>,
    /// When to ask for what others have written.
    look_at: Option<Instant>,
    fold_not_before: Instant,
}

/// What the keeper does next.
enum Turn {
    /// What is asked for.
    Asks(Vec<Write>, Vec<oneshot::Sender<Result<(), StoreError>>>),
    /// What others have written is looked for.
    Look,
    /// Nobody can ask any more.
    End,
}

impl<L: Log> Keeper<L> {
    pub(super) fn new(shared: Arc<Shared>, log: L, asks: mpsc::Receiver<Ask>) -> Keeper<L> {
        let now = Instant::now();
        let look_at = log.interval().map(|interval| now + interval);
        Keeper { shared, log, asks, look_at, fold_not_before: now }
    }

    /// Works until nobody can ask any more.
    pub(super) async fn run(mut self) {
        loop {
            match self.turn().await {
                Turn::Asks(writes, refreshes) => {
                    if !writes.is_empty() {
                        self.commit(writes).await;
                    }
                    if !refreshes.is_empty() {
                        self.refresh(refreshes).await;
                    }
                }
                Turn::Look => {
                    // A fault is noted, and whoever writes is told.
                    let _ = self.look().await;
                }
                Turn::End => break,
            }
            self.fold_when_due().await;
        }
        let mut picture = Directory::clone(&self.shared.current.load());
        picture.forget_ended((self.shared.setting.clock)());
        let is_closing = self.shared.is_closing.load(Ordering::Acquire);
        self.log.end(is_closing.then_some(&picture)).await;
        if is_closing {
            self.shared.bytes.store(0, Ordering::Relaxed);
        }
    }

    async fn turn(&mut self) -> Turn {
        let first = match self.look_at {
            None => self.asks.recv().await,
            // However much is asked for here, others write as well.
            Some(at) if at <= Instant::now() => return Turn::Look,
            Some(at) => match tokio::time::timeout_at(at.into(), self.asks.recv()).await {
                Ok(first) => first,
                Err(_) => return Turn::Look,
            },
        };
        let (mut writes, mut refreshes) = (Vec::new(), Vec::new());
        let mut next = first;
        if next.is_none() {
            return Turn::End;
        }
        while let Some(ask) = next.take() {
            match ask {
                Ask::Write(write) => writes.push(*write),
                Ask::Refresh(reply) => refreshes.push(reply),
            }
            if writes.len() < BATCH {
                next = self.asks.try_recv().ok();
            }
        }
        Turn::Asks(writes, refreshes)
    }

    /// Does what a batch wishes, and answers.
    async fn commit(&mut self, writes: Vec<Write>) {
        let settled = match self.shared.away() {
            // Nobody waits for what is not there.
            Some(reason) => Err(reason),
            None => self.settle(&writes).await,
        };
        self.shared.bytes.store(self.log.bytes(), Ordering::Relaxed);
        match settled {
            Ok(outcomes) => {
                for (write, outcome) in writes.into_iter().zip(outcomes) {
                    // He may have hung up.
                    let _ = write.reply.send(outcome);
                }
            }
            Err(reason) => {
                for write in writes {
                    let _ = write.reply.send(Err(self.shared.unavailable(&reason)));
                }
            }
        }
    }

    /// Decides a batch, keeps it and shows it; decided anew for as long as others come before.
    ///
    /// # Errors
    /// Why nothing of it counts: a refusal, too, may rest on an event of this batch that was not kept.
    async fn settle(&mut self, writes: &[Write]) -> Result<Vec<Outcome>, String> {
        let at = (self.shared.setting.clock)();
        let mut is_newest = self.log.interval().is_none();
        let began = Instant::now();
        for attempt in 1..=TRIES {
            if began.elapsed() > LONGEST {
                break;
            }
            let mut picture = Directory::clone(&self.shared.current.load());
            let after = picture.number();
            let (events, outcomes) = decide(&mut picture, at, writes);
            // Before anybody is refused, the picture must be the newest: he may count on what another process
            // acknowledged a moment ago.
            if !is_newest && outcomes.iter().any(Result::is_err) {
                self.look().await?;
                is_newest = true;
                continue;
            }
            if events.is_empty() {
                self.log.let_go().await;
                return Ok(outcomes);
            }
            let asked = Instant::now();
            match self.log.append(after, &events).await {
                Appended::Kept => {
                    let rights = events.iter().any(|event| event.wish.changes_rights());
                    self.shared.publish(picture, rights);
                    self.shared.kept();
                    self.reached(asked);
                    return Ok(outcomes);
                }
                Appended::Behind => {
                    // Whoever is farther away than the others would always come last.
                    if attempt >= OVERTAKEN
                        && let Err(trouble) = self.log.take_turn().await
                    {
                        return Err(self.not_kept(trouble));
                    }
                    if let Err(reason) = self.look().await {
                        self.log.let_go().await;
                        return Err(reason);
                    }
                    is_newest = true;
                }
                Appended::Failed(trouble) => return Err(self.not_kept(trouble)),
            }
        }
        self.log.let_go().await;
        Err("too many write at once".to_owned())
    }

    fn not_kept(&mut self, trouble: Trouble) -> String {
        self.shared.failed(&trouble);
        self.look_soon();
        trouble.reason
    }

    async fn refresh(&mut self, refreshes: Vec<oneshot::Sender<Result<(), StoreError>>>) {
        // Nobody waits for what is not there; whether it is again, is looked for all the time.
        let known = match self.shared.away() {
            Some(reason) => Err(reason),
            None => self.look().await,
        };
        for reply in refreshes {
            let known = known.as_ref().map_err(|reason| self.shared.unavailable(reason));
            let _ = reply.send(known.copied());
        }
    }

    /// Shows what others have written.
    ///
    /// # Errors
    /// Why nobody knows what that is.
    async fn look(&mut self) -> Result<(), String> {
        let asked = Instant::now();
        let picture = self.shared.current.load_full();
        let found = self.news(picture.number()).await;
        match found.and_then(|news| self.take(&picture, news)) {
            Ok(()) => {
                self.reached(asked);
                Ok(())
            }
            Err(trouble) => {
                self.shared.failed(&Trouble { is_away: true, ..trouble.clone() });
                self.look_soon();
                Err(trouble.reason)
            }
        }
    }

    /// Asks the log. While that is away, whoever comes is told so meanwhile.
    async fn news(&mut self, after: u64) -> Result<News, Trouble> {
        let Keeper { shared, log, asks, .. } = self;
        let Some(reason) = shared.away() else { return log.catch_up(after).await };
        let mut found = log.catch_up(after);
        loop {
            let ask = tokio::select! {
                biased;
                found = &mut found => return found,
                ask = asks.recv() => ask,
            };
            match ask {
                Some(Ask::Write(write)) => drop(write.reply.send(Err(shared.unavailable(&reason)))),
                Some(Ask::Refresh(reply)) => drop(reply.send(Err(shared.unavailable(&reason)))),
                // It ends.
                None => return Err(Trouble { reason, is_away: true }),
            }
        }
    }

    fn take(&self, picture: &Directory, news: News) -> Result<(), Trouble> {
        match news {
            News::Events(events) if events.is_empty() => {}
            News::Events(events) => {
                let mut picture = picture.clone();
                events.iter().try_for_each(|event| picture.follow(event)).map_err(Trouble::refused)?;
                self.shared.publish(picture, events.iter().any(|event| event.wish.changes_rights()));
            }
            // Nobody knows what has changed.
            News::Whole(picture) => self.shared.publish(*picture, true),
        }
        Ok(())
    }

    fn reached(&mut self, asked: Instant) {
        self.shared.reached(asked);
        self.look_at = self.log.interval().map(|interval| asked + interval);
    }

    /// After a failure: however seldom it is looked for news, nobody waits as long for a log that is well again.
    fn look_soon(&mut self) {
        self.look_at = self.log.interval().map(|interval| Instant::now() + interval.min(LOOK_AGAIN));
    }

    /// Folds a log that is long enough. Whoever writes waits meanwhile: it is seldom, and takes a few times as
    /// long as reading the snapshot.
    async fn fold_when_due(&mut self) {
        let number = self.shared.current.load().number();
        if !self.log.is_long(number) || Instant::now() < self.fold_not_before || self.shared.away().is_some()
        {
            return;
        }
        let mut picture = Directory::clone(&self.shared.current.load());
        picture.forget_ended((self.shared.setting.clock)());
        self.shared.current.store(Arc::new(picture.clone()));
        if let Err(reason) = self.log.fold(&picture).await {
            self.fold_not_before = Instant::now() + FOLD_AGAIN;
            let place = &self.shared.setting.place;
            tracing::error!(place, reason, "the log cannot be folded; it grows, nothing is lost");
        }
        self.shared.bytes.store(self.log.bytes(), Ordering::Relaxed);
    }
}

/// Decides wishes one after the other on a picture that has what those before came to. Only what changes
/// something is an event.
fn decide<'w>(picture: &mut Directory, at: u64, writes: &'w [Write]) -> (Vec<Event<'w>>, Vec<Outcome>) {
    let batch = picture.number() + 1;
    let mut events = Vec::with_capacity(writes.len());
    let mut outcomes = Vec::with_capacity(writes.len());
    for Write { by, wish, .. } in writes {
        outcomes.push(picture.apply(at, wish).map(|applied| match applied {
            Applied::Unchanged(done) => done,
            Applied::Changed(done) => {
                let (number, by, wish) = (picture.number(), Cow::Borrowed(&**by), Cow::Borrowed(wish));
                events.push(Event { batch, number, at, by, wish });
                done
            }
        }));
    }
    (events, outcomes)
}
