//! Files and folders of the data folder: made with the right mode from the first byte, replaced whole.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::fault::{Doing as _, Outcome};

/// Makes a folder and its parents; `mode` is that of the folders that are new.
pub fn make_dir(path: &Path, mode: u32) -> Outcome<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .doing(|| format!("make the folder {}", path.display()))
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
        fs::rename(&beside, path)
    };
    write().doing(|| format!("write {}", path.display()))
}

/// The path from the root, also for a file that is not there yet.
pub fn absolute(path: &Path) -> Outcome<PathBuf> {
    std::path::absolute(path).doing(|| format!("find {}", path.display()))
}
