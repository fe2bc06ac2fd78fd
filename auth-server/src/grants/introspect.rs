//! Token introspection (RFC 7662): whether a token counts now, and for what.

use boot::Secret;
use serde_json::{Value, json};
use store::directory::{Directory, McpTarget};

use super::Embedded;
use super::error::GrantError;
use super::form::{Claimed, Parameters};
use super::revoke::read;
use crate::agents::{Agents, Counted};
use crate::app::App;
use crate::asked::Asked;
use crate::directory;
use crate::reply::Reply;
use crate::validate::{Field, bearer_of};

/// What is told of a token, beside its scope.
const TOLD: [&str; 11] =
    ["client_id", "sub", "aud", "iss", "exp", "iat", "nbf", "jti", "agent_id", "tenant", "act"];

/// Says whether a token counts now. An MCP server asks with its own secret and learns of its own tokens
/// alone; the organisation's key learns of all.
///
/// # Errors
/// [`GrantError::InvalidClient`], [`GrantError::InvalidBearer`], [`GrantError::InvalidRequest`], [`GrantError::Store`].
pub(super) async fn introspect(
    app: &App,
    issuer: &Embedded,
    agents: &Agents,
    asked: &Asked<'_>,
) -> Result<Reply, GrantError> {
    let directory = agents.now().map_err(|_| GrantError::Store)?;
    let mut parameters = Parameters::read(asked)?;
    let token = parameters.take("token")?.ok_or(GrantError::InvalidRequest("token is missing"))?;
    let asker = Introspecting::of(&directory, &mut parameters, asked)?;
    let inactive = || Reply::json(200, &json!({"active": false})).no_store();
    let Some(claims) = read(issuer, &token, app.now()).await else { return Ok(inactive()) };
    // Its first audience is the server's own URI; an alias may be another server's by now.
    let audience = match claims.get("aud") {
        Some(Value::Array(names)) => names.first().and_then(Value::as_str),
        Some(Value::String(name)) => Some(&**name),
        Some(_) | None => None,
    };
    let target = audience.and_then(|name| directory.target(name));
    let its_own = match asker {
        Introspecting::Key => true,
        Introspecting::Target(asking) => target.is_some_and(|target| target.id == asking.id),
    };
    // RFC 7662 section 2.2: without the leeway that a clock is given where a token is used.
    let has_ended = claims.get("exp").and_then(Value::as_u64).is_none_or(|exp| exp <= app.now());
    let policy = app.policy.current();
    let counted = Counted { directory: &directory, claims: &claims, target: target.map(|target| &**target) };
    let Some(scope) = counted.scope(&policy).filter(|_| its_own && !has_ended) else { return Ok(inactive()) };
    let mut answer = json!({"active": true, "token_type": "Bearer", "scope": scope.to_string()});
    for name in TOLD {
        if let Some(value) = claims.get(name) {
            answer[name] = value.clone();
        }
    }
    Ok(Reply::json(200, &answer).no_store())
}

/// Who may introspect.
enum Introspecting<'d> {
    /// The organisation's key.
    Key,
    /// An MCP server, by its secret.
    Target(&'d McpTarget),
}

impl<'d> Introspecting<'d> {
    fn of(
        directory: &'d Directory,
        parameters: &mut Parameters<'_>,
        asked: &Asked<'_>,
    ) -> Result<Introspecting<'d>, GrantError> {
        match asked.api_key {
            Field::Absent => {}
            Field::Once(key) if directory::is_admin_key(directory, key) => return Ok(Introspecting::Key),
            Field::Once(_) | Field::Repeated => return Err(GrantError::InvalidClient { basic: false }),
        }
        let (id, secret, wrong) = match bearer_of(asked.authorization) {
            Ok(secret) => (None, Secret::new(secret), GrantError::InvalidBearer),
            Err(_) => match parameters.claimed(asked.authorization)? {
                Some(Claimed::Credentials(shown)) => {
                    (Some(shown.client_id), shown.secret, GrantError::InvalidClient { basic: shown.basic })
                }
                Some(Claimed::Name(_)) | None => return Err(GrantError::InvalidClient { basic: false }),
            },
        };
        let hash = directory::hashed(secret.expose());
        let named =
            |target: &McpTarget| id.as_ref().is_none_or(|id| [&target.id, &target.slug].contains(&id));
        let found = directory
            .targets()
            .find(|target| named(target) && directory::same(&target.introspection_hash, &hash));
        found.map(|target| Introspecting::Target(target)).ok_or(wrong)
    }
}
