//! Snapshot, history and journals → the catalogue, and everything that is wrong with them.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::files::Files;
use super::record::{self, Recorded};
use super::{history, line, snapshot};
use crate::{Catalogue, ChangeLog, HistoryLimits};

/// Everything that was found in a folder.
pub(super) struct Reading {
    /// What it comes to. With damage: everything that could still be read.
    pub(super) catalogue: Catalogue,
    /// The journal that is to be continued: how many of its bytes are good.
    pub(super) journal: Option<u64>,
    /// Whether a journal was being folded into the snapshot when the registry stopped.
    pub(super) folding: bool,
    /// Whether somebody has edited the snapshot, or it never was ours.
    pub(super) edited: bool,
    /// How many changes the journals hold.
    pub(super) changes: usize,
    /// A last write that was never acknowledged, and did not come to its end.
    pub(super) torn: Option<Torn>,
    /// Why the history is not used. Nothing of the catalogue is lost by it.
    pub(super) history_fault: Option<String>,
    /// What makes a start impossible.
    pub(super) damage: Vec<Damage>,
    /// Agents of a damaged snapshot that cannot be read: the beginning of each, and why.
    pub(super) lost: Vec<String>,
}

/// The end of a journal that is cut off.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Torn {
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// One place that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) file: PathBuf,
    pub(super) offset: Option<u64>,
    pub(super) reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file.display())?;
        if let Some(offset) = self.offset {
            write!(out, ", offset {offset}")?;
        }
        write!(out, ": {}", self.reason)
    }
}

/// Reads everything. Only what is damaged is left out.
pub(super) fn read(files: &Files, limits: HistoryLimits) -> Reading {
    let mut damage = Vec::new();
    let mut lost = Vec::new();
    let snapshot = snapshot::read(&files.state).unwrap_or_else(|faults| {
        damage.extend(faults.into_iter().map(|reason| at(&files.state, None, reason)));
        let (entries, unread) = snapshot::salvage(&files.state);
        lost = unread;
        snapshot::Snapshot { entries, untouched: true, ..Default::default() }
    });
    let (log, history_fault) = match history::read(&files.history, limits) {
        Ok(log) => (log, None),
        Err(fault) => (None, Some(fault)),
    };
    let mut catalogue = Catalogue::with(log.unwrap_or_else(|| ChangeLog::after(0, limits)));
    snapshot.entries.into_iter().for_each(|entry| catalogue.put(entry));
    let folding = journal(&files.folding, false, &mut damage);
    let current = journal(&files.journal, true, &mut damage);
    let edited = snapshot.present && !snapshot.untouched;

    let journals: Vec<&Journal> = [&folding, &current].into_iter().flatten().collect();
    let changes = journals.iter().map(|journal| journal.changes.len()).sum();
    let begin = journals.iter().find(|journal| !journal.changes.is_empty()).map(|journal| journal.after);
    let base = snapshot.change.unwrap_or_default();
    match begin {
        Some(begin)
            if damage.is_empty() && (begin > base || (snapshot.present && snapshot.change.is_none())) =>
        {
            let holds = match (snapshot.present, snapshot.change) {
                (false, _) => "is not there".to_owned(),
                (true, None) => "does not say which changes it holds".to_owned(),
                (true, Some(base)) => format!("holds the changes up to {base}"),
            };
            damage.push(at(
                &files.state,
                None,
                format!(
                    "{holds}, but {} goes on after change {begin}: put the newer agent_state.json back, or let \
                     `registry store repair` put both together",
                    files.journal.display()
                ),
            ));
        }
        _ => {}
    }
    catalogue.changes_mut().skip_to(base);
    let mut number = None;
    for journal in journals {
        if number.is_some_and(|number| journal.after != number) && damage.is_empty() {
            let reason =
                format!("goes on after change {}, but the journal before it ends elsewhere", journal.after);
            damage.push(at(&files.journal, Some(0), reason));
        }
        number = Some(journal.changes.last().map_or(journal.after, |last| last.change.number));
    }
    let torn = current.as_ref().and_then(|journal| journal.torn());
    let length = current.as_ref().map(|journal| journal.good);
    let folded = folding.is_some();
    let afters = [&folding, &current].into_iter().flatten().map(|journal| journal.after).max();
    for recorded in folding.into_iter().chain(current).flat_map(|journal| journal.changes) {
        take(&mut catalogue, base, recorded);
    }
    catalogue.changes_mut().skip_to(afters.unwrap_or_default());
    if edited {
        // Nobody knows what was changed by hand: who follows must look at everything.
        catalogue.changes_mut().interrupt();
    }
    Reading {
        catalogue,
        journal: length,
        folding: folded,
        edited,
        changes,
        torn,
        history_fault,
        damage,
        lost,
    }
}

fn take(catalogue: &mut Catalogue, base: u64, recorded: Recorded) {
    let number = recorded.change.number;
    let new_to_snapshot = number > base;
    let new_to_history = number > catalogue.changes().last();
    if new_to_snapshot {
        match recorded.entry {
            Some(entry) => catalogue.put(entry),
            None => catalogue.take(&recorded.change.path),
        }
    }
    if new_to_history {
        catalogue.changes_mut().skip_to(number.saturating_sub(1));
        catalogue.changes_mut().push(recorded.change.into());
    }
}

