//! Postgres' programs, where Debian puts them: a folder per version, off the PATH.

use std::fs;
use std::path::PathBuf;

use crate::fault::{Fault, Outcome};
use crate::{setup, shell};

const VERSIONS: &str = "/usr/lib/postgresql";

/// The folder of the newest version's programs, installed first when we may.
pub fn ensure() -> Outcome<PathBuf> {
    if let Some(folder) = find() {
        return Ok(folder);
    }
    setup::setup_for_postgres()?;
    find().ok_or_else(|| Fault::new("postgres was installed, but is not where Debian puts it"))
}

/// The same, or why there is none: for tests, which install nothing.
///
/// # Errors
/// One line that says what to type.
pub fn present() -> Result<PathBuf, String> {
    find().ok_or_else(|| "there is no postgres here: type make tools setup, or install postgresql".to_owned())
}

fn find() -> Option<PathBuf> {
    let number = |folder: &PathBuf| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let mut versions: Vec<PathBuf> =
        fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    versions.sort_by_key(number);
    let debian = versions.into_iter().rev().map(|folder| folder.join("bin"));
    // Elsewhere they lie together on the PATH.
    let on_the_path = shell::find("postgres").and_then(|program| Some(program.parent()?.to_path_buf()));
    debian.chain(on_the_path).find(|folder| {
        ["initdb", "postgres", "pg_isready", "createdb"].iter().all(|name| folder.join(name).is_file())
    })
}
