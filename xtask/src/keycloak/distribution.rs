//! The programs of Keycloak: fetched by their Maven coordinates, checked, and prepared once per machine in a
//! cache outside the tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::java;
use crate::fault::{Doing as _, Fault, Outcome};
use crate::{files, say, setup, shell};

/// The one place that says which Keycloak it is, with the SHA-256 of its archive.
const VERSION: &str = "26.7.3";
const SHA256: &str = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f";
/// The goal that fetches; without a version Maven would take whichever it knows.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";

/// What `kc.sh build` is told. Whoever starts with `--optimized` gets exactly this: no management port (its
/// only use here would be health, which the realm's own document shows), no cluster.
const BUILD: [&str; 4] =
    ["--db=dev-file", "--cache=local", "--health-enabled=false", "--metrics-enabled=false"];

/// Keycloak's programs, ready to be started.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// The folder that holds `bin` and `lib`.
    pub(super) folder: PathBuf,
    /// Where Java lives.
    pub(super) java: PathBuf,
}

/// What `make test-keycloak` fetched, or why Keycloak cannot run here. Asks nobody.
pub fn present() -> Outcome<Distribution> {
    let folder = place()?;
    if !folder.is_dir() {
        let how = setup::lacking_for_keycloak().unwrap_or_else(|| "type make keycloak".into());
        return Err(Fault::new(format!("Keycloak {VERSION} is not there; {how}")));
    }
    let java = java::home().ok_or_else(no_java)?;
    Ok(Distribution { folder, java })
}

/// Makes sure that Keycloak can run here: installs Java and Maven when we may, fetches, prepares.
pub fn ensure() -> Outcome<Distribution> {
    if java::home().is_none() {
        setup::setup_for_keycloak()?;
    }
    let java = java::home().ok_or_else(no_java)?;
    let folder = place()?;
    if !folder.is_dir() {
        setup::setup_for_keycloak()?;
        say(&format!("fetching Keycloak {VERSION} with Maven (180 MB)"));
        let beside = files::beside(&folder)?;
        fetch_into(beside.path())?;
        prepare(beside.path(), &java)?;
        match fs::rename(beside.keep(), &folder) {
            // Somebody else was faster, with the same bytes.
            Err(_) if folder.is_dir() => {}
            moved => moved.doing(|| format!("put Keycloak at {}", folder.display()))?,
        }
    }
    Ok(Distribution { folder, java })
}

fn no_java() -> Fault {
    Fault::new(
        "Keycloak needs Java 17 or newer; type: sudo apt-get install --no-install-recommends default-jre-headless",
    )
}

fn place() -> Outcome<PathBuf> {
    Ok(files::cache()?.join(format!("keycloak-{VERSION}")))
}

fn fetch_into(folder: &Path) -> Outcome<()> {
    let archive = folder.join("archive");
    let mut maven = Command::new("mvn");
    // In batch mode, silent but for errors, and strict about the repository's checksums.
    maven.args(["-B", "-q", "-C", COPY]);
    maven.arg(format!("-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"));
    maven.arg(format!("-DoutputDirectory={}", archive.display()));
    shell::finish("mvn", maven.current_dir(folder))?;
    let zip = archive.join(format!("keycloak-quarkus-dist-{VERSION}.zip"));
    let found = files::sha256(&zip).doing(|| format!("read {}", zip.display()))?;
    if found != SHA256 {
        return Err(Fault::new(format!("Keycloak {VERSION} is not what we expect: its checksum is {found}")));
    }
    let unpacked = folder.join("unpacked");
    let words: [&Path; 5] = ["-m".as_ref(), "zipfile".as_ref(), "-e".as_ref(), &zip, &unpacked];
    shell::run("python3", &words)?;
    let inside = unpacked.join(format!("keycloak-{VERSION}"));
    for name in ["bin", "lib", "conf", "providers"] {
        fs::rename(inside.join(name), folder.join(name))
            .doing(|| format!("find {name} in Keycloak's archive"))?;
    }
    fs::remove_dir_all(&archive).and_then(|()| fs::remove_dir_all(&unpacked)).doing(|| "tidy up".into())
}

/// Built once, each start takes ten seconds less.
fn prepare(folder: &Path, java: &Path) -> Outcome<()> {
    say("preparing Keycloak (half a minute)");
    let mut build = Command::new("sh");
    build.arg(folder.join("bin/kc.sh")).arg("build").args(BUILD).env("JAVA_HOME", java);
    super::forget_configuration(&mut build);
    shell::finish("kc.sh build", &mut build).map(drop)
}