/// A journal as it was read.
struct Journal {
    after: u64,
    changes: Vec<Recorded>,
    /// Bytes up to the torn end.
    good: u64,
    length: u64,
}

impl Journal {
    fn torn(&self) -> Option<Torn> {
        (self.good < self.length).then(|| Torn { offset: self.good, bytes: self.length - self.good })
    }
}

/// Reads a journal; only the one that was being written can have a torn end.
fn journal(file: &Path, may_be_torn: bool, damage: &mut Vec<Damage>) -> Option<Journal> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return None,
        Err(cause) => {
            damage.push(at(file, None, format!("cannot be read: {cause}")));
            return None;
        }
    };
    let length = bytes.len() as u64;
    let mut lines = line::split(&bytes);
    // The head is brought to the disk before the file gets its name.
    let head =
        lines.next().ok_or_else(|| "it is empty".to_owned()).and_then(|(_, head, _)| record::read_head(head));
    let after = head.map_err(|reason| damage.push(at(file, Some(0), reason))).ok();
    let mut lines: Vec<(u64, Result<Recorded, String>)> = lines
        .flat_map(|(offset, text, ended)| {
            let recorded = if ended { record::read(text) } else { Err("the line has no end".to_owned()) };
            // Where the end of a line is damaged, the next one looks like a part of it.
            let hidden = if recorded.is_err() && ended { record::find(text) } else { None };
            let hidden = hidden.map(|(place, recorded)| ((offset + place) as u64, Ok(recorded)));
            std::iter::once((offset as u64, recorded)).chain(hidden)
        })
        .collect();
    let mut good = length;
    if may_be_torn && let Some(end) = torn_end(&lines, after.unwrap_or_default()) {
        good = lines[end].0;
        lines.truncate(end);
    }
    let mut changes: Vec<Recorded> = Vec::with_capacity(lines.len());
    let mut expected = after.map(|after| after + 1);
    for (offset, line) in lines {
        match line {
            Err(reason) => {
                damage.push(at(file, Some(offset), reason));
                expected = None;
            }
            Ok(recorded) => {
                let number = recorded.change.number;
                if expected.is_some_and(|expected| expected != number) {
                    damage.push(at(file, Some(offset), format!("change {number} is out of its order")));
                }
                expected = Some(number + 1);
                changes.push(recorded);
            }
        }
    }
    Some(Journal { after: after.unwrap_or_default(), changes, good, length })
}

/// The first line of a torn end: one that cannot be read, and after which there is no proof that it once
/// could. A later batch is one: it was begun only when the batch before was on the disk whole.
fn torn_end(lines: &[(u64, Result<Recorded, String>)], after: u64) -> Option<usize> {
    let mut latest_batch = vec![0; lines.len() + 1];
    for (place, (_, line)) in lines.iter().enumerate().rev() {
        let batch = line.as_ref().map_or(0, |recorded| recorded.batch);
        latest_batch[place] = batch.max(latest_batch[place + 1]);
    }
    let mut next = after + 1;
    for (place, (_, line)) in lines.iter().enumerate() {
        match line {
            Ok(recorded) => next = recorded.change.number + 1,
            Err(_) if latest_batch[place] <= next => return Some(place),
            Err(_) => {}
        }
    }
    None
}

fn at(file: &Path, offset: Option<u64>, reason: String) -> Damage {
    Damage { file: file.to_owned(), offset, reason }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Change, What};

    /// A journal of records with these batches; `0` is a line that cannot be read.
    fn torn_after(batches: &[u64]) -> Option<usize> {
        let lines = batches.iter().zip(1..).map(|(batch, number)| {
            let path = catalog::EntryPath::parse("/a").expect("a path");
            let resource = Arc::new(access::Resource::vacant("/a"));
            let change = Change {
                number,
                at: 0,
                by: String::new(),
                client_id: None,
                what: What::Removed,
                path,
                fields: Vec::new(),
                before: Some(resource),
                after: None,
                etag: None,
            };
            let read = if *batch == 0 {
                Err("damaged".to_owned())
            } else {
                Ok(Recorded { batch: *batch, change, entry: None })
            };
            (number, read)
        });
        torn_end(&lines.collect::<Vec<_>>(), 0)
    }

    #[test]
    fn an_end_is_torn_unless_a_later_batch_proves_that_it_was_whole() {
        for (batches, expected) in [
            (&[1, 2, 3][..], None),
            (&[1, 2, 0], Some(2)),
            // One batch of three: the disk may have kept its parts in any order.
            (&[1, 0, 2], Some(1)),
            (&[0, 1, 1], Some(0)),
            (&[1, 2, 0, 2], Some(2)),
            // The batch that begins with 4 was begun after 3 was on the disk.
            (&[1, 2, 0, 4], None),
            (&[1, 0, 2, 4], None),
            // Damage that is proven, and a torn end after it.
            (&[1, 0, 3, 0], Some(3)),
            (&[0, 0], Some(0)),
            (&[], None),
        ] {
            assert_eq!(torn_after(batches), expected, "{batches:?}");
        }
    }
}
