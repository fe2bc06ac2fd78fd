//! The binary, a token file for it, stand-ins for whom it asks, and a terminal for it to stand at.
#![allow(dead_code, reason = "each test program uses its own part")]

pub(crate) mod server;
pub(crate) mod terminal;

use std::fmt::Display;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::server::Server;

/// What stands in every token's signature, and a client's secret: they may appear in no output.
pub(crate) const SIGNATURE: &str = "c2VjcmV0LXNpZ25hdHVyZQ";
/// With characters that Basic and forms spell in their own ways.
pub(crate) const SECRET: &str = "s3cr+t: %41/=&";

/// A folder to run `agentctl` in.
pub(crate) struct Desk {
    folder: TempDir,
    settings: &'static [(&'static str, &'static str)],
    /// What the file holds.
    pub(crate) token: String,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    /// With nothing in it.
    pub(crate) fn empty() -> Desk {
        Desk { folder: tempfile::tempdir().expect("a folder"), settings: &[], token: String::new() }
    }

    /// With a token that ends in so many seconds (or ended).
    pub(crate) fn new(seconds: i64) -> Desk {
        Desk::of(seconds, &["g"])
    }

    /// The same, of somebody in these groups.
    pub(crate) fn of(seconds: i64, groups: &[&str]) -> Desk {
        let token = jwt(&json!({"exp": now().saturating_add_signed(seconds), "groups": groups}));
        let desk = Desk { settings: &[("AGENTCTL_TOKEN_FILE", "token.json")], token, ..Desk::empty() };
        desk.write("token.json", json!({"access_token": desk.token}));
        desk
    }

    /// Where a file of this name is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file for its owner alone and says where it is.
    pub(crate) fn write(&self, name: &str, content: impl Display) -> PathBuf {
        let file = self.path(name);
        let folder = file.parent().expect("a folder");
        if !folder.exists() {
            std::fs::create_dir_all(folder).expect("it can be made");
            set_mode(folder, 0o700);
        }
        std::fs::write(&file, content.to_string()).expect("the file can be written");
        set_mode(&file, 0o600);
        file
    }

    /// Runs `agentctl` in the folder, with nothing of this process's own settings.
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        self.run_with(self.settings, words)
    }

    /// The same with other settings.
    pub(crate) fn run_with(&self, settings: &[(&str, &str)], words: &[&str]) -> Run {
        let output = self.command(words).envs(settings.iter().copied()).output();
        Run::of(output.expect("agentctl runs"))
    }

    /// `agentctl` at this gateway, with this folder's token.
    pub(crate) fn at(&self, gateway: &Server, words: &[&str]) -> Run {
        let settings = [("AGENTCTL_TOKEN_FILE", "token.json"), ("AGENTCTL_GATEWAY", &gateway.url)];
        self.run_with(&settings, words)
    }

    /// The same with something to read.
    pub(crate) fn at_with_input(&self, gateway: &Server, words: &[&str], input: &str) -> Run {
        let input = File::open(self.write("input", input)).expect("it was just written");
        let mut command = self.command(words);
        command.env("AGENTCTL_TOKEN_FILE", "token.json").env("AGENTCTL_GATEWAY", &gateway.url).stdin(input);
        Run::of(command.output().expect("agentctl runs"))
    }

    /// Another program in the folder.
    pub(crate) fn folder_command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// `agentctl` in the folder, without any settings.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentctl"));
        command.args(words).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command
    }
}

impl Run {
    pub(crate) fn of(output: Output) -> Run {
        let text = |bytes| String::from_utf8(bytes).expect("texts are UTF-8");
        let code = output.status.code().expect("no signal ended it");
        let run = Run { code, out: text(output.stdout), err: text(output.stderr) };
        // On standard output `token show --raw` prints it.
        assert!(!run.err.contains(SIGNATURE), "a token was printed");
        run
    }

    /// Checks the exit code, and that no secret was printed; all that was said stands in the failure.
    pub(crate) fn ends(self, code: i32) -> Run {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        for secret in [SIGNATURE, SECRET] {
            assert!(
                !self.out.contains(secret) && !self.err.contains(secret),
                "a secret was printed: {self:?}"
            );
        }
        self
    }

    /// One line of error and nothing else, with these parts in it.
    pub(crate) fn says(self, code: i32, parts: &[&str]) -> Run {
        let run = self.ends(code);
        assert_eq!((&*run.out, run.err.lines().count()), ("", 1), "{run:?}");
        assert!(run.err.starts_with("agentctl: "), "{run:?}");
        for part in parts {
            assert!(run.err.contains(part), "no '{part}': {run:?}");
        }
        run
    }
}

/// A token with these claims.
pub(crate) fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{SIGNATURE}", part(&json!({"alg": "RS256"})), part(claims))
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs()
}

pub(crate) fn set_mode(file: &Path, mode: u32) {
    std::fs::set_permissions(file, Permissions::from_mode(mode)).expect("it is ours");
}

pub(crate) fn mode(file: &Path) -> u32 {
    file.metadata().expect("it is there").permissions().mode() & 0o7777
}

/// A recorded answer of the real registry.
pub(crate) fn recorded(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/answers").join(name);
    std::fs::read_to_string(file).expect("the answer is there")
}
