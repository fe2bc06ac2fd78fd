//! What the machine needs before anything can be built or started, installed from Debian when we may.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fault::{Doing as _, Fault, Outcome};
use crate::{files, say, shell};

/// A program we need, and the Debian package that brings it.
struct Need {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

const SERVE: &[Need] = &[Need { program: "nginx", package: "nginx", why: "it is the gateway" }];
const FETCH: &[Need] = &[
    Need { program: "python3", package: "python3", why: "the model comes as a Python package" },
    Need { program: "pip3", package: "python3-pip", why: "the model comes as a Python package" },
];
const POSTGRES: Need = Need { program: "postgres", package: "postgresql", why: "it is the store" };
const ENVIRONMENTS: Need =
    Need { program: "python3 -m venv", package: "python3-venv", why: "client packages come from PyPI" };
const NODE: &[Need] = &[
    Need { program: "node", package: "nodejs", why: "MCP clients come from npm" },
    Need { program: "npm", package: "npm", why: "MCP clients come from npm" },
];
const KEYCLOAK: &[Need] = &[
    Need { program: "mvn", package: "maven", why: "Keycloak comes as a Maven artifact" },
    Need { program: "java", package: "default-jre-headless", why: "Keycloak runs on it" },
    Need { program: "python3", package: "python3", why: "it opens Keycloak's archive" },
];

/// Installs what serving needs. What building needs (Rust, a C++ compiler) the Makefile asks for: without
/// it there would be no program to say so.
pub fn setup() -> Outcome<()> {
    ensure(SERVE)
}

/// Installs what fetching the model needs.
pub fn setup_for_model() -> Outcome<()> {
    // A python of pyenv or a virtual environment brings its own pip, under no certain name.
    let pip_is_there = shell::run("python3", &["-m", "pip", "--version"]).is_ok();
    if pip_is_there { Ok(()) } else { ensure(FETCH) }
}

/// Installs Postgres' programs; what Debian would make with them, a running cluster, it does not make.
pub fn setup_for_postgres() -> Outcome<()> {
    if !shell::is_root() || shell::find("apt-get").is_none() {
        return Err(Fault::new(advice(&[&POSTGRES])));
    }
    // Read while postgresql-common is installed, and gone again afterwards, so that nobody wonders later.
    let folder = Path::new("/etc/postgresql-common/createcluster.d");
    let file = folder.join("agent-registry.conf");
    files::make_dir(folder, 0o755)?;
    files::replace(&file, b"create_main_cluster = false\n", 0o644)?;
    let installed = install(&[&POSTGRES]);
    std::fs::remove_file(&file).doing(|| format!("remove {}", file.display()))?;
    installed
}

/// Installs what fetching and running Keycloak needs. A Java of another make may do; who has none gets Debian's.
pub fn setup_for_keycloak() -> Outcome<()> {
    ensure(KEYCLOAK)
}

/// Installs what making a Python environment needs. Debian's python3 has no ensurepip of its own, and no program
/// that would tell.
pub fn setup_for_environments() -> Outcome<()> {
    if shell::run("python3", &["-c", "import ensurepip, venv"]).is_ok() {
        return Ok(());
    }
    if !shell::is_root() || shell::find("apt-get").is_none() {
        return Err(Fault::new(advice(&[&ENVIRONMENTS])));
    }
    install(&[&ENVIRONMENTS])
}

/// Installs what running clients from npm needs. A Node.js of another make may do; who has none gets Debian's, and
/// is told by the tests when that is too old for the packages.
pub fn setup_for_node() -> Outcome<()> {
    ensure(NODE)
}

/// Where nginx lies, or the one command that brings it.
pub fn nginx() -> Outcome<PathBuf> {
    shell::find("nginx").ok_or_else(|| Fault::new(advice(&SERVE.iter().collect::<Vec<_>>())))
}

/// What Keycloak needs and is not there, with the command that brings it.
#[must_use]
pub fn lacking_for_keycloak() -> Option<String> {
    let missing = missing(KEYCLOAK);
    (!missing.is_empty()).then(|| advice(&missing))
}

fn missing(needs: &[Need]) -> Vec<&Need> {
    needs.iter().filter(|need| shell::find(need.program).is_none()).collect()
}

fn ensure(needs: &[Need]) -> Outcome<()> {
    let missing = missing(needs);
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
    fn the_makefile_says_what_it_takes_to_build_this() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bring = |program: &str| {
            let target = shell::find(program).expect("it is there");
            std::os::unix::fs::symlink(target, folder.path().join(program)).expect("the folder is ours");
        };
        let tools = || {
            let mut make = Command::new(shell::find("make").expect("make is there"));
            make.current_dir(crate::root())
                .env("PATH", folder.path())
                .args(["--no-print-directory", "tools"]);
            // Whoever runs the tests may be a make.
            make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
            make.output().expect("make starts")
        };
        let said = String::from_utf8_lossy(&tools().stderr).into_owned();
        assert!(said.starts_with("error: cargo is missing: install Rust 1.90 or newer"), "{said}");
        // Without apt-get not even root can install it.
        bring("cargo");
        bring("id");
        let said = String::from_utf8_lossy(&tools().stderr).into_owned();
        assert!(said.contains("type: sudo apt-get install --yes --no-install-recommends g++"), "{said}");
        bring("c++");
        assert!(tools().status.success());
        let manifest = std::fs::read_to_string(crate::root().join("Cargo.toml")).expect("it is there");
        assert!(manifest.contains("rust-version = \"1.90\""), "say the same version in the Makefile");
    }

    #[test]
    fn what_is_missing_is_named_with_the_command_that_brings_it() {
        let line = advice(&SERVE.iter().collect::<Vec<_>>());
        assert!(line.contains("nginx (it is the gateway)"), "{line}");
        assert!(line.ends_with("sudo apt-get install --no-install-recommends nginx"), "{line}");
        assert!(!line.contains('\n'));
    }
}
