//! What a cached /validate costs beside a bare hyper that answers a fixed 200, in one run:
//! CPU time of the thread that serves. `cargo bench -p auth-server`.
//!
//! Two bare servers: one answers with two bytes, the other with the very headers and body of
//! ours. Only the second shows what our own work costs; the first also counts the bytes.
//!
//! Two shared cores, release, 2026-11-20, other builds running, the medians of three runs:
//! 0.94 of bare with the same answer (8.2 µs beside 7.7) and 0.90 with two bytes for the
//! registry's paths, 0.95 and 0.88 for those of an MCP server.
//!
//! Where the rest goes: most of what is ours is hyper's time limit for a request's head, 0.4 µs
//! (0.97 to 0.99 without it); the bare servers have none. A timer of our own, one a connection,
//! cost as much: what is dear seems to be the runtime's wait with a deadline. The limit stays,
//! because a head that never ends would hold a connection for ever. Ten headers and the JSON body are
//! another 0.4 µs to write, which is the distance between the two bare servers.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use auth_server::config::{Cli, Config};
use auth_server::{App, Doors, hash_secret, serve, system_clock, system_random};
use boot::Secret;
use clap::Parser;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// Many short rounds: what else the machine does then falls on all three servers alike.
const ROUNDS: usize = 41;
const REQUESTS: usize = 5_000;
const SECRET: &str = "correct horse battery staple";

/// A server on a thread of its own, and that thread's folder below /proc.
struct Server {
    address: SocketAddr,
    thread: PathBuf,
}

impl Server {
    fn start(run: impl AsyncFnOnce(mpsc::Sender<SocketAddr>) + Send + 'static) -> Server {
        let (tell, told) = mpsc::channel();
        let (tell_thread, thread) = mpsc::channel();
        std::thread::spawn(move || {
            tell_thread.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(tell));
        });
        Server { address: told.recv().unwrap(), thread: thread.recv().unwrap() }
    }

    /// CPU time of its thread so far.
    fn spent(&self) -> Duration {
        let line = std::fs::read_to_string(Path::new("/proc").join(&self.thread).join("schedstat")).unwrap();
        Duration::from_nanos(line.split(' ').next().unwrap().parse().unwrap())
    }

    /// CPU time per request.
    fn measure(&self, request: &str) -> Duration {
        let mut client = Client::connect(self.address);
        (0..500).for_each(|_| drop(client.ask(request)));
        let before = self.spent();
        (0..REQUESTS).for_each(|_| drop(client.ask(request)));
        (self.spent() - before) / u32::try_from(REQUESTS).unwrap()
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(BufReader::new(stream))
    }

    fn ask(&mut self, request: &str) -> (HeaderMap, Bytes) {
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut headers = HeaderMap::new();
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        // hyper writes these two itself.
        headers.remove("date");
        let length = headers.remove("content-length").unwrap().to_str().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (headers, body.into())
    }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let hash = hash_secret(&Secret::new(SECRET)).unwrap();
    let clients = format!(
        "clients: [{{client_id: bench, secret_hash: '{hash}', groups: [mcp-servers-unrestricted, a2a-agent-admin]}}]"
    );
    std::fs::write(folder.path().join("clients.yml"), clients).unwrap();
    std::fs::write(folder.path().join("scopes.yml"), include_str!("../../deploy/scopes.yml")).unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let flags = [("clients", "clients.yml"), ("policy", "scopes.yml"), ("state", "state")];
    let flags = flags.map(|(flag, name)| format!("--{flag}={}", path(name)));
    let open = ["auth-server", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"].map(str::to_owned);
    let config = Config::load(&Cli::parse_from(open.into_iter().chain(flags)).options).unwrap();

    let ours = Server::start(async move |tell| {
        let app = App::build(config, system_clock(), system_random()).await.unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let doors = Doors::open(any, any).await.unwrap();
        tell.send(doors.addresses().unwrap().0).unwrap();
        serve(doors, Arc::new(app), std::future::pending()).await;
    });
    let token = sign_in(ours.address);
    let ask = |uri: &str| {
        format!(
            "GET /validate HTTP/1.1\r\nhost: auth\r\nx-original-uri: {uri}\r\nx-original-method: GET\r\nx-request-id: 0123456789abcdef\r\nauthorization: Bearer {token}\r\n\r\n"
        )
    };
    let small = bare(HeaderMap::new(), Bytes::from_static(b"{}"));
    for uri in ["/api/agents", "/currenttime/mcp"] {
        let request = ask(uri);
        let (headers, body) = Client::connect(ours.address).ask(&request);
        let same = bare(headers, body);
        let servers = [&ours, &same, &small];
        let mut costs = [const { Vec::new() }; 3];
        let mut ratios = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            let round = servers.map(|server| server.measure(&request).as_secs_f64());
            for (costs, cost) in costs.iter_mut().zip(round) {
                costs.push(cost * 1e6);
            }
            ratios[0].push(round[1] / round[0]);
            ratios[1].push(round[2] / round[0]);
        }
        let ([cost, of_same, of_small], [same, small]) = (costs.map(median), ratios.map(median));
        println!(
            "{uri}: {same:.3} of bare with the same answer, {small:.3} of bare with two bytes \
             ({cost:.2}, {of_same:.2}, {of_small:.2} µs; medians)"
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A hyper that does nothing but give this answer.
fn bare(headers: HeaderMap, body: Bytes) -> Server {
    Server::start(async move |tell| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        tell.send(listener.local_addr().unwrap()).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (headers, body) = (headers.clone(), body.clone());
            let service = service_fn(move |_| {
                let mut response = Response::new(Full::new(body.clone()));
                *response.headers_mut() = headers.clone();
                async { Ok::<_, Infallible>(response) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

fn sign_in(address: SocketAddr) -> String {
    let body = "grant_type=client_credentials&client_id=bench&client_secret=correct+horse+battery+staple";
    let length = body.len();
    let head = "POST /orgs/default/api/v1/oauth/token HTTP/1.1\r\nhost: auth\r\ncontent-type: application/x-www-form-urlencoded";
    let (_, body) =
        Client::connect(address).ask(&format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}"));
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    body["access_token"].as_str().unwrap().to_owned()
}
