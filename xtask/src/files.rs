//! Files and folders of the data folder: made with the right mode from the first byte, replaced whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;

use crate::fault::{Doing as _, Outcome};

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
