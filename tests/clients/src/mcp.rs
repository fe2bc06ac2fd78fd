//! The sample's MCP server in a process of its own, and a call of its tool with the `mcp` package's own client.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::python::{self, Python};
use crate::site::{Site, Target};

/// A running MCP server.
pub struct McpServer<'a> {
    python: &'a Python,
    child: Child,
    /// Where it listens.
    pub url: String,
}

/// What came of a call of its tool.
#[derive(Debug)]
pub struct Called(Value);

impl Drop for McpServer<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'a> McpServer<'a> {
    /// Starts it as this target, demanding this scope; with `asks`, it asks the issuer whether a token was revoked.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(python: &'a Python, site: &Site, target: &Target, scope: &str, asks: bool) -> Self {
        let secret = [("MCP_INTROSPECTION_SECRET", target.secret.clone())];
        let mut command = python.command(&python::sample("mcp_server.py"), if asks { &secret } else { &[] });
        command.args(["--issuer", &site.issuer(), "--resource", &target.uri, "--scope", scope]);
        command.args(["--listen", "127.0.0.1:0"]);
        if asks {
            command.args(["--introspect", &target.id]);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|cause| panic!("Python cannot be started: {cause}"));
        let mut line = String::new();
        if let Some(said) = child.stdout.take() {
            let _ = BufReader::new(said).read_line(&mut line);
        }
        let url = line.trim().strip_prefix("serving ").unwrap_or_else(|| panic!("it does not start: {line}"));
        Self { python, child, url: url.to_owned() }
    }

    /// Calls its tool once with each of these tokens.
    ///
    /// # Panics
    /// When that cannot be tried.
    #[must_use]
    pub fn call(&self, tokens: &[&str]) -> Vec<Called> {
        let environment = [("TOKENS", tokens.join(" ")), ("MCP_URL", self.url.clone())];
        let said = self.python.run(&python::ours("python/call.py"), &[], &environment).well();
        let read = |line| serde_json::from_str(line).unwrap_or_else(|cause| panic!("{cause}: {said}"));
        let called: Vec<Called> = said.lines().map(|line| Called(read(line))).collect();
        assert_eq!(called.len(), tokens.len(), "{said}");
        called
    }

    /// Calls it with one token.
    #[track_caller]
    #[must_use]
    pub fn call_once(&self, token: &str) -> Called {
        self.call(&[token]).remove(0)
    }
}

impl Called {
    /// Checks that the tool answered, and that it knew for whom.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn answered(&self, who: &str) {
        let expected = format!("EBITDA: $1.2M (asked by agent:{who})");
        assert_eq!(self.0["text"], expected.as_str(), "{self:?}");
    }

    /// Checks that it was refused with this status and error, and told where to find out more.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn refused(&self, status: u16, error: &str) {
        assert_eq!(self.0["status"], status, "{self:?}");
        let challenge = self.0["challenge"].as_str().unwrap_or_default();
        let metadata = "resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/";
        assert!(challenge.starts_with("Bearer ") && challenge.contains(metadata), "{self:?}");
        assert!(challenge.contains(&format!("error=\"{error}\"")), "{self:?}");
    }

    /// Whether it was refused at all.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.0["status"].is_u64()
    }
}
