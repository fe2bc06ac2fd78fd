//! Snapshot, history and journals → the catalogue, and everything that is wrong with them.

pub(crate) mod journal;

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use catalog::{Entry, EntryPath};

use self::journal::Journal;
use super::files::Files;
use super::record::Recorded;
use super::{history, replace, snapshot};
use crate::{Catalogue, ChangeLog, HistoryLimits};

/// Everything that was found in a folder.
pub(super) struct Reading<E: Entry> {
    /// What it comes to. With damage: everything that could still be read.
    pub(super) catalogue: Catalogue<E>,
    /// The journal that is to be continued: how many of its bytes are good.
    pub(super) journal: Option<u64>,
    /// Whether snapshot and journal do not simply go on as they are: the snapshot must be written anew
    /// before anything else is.
    pub(super) unsettled: bool,
    /// Whether somebody has edited the snapshot, or it never was ours.
    pub(super) edited: bool,
    /// How many changes the journals hold.
    pub(super) changes: usize,
    /// The entries of an edited snapshot that the journals change again.
    pub(super) overridden: Vec<EntryPath>,
    /// A last write that did not come to its end.
    pub(super) torn: Option<Torn>,
    /// Why the history is not used. Nothing of the catalogue is lost by it.
    pub(super) history_fault: Option<String>,
    /// What makes a start impossible.
    pub(super) damage: Vec<Damage>,
}

/// The end of a journal that is cut off.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Torn {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

impl Torn {
    /// Keeps it beside the journal, and answers where.
    pub(crate) fn keep(&self, journal: &Path) -> io::Result<PathBuf> {
        let bytes = fs::read(journal)?;
        let from = usize::try_from(self.offset).unwrap_or(usize::MAX).min(bytes.len());
        let (name, mut kept) = replace::new_file(&replace::beside(journal, "torn"))?;
        kept.write_all(&bytes[from..])?;
        kept.sync_all()?;
        Ok(name)
    }
}

/// One place that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) file: PathBuf,
    pub(crate) offset: Option<u64>,
    pub(crate) reason: String,
}

impl Damage {
    fn at(file: &Path, offset: Option<u64>, reason: String) -> Damage {
        Damage { file: file.to_owned(), offset, reason }
    }
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

/// Reads everything at the time `now`. Only what is damaged is left out.
pub(super) fn read<E: Entry>(files: &Files, limits: HistoryLimits, now: u64) -> Reading<E> {
    let mut damage = Vec::new();
    let (snapshot, faults) = snapshot::read::<E>(&files.state);
    damage.extend(faults.into_iter().map(|reason| Damage::at(&files.state, None, reason)));
    let (log, history_fault) = match history::read::<E>(&files.history, limits) {
        Ok(log) => (log, None),
        Err(fault) => (None, Some(fault)),
    };
    let folding = journal::read(&files.folding, false, &mut damage);
    let current = journal::read(&files.journal, true, &mut damage);
    let journals: Vec<&Journal<Recorded<E>>> = [&folding, &current].into_iter().flatten().collect();
    if damage.is_empty() {
        damage.extend(gap(files, &snapshot, &journals));
    }
    let edited = snapshot.present && !snapshot.untouched;
    let base = snapshot.change.unwrap_or_default();
    let proven = log.is_some() || !snapshot.present;
    let mut catalogue = Catalogue::with(log.unwrap_or_else(|| ChangeLog::after(base, limits)));
    snapshot.entries.into_iter().for_each(|entry| catalogue.put(entry));
    catalogue.changes_mut().skip_to(base);

    let changes: usize = journals.iter().map(|journal| journal.changes.len()).sum();
    let ends = journals.iter().map(|journal| journal.end()).max().unwrap_or_default();
    // What the state holds, and what is known to have happened: a copy from yesterday holds less.
    let held = journals.iter().filter_map(|journal| journal.changes.last()).map(|last| last.change.number);
    let held = held.max().unwrap_or_default().max(base);
    let (torn, good) =
        (current.as_ref().and_then(Journal::torn), current.as_ref().map(|journal| journal.good));
    let current_end = current.as_ref().map(Journal::end);
    let is_folding = folding.is_some();
    let mut overridden = Vec::new();
    for recorded in folding.into_iter().chain(current).flat_map(|journal| journal.changes) {
        if edited && recorded.change.number > base {
            overridden.push(recorded.change.path.clone());
        }
        take(&mut catalogue, base, recorded);
    }
    catalogue.changes_mut().skip_to(ends);
    if edited || !proven || catalogue.changes().last() > held {
        // Nobody knows what has changed: who follows must look at everything.
        catalogue.changes_mut().interrupt(now);
    }
    let last = catalogue.changes().last();
    let goes_on = match current_end {
        Some(end) => end == last,
        None => base == last,
    };
    let unsettled = edited || is_folding || !goes_on;
    Reading {
        catalogue,
        journal: good.filter(|_| !unsettled),
        unsettled,
        edited,
        changes,
        overridden,
        torn,
        history_fault,
        damage,
    }
}

/// Changes that neither the snapshot nor the journals hold.
fn gap<E: Entry>(
    files: &Files,
    snapshot: &snapshot::Snapshot<E>,
    journals: &[&Journal<Recorded<E>>],
) -> Option<Damage> {
    if let [folding, current] = journals
        && folding.end() != current.after
    {
        let reason =
            format!("goes on after change {}, the one before it ends with {}", current.after, folding.end());
        return Some(Damage::at(&files.journal, Some(0), reason));
    }
    let begin = journals.iter().find(|journal| !journal.changes.is_empty())?.after;
    let holds = match (snapshot.present, snapshot.change) {
        (_, Some(base)) if base >= begin => return None,
        (false, _) if begin == 0 => return None,
        (false, _) => "is not there".to_owned(),
        (true, None) => "does not say which changes it holds".to_owned(),
        (true, Some(base)) => format!("holds the changes up to {base}"),
    };
    Some(Damage::at(
        &files.state,
        None,
        format!(
            "{holds}, but {} goes on after change {begin}: put the newer {}_state.json back, or let \
             `registry store repair` put both together",
            files.journal.display(),
            E::SINGULAR
        ),
    ))
}

fn take<E: Entry>(catalogue: &mut Catalogue<E>, base: u64, recorded: Recorded<E>) {
    let number = recorded.change.number;
    if number > base {
        match recorded.entry {
            Some(entry) => catalogue.put(entry),
            None => catalogue.take(&recorded.change.path),
        }
    }
    if number > catalogue.changes().last() {
        catalogue.changes_mut().skip_to(number.saturating_sub(1));
        catalogue.changes_mut().push(recorded.change.into());
    }
}
