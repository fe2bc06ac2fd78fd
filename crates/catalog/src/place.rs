//! Where MCP servers stand behind the gateway: `/mcp/{server}[/…]`, and the guide's plain `/{server}/mcp`.
//!
//! Both servers read such a path with [`ServerPlace::of`] and with nothing else, as with every path.

use std::fmt;

/// The name of an MCP server in policies and in the gateway's addresses: one segment of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerName<'n>(&'n str);

/// The registry itself, as an MCP server.
pub const OWN_SERVER: &str = "registry";
/// First segments that are somebody else's: no MCP server can live there.
const RESERVED: [&str; 10] =
    ["api", "docs", "health", ".well-known", "orgs", "t", "mcp", "sse", "messages", "register"];
/// The longest name, in bytes.
const LONGEST: usize = 64;

/// Why something is no server's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// Empty, over-long, or with other characters.
    #[error("a server's path is '/' and one name of 1 to 64 letters, digits, '-', '_' and '.'")]
    Spelling,
    /// Something else answers there.
    #[error("this name is taken by the gateway itself: choose another one")]
    Reserved,
}

impl<'n> ServerName<'n> {
    /// Reads a name that a server may be registered under.
    ///
    /// # Errors
    /// A [`NameFault`].
    pub fn parse(text: &'n str) -> Result<ServerName<'n>, NameFault> {
        let name = ServerName::spelled(text).ok_or(NameFault::Spelling)?;
        if RESERVED.contains(&text) || text == OWN_SERVER { Err(NameFault::Reserved) } else { Ok(name) }
    }

    fn spelled(text: &'n str) -> Option<ServerName<'n>> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('.');
        fits.then_some(ServerName(text))
    }

    /// The name.
    pub fn as_str(&self) -> &'n str {
        self.0
    }
}

impl fmt::Display for ServerName<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

/// What is spoken at an address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Streamable HTTP.
    Mcp,
    /// The stream of the older transport.
    Sse,
    /// Where messages of the older transport go.
    Messages,
}

/// An address of an MCP server behind the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerPlace<'p> {
    /// Which server.
    pub server: ServerName<'p>,
    /// What is spoken there.
    pub door: Door,
    /// The part before the door: `/mcp/currenttime`, or `/currenttime`.
    pub base: &'p str,
}

impl<'p> ServerPlace<'p> {
    /// Reads a request's path, already decoded (see [`crate::RequestPath`]); `None` for what is no address
    /// of a server.
    pub fn of(path: &'p str) -> Option<ServerPlace<'p>> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut segments = path.strip_prefix('/')?.split('/');
        let first = segments.next()?;
        let (server, prefixed) = if first == "mcp" { (segments.next()?, true) } else { (first, false) };
        let server = ServerName::spelled(server)?;
        if RESERVED.contains(&server.0) {
            return None;
        }
        let door = match (segments.next(), prefixed) {
            (None, true) | (Some("mcp"), _) => Door::Mcp,
            (Some("sse"), _) => Door::Sse,
            (Some("messages"), _) => Door::Messages,
            (None, false) | (Some(_), _) => return None,
        };
        if segments.next().is_some() {
            return None;
        }
        let base = "/".len() + server.0.len() + if prefixed { "/mcp".len() } else { 0 };
        Some(ServerPlace { server, door, base: &path[..base] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_address() {
        for (path, expected) in [
            ("/mcp/clock", Some(("clock", Door::Mcp, "/mcp/clock"))),
            ("/mcp/clock/", Some(("clock", Door::Mcp, "/mcp/clock"))),
            ("/mcp/clock/mcp", Some(("clock", Door::Mcp, "/mcp/clock"))),
            ("/mcp/clock/sse", Some(("clock", Door::Sse, "/mcp/clock"))),
            ("/mcp/clock/messages/", Some(("clock", Door::Messages, "/mcp/clock"))),
            ("/mcp/registry", Some(("registry", Door::Mcp, "/mcp/registry"))),
            ("/clock/mcp", Some(("clock", Door::Mcp, "/clock"))),
            ("/clock/sse", Some(("clock", Door::Sse, "/clock"))),
            ("/clock/messages", Some(("clock", Door::Messages, "/clock"))),
            ("/clock", None),
            ("/mcp", None),
            ("/mcp/mcp", None),
            ("/mcp/sse", None),
            ("/api/mcp", None),
            ("/mcp/api", None),
            ("/mcp/clock/other", None),
            ("/mcp/clock/mcp/x", None),
            ("/mcp/.hidden", None),
            ("/mcp/ü", None),
            ("//mcp/clock", None),
            ("", None),
        ] {
            let found = ServerPlace::of(path).map(|place| (place.server.0, place.door, place.base));
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn names_to_register_under() {
        for (name, expected) in [
            ("currenttime", Ok(())),
            ("Fetch_2.0-x", Ok(())),
            ("registry", Err(NameFault::Reserved)),
            ("api", Err(NameFault::Reserved)),
            ("mcp", Err(NameFault::Reserved)),
            ("", Err(NameFault::Spelling)),
            ("a/b", Err(NameFault::Spelling)),
            (".x", Err(NameFault::Spelling)),
            ("ü", Err(NameFault::Spelling)),
        ] {
            assert_eq!(ServerName::parse(name).map(|_| ()), expected, "{name}");
        }
    }
}
