//! Folding: the journal's changes go into the snapshot, and the journal is let go.

use std::fs;
use std::io::{self, ErrorKind};

use catalog::Entry;

use super::files::Files;
use super::{history, replace, snapshot};
use crate::Catalogue;

/// Writes everything anew. The history first: a crash in between leaves one that knows more than the
/// snapshot, and the journal, which is still there, knows it too.
pub(super) fn fold<E: Entry>(files: &Files, catalogue: &Catalogue<E>) -> io::Result<()> {
    replace::whole(&files.history, |out| history::write(out, catalogue.changes()))?;
    replace::whole(&files.state, |out| snapshot::write(out, catalogue))
}

/// Folds everything, and lets go of the journals: the snapshot alone is the truth then.
pub(super) fn fold_all<E: Entry>(files: &Files, catalogue: &Catalogue<E>) -> io::Result<()> {
    fold(files, catalogue)?;
    remove(&files.folding)?;
    remove(&files.journal)?;
    replace::sync_folder(&files.state)
}

/// Folds a catalogue that holds every change of the journal that was set aside, and lets go of that one.
pub(super) fn fold_aside<E: Entry>(files: &Files, catalogue: &Catalogue<E>) -> io::Result<()> {
    fold(files, catalogue)?;
    remove(&files.folding)?;
    replace::sync_folder(&files.state)
}

fn remove(file: &std::path::Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}
