//! A hub on loopback: one that serves, one that refuses, one that is silent.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn source(cache: &Path) -> ModelSource {
    ModelSource { cache: Some(cache.to_owned()), ..ModelSource::default() }
}

/// Answers HEAD and GET of the three files like the hub; returns its address and a counter of requests.
fn hub_with(files: [(&'static str, &'static str); 3]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let files = Arc::new(HashMap::from(files));
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (files, counter) = (Arc::clone(&files), Arc::clone(&counter));
            std::thread::spawn(move || answer(&connection.unwrap(), &files, &counter));
        }
    });
    (address, requests)
}

fn answer(connection: &TcpStream, files: &HashMap<&str, &str>, counter: &AtomicUsize) {
    let mut lines = BufReader::new(connection).lines();
    let request = lines.next().unwrap().unwrap();
    while !lines.next().unwrap().unwrap().is_empty() {}
    counter.fetch_add(1, Ordering::Relaxed);
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let name = path.rsplit('/').next().unwrap();
    let (status, body) = files.get(name).map_or(("404 Not Found", ""), |body| ("200 OK", *body));
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nETag: \"{name}\"\r\nX-Repo-Commit: {}\r\nContent-Length: {}\r\n\r\n",
        crate::DEFAULT_REVISION,
        body.len()
    );
    let mut connection = connection;
    connection.write_all(head.as_bytes()).unwrap();
    if method == "GET" {
        connection.write_all(body.as_bytes()).unwrap();
    }
}

#[test]
fn the_hub_is_asked_once_and_the_cache_after_that() {
    let cache = tempfile::tempdir().unwrap();
    let source = source(cache.path());
    assert_eq!(cached(&source).unwrap(), None);
    let (address, requests) = hub_with([(CONFIG, "{}"), (TOKENIZER, "tok"), (WEIGHTS, "weights")]);
    let files = fetch(&source, Some(address), Duration::from_secs(60)).unwrap();
    assert_eq!(std::fs::read_to_string(&files.weights).unwrap(), "weights");
    assert_eq!(requests.load(Ordering::Relaxed), 6);
    assert_eq!(cached(&source).unwrap(), Some(files.clone()));
    let offline = ModelSource { offline: true, ..source };
    assert_eq!(offline.locate().unwrap(), files);
}

#[test]
fn a_silent_hub_is_given_up() {
    let cache = tempfile::tempdir().unwrap();
    // The listener accepts connections in its backlog and never answers them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let error = fetch(&source(cache.path()), Some(address), Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, ModelError::HubSilent { .. }), "{error:?}");
}

#[test]
fn a_hub_that_refuses_or_lacks_a_file_is_an_error() {
    let cache = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (incomplete, _) = hub_with([(CONFIG, "{}"), (TOKENIZER, "tok"), ("other", "")]);
    for address in [format!("http://{closed}"), incomplete] {
        let error = fetch(&source(cache.path()), Some(address), Duration::from_secs(60)).unwrap_err();
        assert!(matches!(error, ModelError::Hub { .. }), "{error:?}");
    }
}

#[test]
fn folders_and_offline() {
    let here = tempfile::tempdir().unwrap();
    let absent = here.path().join("absent");
    let source = ModelSource { local: Some(absent), offline: true, ..source(here.path()) };
    assert!(matches!(source.locate().unwrap_err(), ModelError::NotHere { .. }));

    let local = Some(here.path().to_owned());
    let source = ModelSource { local, ..source };
    std::fs::write(here.path().join(CONFIG), "{}").unwrap();
    assert!(matches!(source.locate().unwrap_err(), ModelError::Incomplete { missing: TOKENIZER, .. }));
    std::fs::write(here.path().join(TOKENIZER), "").unwrap();
    std::fs::write(here.path().join(WEIGHTS), "").unwrap();
    assert_eq!(source.locate().unwrap(), ModelFiles::in_folder(here.path()).unwrap());
}
