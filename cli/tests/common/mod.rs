//! The binary, a token file for it, and a stand-in for the registry that answers once.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What stands in every token's signature: it may appear in no output.
const SIGNATURE: &str = "c2VjcmV0LXNpZ25hdHVyZQ";

/// A folder with a token file.
pub(crate) struct Desk {
    folder: TempDir,
    /// What the file holds.
    pub(crate) token: String,
}

/// What a run came to.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    /// With a token that ends in so many seconds (or ended).
    pub(crate) fn new(seconds: i64) -> Desk {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs() as i64;
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let (head, claims) =
            (part(json!({"alg": "RS256"})), part(json!({"exp": now + seconds, "groups": ["g"]})));
        let token = format!("{head}.{claims}.{SIGNATURE}");
        let folder = tempfile::tempdir().expect("a folder");
        let desk = Desk { folder, token };
        desk.write("token.json", &json!({"access_token": desk.token}).to_string());
        desk
    }

    /// Writes a file and says where it is.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).expect("the file can be written");
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");
        file
    }

    /// Runs `agentctl` in the folder, with nothing of this process's own settings.
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        self.run_with(&[("AGENTCTL_TOKEN_FILE", "token.json")], words)
    }

    /// The same with other settings.
    pub(crate) fn run_with(&self, settings: &[(&str, &str)], words: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_agentctl"))
            .args(words)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(settings.iter().copied())
            .output();
        Run::of(output.expect("agentctl runs"))
    }
}

impl Run {
    fn of(output: Output) -> Run {
        let text = |bytes| String::from_utf8(bytes).expect("texts are UTF-8");
        let code = output.status.code().expect("no signal ended it");
        let run = Run { code, out: text(output.stdout), err: text(output.stderr) };
        assert!(!run.out.contains(SIGNATURE) && !run.err.contains(SIGNATURE), "a token was printed");
        run
    }

    /// Checks the exit code; all that was said stands in the failure.
    pub(crate) fn ends(self, code: i32) -> Run {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        self
    }
}

/// A recorded answer of the real registry.
pub(crate) fn recorded(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/answers").join(name);
    std::fs::read_to_string(file).expect("the answer is there")
}

/// A registry that takes one request, answers it, and tells what was asked.
pub(crate) struct StandIn {
    pub(crate) url: String,
    serving: JoinHandle<Request>,
}

/// What was asked.
pub(crate) struct Request {
    /// `POST /api/… HTTP/1.1`.
    pub(crate) line: String,
    /// With names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl StandIn {
    /// Answers with this status line's end (`200 OK`) and body.
    pub(crate) fn answering(status: &str, body: String) -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let status = status.to_owned();
        let serving = std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("somebody calls");
            serve(&stream, &status, &body)
        });
        StandIn { url, serving }
    }

    /// What was asked; waits for it.
    pub(crate) fn asked(self) -> Request {
        self.serving.join().expect("the stand-in served")
    }
}

impl Request {
    /// The only value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(header, _)| header == name);
        let (_, value) = values.next().expect("the header is there");
        assert!(values.next().is_none(), "{name} came twice");
        value
    }
}

fn serve(mut stream: &TcpStream, status: &str, answer: &str) -> Request {
    let mut lines = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    };
    let first = line();
    let headers: Vec<(String, String)> = std::iter::from_fn(|| {
        let line = line();
        let (name, value) = line.split_once(": ")?;
        Some((name.to_ascii_lowercase(), value.to_owned()))
    })
    .collect();
    let mut request = Request { line: first, headers, body: Value::Null };
    let length = request.header("content-length").parse().expect("a length");
    let mut body = vec![0; length];
    lines.read_exact(&mut body).expect("the body comes");
    request.body = serde_json::from_slice(&body).expect("the body is JSON");
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n");
    write!(stream, "{head}Content-Length: {}\r\n\r\n{answer}", answer.len()).expect("the answer goes out");
    request
}
