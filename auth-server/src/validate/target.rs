//! X-Original-URI → what the request is for: the registry, or an MCP server behind it.

use std::ops::Range;

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
}

impl Server<'_> {
    /// Its path, without slashes around it: the name that policies use.
    pub(crate) fn name(&self) -> &str {
        &self.path.as_str()[self.name.clone()]
    }

    /// The URL it was asked for at: the resource identifier of RFC 9728 section 1.2.
    pub(crate) fn resource(&self, public_url: &str) -> String {
        let path: Vec<String> = self.path.as_str().trim_matches('/').split('/').map(encode_segment).collect();
        format!("{public_url}/{}", path.join("/"))
    }
}

/// First segments that are the registry's: no MCP server lives there.
const REGISTRY: [&str; 4] = ["api", "docs", "health", ".well-known"];
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
        let whole = path.as_str().trim_matches('/');
        let first = whole.split('/').next().unwrap_or_default();
        if first.is_empty() || REGISTRY.contains(&first) {
            return Ok(Target::Registry);
        }
        let name = TRANSPORTS.iter().find_map(|transport| whole.strip_suffix(transport)).unwrap_or(whole);
        // The path begins with its one leading slash.
        let name = 1..1 + name.len();
        Ok(Target::Server(Server { path, name }))
    }
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
            ("/mcp", Some("mcp")),
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
