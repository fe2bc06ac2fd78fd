//! X-Original-URI → what the request is for: the registry, or an MCP server behind it.

use std::ops::Range;

use catalog::ServerPlace;
use catalog::path::{RequestPath, TargetFault, encode_segment};

use super::{Field, Refusal};

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target<'u> {
    /// The registry's own routes, or no route at all: who the caller is must be proven, and
    /// the registry decides what he may do.
    Registry,
    /// An MCP server.
    Server(Server<'u>),
}

/// An MCP server, and the path it was asked for at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server<'u> {
    path: RequestPath<'u>,
    /// Where in the path the name stands: a hit in the cache should not copy it.
    name: Range<usize>,
    /// Where its resource identifier ends.
    resource: usize,
}

impl Server<'_> {
    /// Its path, without slashes around it: the name that policies use.
    pub(crate) fn name(&self) -> &str {
        &self.path.as_str()[self.name.clone()]
    }

    /// Its resource identifier (RFC 9728 section 1.2): the URL that it was asked for at, and of what lies below
    /// `/mcp/{server}` that URL, since clients take an identifier for the beginning of theirs.
    pub(crate) fn resource(&self, public_url: &str) -> String {
        let path = self.path.as_str()[..self.resource].trim_matches('/');
        let path: Vec<String> = path.split('/').map(encode_segment).collect();
        format!("{public_url}/{}", path.join("/"))
    }
}

/// First segments that are the registry's: no MCP server lives there.
const REGISTRY: [&str; 4] = ["api", "docs", "health", ".well-known"];
/// The first segment below which there are MCP servers and nothing else.
const SERVERS: &str = "mcp";
/// Last segments that name a transport of an MCP server, not the server.
const TRANSPORTS: [&str; 3] = ["/mcp", "/sse", "/messages"];

