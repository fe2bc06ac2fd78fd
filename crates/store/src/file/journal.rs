//! The journal as it is written: appended, brought to the disk, and cut back when that fails.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{record, replace};

/// An open journal. What lies behind `length` was never acknowledged.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes that are known to be on the disk.
    length: u64,
    /// Whether there may be more in the file than that.
    frayed: bool,
}

impl Journal {
    /// A new one, in the place of whatever is there, that begins after the change `after`.
    pub(super) fn create(path: &Path, after: u64) -> io::Result<Journal> {
        let mut head = Vec::new();
        record::write_head(&mut head, after);
        replace::whole(path, |out| out.write_all(&head))?;
        Journal::open(path, head.len() as u64)
    }

    /// The one that is there, of which the first `length` bytes have been read and found good.
    pub(super) fn open(path: &Path, length: u64) -> io::Result<Journal> {
        let file = OpenOptions::new().write(true).open(path)?;
        Ok(Journal { path: path.to_owned(), file, length, frayed: true })
    }

    /// Appends whole lines and returns when they are on the disk.
    ///
    /// # Errors
    /// Nothing of it counts then, and the next call first removes what there may be of it.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.frayed {
            self.file.set_len(self.length)?;
        }
        self.frayed = true;
        if let Err(cause) = self.write(lines) {
            // At once, too: after a crash nobody should find what was refused.
            self.frayed = self.file.set_len(self.length).is_err();
            return Err(cause);
        }
        self.frayed = false;
        self.length += lines.len() as u64;
        Ok(())
    }

    fn write(&self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all_at(lines, self.length)?;
        self.file.sync_data()
    }

    /// How long it is, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Gives it another name; a new one can then be begun.
    pub(super) fn set_aside(self, name: &Path) -> io::Result<()> {
        if self.frayed {
            self.file.set_len(self.length)?;
            self.file.sync_all()?;
        }
        std::fs::rename(&self.path, name)?;
        replace::sync_folder(name)
    }
}
