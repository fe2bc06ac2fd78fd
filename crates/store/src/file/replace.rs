//! A file's whole content, replaced so that a crash leaves the old one or the new one.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes beside the file, then renames over it. The order matters: the data must be on
/// the disk before the name points to it, and the name before anybody is told.
pub(super) fn whole(file: &Path, content: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let draft = beside(file, "new");
    let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    let mut out = BufWriter::with_capacity(256 * 1024, out);
    content(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()?;
    std::fs::rename(&draft, file)?;
    sync_folder(file)
}

/// Brings the names in the file's folder to the disk.
pub(super) fn sync_folder(file: &Path) -> Result<()> {
    File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// The file's name with one more ending.
pub(super) fn beside(file: &Path, ending: &str) -> std::path::PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