impl<'u> Target<'u> {
    /// Reads the header that nginx sets to the request's target as the client wrote it.
    ///
    /// # Errors
    /// [`Refusal::Path`] for a spelling that two readers could read differently: it is
    /// refused, never repaired (design page "auth-and-nginx", section 1).
    pub(crate) fn of(original_uri: Field<'u>) -> Result<Target<'u>, Refusal> {
        let target = match original_uri {
            // Asked directly, not for a request behind nginx.
            Field::Absent => return Ok(Target::Registry),
            Field::Once(target) => target,
            Field::Repeated => return Err(Refusal::Repeated("X-Original-URI")),
        };
        let target = std::str::from_utf8(target).map_err(|_| Refusal::Path(TargetFault::BrokenEncoding))?;
        let path = RequestPath::parse(target).map_err(Refusal::Path)?;
        // The same reader as the gateway's: what it forwards to is what is decided about here.
        if let Some(ServerPlace { server, base, .. }) = ServerPlace::of(path.as_str()) {
            let name = base.len() - server.as_str().len()..base.len();
            let is_below = base.len() > "/".len() + server.as_str().len();
            let resource = if is_below { base.len() } else { path.as_str().len() };
            return Ok(Target::Server(Server { path, name, resource }));
        }
        let whole = path.as_str().trim_matches('/');
        let first = whole.split('/').next().unwrap_or_default();
        // What lies below `/mcp/` and is no address of a server is nothing at all: the registry says so to those
        // who may come in.
        if first.is_empty() || first == SERVERS || REGISTRY.contains(&first) {
            return Ok(Target::Registry);
        }
        let name = TRANSPORTS.iter().find_map(|transport| whole.strip_suffix(transport)).unwrap_or(whole);
        // The path begins with its one leading slash.
        let (name, resource) = (1..1 + name.len(), path.as_str().len());
        Ok(Target::Server(Server { path, name, resource }))
    }
}

/// The MCP server behind this gateway whose resource identifier this is: `{public_url}/mcp/{server}` or
/// `{public_url}/{server}/mcp`, compared exactly, but for one slash at its end.
pub(crate) fn server_of<'n>(resource: &'n str, public_url: &str) -> Option<&'n str> {
    let path = resource.strip_prefix(public_url.strip_suffix('/').unwrap_or(public_url))?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let ServerPlace { server, base, .. } = ServerPlace::of(path)?;
    let name = server.as_str();
    let rest = &path[base.len()..];
    let is_below = base.len() > "/".len() + name.len();
    (if is_below { rest.is_empty() } else { rest == "/mcp" }).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_or_server() {
        for (uri, name) in [
            ("/api/agents", None),
            ("/api", None),
            ("/", None),
            ("/docs/", None),
            ("/.well-known/oauth-protected-resource", None),
            ("/apis/mcp", Some("apis")),
            ("/currenttime/mcp", Some("currenttime")),
            ("/currenttime/sse?session=/../api", Some("currenttime")),
            ("/currenttime/", Some("currenttime")),
            ("/team%2Fclock/mcp", Some("team/clock")),
            ("/mcp/currenttime", Some("currenttime")),
            ("/mcp/currenttime/sse", Some("currenttime")),
            ("/mcp/currenttime/messages?session_id=7", Some("currenttime")),
            ("/mcp/current%74ime/", Some("currenttime")),
            ("/mcp/mcp2/mcp", Some("mcp2")),
            ("/mcp/registry", Some("registry")),
            ("/mcp", None),
            ("/mcp/", None),
            ("/mcp/api", None),
            ("/mcp/mcp", None),
            ("/mcp/currenttime/other", None),
            ("/mcp/currenttime/mcp/mcp", None),
            ("/mcp/team%2Fclock", None),
            ("/mcp/team%2Fclock/mcp", None),
            ("/mcp/.hidden", None),
        ] {
            let expected = name.map(str::to_owned);
            let found = match Target::of(Field::Once(uri.as_bytes())) {
                Ok(Target::Registry) => None,
                Ok(Target::Server(server)) => Some(server.name().to_owned()),
                Err(refusal) => panic!("{uri}: {refusal:?}"),
            };
            assert_eq!(found, expected, "{uri}");
        }
        assert_eq!(Target::of(Field::Absent), Ok(Target::Registry));
    }

    #[test]
    fn a_resource_identifier_is_where_the_client_asked() {
        for (uri, resource) in [
            ("/mcp/clock", "https://h/mcp/clock"),
            ("/mcp/clock/", "https://h/mcp/clock"),
            ("/mcp/clock/mcp", "https://h/mcp/clock"),
            ("/mcp/clock/sse?x", "https://h/mcp/clock"),
            ("/clock/mcp", "https://h/clock/mcp"),
            ("/clock/mcp/", "https://h/clock/mcp"),
            ("/clock/sse", "https://h/clock/sse"),
            ("/%C3%BC/mcp", "https://h/%C3%BC/mcp"),
        ] {
            let Ok(Target::Server(server)) = Target::of(Field::Once(uri.as_bytes())) else {
                panic!("{uri} is a server's")
            };
            assert_eq!(server.resource("https://h"), resource, "{uri}");
        }
    }

    #[test]
    fn only_two_identifiers_name_a_server() {
        for (resource, expected) in [
            ("https://h/base/mcp/clock", Some("clock")),
            ("https://h/base/mcp/clock/", Some("clock")),
            ("https://h/base/clock/mcp", Some("clock")),
            ("https://h/base/clock/mcp/", Some("clock")),
            ("https://h/base/mcp/registry", Some("registry")),
            ("https://h/base/mcp/clock//", None),
            ("https://h/base//mcp/clock", None),
            ("https://h/base/mcp/clock/mcp", None),
            ("https://h/base/mcp/clock/sse", None),
            ("https://h/base/clock/sse", None),
            ("https://h/base/clock", None),
            ("https://h/base/mcp", None),
            ("https://h/base/mcp/api", None),
            ("https://h/base/mcp/clo%63k", None),
            ("https://h/base/mcp/clock?x=1", None),
            ("https://h/base/mcp/clock#x", None),
            ("https://H/base/mcp/clock", None),
            ("https://h/basemcp/clock", None),
            ("https://h/mcp/clock", None),
            ("https://h.evil/base/mcp/clock", None),
            ("/mcp/clock", None),
            ("clock", None),
            ("", None),
        ] {
            for base in ["https://h/base", "https://h/base/"] {
                assert_eq!(server_of(resource, base), expected, "{resource}");
            }
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for uri in [
            "/x/../api",
            "/%2e%2e/api",
            "/..%252fapi",
            "//api",
            "/api//agents",
            "/a%00b",
            "http://host/api",
            "*",
            "",
            "/a\\b",
        ] {
            assert!(matches!(Target::of(Field::Once(uri.as_bytes())), Err(Refusal::Path(_))), "{uri}");
        }
        assert!(matches!(Target::of(Field::Once(b"/\xff")), Err(Refusal::Path(_))));
        assert_eq!(Target::of(Field::Repeated), Err(Refusal::Repeated("X-Original-URI")));
    }
}
