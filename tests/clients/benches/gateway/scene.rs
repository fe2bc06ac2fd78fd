//! Everything that is measured: the stack, a bare server behind it, and an nginx beside it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::time::{Duration, Instant};

use clients::gateway::Served;
use serde_json::json;
use tempfile::TempDir;
use xtask::stack::{Stack, StackOptions, build, token};

use crate::caller::Way;
use crate::cpu::family;
use crate::{plain_nginx, server};

/// A call that a real server answers with a stream.
pub(crate) const STREAM: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"stream","arguments":{"count":3},"_meta":{"progressToken":1}}}"#;

/// A server of the Python package `mcp`, and the ways to it.
pub(crate) struct Python {
    pub(crate) ways: [Way; 3],
    nginx: Child,
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.nginx.kill();
        let _ = self.nginx.wait();
    }
}

/// Who may do everything.
const ADMIN: &str = "registry-admin";

pub(crate) struct Scene {
    runtime: tokio::runtime::Runtime,
    folder: TempDir,
    stack: Option<Stack>,
    bearer: String,
    server: (Child, SocketAddr),
    nginx: (Child, SocketAddr),
}

impl Scene {
    pub(crate) fn start() -> Scene {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        // Built as the tests are (`cargo test --bench gateway`), it measures what the tests run.
        let profile = if cfg!(debug_assertions) { build::Profile::Dev } else { build::Profile::Release };
        let binaries = build::servers(profile).unwrap();
        let mut options = StackOptions::new(folder.path().join("stack"), binaries);
        options.rates = (1_000_000, 1_000);
        let stack = runtime.block_on(Stack::start(options)).unwrap();
        let bearer = runtime.block_on(token::fetch(&stack.run(), ADMIN)).unwrap().access_token;
        let server = server::start();
        let nginx = nginx_before(&folder, "bare", server.1);
        let scene = Scene { runtime, folder, stack: Some(stack), bearer, server, nginx };
        scene.register("clock", &format!("http://{}/", scene.server.1));
        scene
    }

    /// Directly, by nginx alone, by the whole gateway.
    pub(crate) fn bare(&self) -> [Way; 3] {
        self.ways("clock", self.server.1, self.nginx.1)
    }

    pub(crate) fn ways(&self, name: &str, server: SocketAddr, nginx: SocketAddr) -> [Way; 3] {
        let plain = |address| Way { address, path: "/mcp".to_owned(), headers: String::new() };
        let headers = format!("Authorization: Bearer {}\r\n", self.bearer);
        let gateway = self.stack().gateway();
        let address = gateway.trim_start_matches("http://").parse().unwrap();
        [plain(server), plain(nginx), Way { address, path: format!("/mcp/{name}"), headers }]
    }

    /// Whose time counts, by name.
    pub(crate) fn processes(&self) -> Vec<(&'static str, Vec<u32>)> {
        let run = self.stack().run();
        vec![
            ("the server", family(self.server.0.id())),
            ("nginx alone", family(self.nginx.0.id())),
            ("the gateway's nginx", family(run.nginx.pid)),
            ("the auth-server", family(run.auth_server.pid)),
            ("the registry", family(run.registry.pid)),
        ]
    }

    /// Starts a real server.
    pub(crate) fn python(&self) -> Result<Python, String> {
        let served = Served::start(clients::python::with_mcp()?, "mcp_server.py", "stateless");
        let address = served.url.trim_start_matches("http://").trim_end_matches("/mcp").parse().unwrap();
        let (nginx, before) = nginx_before(&self.folder, "python", address);
        self.register("python", &served.url);
        Ok(Python { ways: self.ways("python", address, before), nginx })
    }

    fn stack(&self) -> &Stack {
        self.stack.as_ref().expect("it is taken when all ends")
    }

    fn register(&self, name: &str, url: &str) {
        let body = json!({"server_name": name, "path": format!("/{name}"), "description": "It is measured.",
            "proxy_pass_url": url});
        let gateway = self.stack().gateway();
        let ask = |path: String, body: Option<serde_json::Value>| {
            let mut request =
                reqwest::Client::new().post(format!("{gateway}{path}")).bearer_auth(&self.bearer);
            if let Some(body) = body {
                request = request.json(&body);
            }
            let answer = self.runtime.block_on(request.send()).unwrap();
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
        };
        ask("/api/servers".to_owned(), Some(body));
        ask(format!("/api/servers/{name}/toggle?enabled=true"), None);
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for child in [&mut self.server.0, &mut self.nginx.0] {
            let _ = child.kill();
            let _ = child.wait();
        }
        drop(self.stack.take());
    }
}

fn nginx_before(folder: &TempDir, name: &str, server: SocketAddr) -> (Child, SocketAddr) {
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child = plain_nginx::start(&folder.path().join(name), listen, server);
    let begun = Instant::now();
    while TcpStream::connect(listen).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "nginx does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    (child, listen)
}
