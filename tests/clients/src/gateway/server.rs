//! A server of a real package in a process of its own, which says of every request what arrived.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use serde_json::Value;

use crate::python::{self, Python};
use crate::site;

/// A running server.
pub struct Served {
    /// Where it listens.
    pub url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// GET, POST or DELETE.
    pub method: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
}

impl Served {
    /// Starts it. It ends with this test program.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(python: &'static Python, program: &str, kind: &str) -> Self {
        let mut command = python.command(&python::ours("mcp/python").join(program), &[]);
        // What they say of connections that end early is of no interest, until a server does not start.
        let log = site::folder("server").join("log");
        let words = File::create(&log).unwrap_or_else(|cause| panic!("{}: {cause}", log.display()));
        command.arg(kind).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(words);
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let (say, hear) = mpsc::channel();
        let all = Arc::clone(&arrived);
        // It ends with the thread that starts it, so that must not be a test's.
        thread::spawn(move || {
            let mut child =
                command.spawn().unwrap_or_else(|cause| panic!("Python cannot be started: {cause}"));
            for line in child.stdout.take().into_iter().flat_map(|said| BufReader::new(said).lines()) {
                let Ok(said) = line.map_err(drop).and_then(|line| read(&line)) else { continue };
                match said["serving"].as_str() {
                    Some(url) => drop(say.send(url.to_owned())),
                    None => all.lock().unwrap_or_else(PoisonError::into_inner).push(Arrived::of(&said)),
                }
            }
            let _ = child.wait();
        });
        let url =
            hear.recv().unwrap_or_else(|_| panic!("{program} {kind} does not start: {}", log.display()));
        Self { url, arrived }
    }

    /// Everything that has arrived so far.
    #[must_use]
    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn read(line: &str) -> Result<Value, ()> {
    serde_json::from_str(line).map_err(drop)
}

impl Arrived {
    fn of(said: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let headers = said["headers"].as_array().into_iter().flatten();
        Self {
            method: text(&said["method"]),
            headers: headers.map(|header| (text(&header[0]), text(&header[1]))).collect(),
        }
    }

    /// All values of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}
