//! The audit trail: one JSON line a record, to a file or to standard output.
//!
//! It never holds a request up: records go through a bounded queue to a thread that writes.
//! When the queue is full they are counted instead, and the count is a metric. The file may be
//! renamed away at any time (logrotate without a signal): the next record opens a new one.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

/// Records that may wait to be written.
const QUEUE: usize = 16 * 1024;

/// How long the first record of several waits for the others.
const TOGETHER: Duration = Duration::from_millis(5);

/// Where the trail goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuditTo {
    /// Nowhere.
    #[default]
    Nowhere,
    /// Standard output.
    Stdout,
    /// A file (0600), appended to.
    File(PathBuf),
}

impl std::str::FromStr for AuditTo {
    type Err = std::convert::Infallible;

    /// `-` is standard output, anything else a file.
    fn from_str(text: &str) -> Result<AuditTo, Self::Err> {
        Ok(if text == "-" { AuditTo::Stdout } else { AuditTo::File(PathBuf::from(text)) })
    }
}

/// The open trail.
#[derive(Debug, Default)]
pub struct Audit {
    queue: Option<SyncSender<Vec<u8>>>,
    lost: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Audit {
    /// Opens the trail and starts its writer.
    ///
    /// # Errors
    /// When the file cannot be opened: a server that is to keep a trail must not run without.
    pub fn start(to: &AuditTo) -> io::Result<Audit> {
        let out: Box<dyn Out> = match to {
            AuditTo::Nowhere => return Ok(Audit::default()),
            AuditTo::Stdout => Box::new(io::stdout()),
            AuditTo::File(path) => Box::new(Rotating::open(path.clone())?),
        };
        let (queue, records) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = lost.clone();
        let writer =
            std::thread::Builder::new().name("audit".into()).spawn(move || write(&records, out, &counted))?;
        Ok(Audit { queue: Some(queue), lost, writer: Mutex::new(Some(writer)) })
    }

    /// Whether there is a trail at all: who keeps none need not make records.
    pub fn is_kept(&self) -> bool {
        self.queue.is_some()
    }

    /// Puts one record into the trail; never waits.
    pub fn record(&self, record: &impl Serialize) {
        let Some(queue) = &self.queue else { return };
        let Ok(mut line) = serde_json::to_vec(record) else { return };
        line.push(b'\n');
        if queue.try_send(line).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many records were not written: the queue was full, or the disk refused.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Records that were accepted are written before the process ends.
impl Drop for Audit {
    fn drop(&mut self) {
        self.queue = None;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}

/// Something to write lines to, which may first have to look whether it is still the right one.
trait Out: Send {
    fn lines(&mut self, lines: &[u8]) -> io::Result<()>;
}

impl Out for io::Stdout {
    fn lines(&mut self, lines: &[u8]) -> io::Result<()> {
        self.write_all(lines)?;
        self.flush()
    }
}

/// A file that follows its name.
struct Rotating {
    path: PathBuf,
    file: File,
}

impl Rotating {
    fn open(path: PathBuf) -> io::Result<Rotating> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        Ok(Rotating { path, file })
    }
}

impl Out for Rotating {
    fn lines(&mut self, lines: &[u8]) -> io::Result<()> {
        let held = self.file.metadata()?;
        let same = std::fs::metadata(&self.path)
            .is_ok_and(|named| (named.dev(), named.ino()) == (held.dev(), held.ino()));
        if !same {
            *self = Rotating::open(self.path.clone())?;
        }
        self.file.write_all(lines)
    }
}

fn write(records: &Receiver<Vec<u8>>, mut out: Box<dyn Out>, lost: &AtomicU64) {
    while let Ok(mut lines) = records.recv() {
        // What comes within a moment is written at once: to wake this thread for each record would cost a busy
        // server more than the record. A crash can lose that moment.
        std::thread::sleep(TOGETHER);
        let mut count = 1;
        while let Ok(more) = records.try_recv() {
            lines.extend_from_slice(&more);
            count += 1;
        }
        if let Err(fault) = out.lines(&lines) {
            lost.fetch_add(count, Ordering::Relaxed);
            tracing::error!(%fault, "the audit trail cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_may_be_renamed_away_and_nothing_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        let audit = Audit::start(&AuditTo::File(path.clone())).expect("opened");
        audit.record(&"before");
        while std::fs::read_to_string(&path).expect("there").is_empty() {
            std::thread::yield_now();
        }
        std::fs::rename(&path, folder.path().join("audit.log.1")).expect("rotated");
        audit.record(&"after");
        drop(audit);
        assert_eq!(
            std::fs::read_to_string(folder.path().join("audit.log.1")).expect("there"),
            "\"before\"\n"
        );
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "\"after\"\n");
        assert_eq!(path.metadata().expect("there").mode() & 0o777, 0o600);
    }

    #[test]
    fn a_trail_that_cannot_be_kept_stops_the_start() {
        assert!(Audit::start(&AuditTo::File("/nowhere/at/all".into())).is_err());
        let nowhere = Audit::start(&AuditTo::Nowhere).expect("nothing to open");
        nowhere.record(&"x");
        assert_eq!(nowhere.lost(), 0);
    }

    #[test]
    fn a_slow_disk_costs_records_not_time() {
        struct Stuck;
        impl Out for Stuck {
            fn lines(&mut self, _: &[u8]) -> io::Result<()> {
                Err(io::Error::other("stuck"))
            }
        }
        let (queue, records) = sync_channel(1);
        let lost = AtomicU64::new(0);
        queue.try_send(b"x".to_vec()).expect("room");
        assert!(queue.try_send(b"y".to_vec()).is_err(), "a full queue refuses at once");
        drop(queue);
        write(&records, Box::new(Stuck), &lost);
        assert_eq!(lost.load(Ordering::Relaxed), 1);
    }
}
