//! A stand-in for an identity provider and a gateway in one, and a folder to run `agentctl` in.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What stands in every token's signature, and the client's secret: they may appear in no output.
pub(crate) const SIGNATURE: &str = "c2VjcmV0LXNpZ25hdHVyZQ";
/// With characters that Basic and forms spell in their own ways.
pub(crate) const SECRET: &str = "s3cr+t: %41/=&";

/// Long enough for any machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs()
}

/// A token with these claims.
pub(crate) fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{SIGNATURE}", part(&json!({"alg": "RS256"})), part(claims))
}

/// The claims of a token for the client `bot`, which ends in so many seconds (or ended).
pub(crate) fn claims(seconds: i64) -> Value {
    json!({
        "exp": now().saturating_add_signed(seconds), "iss": "http://issuer", "azp": "bot", "sub": "1",
        "preferred_username": "service-account-bot", "groups": ["lob1"], "scope": "profile email",
    })
}

/// What a token endpoint says to who signs in.
pub(crate) fn given(claims: &Value) -> Reply {
    let left = claims["exp"].as_u64().expect("an end").saturating_sub(now());
    (200, json!({"access_token": jwt(claims), "token_type": "Bearer", "expires_in": left}))
}

/// Status and body.
pub(crate) type Reply = (u16, Value);

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `POST /token`.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Client and secret of the Basic header, decoded as RFC 6749 section 2.3.1 has them.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let encoded = self.header("authorization")?.strip_prefix("Basic ")?;
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        let plain = |text: &str| {
            url::form_urlencoded::parse(format!("x={text}").as_bytes())
                .next()
                .map(|(_, value)| value.into_owned())
        };
        Some((plain(id)?, plain(secret)?))
    }
}

/// The stand-in: answers every request by its first line.
pub(crate) struct Provider {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    coming: Receiver<String>,
}

impl Provider {
    pub(crate) fn new(answer: impl Fn(&str, &Asked) -> Reply + Send + Sync + 'static) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (asked, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let (tell, coming) = channel();
        let (kept, base) = (Arc::clone(&asked), url.clone());
        // Ends with the test's process: accept has nobody to stop it.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answer, base, tell) =
                    (Arc::clone(&kept), Arc::clone(&answer), base.clone(), tell.clone());
                std::thread::spawn(move || serve(&stream, &base, &kept, &*answer, &tell));
            }
        });
        Provider { url, asked, coming }
    }

    /// Gives this token to who signs in as `bot` at `/token`.
    pub(crate) fn giving(claims: Value) -> Provider {
        Provider::new(move |_, asked| match &*asked.line {
            "POST /token" => given(&claims),
            "POST /api/access/explain" => (200, explained()),
            _ => (404, json!({})),
        })
    }

    /// All that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panics with it").clone()
    }

    /// Their first lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// Waits for the next request.
    pub(crate) fn wait(&self) -> String {
        self.coming.recv_timeout(PATIENCE).expect("somebody asks in time")
    }
}

/// What the registry says when all is well.
pub(crate) fn explained() -> Value {
    json!({"verdict": "allowed", "reason": "r", "groups": [], "scopes": [], "would_allow": [], "policy_version": "v"})
}

fn serve(
    mut stream: &TcpStream,
    base: &str,
    kept: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(&str, &Asked) -> Reply,
    tell: &Sender<String>,
) {
    let mut lines = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    };
    let first = line();
    // Somebody who only knocked.
    let Some(first) = first.strip_suffix(" HTTP/1.1") else { return };
    let headers: Vec<(String, String)> = std::iter::from_fn(|| {
        let line = line();
        let (name, value) = line.split_once(": ")?;
        Some((name.to_ascii_lowercase(), value.to_owned()))
    })
    .collect();
    let mut asked = Asked { line: first.to_owned(), headers, body: String::new() };
    let length = asked.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    lines.read_exact(&mut body).expect("the body comes");
    asked.body = String::from_utf8(body).expect("text");
    kept.lock().expect("no test panics with it").push(asked.clone());
    let (status, body) = answer(base, &asked);
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nConnection: close\r\n");
    // Who asked may be gone by now.
    let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let _ = tell.send(asked.line);
}

/// A folder to run `agentctl` in.
pub(crate) struct Desk(TempDir);

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk(tempfile::tempdir().expect("a folder"))
    }

    /// With a token that ends in so many seconds at the usual place.
    pub(crate) fn holding(seconds: i64) -> Desk {
        let desk = Desk::new();
        desk.write(".oauth-tokens/ingress.json", &json!({"access_token": jwt(&claims(seconds))}));
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file for its owner alone.
    pub(crate) fn write(&self, name: &str, content: &Value) {
        let file = self.path(name);
        let folder = file.parent().expect("a folder");
        if !folder.exists() {
            fs::create_dir_all(folder).expect("it can be made");
            set_mode(folder, 0o700);
        }
        fs::write(&file, content.to_string()).expect("it can be written");
        set_mode(&file, 0o600);
    }

    /// Credentials of the client `bot` beside the token file.
    pub(crate) fn knows(&self, endpoint: &str) {
        let client = json!({"client_id": "bot", "client_secret": SECRET, "token_endpoint": endpoint});
        self.write(".oauth-tokens/client.json", &client);
    }

    pub(crate) fn read(&self, name: &str) -> Value {
        let text = fs::read(self.path(name)).expect("the file is there");
        serde_json::from_slice(&text).expect("JSON")
    }

    /// The binary with nothing of this process's own settings.
    pub(crate) fn command(&self, settings: &[(&str, &str)], words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentctl"));
        command.args(words).current_dir(self.0.path()).env_clear().envs(settings.iter().copied());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Run {
        self.run_with(&[], words)
    }

    pub(crate) fn run_with(&self, settings: &[(&str, &str)], words: &[&str]) -> Run {
        Run::of(&self.command(settings, words).output().expect("agentctl runs"))
    }
}

impl Run {
    pub(crate) fn of(output: &Output) -> Run {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("texts are UTF-8");
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        Run { code: output.status.code().expect("no signal ended it"), out, err }
    }

    /// Checks the exit code, and that no secret was printed.
    pub(crate) fn ends(self, code: i32) -> Run {
        assert_eq!(self.code, code, "{self:?}");
        for secret in [SIGNATURE, SECRET] {
            assert!(
                !self.out.contains(secret) && !self.err.contains(secret),
                "a secret was printed: {self:?}"
            );
        }
        self
    }

    /// One line of error, nothing else, that begins and goes on so.
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

pub(crate) fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("it is ours");
}

pub(crate) fn mode(file: &Path) -> u32 {
    file.metadata().expect("it is there").permissions().mode() & 0o7777
}
