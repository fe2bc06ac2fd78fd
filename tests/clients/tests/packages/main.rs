//! What the real packages show their users: `lumoauth` 1.0.0 and 1.1.0, `agno`, `openai-agents` and `mcp` from PyPI.

mod calls;
mod guide;
mod mcp;
mod refusals;
mod samples;
mod silence;

use clients::{Agent, Python, Site};
use serde_json::{Value, json};

/// What the guides' agent may do.
const CAPABILITIES: [&str; 2] = ["read:documents", "mcp:financial"];

/// An agent of its own for one test with one version of the package.
async fn agent(site: &Site, python: &Python, name: &str, capabilities: &[&str], more: Value) -> Agent {
    site.agent(&slug(name, python), capabilities, more).await
}

/// Its slug.
fn slug(name: &str, python: &Python) -> String {
    format!("{name}-{}", python.version.replace('.', "-"))
}

fn nothing() -> Value {
    json!({})
}
