//! The one thread that writes: whoever waits while it brings changes to the disk is in its next batch, so
//! that many writers share one fsync.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use access::Permit;
use catalog::{Entry, EntryPath};
use tokio::sync::{mpsc, oneshot};

use super::Shared;
use super::compaction;
use super::journal::Journal;
use super::record;
use crate::expected::Expected;
use crate::{Catalogue, Change, Clock, StoreError};

/// Changes that go to the disk together at most.
const BATCH: usize = 1024;
/// Bytes of cards after which nothing more is put to a batch.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// How long after a failed folding the next one is tried.
const FOLD_AGAIN: Duration = Duration::from_secs(60);

/// What comes of a write: the entry that lives at the path since.
pub(super) type Outcome<E> = Result<Option<Arc<E>>, StoreError>;

/// A write that is asked for.
pub(super) struct Write<E> {
    pub(super) permit: Permit,
    pub(super) expected: Expected,
    pub(super) path: EntryPath,
    /// What shall live at the path; `None` removes what does.
    pub(super) new: Option<E>,
    pub(super) reply: oneshot::Sender<Outcome<E>>,
}

/// What the thread is asked for.
pub(super) enum Ask<E> {
    Write(Box<Write<E>>),
    /// To fold everything and write no more.
    Close(oneshot::Sender<()>),
}

/// The thread's own things.
pub(super) struct Writer<E: Entry> {
    pub(super) shared: Arc<Shared<E>>,
    pub(super) clock: Clock,
    /// Begun with the first change, so that a registry that only reads writes nothing.
    pub(super) journal: Option<Journal>,
    /// Whether everything must be folded before anything is written: what was found at the start does not
    /// simply go on, and the disk did not take it then.
    pub(super) unsettled: bool,
    /// Bytes of a journal that was set aside and is not folded yet.
    pub(super) aside: Option<u64>,
    /// Bytes of journal from which on it is folded.
    pub(super) fold_after: u64,
    /// A folding in the background.
    pub(super) folding: Option<JoinHandle<io::Result<()>>>,
    pub(super) fold_not_before: Instant,
}

impl<E: Entry> Writer<E> {
    /// Works until nobody can ask any more.
    pub(super) fn run(mut self, mut asks: mpsc::UnboundedReceiver<Ask<E>>) {
        while let Some(first) = asks.blocking_recv() {
            let mut batch = Vec::new();
            let mut bytes = 0;
            let mut next = Some(first);
            let mut close = None;
            while let Some(ask) = next.take() {
                match ask {
                    Ask::Write(write) => {
                        bytes += write.new.as_ref().map_or(0, |entry| entry.json().len());
                        batch.push(*write);
                    }
                    Ask::Close(reply) => close = Some(reply),
                }
                if batch.len() < BATCH && bytes < BATCH_BYTES && close.is_none() {
                    next = asks.try_recv().ok();
                }
            }
            self.commit(batch);
            self.fold_when_due();
            if let Some(reply) = close {
                asks.close();
                self.close();
                // Who asked may be gone.
                let _ = reply.send(());
                return;
            }
        }
        self.end_folding();
    }

    /// Makes the changes of a batch durable, then current, then answers.
    fn commit(&mut self, batch: Vec<Write<E>>) {
        let mut picture = Catalogue::clone(&self.shared.current.load());
        let (begin, at) = (picture.changes().last(), (self.clock)());
        let mut lines = Vec::new();
        let mut answers = Vec::with_capacity(batch.len());
        for write in batch {
            let outcome = write_one(
                &mut picture,
                &mut lines,
                (begin + 1, at),
                &write.permit,
                &write.expected,
                write.path,
                write.new,
            );
            answers.push((write.reply, outcome));
        }
        let kept = if lines.is_empty() { Ok(()) } else { self.append(begin, &lines) };
        let fault = kept.as_ref().err().map(ToString::to_string);
        if fault.is_none() && !lines.is_empty() {
            let last = picture.changes().last();
            self.shared.current.store(Arc::new(picture));
            self.shared.latest.send_replace(last);
        }
        if fault.is_some() || !lines.is_empty() {
            self.shared.set_fault(fault.clone());
        }
        for (reply, outcome) in answers {
            // A refusal, too, may rest on a change of this batch that was not kept.
            let outcome = match &fault {
                Some(reason) => Err(self.shared.unavailable(reason.clone())),
                None => outcome,
            };
            // A caller who has hung up hears nothing.
            let _ = reply.send(outcome);
        }
    }

