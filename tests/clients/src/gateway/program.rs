//! A client of a real package, and what came of the scenarios it played.

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

use crate::{Node, Python, python};

/// Which protocol a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// `initialize` and sessions, up to 2025-11-25.
    Old,
    /// What it chooses itself: the newer one where the server speaks it.
    Auto,
    /// 2026-07-28, without asking.
    New,
    /// The transport of 2024-11-05.
    Sse,
}

/// A client program: which one, how it talks, and who it is.
#[derive(Clone)]
pub struct Program {
    file: &'static str,
    era: Era,
    environment: Vec<(&'static str, String)>,
}

/// What came of each scenario, in order: its name, and `{"outcome": …}` or `{"refused": …}`.
#[derive(Debug, PartialEq)]
pub struct Outcomes(pub Vec<(String, Value)>);

/// Never with its environment: tokens stand in it.
impl fmt::Debug for Program {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({:?})", self.file, self.era)
    }
}

impl Program {
    /// `mcp` from PyPI.
    #[must_use]
    pub fn mcp(era: Era) -> Self {
        Self { file: "mcp_client.py", era, environment: Vec::new() }
    }

    /// `fastmcp` from PyPI.
    #[must_use]
    pub fn fastmcp(era: Era) -> Self {
        Self { file: "fastmcp_client.py", era, environment: Vec::new() }
    }

    /// `@modelcontextprotocol/sdk` from npm, which speaks the older protocol.
    #[must_use]
    pub fn sdk(era: Era) -> Self {
        Self { file: "sdk.mjs", era, environment: Vec::new() }
    }

    /// `@modelcontextprotocol/client` from npm.
    #[must_use]
    pub fn client(era: Era) -> Self {
        Self { file: "client.mjs", era, environment: Vec::new() }
    }

    /// All four, each as it talks by itself, and one that speaks the older protocol alone.
    #[must_use]
    pub fn all() -> [Self; 4] {
        [Self::mcp(Era::Auto), Self::fastmcp(Era::Old), Self::sdk(Era::Old), Self::client(Era::Auto)]
    }

    /// The same with this token.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        self.with("TOKEN", token)
    }

    /// The same with this in its environment.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Plays these scenarios at this address.
    pub(super) fn play(&self, python: &Python, node: &Node, url: &str, scenarios: &[&str]) -> Outcomes {
        let (era, transport) = match self.era {
            Era::Old => ("old", "http"),
            Era::Auto => ("auto", "http"),
            Era::New => ("new", "http"),
            Era::Sse => ("old", "sse"),
        };
        let mut environment = self.environment.clone();
        environment.extend([("ERA", era.to_owned()), ("TRANSPORT", transport.to_owned())]);
        let words: Vec<&str> = [url].iter().chain(scenarios).copied().collect();
        let file = PathBuf::from(self.file);
        let run = match file.extension().is_some_and(|end| end == "py") {
            true => python.run(&python::ours("mcp/python").join(file), &words, &environment),
            false => node.run(self.file, &words, &environment),
        };
        let read = |line: &str| -> (String, Value) {
            let mut said: Value =
                serde_json::from_str(line).unwrap_or_else(|cause| panic!("{cause}: {run:?}"));
            let name = said["scenario"].as_str().unwrap_or_default().to_owned();
            said.as_object_mut().map(|said| said.remove("scenario"));
            (name, said)
        };
        let outcomes: Vec<(String, Value)> = run.out.lines().map(read).collect();
        assert_eq!(outcomes.len(), scenarios.len(), "{self:?} at {url}: {run:?}");
        Outcomes(outcomes)
    }
}

impl Outcomes {
    /// What came of a scenario.
    ///
    /// # Panics
    /// When it was not played.
    #[track_caller]
    #[must_use]
    pub fn of(&self, scenario: &str) -> &Value {
        let found = self.0.iter().find(|(name, _)| name == scenario);
        &found.unwrap_or_else(|| panic!("{scenario} was not played: {self:?}")).1
    }

    /// What a scenario that ended well came to.
    ///
    /// # Panics
    /// When it was refused.
    #[track_caller]
    #[must_use]
    pub fn well(&self, scenario: &str) -> &Value {
        let found = self.of(scenario);
        found.get("outcome").unwrap_or_else(|| panic!("{scenario} did not end well: {found}"))
    }

    /// The JSON-RPC error with which a scenario was refused, and the status where the package tells it.
    ///
    /// # Panics
    /// When it was not, or in another form.
    #[track_caller]
    #[must_use]
    pub fn refused(&self, scenario: &str) -> (Option<u64>, Value) {
        let found = &self.of(scenario)["refused"];
        let status = found["status"].as_u64().or_else(|| found["code"].as_u64());
        if let (None, Some(_)) = (status, found["code"].as_i64()) {
            return (None, found.clone());
        }
        // The packages from npm hand on the body, as a text or as the end of a message.
        let message = found["message"].as_str().unwrap_or_default();
        let text = found["text"].as_str().or_else(|| message.find('{').map(|at| &message[at..]));
        let body = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let body = body.unwrap_or_else(|| panic!("{scenario}: no JSON-RPC error in {found}"));
        (status, body["error"].clone())
    }
}
