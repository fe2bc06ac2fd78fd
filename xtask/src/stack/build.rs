//! The binaries, of the servers and `agentctl`: built by cargo, and found where cargo puts them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::fault::{Doing as _, Outcome};
use crate::{root, say, shell};

/// Which build is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `make run`, `make up`, `make demo`.
    Release,
    /// Tests.
    Dev,
}

/// Builds both servers and `agentctl` (cargo does nothing when nothing changed) and says in which folder they are.
pub fn servers(profile: Profile) -> Outcome<PathBuf> {
    let folder = folder(profile)?;
    // `cargo test --workspace` has just built them; asking cargo again would only cost time, and with
    // another choice of packages it might build dependencies a second time.
    if profile == Profile::Dev && is_fresh(&folder) {
        return Ok(folder);
    }
    say(match profile {
        Profile::Release => "building the servers in release (some minutes the first time)",
        Profile::Dev => "building the servers",
    });
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root()).args(["build", "--locked", "--workspace", "--bins"]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    shell::show("cargo build", &mut cargo)?;
    Ok(folder)
}

fn folder(profile: Profile) -> Outcome<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .doing(|| "ask cargo where it builds".into())?;
    let name = if profile == Profile::Release { "release" } else { "debug" };
    Ok(metadata.target_directory.into_std_path_buf().join(name))
}

/// Whether all binaries are younger than every source file they are made of.
fn is_fresh(folder: &Path) -> bool {
    let built = ["auth-server", "registry", "agentctl"]
        .iter()
        .map(|name| changed(&folder.join(name)))
        .min()
        .flatten();
    let sources = ["auth-server", "registry", "cli", "crates", "Cargo.lock"]
        .iter()
        .filter_map(|name| newest(&root().join(name)));
    match (built, sources.max()) {
        (Some(built), Some(source)) => built >= source,
        _ => false,
    }
}

fn newest(path: &Path) -> Option<SystemTime> {
    let Ok(entries) = fs::read_dir(path) else { return changed(path) };
    entries.flatten().filter_map(|entry| newest(&entry.path())).max()
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|facts| facts.modified()).ok()
}
