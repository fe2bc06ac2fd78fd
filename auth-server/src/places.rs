//! Which path is whose: the tables, and nothing that is done there.

use crate::agents::AgentCall;
use crate::directory::DirectoryCall;
use crate::discovery;
use crate::grants::GrantCall;

/// Which of our two ports a request came to.
#[derive(Clone, Copy)]
pub(crate) enum Door {
    /// nginx's.
    Main,
    /// The operator's.
    Admin,
}

/// What lives at a path.
pub(crate) enum Place<'p> {
    Validate,
    Health,
    IdentityKeys,
    /// The token endpoint and those beside it.
    Grant {
        org: &'p str,
        call: GrantCall,
    },
    /// What agents ask with their own tokens.
    Agent {
        org: &'p str,
        call: AgentCall,
    },
    /// The admin API; which call it is, the method says.
    Directory {
        org: &'p str,
        rest: Vec<&'p str>,
    },
    /// An MCP server of the directory, or the issuer's own API.
    Resource {
        org: &'p str,
        slug: Option<&'p str>,
    },
    Metadata {
        org: &'p str,
    },
    /// Where people would sign in.
    Authorize {
        org: &'p str,
    },
    /// `path` is that of the issuer.
    MetadataAtRoot {
        path: &'p str,
    },
    /// `path` is that of the resource.
    ProtectedResource {
        path: &'p str,
    },
    IssuerKeys {
        org: &'p str,
    },
    Live,
    Ready,
    Metrics,
    Nothing,
}

impl Place<'_> {
    /// The table of paths. Repeated slashes are collapsed; `/t/` is the issuer's older mount
    /// (design page "agent-identity").
    pub(crate) fn at(door: Door, path: &str) -> Place<'_> {
        // What follows is the path of something else, and is looked at as it was sent.
        if let (Door::Main, Some(rest)) = (door, path.strip_prefix("/.well-known/")) {
            let (document, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            return match document {
                "openid-configuration" | "oauth-authorization-server" => Place::MetadataAtRoot { path },
                discovery::PROTECTED_RESOURCE => Place::ProtectedResource { path },
                _ => Place::Nothing,
            };
        }
        let mut segments = [""; 10];
        let mut count = 0;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if count == segments.len() {
                return Place::Nothing;
            }
            segments[count] = segment;
            count += 1;
        }
        match (door, &segments[..count]) {
            (Door::Main, ["validate"]) => Place::Validate,
            (Door::Main, ["health"]) => Place::Health,
            (Door::Main, ["identity", "jwks.json"]) => Place::IdentityKeys,
            (Door::Main, ["orgs" | "t", org, "api", "v1", rest @ ..]) => Place::of_issuer(org, rest),
            (Door::Admin, ["live"]) => Place::Live,
            (Door::Admin, ["ready"]) => Place::Ready,
            (Door::Admin, ["metrics"]) => Place::Metrics,
            _ => Place::Nothing,
        }
    }

    /// The table of paths below an organisation's two mounts.
    fn of_issuer<'p>(org: &'p str, rest: &[&'p str]) -> Place<'p> {
        let grant = |call| Place::Grant { org, call };
        let agent = |call| Place::Agent { org, call };
        match rest {
            ["oauth", "token"] => grant(GrantCall::Token),
            ["oauth", "revoke"] => grant(GrantCall::Revoke),
            ["oauth", "authorize"] => Place::Authorize { org },
            ["oauth", "introspect"] => grant(GrantCall::Introspect),
            ["oauth", "userinfo"] => agent(AgentCall::Userinfo),
            ["agents", "ask"] => agent(AgentCall::Ask),
            ["agents", "me"] => agent(AgentCall::Me),
            ["agents", "me", "usage"] => agent(AgentCall::Usage),
            ["agents", "register"] => agent(AgentCall::Register),
            ["admin", rest @ ..] => Place::Directory { org, rest: rest.to_vec() },
            [".well-known", "openid-configuration" | "oauth-authorization-server"] => Place::Metadata { org },
            [".well-known", "jwks.json"] => Place::IssuerKeys { org },
            [".well-known", discovery::PROTECTED_RESOURCE] => Place::Resource { org, slug: None },
            [".well-known", discovery::PROTECTED_RESOURCE, slug] => Place::Resource { org, slug: Some(slug) },
            _ => Place::Nothing,
        }
    }
}

/// The table of the admin API: a path and a method are one call. `Err` has the methods that there are.
pub(crate) fn directory_call<'p>(
    rest: &[&'p str],
    method: &str,
) -> Result<DirectoryCall<'p>, Option<&'static str>> {
    use DirectoryCall as Call;
    let call = match (rest, method) {
        (["agents"], "GET") => Call::ListAgents,
        (["agents"], "POST") => Call::CreateAgent,
        (["agents", name], "GET") => Call::ShowAgent(name),
        (["agents", name], "PUT") => Call::ReplaceAgent(name),
        (["agents", name], "PATCH") => Call::ChangeAgent(name),
        (["agents", name], "DELETE") => Call::RemoveAgent(name),
        (["agents", name, "scopes"], "GET") => Call::ShowScopes(name),
        (["agents", name, "scopes"], "PUT") => Call::SetScopes(name),
        (["agents", name, "activate"], "POST") => Call::Activate(name),
        (["agents", name, "deactivate"], "POST") => Call::Deactivate(name),
        (["agents", name, "rotate-credentials"], "POST") => Call::RotateAgent(name),
        (["agents", name, "usage"], "GET") => Call::ShowUsage(name),
        (["mcp", "servers"], "GET") => Call::ListTargets,
        (["mcp", "servers"], "POST") => Call::CreateTarget,
        (["mcp", "servers", name], "GET") => Call::ShowTarget(name),
        (["mcp", "servers", name], "PUT") => Call::ReplaceTarget(name),
        (["mcp", "servers", name], "DELETE") => Call::RemoveTarget(name),
        (["mcp", "servers", name, "rotate-credentials"], "POST") => Call::RotateTarget(name),
        (["api-key", "rotate"], "POST") => Call::RotateKey,
        (["agents"] | ["mcp", "servers"], _) => return Err(Some("GET, HEAD, POST")),
        (["agents", _], _) => return Err(Some("GET, HEAD, PUT, PATCH, DELETE")),
        (["agents", _, "scopes"], _) => return Err(Some("GET, HEAD, PUT")),
        (["agents", _, "usage"], _) => return Err(Some("GET, HEAD")),
        (["agents", _, "activate" | "deactivate" | "rotate-credentials"], _)
        | (["mcp", "servers", _, "rotate-credentials"] | ["api-key", "rotate"], _) => {
            return Err(Some("POST"));
        }
        (["mcp", "servers", _], _) => return Err(Some("GET, HEAD, PUT, DELETE")),
        _ => return Err(None),
    };
    Ok(call)
}
