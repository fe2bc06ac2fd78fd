//! Following one file: edited in place, replaced by rename, or a link that is pointed elsewhere.
//!
//! It is looked at several times a second instead of asking the kernel to tell: a file mounted by
//! Kubernetes is a link to a link whose target changes, others lie on network disks, and an
//! editor's rename ends a watch on the file itself. A look follows all links and costs microseconds.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time between two looks.
pub const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How many looks must agree before a content is taken.
const AGREE: u32 = 1;
/// The same for a content that is shorter than the one before: a write that stalls half-way
/// looks like that, and half a policy can open more than the whole.
const AGREE_WHEN_SHORTER: u32 = 6;

/// A file whose changes are of interest.
#[derive(Debug)]
pub struct FileWatch {
    path: PathBuf,
    /// What was there when the content was last taken; `None` while there is no file, or nothing was taken.
    taken: Option<Stamp>,
}

/// What changes when the content does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileWatch {
    /// Starts to follow a file. The first content that is handed out is the one that is there,
    /// so that a change since the caller's own reading is not missed.
    pub fn new(path: &Path) -> FileWatch {
        FileWatch { path: path.to_owned(), taken: None }
    }

    /// Waits for the next content. One that is still being written is not taken: the file must
    /// look the same in two looks (in seven, over a second, when it became shorter) and after
    /// the read, or half an edit would be believed.
    ///
    /// # Errors
    /// Why the file cannot be read any more; told once, then the next change is waited for.
    pub async fn changed(&mut self) -> io::Result<String> {
        let (mut before, mut agreed) = (self.taken, 0);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = stamp(&self.path);
            agreed = if now == before { agreed + 1 } else { 0 };
            before = now;
            let size = |stamp: Option<Stamp>| stamp.map_or(0, |stamp| stamp.size);
            let wanted = if size(now) < size(self.taken) { AGREE_WHEN_SHORTER } else { AGREE };
            if now == self.taken || agreed < wanted {
                continue;
            }
            let read = tokio::fs::read_to_string(&self.path).await;
            if stamp(&self.path) == now {
                self.taken = now;
                return read;
            }
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let of = |found: Metadata| Stamp {
        file: (found.dev(), found.ino()),
        size: found.size(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    };
    std::fs::metadata(path).ok().map(of)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[tokio::test]
    async fn every_way_of_changing_a_file_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("scopes.yml");
        std::fs::write(&path, "one").expect("written");
        let mut watch = FileWatch::new(&path);
        assert_eq!(watch.changed().await.expect("read"), "one");

        std::fs::write(&path, "two").expect("in place");
        assert_eq!(watch.changed().await.expect("read"), "two");

        std::fs::write(folder.path().join("draft"), "three").expect("written");
        std::fs::rename(folder.path().join("draft"), &path).expect("by rename");
        assert_eq!(watch.changed().await.expect("read"), "three");

        std::fs::remove_file(&path).expect("removed");
        assert!(watch.changed().await.is_err(), "told that it is gone");

        // As Kubernetes mounts it: scopes.yml -> ..data/scopes.yml, ..data -> a folder, swapped by rename.
        for (version, text) in [("v1", "four"), ("v2", "five")] {
            std::fs::create_dir(folder.path().join(version)).expect("a folder");
            std::fs::write(folder.path().join(version).join("scopes.yml"), text).expect("written");
            symlink(version, folder.path().join("..new")).expect("a link");
            std::fs::rename(folder.path().join("..new"), folder.path().join("..data")).expect("swapped");
            if version == "v1" {
                symlink("..data/scopes.yml", &path).expect("a link");
            }
            assert_eq!(watch.changed().await.expect("read"), text);
        }
    }
}
