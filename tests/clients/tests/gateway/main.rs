//! The MCP gateway with real packages on both sides: `mcp` and `fastmcp` from PyPI, `@modelcontextprotocol/sdk` and
//! `@modelcontextprotocol/client` from npm, through real nginx.

mod absent;
mod bound;
mod credentials;
mod own_server;
mod permissions;
mod same;
mod sessions;
mod signing_in;
