//! For an operator, while the registry is stopped: what is in a folder, and putting it in order.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::compaction;
use super::files::Files;
use super::reading::{self, Reading};
use super::replace::beside;
use crate::{HistoryLimits, StoreError};

/// What was found or done, for a person.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// Some lines.
    pub text: String,
    /// Whether a registry would start on it.
    pub sound: bool,
}

/// Reads everything and changes nothing.
///
/// # Errors
/// When another registry runs on the folder.
pub fn check(folder: &Path) -> Result<Report, StoreError> {
    let files = existing(folder)?;
    let _lock = files.lock()?;
    let found = reading::read(&files, HistoryLimits::default());
    Ok(Report { text: describe(&files, &found), sound: found.damage.is_empty() })
}

/// Folds the journal into the snapshot, as a registry does when it stops.
///
/// # Errors
/// When another registry runs on the folder, when something is damaged, and when it cannot be written.
pub fn compact(folder: &Path, limits: HistoryLimits) -> Result<Report, StoreError> {
    let files = existing(folder)?;
    let _lock = files.lock()?;
    let found = reading::read(&files, limits);
    refuse_damage(&files, &found)?;
    compaction::fold_all(&files, &found.catalogue).map_err(|cause| unwritable(&files, &cause))?;
    Ok(Report { text: format!("folded {} changes\n{}", found.changes, after(&files, &found)), sound: true })
}

/// Keeps everything that can be read, and puts the files as they were aside.
///
/// # Errors
/// When another registry runs on the folder, and when it cannot be written.
pub fn repair(folder: &Path, limits: HistoryLimits) -> Result<Report, StoreError> {
    let files = existing(folder)?;
    let _lock = files.lock()?;
    let mut found = reading::read(&files, limits);
    let mut text = describe(&files, &found);
    if found.damage.is_empty() {
        text.push_str("nothing to repair\n");
        return Ok(Report { text, sound: true });
    }
    for agent in &found.lost {
        let _ = writeln!(text, "lost: {agent}");
    }
    // Nobody knows which changes are missing.
    found.catalogue.changes_mut().interrupt();
    let aside = set_aside(&files).map_err(|cause| unwritable(&files, &cause))?;
    compaction::fold_all(&files, &found.catalogue).map_err(|cause| unwritable(&files, &cause))?;
    for file in aside {
        let _ = writeln!(text, "kept as it was: {}", file.display());
    }
    text.push_str(&after(&files, &found));
    Ok(Report { text, sound: true })
}

/// Refuses to go on over something that cannot be read.
pub(super) fn refuse_damage(files: &Files, found: &Reading) -> Result<(), StoreError> {
    let Some(first) = found.damage.first() else { return Ok(()) };
    let places: Vec<String> = found.damage.iter().map(ToString::to_string).collect();
    let folder = files.state.parent().unwrap_or(Path::new("."));
    let help = format!(
        "nothing was changed; `registry store check --state {}` says more, `repair` in place of `check` keeps what can be read",
        folder.display()
    );
    let mut reason = first.offset.map_or_else(String::new, |offset| format!("offset {offset}: "));
    reason.push_str(&first.reason);
    for more in &places[1..] {
        let _ = write!(reason, "; {more}");
    }
    Err(StoreError::Damaged { file: first.file.clone(), reason: format!("{reason}; {help}") })
}

/// Tells the log what an operator would want to know about a start.
pub(super) fn report(files: &Files, found: &Reading) {
    if let Some(torn) = &found.torn {
        let kept = keep_torn(files, torn.offset);
        let kept = kept.map_or_else(|cause| format!("nowhere: {cause}"), |file| file.display().to_string());
        tracing::warn!(
            file = %files.journal.display(), torn.offset, torn.bytes, kept,
            "a write that was never acknowledged is cut off the journal's end"
        );
    }
    if let Some(fault) = &found.history_fault {
        let file = files.history.display();
        tracing::error!(%file, fault, "the history is damaged and begins anew; no agent is lost");
        if let Err(cause) = fs::rename(&files.history, beside(&files.history, "damaged")) {
            tracing::error!(%file, %cause, "the damaged history cannot be put aside");
        }
    }
    if found.edited {
        tracing::info!(file = %files.state.display(), "was edited by hand: it counts, and followers of changes begin anew");
    }
}

/// Keeps the torn end beside the journal.
fn keep_torn(files: &Files, offset: u64) -> io::Result<PathBuf> {
    let bytes = fs::read(&files.journal)?;
    let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    let kept = beside(&files.journal, "torn");
    fs::write(&kept, &bytes[from..])?;
    Ok(kept)
}

fn existing(folder: &Path) -> Result<Files, StoreError> {
    let files = Files::in_folder(folder);
    if folder.is_dir() {
        return Ok(files);
    }
    Err(StoreError::Damaged { file: folder.to_owned(), reason: "there is no such folder".to_owned() })
}

/// Renames what is damaged or will be folded, so that a person can look at it later.
fn set_aside(files: &Files) -> io::Result<Vec<PathBuf>> {
    let mut kept = Vec::new();
    for file in [&files.state, &files.journal, &files.folding, &files.history] {
        if file.exists() {
            let free = (1..).map(|number| beside(file, &format!("before-repair-{number}")));
            if let Some(name) = free.into_iter().find(|name| !name.exists()) {
                fs::copy(file, &name)?;
                kept.push(name);
            }
        }
    }
    Ok(kept)
}

fn describe(files: &Files, found: &Reading) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}: {} agents, up to change {}",
        files.state.display(),
        found.catalogue.len(),
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
            "  torn end at offset {}, {} bytes: a write that was never acknowledged; the next start cuts it off",
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

fn after(files: &Files, found: &Reading) -> String {
    format!(
        "{}: {} agents, up to change {}\n",
        files.state.display(),
        found.catalogue.len(),
        found.catalogue.changes().last()
    )
}

fn unwritable(files: &Files, cause: &io::Error) -> StoreError {
    StoreError::Unavailable { place: files.state.display().to_string(), reason: cause.to_string() }
}
