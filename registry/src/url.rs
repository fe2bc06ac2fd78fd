//! How a URL names an entry: `/api/agents/team/reviewer/toggle` and
//! `/api/agents/team%2Freviewer/toggle` are the same request.
//!
//! OpenAPI knows only one-segment parameters, people type slashes; so the plain form
//! is rewritten to the encoded one before the router sees it.

use catalog::RequestPath;
use catalog::path::{TargetFault, encode_segment};

/// Where servers are registered, and where other registries' clients register them.
const REGISTER_SERVER: (&str, &str) = ("/api/servers", "/api/servers/register");
const AGENTS: &str = "/api/agents/";
/// Addresses below [`AGENTS`] that are no agent's.
const OWN: [&str; 3] = ["register", "discover", "discover/semantic"];
/// What can follow an agent's path.
const ABOUT: [&str; 2] = ["/toggle", "/history"];

/// The target in the form the router knows, or `None` when it has that form already.
///
/// # Errors
/// A [`TargetFault`]: the same spellings are refused here and at the gatekeeper.
pub(crate) fn canonical(target: &str) -> Result<Option<String>, TargetFault> {
    let path = RequestPath::parse(target)?;
    if path.as_str() == REGISTER_SERVER.1 {
        return Ok(Some(REGISTER_SERVER.0.to_owned()));
    }
    let Some(rest) =
        path.as_str().strip_prefix(AGENTS).filter(|rest| !rest.is_empty() && !OWN.contains(rest))
    else {
        return Ok(None);
    };
    let about = ABOUT.iter().find(|about| rest.len() > about.len() && rest.ends_with(*about)).copied();
    let agent = about.map_or(rest, |about| &rest[..rest.len() - about.len()]);
    let mut canonical = format!("{AGENTS}{}{}", encode_segment(agent), about.unwrap_or_default());
    if let Some((_, query)) = target.split_once('?') {
        canonical.push('?');
        canonical.push_str(query);
    }
    Ok((canonical != target).then_some(canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_form_becomes_the_encoded_one() {
        for (target, expected) in [
            ("/api/agents", None),
            ("/api/agents/", None),
            ("/api/agents/register", None),
            ("/api/agents/discover/semantic", None),
            ("/api/agents/code-reviewer", None),
            ("/api/agents/code-reviewer/toggle?enabled=true", None),
            ("/api/agents/team%2Freviewer", None),
            ("/api/agents/team/reviewer", Some("/api/agents/team%2Freviewer")),
            ("/api/agents/team%2freviewer?a=b", Some("/api/agents/team%2Freviewer?a=b")),
            (
                "/api/agents/team/reviewer/toggle?enabled=1",
                Some("/api/agents/team%2Freviewer/toggle?enabled=1"),
            ),
            ("/api/agents/team%2Freviewer%2Ftoggle", Some("/api/agents/team%2Freviewer/toggle")),
            ("/api/agents/discover/semantic/x", Some("/api/agents/discover%2Fsemantic%2Fx")),
            (
                "/api/agents/team/reviewer/history?limit=2",
                Some("/api/agents/team%2Freviewer/history?limit=2"),
            ),
            ("/api/agents/team%2Freviewer%2Fhistory", Some("/api/agents/team%2Freviewer/history")),
            ("/api/agents/history", None),
            ("/api/agents/toggle", None),
            ("/api/agents/a/toggle/toggle", Some("/api/agents/a%2Ftoggle/toggle")),
            ("/api/servers/register", Some("/api/servers")),
            ("/api/servers/clock/toggle?enabled=1", None),
            ("/docs", None),
        ] {
            assert_eq!(canonical(target), Ok(expected.map(str::to_owned)), "{target}");
        }
        assert!(canonical("/api/agents/../x").is_err());
        assert!(canonical("/api/agents/a%00").is_err());
    }
}
