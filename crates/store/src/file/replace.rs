//! A file's whole content, replaced so that a crash leaves the old one or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Result, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Writes beside the file, then renames over it. The order matters: the data must be on
/// the disk before the name points to it, and the name before anybody is told. When it fails, the draft
/// does not stay: it may be what fills the disk.
pub(crate) fn whole(file: &Path, content: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    // What is a link stays one.
    let file = &fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let draft = beside(file, "new");
    let written = write(&draft, content).and_then(|()| fs::rename(&draft, file));
    if written.is_err() {
        // It may never have been made.
        let _ = fs::remove_file(&draft);
    }
    written?;
    sync_folder(file)
}

fn write(draft: &Path, content: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let out = private().write(true).create(true).truncate(true).open(draft)?;
    owned_like_folder(&out, draft);
    let mut out = BufWriter::with_capacity(256 * 1024, out);
    content(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()
}

/// A new file that is nobody else's to read, under this name or the next that is free.
pub(crate) fn new_file(name: &Path) -> Result<(PathBuf, File)> {
    for number in 0_u32.. {
        let name = if number == 0 { name.to_owned() } else { beside(name, &number.to_string()) };
        match private().write(true).create_new(true).open(&name) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(cause),
            Ok(file) => {
                owned_like_folder(&file, &name);
                return Ok((name, file));
            }
        }
    }
    Err(io::Error::other("every name is taken"))
}

/// Cards may be private.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// What an operator makes as root in the folder of a service must stay the service's.
pub(crate) fn owned_like_folder(file: &File, name: &Path) {
    if let Ok(folder) = fs::metadata(folder_of(name))
        && let Ok(made) = file.metadata()
        && (made.uid(), made.gid()) != (folder.uid(), folder.gid())
    {
        // Only root can; for everybody else the file is as he can make it.
        let _ = std::os::unix::fs::fchown(file, Some(folder.uid()), Some(folder.gid()));
    }
}

/// Brings the names in the file's folder to the disk.
pub(crate) fn sync_folder(file: &Path) -> Result<()> {
    File::open(folder_of(file))?.sync_all()
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The file's name with one more ending.
pub(crate) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
