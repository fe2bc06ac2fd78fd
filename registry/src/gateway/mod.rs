//! The gateway to MCP servers: what is asked is read, decided, and then asked of the server.

mod answer;
mod cut;
mod decide;
mod error;
mod forward;
mod headers;
mod members;
mod request;
mod session;
mod walk;

pub(crate) use self::forward::forward;

/// What the gateway takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayRules {
    /// The longest body, in bytes.
    pub max_body: usize,
}

impl Default for GatewayRules {
    fn default() -> GatewayRules {
        GatewayRules { max_body: 4 << 20 }
    }
}
