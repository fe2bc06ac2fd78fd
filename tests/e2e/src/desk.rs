//! Somebody at a terminal with `agentctl`, a folder of his own and nothing in the environment but what he put there.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use xtask::stack::{Stack, build};

use crate::shared;

/// A folder, the program, and the environment it runs in.
pub struct Desk {
    agentctl: PathBuf,
    folder: PathBuf,
    /// What `agentctl` finds in its environment beside the gateway.
    pub environment: Vec<(&'static str, String)>,
    gateway: String,
}

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// The exit code.
    pub code: Option<i32>,
    /// What it said.
    pub out: String,
    /// What it said of faults.
    pub err: String,
}

impl Desk {
    /// An empty folder.
    ///
    /// # Panics
    /// When `agentctl` cannot be built.
    #[must_use]
    pub fn of(stack: &Stack, name: &str) -> Self {
        let binaries = build::servers(build::Profile::Dev).unwrap_or_else(|fault| panic!("{fault}"));
        let (agentctl, folder) = (binaries.join("agentctl"), shared::folder(name));
        Self { agentctl, folder, environment: Vec::new(), gateway: stack.gateway() }
    }

    /// Runs `agentctl` with these words. No password and no secret of its environment may be printed.
    ///
    /// # Panics
    /// When it does not run, or prints one.
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Run {
        let output = Command::new(&self.agentctl)
            .args(words)
            .current_dir(&self.folder)
            .env_clear()
            .env("AGENTCTL_GATEWAY", &self.gateway)
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .output()
            .unwrap_or_else(|cause| panic!("agentctl does not run: {cause}"));
        let text = |bytes| String::from_utf8(bytes).unwrap_or_else(|_| panic!("it says no text"));
        let run = Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        let is_secret = |name: &str| name.ends_with("PASSWORD") || name.ends_with("SECRET");
        for (name, secret) in self.environment.iter().filter(|(name, _)| is_secret(name)) {
            assert!(!run.out.contains(secret) && !run.err.contains(secret), "{name} was printed: {run:?}");
        }
        run
    }

    /// Where a file of the folder lies.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file of the folder, as JSON.
    ///
    /// # Panics
    /// When it is not there or something else.
    #[must_use]
    pub fn read(&self, name: impl AsRef<Path>) -> Value {
        let file = self.folder.join(name);
        let bytes = fs::read(&file).unwrap_or_else(|cause| panic!("{}: {cause}", file.display()));
        serde_json::from_slice(&bytes).unwrap_or_else(|cause| panic!("{}: {cause}", file.display()))
    }

    /// Writes a file of the folder that nobody else can read.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: impl AsRef<Path>, value: &Value) {
        let file = self.folder.join(name);
        fs::write(&file, value.to_string())
            .and_then(|()| fs::set_permissions(&file, Permissions::from_mode(0o600)))
            .unwrap_or_else(|cause| panic!("{}: {cause}", file.display()));
    }
}

impl Run {
    /// What it said, when it ended so.
    ///
    /// # Panics
    /// When it ended otherwise.
    #[track_caller]
    pub fn ends(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "out: {}\nerr: {}", self.out, self.err);
        self.out
    }

    /// What it said as JSON, when all went well.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    #[must_use]
    pub fn json(self) -> Value {
        let text = self.ends(0);
        serde_json::from_str(&text).unwrap_or_else(|cause| panic!("{cause}: {text}"))
    }

    /// Checks that it ended so, and said why in one line with this part.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn refused(self, code: i32, part: &str) {
        assert_eq!((self.code, self.err.lines().count()), (Some(code), 1), "{self:?}");
        assert!(self.err.contains(part), "{self:?}");
    }
}
