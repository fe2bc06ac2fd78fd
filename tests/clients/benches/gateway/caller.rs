//! A caller that reads as little of HTTP as will do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A way to a server.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    /// Lines of the head that only this way needs, each with its end.
    pub(crate) headers: String,
}

/// One connection; who asks, waits.
pub(crate) struct Caller {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Caller {
    pub(crate) fn connect(way: &Way) -> Caller {
        let stream = TcpStream::connect(way.address).unwrap();
        stream.set_nodelay(true).unwrap();
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{}",
            way.path, way.address, way.headers
        );
        Caller { stream: BufReader::new(stream), head }
    }

    /// One request and its whole answer.
    pub(crate) fn call(&mut self, body: &str) -> String {
        self.send(body);
        let mut answer = Vec::new();
        match self.head() {
            Some(length) => {
                answer.resize(length, 0);
                self.stream.read_exact(&mut answer).unwrap();
            }
            None => {
                while let Some(part) = self.chunk() {
                    answer.extend(part);
                }
            }
        }
        String::from_utf8(answer).unwrap()
    }

    pub(crate) fn send(&mut self, body: &str) {
        let request = format!("{}Content-Length: {}\r\n\r\n{body}", self.head, body.len());
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
    }

    /// Reads up to the first event that carries anything.
    pub(crate) fn first_event(&mut self) {
        assert_eq!(self.head(), None, "no stream");
        loop {
            let part = self.chunk().expect("the stream ended before its first event");
            if String::from_utf8_lossy(&part).contains("data: {") {
                return;
            }
        }
    }

    pub(crate) fn rest_of_stream(&mut self) {
        while self.chunk().is_some() {}
    }

    /// The head of an answer: its length, if it says one.
    fn head(&mut self) -> Option<usize> {
        let first = self.line();
        assert!(first.starts_with("HTTP/1.1 200"), "{first}: {}", self.refusal());
        let mut length = None;
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else { return length };
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.parse().unwrap());
            }
        }
    }

    fn refusal(&mut self) -> String {
        let mut text = vec![0; 4096];
        let read = self.stream.read(&mut text).unwrap();
        String::from_utf8_lossy(&text[..read]).into_owned()
    }

    fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(&self.line(), 16).unwrap();
        let mut part = vec![0; size + 2];
        self.stream.read_exact(&mut part).unwrap();
        part.truncate(size);
        (size > 0).then_some(part)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}
