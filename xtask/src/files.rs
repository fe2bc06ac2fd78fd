//! Files and folders of the data folder: made with the right mode from the first byte, replaced whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::fault::{Doing as _, Fault, Outcome};

/// Makes a folder and its parents; `mode` is that of the folders that are new.
pub fn make_dir(path: &Path, mode: u32) -> Outcome<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .doing(|| format!("make the folder {}", path.display()))
}

/// A new folder among the temporary files, gone when dropped. Its name cannot be known beforehand, so
/// nobody can have put something there; nginx's workers may pass through it.
pub fn temporary(prefix: &str) -> Outcome<TempDir> {
    tempfile::Builder::new()
        .prefix(prefix)
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .doing(|| "make a temporary folder".into())
}

/// A new folder beside another one, gone when dropped: what is made in it can be moved into place whole.
pub fn beside(path: &Path) -> Outcome<TempDir> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    make_dir(parent, 0o755)?;
    tempfile::Builder::new().tempdir_in(parent).doing(|| format!("make a folder in {}", parent.display()))
}

/// Where things lie that are fetched once per machine and user, outside the tree (XDG base directories).
pub fn cache() -> Outcome<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let usual = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = named.or_else(usual).map(|cache| cache.join("agent-registry"));
    cache.ok_or_else(|| Fault::new("there is no place for a cache: set HOME or XDG_CACHE_HOME"))
}

/// The SHA-256 of a file, in hexadecimal digits.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// 256 bits of the system's randomness, in hexadecimal digits.
pub fn secret() -> Outcome<String> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .doing(|| "read /dev/urandom".into())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The secret in this file, made (0600) when it is not there.
pub fn kept_secret(path: &Path) -> Outcome<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let made = secret()?;
            replace(path, made.as_bytes(), 0o600)?;
            Ok(made)
        }
        Err(cause) => Err(Fault::new(format!("cannot read {}: {cause}", path.display()))),
    }
}

/// Replaces a file as a whole: a reader sees the old one or the new one, and never with a wider mode.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> Outcome<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let write = || {
        let _ = fs::remove_file(&beside);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        // The name is on the disk when its folder is: secrets that are gone after a power cut would
        // lock every script out that knew them.
        File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
    };
    write().doing(|| format!("write {}", path.display()))
}

/// The one path from the root, without links and `..`, also for a file that is not there yet: a stack is
/// known by its data folder, so the folder may have one spelling only.
pub fn absolute(path: &Path) -> Outcome<PathBuf> {
    let whole = std::path::absolute(path).doing(|| format!("find {}", path.display()))?;
    let mut found = PathBuf::new();
    for part in whole.components() {
        // Link by link, since `..` behind a link is the parent of what it points to.
        if part == Component::ParentDir {
            found.pop();
        } else {
            found.push(part);
        }
        if let Ok(real) = fs::canonicalize(&found) {
            found = real;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_folder_has_one_spelling() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = fs::canonicalize(folder.path()).expect("it is there");
        fs::create_dir_all(root.join("a/b")).expect("it is ours");
        symlink(root.join("a/b"), root.join("link")).expect("it is ours");
        for (spelled, expected) in [
            ("a/b", "a/b"),
            ("a/./b/../b/", "a/b"),
            ("link", "a/b"),
            ("link/../b/data", "a/b/data"),
            ("not/there/../yet", "not/yet"),
            ("a/../../../../../../../..", "/"),
        ] {
            assert_eq!(
                absolute(&root.join(spelled)).expect("it can be found"),
                root.join(expected),
                "{spelled}"
            );
        }
    }
}
