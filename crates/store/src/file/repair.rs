//! For an operator, while the registry is stopped: what is in a folder, and putting it in order. Each kind of
//! entries has its own files, and every command looks at all of them.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use catalog::{AgentEntry, Entry, ServerEntry};

use super::compaction;
use super::files::{Files, Folder};
use super::reading::{self, Reading};
use super::replace::{self, beside};
use crate::{HistoryLimits, Kept, StoreError};

/// What was found or done, for a person.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// Some lines.
    pub text: String,
    /// Whether a registry would start on it.
    pub sound: bool,
}

impl Report {
    fn and(mut self, other: Report) -> Report {
        self.text.push_str(&other.text);
        Report { text: self.text, sound: self.sound && other.sound }
    }
}

/// Reads everything and changes nothing.
///
/// # Errors
/// When another registry runs on the folder.
pub fn check(folder: &Path) -> Result<Report, StoreError> {
    existing(folder)?;
    let folder = Folder::lock_existing(folder)?;
    Ok(check_kind::<AgentEntry>(&folder).and(check_kind::<ServerEntry>(&folder)))
}

fn check_kind<E: Kept>(folder: &Folder) -> Report {
    let files = folder.files::<E>();
    let found = reading::read::<E>(&files, HistoryLimits::default(), now());
    Report { text: describe(&files, &found), sound: found.damage.is_empty() }
}

/// Folds the journals into the snapshots, as a registry does when it stops.
///
/// # Errors
/// When another registry runs on the folder, when something is damaged (then nothing is folded), and when it
/// cannot be written.
pub fn compact(folder: &Path, limits: HistoryLimits) -> Result<Report, StoreError> {
    existing(folder)?;
    let folder = Folder::lock(folder)?;
    let agents = readable::<AgentEntry>(&folder, limits)?;
    let servers = readable::<ServerEntry>(&folder, limits)?;
    Ok(compact_kind(&folder, &agents)?.and(compact_kind(&folder, &servers)?))
}

fn readable<E: Kept>(folder: &Folder, limits: HistoryLimits) -> Result<Reading<E>, StoreError> {
    let files = folder.files::<E>();
    let found = reading::read(&files, limits, now());
    refuse_unreadable(&files, &found)?;
    Ok(found)
}

fn compact_kind<E: Kept>(folder: &Folder, found: &Reading<E>) -> Result<Report, StoreError> {
    let files = folder.files::<E>();
    if !files.hold_anything() {
        return Ok(Report { text: describe(&files, found), sound: true });
    }
    let mut text = format!("folded {} changes of {}\n", found.changes, E::PLURAL);
    for path in &found.overridden {
        let _ = writeln!(text, "{path}: the journal's change counts, not what was edited by hand");
    }
    if let Some(torn) = &found.torn {
        let kept = torn.keep(&files.journal).map_err(|cause| unwritable(&files, &cause))?;
        let _ = writeln!(
            text,
            "the torn end of the journal, {} bytes, is kept in {}",
            torn.bytes,
            kept.display()
        );
    }
    compaction::fold_all(&files, &found.catalogue).map_err(|cause| unwritable(&files, &cause))?;
    text.push_str(&after(&files, found));
    Ok(Report { text, sound: true })
}

/// Keeps everything that can be read, and puts the files as they were aside. What is sound is left as it is.
///
/// # Errors
/// When another registry runs on the folder, and when it cannot be written.
pub fn repair(folder: &Path, limits: HistoryLimits) -> Result<Report, StoreError> {
    existing(folder)?;
    let folder = Folder::lock(folder)?;
    let agents = repair_kind::<AgentEntry>(&folder, limits)?;
    Ok(agents.and(repair_kind::<ServerEntry>(&folder, limits)?))
}

fn repair_kind<E: Kept>(folder: &Folder, limits: HistoryLimits) -> Result<Report, StoreError> {
    let files = folder.files::<E>();
    let mut found = reading::read::<E>(&files, limits, now());
    let mut text = describe(&files, &found);
    if found.damage.is_empty() {
        text.push_str("nothing to repair\n");
        return Ok(Report { text, sound: true });
    }
    if found.catalogue.is_empty() {
        let _ = writeln!(
            text,
            "no {} could be read, so nothing was changed: put a good copy in its place",
            E::SINGULAR
        );
        return Ok(Report { text, sound: false });
    }
    // Nobody knows which changes are missing.
    found.catalogue.changes_mut().interrupt(now());
    let aside = set_aside(&files).map_err(|cause| unwritable(&files, &cause))?;
    compaction::fold_all(&files, &found.catalogue).map_err(|cause| unwritable(&files, &cause))?;
    for file in aside {
        let _ = writeln!(text, "kept as it was: {}", file.display());
    }
    text.push_str(&after(&files, &found));
    Ok(Report { text, sound: true })
}

