//! On one machine: `directory.json`, and beside it `directory.journal` with the events since, one
//! checksummed line each.
//!
//! The files hold hashes of secrets: they are their owner's alone. Unlike the registry's, no person edits
//! them: whatever the checksums do not agree with refuses the start.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use async_trait::async_trait;

use super::kept::{Setting, keep_on_thread};
use super::log::{Appended, Event, Log, News, Trouble};
use super::{Directory, DirectoryStore, whole};
use crate::file::journal::Journal;
use crate::file::line::{self, Summed};
use crate::file::lock::{self, Lock};
use crate::file::{reading, replace};
use crate::{Clock, StoreError};

/// What keeps a second server off.
const LOCK: &str = "directory.lock";
/// What the second one is told.
const BUSY: &str =
    "another auth-server keeps its directory in this folder: stop it, or choose another folder";
/// From how many bytes on a journal is folded, unless the snapshot is longer than that.
pub const FOLD_AFTER: u64 = 4 * 1024 * 1024;
/// What helps against damage.
const HELP: &str =
    "put a good copy of directory.json and directory.journal in their place, both of one moment";

/// Opens the directory that is kept under `folder`, which is made if it is not there. `rights` grows with
/// every change of who may do what.
///
/// # Errors
/// [`StoreError::Damaged`] names the file and the place: a server must not start over a directory that it
/// cannot read. [`StoreError::Unavailable`] when the folder cannot be used, or another process uses it.
pub async fn open_file(
    folder: &Path,
    clock: Clock,
    rights: Arc<AtomicU64>,
) -> Result<Arc<dyn DirectoryStore>, StoreError> {
    open_file_folding(folder, clock, rights, FOLD_AFTER).await
}

/// The same, folding a journal of `fold_after` bytes.
///
/// # Errors
/// Those of [`open_file`].
pub async fn open_file_folding(
    folder: &Path,
    clock: Clock,
    rights: Arc<AtomicU64>,
    fold_after: u64,
) -> Result<Arc<dyn DirectoryStore>, StoreError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let (log, directory) = FileLog::open(folder, fold_after)?;
    let place = log.journal_file.display().to_string();
    keep_on_thread(Setting { kind: "file", place, clock, rights }, directory, log)
}

/// The two files of a folder.
struct FileLog {
    snapshot_file: PathBuf,
    journal_file: PathBuf,
    /// Begun with the first event, so that a server that only reads writes nothing.
    journal: Option<Journal>,
    /// Bytes of the snapshot.
    snapshot: u64,
    fold_after: u64,
    _lock: Lock,
}

impl FileLog {
    /// Reads both files.
    fn open(folder: &Path, fold_after: u64) -> Result<(FileLog, Directory), StoreError> {
        let lock = lock::take(folder, LOCK, BUSY)?;
        let (snapshot_file, journal_file) = (folder.join("directory.json"), folder.join("directory.journal"));
        let (mut directory, snapshot) = read_snapshot(&snapshot_file)?;
        let length = replay(&snapshot_file, &journal_file, &mut directory)?;
        let resume = |length| {
            let journal = Journal::resume(&journal_file, length)?;
            if fs::metadata(&journal_file)?.len() > length {
                // A torn end goes before anything else comes.
                journal.cut()?;
            }
            Ok(journal)
        };
        let journal = length.map(resume).transpose().map_err(|cause: io::Error| StoreError::Unavailable {
            place: journal_file.display().to_string(),
            reason: cause.to_string(),
        })?;
        Ok((FileLog { snapshot_file, journal_file, journal, snapshot, fold_after, _lock: lock }, directory))
    }

    fn keep(&mut self, after: u64, events: &[Event<'_>]) -> io::Result<()> {
        let mut lines = Vec::new();
        for event in events {
            line::write(&mut lines, &serde_json::to_vec(event)?);
        }
        let journal = match &mut self.journal {
            Some(journal) => journal,
            // One that is there has nothing that the snapshot has not.
            none => none.insert(Journal::begin(&self.journal_file, after)?),
        };
        journal.append(&lines)
    }

    /// The snapshot first: a crash in between leaves events that are in both, and those are known by their
    /// numbers.
    fn write_snapshot(&mut self, picture: &Directory) -> io::Result<()> {
        let mut bytes = 0;
        replace::whole(&self.snapshot_file, |out| {
            let json = whole::write(picture)?;
            let mut out = Summed::new(out);
            out.write_all(json.strip_suffix(b"}").unwrap_or(&json))?;
            let end = end(&format!("{:08x}", out.sum()));
            bytes = (json.len() + end.len()) as u64;
            out.write_all(end.as_bytes())
        })?;
        self.snapshot = bytes;
        Ok(())
    }
}

#[async_trait]
impl Log for FileLog {
    fn interval(&self) -> Option<Duration> {
        None
    }

