//! Files that must be whole and private: keys, and what a start tells its scripts.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What went wrong, with the file's name in it.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// Another process wrote the file first; it was left as it is.
    #[error("{0}: exists already")]
    Exists(PathBuf),
    /// Others than its owner may read or write a private file.
    #[error("{path}: mode {mode:04o} lets others in; a private file wants 0600")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
}

/// Makes a folder (and those above it) that only its owner may enter (mode 0700). One that
/// is there already is left as it is.
///
/// # Errors
/// [`FileFault::Io`].
pub fn private_folder(path: &Path) -> Result<(), FileFault> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| io_at(path, source))
}

/// Writes a new file of mode 0600 that is either there with all its bytes, on the disk, or
/// not there at all. A file that exists is never replaced: of two processes at their first
/// start one wins, and the other can read the winner's file.
///
/// # Errors
/// [`FileFault::Exists`] when the file is there, else [`FileFault::Io`].
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), FileFault> {
    let draft = draft(path, bytes)?;
    // A hard link, unlike a rename, fails when the name is taken.
    let linked = std::fs::hard_link(&draft, path);
    let removed = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => {}
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {
            return Err(FileFault::Exists(path.to_owned()));
        }
        Err(source) => return Err(io_at(path, source)),
    }
    removed.map_err(|source| io_at(&draft, source))?;
    sync_folder(path)
}

/// Replaces a file by one of mode 0600, or makes it: a reader sees the old bytes or the new
/// ones, never a part.
///
/// # Errors
/// [`FileFault::Io`].
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileFault> {
    let draft = draft(path, bytes)?;
    std::fs::rename(&draft, path).map_err(|source| {
        let _ = std::fs::remove_file(&draft);
        io_at(path, source)
    })?;
    sync_folder(path)
}

/// Reads a file that only its owner may read. `None` when there is no such file.
///
/// # Errors
/// [`FileFault::Open`] when group or others have any permission on it: a signing key that
/// others could read is no longer a secret, and going on would hide that.
pub fn read_private(path: &Path) -> Result<Option<Vec<u8>>, FileFault> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io_at(path, source)),
    };
    let mode = file.metadata().map_err(|source| io_at(path, source))?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(FileFault::Open { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|source| io_at(path, source))?;
    Ok(Some(bytes))
}

/// Writes the bytes to a file of its own beside `path`, down to the disk.
fn draft(path: &Path, bytes: &[u8]) -> Result<PathBuf, FileFault> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Not the process's id: in containers that share a volume every process may be the first. A draft that
    // a crash left behind stays, as nobody knows it from one that is being written.
    let draft = path.with_file_name(format!(".{name}.{:016x}", chance()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    match written {
        Ok(()) => Ok(draft),
        Err(source) => {
            // What is there under that name already is somebody else's.
            if source.kind() != io::ErrorKind::AlreadyExists {
                let _ = std::fs::remove_file(&draft);
            }
            Err(io_at(path, source))
        }
    }
}

/// A number that nobody else draws: the keys of a hasher come from the operating system's randomness.
fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The name itself is on the disk only once its folder is.
fn sync_folder(path: &Path) -> Result<(), FileFault> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| io_at(folder, source))
}

fn io_at(path: &Path, source: io::Error) -> FileFault {
    FileFault::Io { path: path.to_owned(), source }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_file_is_private_whole_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state").join("key");
        private_folder(path.parent().unwrap()).unwrap();
        write_new(&path, b"first").unwrap();
        assert!(matches!(write_new(&path, b"second"), Err(FileFault::Exists(_))));
        assert_eq!(read_private(&path).unwrap().as_deref(), Some(&b"first"[..]));
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o600);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn replace_takes_the_place_of_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        for text in ["one", "two"] {
            replace(&path, text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_who_write_at_once_have_drafts_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.json");
        // As two processes of one id would, in two containers.
        let (one, other) = (draft(&path, b"one").unwrap(), draft(&path, b"other").unwrap());
        assert_ne!(one, other);
        assert_eq!(
            (std::fs::read(one).unwrap(), std::fs::read(other).unwrap()),
            (b"one".into(), b"other".into())
        );
    }

    #[test]
    fn a_failed_replacement_leaves_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"one").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_others_can_read_is_refused_and_an_absent_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(read_private(&path).unwrap().is_none());
        std::fs::write(&path, b"key").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_private(&path), Err(FileFault::Open { mode: 0o640, .. })));
    }
}
