//! What we say of ourselves to clients that look for a way in: of the embedded issuer
//! (RFC 8414 and OpenID Connect Discovery 1.0, one document for both), and of the MCP servers
//! behind the gateway (RFC 9728). All of it is public.

use serde_json::json;
use token::SigningAlgorithm;

use crate::app::App;
use crate::grants::{Embedded, TOKEN_EXCHANGE};
use crate::validate::{Field, Target};

/// The well-known name of RFC 9728 section 3.
pub(crate) const PROTECTED_RESOURCE: &str = "oauth-protected-resource";

/// The metadata of an issuer; with a directory of agents there is more to be had.
pub(crate) fn metadata(issuer: &str, algorithm: SigningAlgorithm, has_agents: bool) -> String {
    let mut metadata = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/token"),
        // It refuses whoever comes. RFC 8414 section 2 lets an issuer without such grants leave it out, but the MCP
        // packages for Python and JavaScript take a document without it for none, and could not sign in.
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        // Required members that say: no response of the authorization endpoint, no ID tokens.
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [algorithm.name()],
    });
    if has_agents {
        metadata["grant_types_supported"] = json!(["client_credentials", TOKEN_EXCHANGE]);
        // An exchange needs no client: the subject token is its credential.
        metadata["token_endpoint_auth_methods_supported"] =
            json!(["client_secret_basic", "client_secret_post", "none"]);
        for (name, path) in [
            ("userinfo_endpoint", "userinfo"),
            ("revocation_endpoint", "revoke"),
            ("introspection_endpoint", "introspect"),
        ] {
            metadata[name] = format!("{issuer}/oauth/{path}").into();
        }
    }
    metadata.to_string()
}

/// The metadata of an MCP server of the directory (RFC 9728 section 2), or of the issuer's own API.
pub(crate) fn resource(issuer: &Embedded, slug: Option<&str>) -> Option<String> {
    let directory = issuer.agents.as_ref()?.known();
    let (resource, scopes) = match slug {
        None => (issuer.name.clone(), None),
        Some(slug) => {
            let target = directory.target_named(slug)?;
            (target.resource_uri.clone(), Some(target.scopes().map(str::to_owned).collect::<Vec<_>>()))
        }
    };
    let mut metadata = json!({
        "resource": resource,
        "authorization_servers": [issuer.name],
        "bearer_methods_supported": ["header"],
    });
    if let Some(scopes) = scopes {
        metadata["scopes_supported"] = json!(scopes);
    }
    Some(metadata.to_string())
}

/// The metadata of the issuer at this path, as asked for at the root of its host (RFC 8414
/// section 3.1).
pub(crate) fn metadata_at<'a>(app: &'a App, path: &str) -> Option<&'a str> {
    let issuer = app.embedded.as_ref()?;
    (split(&issuer.name).1 == path).then_some(&*issuer.metadata)
}

/// The metadata of the MCP server at this path, or of the whole gateway. `None` where no MCP
/// server can live. Whether one does is not looked at: the answer tells a stranger nothing.
pub(crate) fn protected_resource(app: &App, path: &str) -> Option<String> {
    if let Some(issuer) = app.embedded.as_ref().filter(|issuer| split(&issuer.name).1 == path) {
        return resource(issuer, None);
    }
    let (_, base) = split(&app.public_url);
    let path = path.strip_prefix(base)?;
    let resource = if path.is_empty() {
        app.public_url.clone()
    } else {
        match Target::of(Field::Once(path.as_bytes())) {
            Ok(Target::Server(server)) => server.resource(&app.public_url),
            Ok(Target::Registry) | Err(_) => return None,
        }
    };
    let issuers: Vec<_> = app.issuers.iter().filter_map(|trusted| trusted.issuer.names.first()).collect();
    let metadata = json!({
        "resource": resource,
        "authorization_servers": issuers,
        "bearer_methods_supported": ["header"],
        // No scopes_supported: which scopes a policy knows is nobody's business before sign-in.
    });
    Some(metadata.to_string())
}

/// Where a well-known document about a URL is: its name stands between the host and the path
/// (RFC 8414 section 3.1, RFC 9728 section 3.1).
pub(crate) fn well_known(document: &str, url: &str) -> String {
    let (origin, path) = split(url);
    format!("{origin}/.well-known/{document}{path}")
}

/// Scheme and host of an http(s) URL, and the path after them.
fn split(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + 3);
    url.split_at(url[host..].find('/').map_or(url.len(), |at| host + at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_part_comes_before_the_path() {
        for (url, expected) in [
            ("https://h", "https://h/.well-known/x"),
            ("https://h:8443/a/mcp", "https://h:8443/.well-known/x/a/mcp"),
            ("http://[::1]:80/base/orgs/o", "http://[::1]:80/.well-known/x/base/orgs/o"),
        ] {
            assert_eq!(well_known("x", url), expected);
        }
    }
}
