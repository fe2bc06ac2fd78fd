//! A stand-in for whoever `agentctl` asks: it answers as told and keeps what it was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Long enough for any machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers on loopback until the test program ends.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Request>>>,
    answered: Receiver<String>,
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `POST /api/…`.
    pub(crate) line: String,
    /// With names in small letters.
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What to answer.
pub(crate) struct Reply {
    status: u16,
    kind: &'static str,
    headers: String,
    body: String,
    finished: bool,
}

impl Server {
    /// Answers every request by this rule.
    pub(crate) fn new(rule: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (asked, rule) = (Arc::new(Mutex::new(Vec::new())), Arc::new(rule));
        let (kept, (tell, answered)) = (Arc::clone(&asked), channel());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, rule, tell) = (Arc::clone(&kept), Arc::clone(&rule), tell.clone());
                // Who asks and goes away before the answer is no fault of this side.
                std::thread::spawn(move || serve(&stream, &kept, &*rule, &tell));
            }
        });
        Server { url, asked, answered }
    }

    /// Answers everything alike.
    pub(crate) fn answering(status: u16, body: String) -> Server {
        Server::new(move |_| Reply::new(status, &body))
    }

    /// All that was asked so far.
    pub(crate) fn all(&self) -> Vec<Request> {
        self.asked.lock().expect("nobody panics with it").clone()
    }

    /// The first lines of it, without the protocol.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.all().into_iter().map(|request| request.line).collect()
    }

    /// Waits for the next request to be answered.
    pub(crate) fn wait(&self) -> String {
        self.answered.recv_timeout(PATIENCE).expect("somebody asks in time")
    }

    /// The only thing that was asked.
    pub(crate) fn asked(&self) -> Request {
        let mut all = self.all();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

impl Request {
    /// The only value of a header; empty when it did not come.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(header, _)| header == name);
        let value = values.next().map_or("", |(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} came twice");
        value
    }

    /// The body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Client and secret of the Basic header, decoded as RFC 6749 section 2.3.1 has them.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let encoded = self.header("authorization").strip_prefix("Basic ")?;
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        let plain = |text: &str| {
            let pairs = format!("x={text}");
            let mut pairs = url::form_urlencoded::parse(pairs.as_bytes());
            pairs.next().map(|(_, value)| value.into_owned())
        };
        Some((plain(id)?, plain(secret)?))
    }
}

impl Reply {
    /// With this body, called JSON.
    pub(crate) fn new(status: u16, body: &str) -> Reply {
        let (headers, body) = (String::new(), body.to_owned());
        Reply { status, kind: "application/json", headers, body, finished: true }
    }

    /// With this JSON.
    pub(crate) fn json(status: u16, body: &Value) -> Reply {
        Reply::new(status, &body.to_string())
    }

    /// Called something else.
    pub(crate) fn kind(self, kind: &'static str) -> Reply {
        Reply { kind, ..self }
    }

    /// As if more of the body were to come, and it never comes.
    pub(crate) fn unfinished(self) -> Reply {
        Reply { finished: false, ..self }
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }
}

fn serve(
    stream: &TcpStream,
    kept: &Mutex<Vec<Request>>,
    rule: &dyn Fn(&Request) -> Reply,
    tell: &Sender<String>,
) {
    let mut lines = BufReader::new(stream);
    while let Some(request) = read(&mut lines) {
        kept.lock().expect("nobody panics with it").push(request.clone());
        let Reply { status, kind, headers, body, finished } = rule(&request);
        let head = format!("HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\n{headers}");
        // 204 has neither a body nor its length.
        let length = if status == 204 {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len() + usize::from(!finished))
        };
        if write!(&mut &*stream, "{head}{length}\r\n{body}").is_err() {
            return;
        }
        // The test may be over.
        let _ = tell.send(request.line);
    }
}

fn read(lines: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        (lines.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
    };
    let first = line()?.strip_suffix(" HTTP/1.1")?.to_owned();
    let headers = std::iter::from_fn(|| {
        let line = line()?;
        let (name, value) = line.split_once(": ")?;
        Some((name.to_ascii_lowercase(), value.to_owned()))
    });
    let mut request = Request { line: first, headers: headers.collect(), body: String::new() };
    let length = request.header("content-length");
    let mut body = vec![0; if length.is_empty() { 0 } else { length.parse().ok()? }];
    lines.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).ok()?;
    Some(request)
}
