//! Python environments with the real packages, made once per machine in its cache, and programs run in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use xtask::{files, say, shell};

/// Seconds that a program may take; it is ended then.
const PATIENCE: &str = "120";

/// A Python that has packages.
#[derive(Debug)]
pub struct Python {
    program: PathBuf,
    /// The version of `lumoauth`; empty in the environment that has none.
    pub version: &'static str,
}

/// What is installed together.
struct Set {
    /// The beginning of its folder's name.
    name: String,
    /// What is installed, with exact versions.
    pins: PathBuf,
    /// What is installed beside that.
    more: Option<String>,
    /// What it brings, for people.
    brings: String,
}

/// What a program came to.
#[derive(Debug)]
pub struct Run {
    /// The exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub out: String,
    /// What it said of faults.
    pub err: String,
}

/// The environment with this version of `lumoauth`.
///
/// # Errors
/// One line that says what this machine lacks for it.
pub fn with(version: &'static str) -> Result<&'static Python, String> {
    static MADE: [OnceLock<Result<Python, String>>; 2] = [OnceLock::new(), OnceLock::new()];
    let place = crate::VERSIONS.iter().position(|known| *known == version);
    let place = place.ok_or_else(|| format!("lumoauth {version} is not one of those that are tried"))?;
    let set = || Set {
        name: format!("lumoauth-{version}"),
        pins: ours("requirements.txt"),
        more: Some(format!("lumoauth=={version}")),
        brings: format!("lumoauth {version}, agno, openai-agents and mcp"),
    };
    MADE[place].get_or_init(|| make(&set(), version)).as_ref().map_err(Clone::clone)
}

/// The environment with the MCP packages that the gateway is tried with.
///
/// # Errors
/// One line that says what this machine lacks for it.
pub fn with_mcp() -> Result<&'static Python, String> {
    static MADE: OnceLock<Result<Python, String>> = OnceLock::new();
    let set = || Set {
        name: "mcp".to_owned(),
        pins: ours("mcp/python/requirements.txt"),
        more: None,
        brings: "mcp and fastmcp".to_owned(),
    };
    MADE.get_or_init(|| make(&set(), "")).as_ref().map_err(Clone::clone)
}

fn make(set: &Set, version: &'static str) -> Result<Python, String> {
    // One after the other: pip's cache of downloads then serves the second.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = place(set)?;
    let python = Python { program: folder.join("bin/python"), version };
    if python.program.is_file() {
        return Ok(python);
    }
    say(&format!("installing {} from PyPI (half a minute)", set.brings));
    let text = |fault: xtask::fault::Fault| fault.to_string();
    let beside = files::beside(&folder).map_err(text)?;
    install(beside.path(), set)?;
    // Moved whole: whoever finds it finds all of it. Only bin/python is used, which works wherever it lies.
    match fs::rename(beside.keep(), &folder) {
        // Somebody else was faster, with the same packages.
        Err(_) if python.program.is_file() => Ok(python),
        Err(cause) => Err(format!("cannot put the Python environment at {}: {cause}", folder.display())),
        Ok(()) => Ok(python),
    }
}

/// What is in it is in its name: other pins, another Python, another place.
fn place(set: &Set) -> Result<PathBuf, String> {
    let said = shell::run("python3", &["-c", "import platform; print(platform.python_version())"]);
    let python = said.map_err(|fault| format!("Python 3 is needed: {fault}"))?;
    let sum = files::sha256(&set.pins).map_err(|cause| format!("{}: {cause}", set.pins.display()))?;
    let cache = files::cache().map_err(|fault| fault.to_string())?;
    Ok(cache.join(format!("clients-{}-python-{}-{}", set.name, python.trim(), &sum[..16])))
}

fn install(folder: &Path, set: &Set) -> Result<(), String> {
    let folder_word = folder.as_os_str();
    xtask::setup::setup_for_environments().map_err(|fault| fault.to_string())?;
    shell::run("python3", &["-m".as_ref(), "venv".as_ref(), folder_word])
        .map_err(|fault| fault.to_string())?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    // Wheels alone: nothing of a package runs while it is installed. A machine without a way out says so soon.
    pip.args(["--only-binary", ":all:", "--retries", "2", "--timeout", "30"]);
    pip.arg("--requirement").arg(&set.pins).args(&set.more);
    shell::finish("pip", &mut pip)
        .map_err(|fault| format!("the packages cannot be had from PyPI: {fault}"))?;
    Ok(())
}

/// A file of these tests.
#[must_use]
pub fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A file of the samples.
#[must_use]
pub fn sample(name: &str) -> PathBuf {
    xtask::root().join("deploy/samples/clients").join(name)
}

impl Python {
    /// A command that runs this file with nothing in its environment but what is given. It ends with the thread
    /// that starts it: a test that fails leaves nobody behind.
    #[must_use]
    pub fn command(&self, file: &Path, environment: &[(&str, String)]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(&self.program).arg(file);
        dress(&mut command, environment);
        command
    }

    /// Runs this file to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, file: &Path, words: &[&str], environment: &[(&str, String)]) -> Run {
        run(&self.program, file, words, environment)
    }
}

/// Runs this file with this program to its end, for both languages.
pub(crate) fn run(program: &Path, file: &Path, words: &[&str], environment: &[(&str, String)]) -> Run {
    let mut command = Command::new("timeout");
    command.args(["--kill-after", "5", PATIENCE]).arg(program).arg(file).args(words);
    dress(&mut command, environment);
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|cause| panic!("{} cannot be started: {cause}", file.display()));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) fn dress(command: &mut Command, environment: &[(&str, String)]) {
    command.env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    // Wide enough that nothing printed is broken into lines.
    command.env("LANG", "C.UTF-8").env("COLUMNS", "400");
    // Nothing is written beside the samples.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    // The packages tell their makers what they do; tests talk to loopback alone.
    command.env("AGNO_TELEMETRY", "false").env("OPENAI_AGENTS_DISABLE_TRACING", "1");
    command.envs(environment.iter().map(|(name, value)| (*name, value)));
}

impl Run {
    /// What it printed, when it ended well.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    #[must_use]
    pub fn well(self) -> String {
        assert_eq!(self.code, Some(0), "out: {}\nerr: {}", self.out, self.err);
        self.out
    }
}

/// The header and the claims of a token, unverified.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn claims(python: &Python, token: &str) -> serde_json::Value {
    let said = python.run(&ours("python/claims.py"), &[], &[("TOKEN", token.to_owned())]).well();
    serde_json::from_str(&said).unwrap_or_else(|cause| panic!("{cause}: {said}"))
}
