//! A file's whole content, replaced so that a crash leaves the old one or the new one.

use std::fs::{File, OpenOptions};
use std::io::{Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes beside the file, then renames over it. The order matters: the data must be on
/// the disk before the name points to it, and the name before anybody is told.
pub(super) fn whole(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let draft = file.with_extension("json.new");
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    std::fs::rename(&draft, file)?;
    File::open(folder)?.sync_all()
}
