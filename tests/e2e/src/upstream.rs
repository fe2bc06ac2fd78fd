//! A stand-in for a server behind the gateway: answers as told, and shows what it was sent.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};

/// A request as it arrived.
#[derive(Debug)]
pub struct Request {
    /// The request line.
    pub line: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body, by Content-Length.
    pub body: String,
    /// Which connection it came by, counted from 0.
    pub connection: usize,
}

/// What to answer: the status line's end, header lines, the body.
pub type Reply = (&'static str, Vec<String>, String);

/// Instead of a status: the connection ends without an answer, as under a server that is killed.
pub const HANG_UP: &str = "";

type Rule = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

impl Request {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    }

    /// Everything that arrived, as the JSON that an echoing upstream answers.
    #[must_use]
    pub fn echo(&self) -> Value {
        json!({"line": self.line, "headers": self.headers, "body": self.body})
    }
}

/// Listens on loopback, on a thread that ends with the program.
///
/// # Panics
/// When there is no free port.
pub fn on_tcp(rule: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|cause| panic!("no free port: {cause}"));
    let address = listener.local_addr().unwrap_or_else(|cause| panic!("no address: {cause}"));
    let rule: Rule = Arc::new(rule);
    thread::spawn(move || {
        for (connection, stream) in listener.incoming().flatten().enumerate() {
            let rule = rule.clone();
            thread::spawn(move || {
                if let Ok(writer) = stream.try_clone() {
                    serve(stream, writer, connection, &rule);
                }
            });
        }
    });
    address
}

/// Listens on a unix socket that everybody may use.
///
/// # Panics
/// When the socket cannot be made.
pub fn on_socket(path: &Path, rule: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
    use std::os::unix::fs::PermissionsExt as _;
    let listener = UnixListener::bind(path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))
        .unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
    let rule: Rule = Arc::new(rule);
    thread::spawn(move || {
        for (connection, stream) in listener.incoming().flatten().enumerate() {
            let rule = rule.clone();
            thread::spawn(move || {
                if let Ok(writer) = stream.try_clone() {
                    serve(stream, writer, connection, &rule);
                }
            });
        }
    });
}

fn serve(stream: impl Read, mut writer: impl Write, connection: usize, rule: &Rule) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader, connection) {
        let (status, headers, body) = rule(&request);
        if status == HANG_UP {
            return;
        }
        let head = headers.iter().map(|line| format!("{line}\r\n")).collect::<String>();
        let length = body.len();
        let sent = if request.line.starts_with("HEAD ") { "" } else { &body };
        let answer = format!("HTTP/1.1 {status}\r\n{head}Content-Length: {length}\r\n\r\n{sent}");
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<impl Read>, connection: usize) -> Option<Request> {
    let line = next_line(reader)?;
    let mut headers = Vec::new();
    loop {
        let header = next_line(reader)?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { line, headers, body: String::new(), connection };
    let mut body = vec![0; request.header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    Some(request)
}

fn next_line(reader: &mut BufReader<impl Read>) -> Option<String> {
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(count) if count > 0 => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
        Ok(_) | Err(_) => None,
    }
}