    fn append(&mut self, begin: u64, lines: &[u8]) -> io::Result<()> {
        if self.unsettled {
            compaction::fold_all(&self.shared.files, &self.shared.current.load())?;
            self.unsettled = false;
        }
        let journal = match &mut self.journal {
            Some(journal) => journal,
            none => none.insert(Journal::create(&self.shared.files.journal, begin)?),
        };
        let kept = journal.append(lines);
        self.count_bytes();
        kept
    }

    fn count_bytes(&self) {
        let bytes = self.journal.as_ref().map_or(0, Journal::length) + self.aside.unwrap_or_default();
        self.shared.journal_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Folds in the background once the journal is long enough. Its changes go on in a new one meanwhile.
    fn fold_when_due(&mut self) {
        if self.folding.as_ref().is_some_and(JoinHandle::is_finished) {
            self.end_folding();
        }
        if self.folding.is_some() || Instant::now() < self.fold_not_before {
            return;
        }
        if self.aside.is_none() && !self.set_aside() {
            return;
        }
        let (files, picture) = (self.shared.files.clone(), self.shared.current.load_full());
        let fold = move || compaction::fold_aside(&files, &picture);
        match std::thread::Builder::new().name("store-fold".to_owned()).spawn(fold) {
            Ok(thread) => self.folding = Some(thread),
            Err(cause) => self.folding_failed(&cause),
        }
    }

    /// Sets a journal that is long enough aside, and says whether there is one to be folded now.
    fn set_aside(&mut self) -> bool {
        let Some(journal) = &mut self.journal else { return false };
        let length = journal.length();
        if length < self.fold_after {
            return false;
        }
        // In step with the snapshot: each change is then folded about once, however many agents there are.
        if length < std::fs::metadata(&self.shared.files.state).map_or(0, |file| file.len()) {
            return false;
        }
        match journal.set_aside(&self.shared.files.folding) {
            Ok(()) => {
                (self.journal, self.aside) = (None, Some(length));
                true
            }
            // It goes on as it was.
            Err(cause) => {
                self.folding_failed(&cause);
                false
            }
        }
    }

    fn end_folding(&mut self) {
        let Some(folding) = self.folding.take() else { return };
        match folding.join().unwrap_or_else(|_| Err(io::Error::other("it panicked"))) {
            Ok(()) => self.aside = None,
            Err(cause) => self.folding_failed(&cause),
        }
        self.count_bytes();
    }

    fn folding_failed(&mut self, cause: &io::Error) {
        self.fold_not_before = Instant::now() + FOLD_AGAIN;
        let file = self.shared.files.state.display();
        tracing::error!(%file, %cause, "the journal cannot be folded; it grows, nothing is lost");
    }

    fn close(&mut self) {
        self.end_folding();
        if self.journal.is_none() && !self.unsettled && !self.shared.files.has_journal() {
            return;
        }
        match compaction::fold_all(&self.shared.files, &self.shared.current.load()) {
            Ok(()) => self.shared.journal_bytes.store(0, Ordering::Relaxed),
            Err(cause) => self.folding_failed(&cause),
        }
    }
}

/// Applies one write to the picture, and puts its line to the others.
fn write_one<E: Entry>(
    picture: &mut Catalogue<E>,
    lines: &mut Vec<u8>,
    (batch, at): (u64, u64),
    permit: &Permit,
    expected: &Expected,
    path: EntryPath,
    new: Option<E>,
) -> Outcome<E> {
    let old = picture.get(&path).cloned();
    expected.check(&path, old.as_deref())?;
    let new = new.map(Arc::new);
    let number = picture.changes().last() + 1;
    let Some(change) = Change::between(number, at, permit, old.as_deref(), new.as_deref()) else {
        return Ok(None);
    };
    record::write(lines, batch, &change, new.as_deref()).map_err(|fault| StoreError::Unavailable {
        place: path.to_string(),
        reason: format!("the card cannot be written as JSON: {fault}"),
    })?;
    picture.apply(change, new.clone());
    Ok(new)
}
