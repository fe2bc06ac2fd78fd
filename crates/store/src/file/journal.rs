//! The journal as it is written: appended, brought to the disk, and cut back when that fails.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{record, replace};

/// An open journal. What lies behind `length` was never acknowledged.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes that are known to be on the disk.
    length: u64,
    /// Whether there may be more in the file than that.
    frayed: bool,
}

impl Journal {
    /// A new one that begins after the change `after`.
    ///
    /// # Errors
    /// Also when one is there: its changes would be lost.
    pub(crate) fn create(path: &Path, after: u64) -> io::Result<Journal> {
        if path.try_exists()? {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is one that is not continued: restart the registry",
            ));
        }
        Journal::begin(path, after)
    }

    /// The same in place of one whose changes are all kept elsewhere: a crash leaves the old one or the new
    /// one.
    pub(crate) fn begin(path: &Path, after: u64) -> io::Result<Journal> {
        let mut head = Vec::new();
        record::write_head(&mut head, after);
        replace::whole(path, |out| out.write_all(&head))?;
        Journal::resume(path, head.len() as u64)
    }

    /// The one that is there, of which the first `length` bytes have been read and found good.
    pub(crate) fn resume(path: &Path, length: u64) -> io::Result<Journal> {
        let file = OpenOptions::new().write(true).open(path)?;
        Ok(Journal { path: path.to_owned(), file, length, frayed: true })
    }

    /// Appends whole lines and returns when they are on the disk.
    ///
    /// # Errors
    /// Nothing of it counts then, and the next call first removes what there may be of it.
    pub(crate) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.frayed {
            self.cut()?;
        }
        self.frayed = true;
        if let Err(cause) = self.write(lines) {
            // At once, too: after a crash nobody should find what was refused.
            self.frayed = self.cut().is_err();
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

    /// Removes what lies behind the good bytes, and returns when that is on the disk.
    pub(crate) fn cut(&self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.sync_all()
    }

    /// How long it is, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Gives its file another name, under which nothing may be; a new one can then be begun.
    ///
    /// # Errors
    /// It goes on as it was.
    pub(crate) fn set_aside(&mut self, name: &Path) -> io::Result<()> {
        self.cut()?;
        self.frayed = false;
        if name.try_exists()? {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "another one is still being folded"));
        }
        std::fs::rename(&self.path, name)?;
        // The name is changed; that it may not be on the disk yet loses nothing, both names are read.
        if let Err(cause) = replace::sync_folder(name) {
            tracing::warn!(file = %name.display(), %cause, "a name may not be on the disk yet");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_append_leaves_nothing_and_the_next_one_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let mut journal = Journal::create(&path, 0).expect("made");
        journal.append(b"first\n").expect("kept");
        let good = std::fs::read(&path).expect("readable");
        let writing = std::mem::replace(&mut journal.file, File::open(&path).expect("readable"));
        journal.append(b"refused, and longer\n").expect_err("it cannot be written");
        assert_eq!(journal.length(), good.len() as u64);
        // As if half of it had come to the disk.
        std::fs::write(&path, [&good[..], b"refused, an"].concat()).expect("written");
        journal.file = writing;
        journal.append(b"next\n").expect("kept");
        assert_eq!(std::fs::read(&path).expect("readable"), [&good[..], b"next\n"].concat());
        assert_eq!(
            Journal::create(&path, 0).err().map(|cause| cause.kind()),
            Some(io::ErrorKind::AlreadyExists)
        );
    }
}
