//! A hand on a real `LumoAuthAgent` in a process of its own: calls its methods, and says what they returned or raised.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::python::{self, Python};

/// One agent of the package, made from the environment as its users make it.
pub struct Probe {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What came of one call.
#[derive(Debug)]
pub struct Said(Value);

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Probe {
    /// `LumoAuthAgent()` in this environment.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(python: &Python, environment: &[(&str, String)]) -> Self {
        let mut command = python.command(&python::ours("python/probe.py"), environment);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|cause| panic!("Python cannot be started: {cause}"));
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            panic!("both were asked for");
        };
        Self { child, orders, answers: BufReader::new(answers) }
    }

    /// Calls a method: `get_mcp_token`, `mcp.get_token`, …
    #[track_caller]
    pub fn call(&mut self, method: &str, args: Value) -> Said {
        self.obey(&json!({"call": format!("agent.{method}"), "args": args}))
    }

    /// The same with named arguments.
    #[track_caller]
    pub fn call_with(&mut self, method: &str, args: Value, kwargs: Value) -> Said {
        self.obey(&json!({"call": format!("agent.{method}"), "args": args, "kwargs": kwargs}))
    }

    /// Reads an attribute.
    #[track_caller]
    pub fn read(&mut self, name: &str) -> Value {
        self.obey(&json!({"read": format!("agent.{name}")})).value()
    }

    /// Sets an attribute.
    #[track_caller]
    pub fn set(&mut self, name: &str, value: Value) {
        let _ = self.obey(&json!({"set": format!("agent.{name}"), "to": value})).value();
    }

    /// An authenticated request through the package; the whole answer.
    #[track_caller]
    pub fn request(&mut self, method: &str, path: &str, body: Value) -> Value {
        self.call_with("api_request", json!([method, path]), json!({"json": body})).value()
    }

    /// Signs in, and says the token.
    #[track_caller]
    pub fn sign_in(&mut self) -> String {
        let said = self.call("authenticate", json!([]));
        assert_eq!(said.0["value"], true, "{said:?}");
        self.read("access_token").as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn obey(&mut self, order: &Value) -> Said {
        let sent = writeln!(self.orders, "{order}").and_then(|()| self.orders.flush());
        sent.unwrap_or_else(|cause| panic!("the package's process has ended: {cause}"));
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        assert!(read.is_ok_and(|count| count > 0), "the package's process has ended over {order}");
        Said(serde_json::from_str(&line).unwrap_or_else(|cause| panic!("{cause}: {line}")))
    }
}

impl Said {
    /// What was returned.
    ///
    /// # Panics
    /// When something was raised instead.
    #[track_caller]
    #[must_use]
    pub fn value(self) -> Value {
        assert!(self.0["raised"].is_null(), "{self:?}");
        self.0["value"].clone()
    }

    /// Checks that it returned this, and that the package said this part of it in its log.
    #[track_caller]
    pub fn returned(&self, value: &Value, logged: &str) {
        assert!(self.0["raised"].is_null() && self.0["value"] == *value, "{self:?}");
        let log = self.0["log"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(log.iter().any(|line| line.as_str().is_some_and(|line| line.contains(logged))), "{self:?}");
    }

    /// Checks that an error of this class was raised, with the status and the code of the answer.
    #[track_caller]
    pub fn raised(&self, class: &str, status: u16, code: &str) -> &Value {
        let found = (self.0["raised"].as_str(), self.0["status"].as_u64(), self.0["code"].as_str());
        assert_eq!(found, (Some(class), Some(status.into()), Some(code)), "{self:?}");
        &self.0
    }

    /// Checks that an error of this class was raised before anything was sent.
    #[track_caller]
    pub fn raised_at_once(&self, class: &str) {
        assert_eq!((&self.0["raised"], &self.0["status"]), (&json!(class), &Value::Null), "{self:?}");
    }
}
