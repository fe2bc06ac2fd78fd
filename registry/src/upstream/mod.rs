//! How MCP servers are called: what they are shown, and how much of them is used.

// The gateway's.
#[allow(dead_code)]
pub(crate) mod exchange;

pub use exchange::Exchange;
