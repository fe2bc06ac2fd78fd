//! The real client packages from PyPI against the whole stack: Python environments, a stand-in for the model's API,
//! a handle on a package's agent, and the stack they talk to.

pub mod gateway;
mod http;
pub mod mcp;
pub mod model;
pub mod node;
pub mod probe;
pub mod python;
pub mod site;

pub use self::mcp::{Called, McpServer};
pub use self::model::Model;
pub use self::node::Node;
pub use self::probe::{Probe, Said};
pub use self::python::{Python, Run};
pub use self::site::{Agent, Site, Target};

/// The versions of `lumoauth` that are tried: the last that takes any name of an MCP server, and one that takes
/// its https id alone.
pub const VERSIONS: [&str; 2] = ["1.0.0", "1.1.0"];
/// What the guides call their MCP server.
pub const URN: &str = "urn:mcp:financial-data";
/// Its https id.
pub const HTTPS: &str = "https://mcp.example.com/financial-data";

/// What a version of `lumoauth` calls the guides' MCP server.
#[must_use]
pub fn id_for(version: &str) -> &'static str {
    if version == VERSIONS[0] { URN } else { HTTPS }
}

/// The stack and a Python with this version of `lumoauth`; none, said loudly, when this machine cannot have them.
///
/// # Panics
/// With `E2E_NO_SKIP=1` when it cannot, and when the stack does not start.
pub async fn ground(version: &'static str) -> Option<(&'static Site, &'static Python)> {
    // The environment first: it takes a minute once, and the stack would idle.
    let both = match python::with(version) {
        Ok(python) => Site::get().await.map(|site| (site, python)),
        Err(reason) => Err(reason),
    };
    both.map_err(|reason| skipped(&reason)).ok()
}

/// Says that a test did not test anything; that is a failure where nothing may be left out (`E2E_NO_SKIP=1`).
///
/// # Panics
/// With `E2E_NO_SKIP=1`.
pub fn skipped(reason: &str) {
    use std::io::Write as _;
    let nothing_may_be = std::env::var_os("E2E_NO_SKIP").is_some_and(|value| value == "1");
    assert!(!nothing_may_be, "E2E_NO_SKIP=1, and this machine cannot test it: {reason}");
    // Not println!: the test runner keeps what a passing test says.
    let _ = writeln!(std::io::stderr(), "\nSKIPPED: {reason}");
}