    fn bytes(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::length)
    }

    async fn append(&mut self, after: u64, events: &[Event<'_>]) -> Appended {
        match self.keep(after, events) {
            Ok(()) => Appended::Kept,
            Err(cause) => Appended::Failed(Trouble::refused(cause)),
        }
    }

    async fn catch_up(&mut self, _after: u64) -> Result<News, Trouble> {
        Ok(News::Events(Vec::new()))
    }

    fn is_long(&self, _number: u64) -> bool {
        // In step with the snapshot: each event is then folded about once, however large the directory is.
        self.bytes() >= self.fold_after.max(self.snapshot)
    }

    async fn fold(&mut self, picture: &Directory) -> Result<(), String> {
        let fold = |log: &mut FileLog| {
            log.write_snapshot(picture)?;
            // All of it is in the snapshot. Where the new one's name may not be on the disk, the next event
            // begins another one.
            log.journal = None;
            log.journal = Some(Journal::begin(&log.journal_file, picture.number())?);
            Ok::<_, io::Error>(())
        };
        fold(self).map_err(|cause| cause.to_string())
    }

    async fn end(mut self, picture: Option<&Directory>) {
        let Some(picture) = picture else { return };
        if self.journal.is_none() {
            return;
        }
        let rest = |log: &mut FileLog| {
            log.write_snapshot(picture)?;
            fs::remove_file(&log.journal_file)?;
            replace::sync_folder(&log.journal_file)
        };
        if let Err(cause) = rest(&mut self) {
            let file = self.snapshot_file.display();
            tracing::error!(%file, %cause, "the journal cannot be folded; nothing is lost");
        }
    }
}

/// The directory of a snapshot, and its length; none is an empty one.
fn read_snapshot(file: &Path) -> Result<(Directory, u64), StoreError> {
    let damaged = |reason: String| StoreError::Damaged { file: file.to_owned(), reason };
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok((Directory::default(), 0)),
        Err(cause) => return Err(damaged(format!("cannot be read: {cause}"))),
    };
    let content = bytes.len().checked_sub(end("00000000").len()).map(|length| bytes.split_at(length));
    let is_whole = content
        .is_some_and(|(content, rest)| rest == end(&format!("{:08x}", crc32fast::hash(content))).as_bytes());
    if !is_whole {
        return Err(damaged(format!(
            "the checksum at its end disagrees, so it is cut or was changed: {HELP}"
        )));
    }
    let directory = whole::read(&bytes).map_err(|fault| damaged(format!("{fault}: {HELP}")))?;
    Ok((directory, bytes.len() as u64))
}

/// The text after everything else.
fn end(checksum: &str) -> String {
    format!(",\n\"checksum\": \"{checksum}\"}}\n")
}

/// Takes up the events of a journal that the snapshot does not hold, and answers how many bytes of it are
/// good, if it can be continued.
fn replay(snapshot: &Path, file: &Path, directory: &mut Directory) -> Result<Option<u64>, StoreError> {
    let mut damage = Vec::new();
    let journal = reading::journal::read::<Event<'static>>(file, true, &mut damage);
    if let Some(first) = damage.first() {
        let place = first.offset.map_or(String::new(), |offset| format!("line {}: ", line_of(file, offset)));
        let more = match damage.len() {
            1 => String::new(),
            many => format!(" (and {} more)", many - 1),
        };
        let reason = format!("{place}{}{more}: {HELP}", first.reason);
        return Err(StoreError::Damaged { file: file.to_owned(), reason });
    }
    let Some(journal) = journal else { return Ok(None) };
    let held = directory.number();
    if journal.after > held {
        let reason = format!(
            "holds the events up to {held}, but {} goes on after event {}: {HELP}",
            file.display(),
            journal.after
        );
        return Err(StoreError::Damaged { file: snapshot.to_owned(), reason });
    }
    if let Some(torn) = journal.torn() {
        let kept = torn.keep(file);
        let kept = kept.map_or_else(|cause| format!("nowhere: {cause}"), |file| file.display().to_string());
        tracing::warn!(
            file = %file.display(), torn.offset, torn.bytes, kept,
            "the last write did not come to its end and is cut off: it was not acknowledged, unless the disk \
             has lost what it had"
        );
    }
    for (event, line) in journal.changes.iter().zip(2..) {
        if event.number > held {
            directory.follow(event).map_err(|reason| StoreError::Damaged {
                file: file.to_owned(),
                reason: format!("line {line}: {reason}: {HELP}"),
            })?;
        }
    }
    Ok((journal.end() == directory.number()).then_some(journal.good))
}

/// The line of a place in a file, counted from 1.
fn line_of(file: &Path, offset: u64) -> usize {
    let bytes = fs::read(file).unwrap_or_default();
    let before = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    bytes[..before].iter().filter(|byte| **byte == b'\n').count() + 1
}
