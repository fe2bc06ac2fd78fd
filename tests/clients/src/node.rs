//! The real packages from npm, installed once per machine in its cache, and programs run with them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use xtask::{files, say, shell};

use crate::python::{self, Run};
use crate::site;

/// The packages want this one.
const OLDEST: u32 = 20;
/// Where our programs lie, and what they are installed by.
const FOLDER: &str = "mcp/node";
const PINS: [&str; 2] = ["package.json", "package-lock.json"];
const PROGRAMS: [&str; 3] = ["scenarios.mjs", "sdk.mjs", "client.mjs"];

/// A folder with our programs and the packages beside them, where Node.js looks for them.
#[derive(Debug)]
pub struct Node {
    folder: PathBuf,
}

impl Node {
    /// The one of this test program.
    ///
    /// # Errors
    /// One line that says what this machine lacks for it.
    pub fn get() -> Result<&'static Self, String> {
        static MADE: OnceLock<Result<Node, String>> = OnceLock::new();
        MADE.get_or_init(make).as_ref().map_err(Clone::clone)
    }

    /// Runs one of our programs to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, program: &str, words: &[&str], environment: &[(&str, String)]) -> Run {
        python::run(Path::new("node"), &self.folder.join(program), words, environment)
    }
}

fn make() -> Result<Node, String> {
    xtask::setup::setup_for_node().map_err(|fault| fault.to_string())?;
    let version = shell::run("node", &["--version"]).map_err(|fault| fault.to_string())?;
    let version = version.trim().trim_start_matches('v');
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok()).unwrap_or_default();
    if major < OLDEST {
        return Err(format!("the packages need Node.js {OLDEST} or newer, and this machine has {version}"));
    }
    let packages = packages()?;
    let folder = site::folder("node");
    let text = |cause: std::io::Error| format!("{}: {cause}", folder.display());
    symlink(packages, folder.join("node_modules")).map_err(text)?;
    for program in PROGRAMS {
        fs::copy(python::ours(FOLDER).join(program), folder.join(program)).map_err(text)?;
    }
    Ok(Node { folder })
}

/// The packages; what is in them is in the name of their folder.
fn packages() -> Result<PathBuf, String> {
    let lock = python::ours(FOLDER).join(PINS[1]);
    let sum = files::sha256(&lock).map_err(|cause| format!("{}: {cause}", lock.display()))?;
    let cache = files::cache().map_err(|fault| fault.to_string())?;
    let folder = cache.join(format!("clients-node-{}", &sum[..16]));
    let packages = folder.join("node_modules");
    if packages.is_dir() {
        return Ok(packages);
    }
    say("installing the MCP packages from npm (a few seconds)");
    let beside = files::beside(&folder).map_err(|fault| fault.to_string())?;
    install(beside.path())?;
    match fs::rename(beside.keep(), &folder) {
        // Somebody else was faster, with the same packages.
        Err(_) if packages.is_dir() => Ok(packages),
        Err(cause) => Err(format!("cannot put the packages at {}: {cause}", folder.display())),
        Ok(()) => Ok(packages),
    }
}

fn install(folder: &Path) -> Result<(), String> {
    for name in PINS {
        fs::copy(python::ours(FOLDER).join(name), folder.join(name))
            .map_err(|cause| format!("{}: {cause}", folder.display()))?;
    }
    let mut npm = Command::new("npm");
    // Exactly what the lock file says, and nothing of a package runs while it is installed.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--fetch-retries", "2"]);
    npm.args(["--fetch-timeout", "30000"]).current_dir(folder);
    shell::finish("npm", &mut npm)
        .map(drop)
        .map_err(|fault| format!("the packages cannot be had from npm: {fault}"))
}