/// Refuses to start over something that cannot be read, or that two have changed.
pub(super) fn refuse_damage<E: Entry>(files: &Files, found: &Reading<E>) -> Result<(), StoreError> {
    refuse_unreadable(files, found)?;
    let Some(path) = found.overridden.first() else { return Ok(()) };
    Err(StoreError::Damaged {
        file: files.state.clone(),
        reason: format!(
            "was edited by hand, but {} holds {} changes that are not in it, the first of {path}: `registry store \
             compact --state {}` puts both together, and the journal's changes count",
            files.journal.display(),
            found.overridden.len(),
            files.folder().display()
        ),
    })
}

fn refuse_unreadable<E: Entry>(files: &Files, found: &Reading<E>) -> Result<(), StoreError> {
    let Some(first) = found.damage.first() else { return Ok(()) };
    let mut reason = first.offset.map_or_else(String::new, |offset| format!("offset {offset}: "));
    reason.push_str(&first.reason);
    for more in &found.damage[1..] {
        let _ = write!(reason, "; {more}");
    }
    let _ = write!(
        reason,
        "; nothing was changed; `registry store check --state {}` says more, `repair` in place of `check` keeps \
         what can be read",
        files.folder().display()
    );
    Err(StoreError::Damaged { file: first.file.clone(), reason })
}

/// Tells the log what an operator would want to know about a start.
pub(super) fn report<E: Entry>(files: &Files, found: &Reading<E>) {
    if let Some(torn) = &found.torn {
        let kept = torn.keep(&files.journal);
        let kept = kept.map_or_else(|cause| format!("nowhere: {cause}"), |file| file.display().to_string());
        tracing::warn!(
            file = %files.journal.display(), torn.offset, torn.bytes, kept,
            "the journal's last write did not come to its end and is cut off: it was not acknowledged, unless the disk \
             has lost what it had"
        );
    }
    if let Some(fault) = &found.history_fault {
        let file = files.history.display();
        tracing::error!(%file, fault, "the history is damaged and begins anew; no entry is lost");
        if let Err(cause) = fs::rename(&files.history, beside(&files.history, "damaged")) {
            tracing::error!(%file, %cause, "the damaged history cannot be put aside");
        }
    }
    if found.edited {
        tracing::info!(file = %files.state.display(), "was edited by hand: it counts, and followers of changes begin anew");
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn existing(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    let place = folder.display().to_string();
    Err(StoreError::Unavailable { place, reason: "there is no such folder".to_owned() })
}

/// Copies everything, so that a person can look at it later; the copies are on the disk before anything else
/// is done.
fn set_aside(files: &Files) -> io::Result<Vec<PathBuf>> {
    let mut kept = Vec::new();
    for file in [&files.state, &files.journal, &files.folding, &files.history] {
        if file.try_exists()? {
            let (name, mut copy) = replace::new_file(&beside(file, "before-repair"))?;
            io::copy(&mut File::open(file)?, &mut copy)?;
            copy.sync_all()?;
            kept.push(name);
        }
    }
    replace::sync_folder(&files.state)?;
    Ok(kept)
}

fn describe<E: Entry>(files: &Files, found: &Reading<E>) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}: {} {}, up to change {}",
        files.state.display(),
        found.catalogue.len(),
        E::PLURAL,
        found.catalogue.changes().last()
    );
    if found.edited {
        text.push_str("  edited by hand since it was written\n");
    }
    if found.changes > 0 || found.journal.is_some() {
        let _ = writeln!(text, "{}: {} changes not folded", files.journal.display(), found.changes);
    }
    if let Some(torn) = &found.torn {
        let _ = writeln!(
            text,
            "  torn end at offset {}, {} bytes: a write that did not come to its end; the next start cuts it off",
            torn.offset, torn.bytes
        );
    }
    if let Some(fault) = &found.history_fault {
        let _ = writeln!(text, "{}: {fault}; the history would begin anew", files.history.display());
    }
    for damage in &found.damage {
        let _ = writeln!(text, "DAMAGED {damage}");
    }
    text
}

fn after<E: Entry>(files: &Files, found: &Reading<E>) -> String {
    format!(
        "{}: {} {}, up to change {}\n",
        files.state.display(),
        found.catalogue.len(),
        E::PLURAL,
        found.catalogue.changes().last()
    )
}

fn unwritable(files: &Files, cause: &io::Error) -> StoreError {
    StoreError::Unavailable { place: files.state.display().to_string(), reason: cause.to_string() }
}
