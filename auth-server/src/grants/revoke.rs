//! Token revocation (RFC 7009) and introspection (RFC 7662).

use access::Asker;
use boot::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use store::directory::{Directory, McpTarget, Wish};
use token::{Audience, Claims, Issuer};

use super::client::Party;
use super::error::GrantError;
use super::form::{self, Credentials, Kind};
use super::{Embedded, Trail, client_credentials};
use crate::agents::{Agents, active, prove};
use crate::app::App;
use crate::asked::Asked;
use crate::directory;
use crate::reply::Reply;
use crate::validate::{Field, bearer_of};

/// The parameters of both.
#[derive(Default, Deserialize)]
struct Parameters {
    token: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// Makes a token void. Whoever has the token may: it is the one credential of an exchange, too, and this only
/// takes away. Credentials that come along must be right, and the token must be theirs, but for the
/// organisation's key, which opens all.
///
/// # Errors
/// [`GrantError::InvalidClient`], [`GrantError::InvalidRequest`], [`GrantError::Store`].
pub(super) async fn revoke(
    app: &App,
    issuer: &Embedded,
    agents: &Agents,
    asked: &Asked<'_>,
    trail: &mut Trail,
) -> Result<Reply, GrantError> {
    let parameters = Parameters::read(asked)?;
    let revoking = Revoking::of(app, issuer, agents, &parameters, asked).await?;
    // RFC 7009 section 2.2: what is no valid token needs no revocation.
    let nothing = || Reply::json(200, &json!({})).no_store();
    let Some(claims) = read(issuer, &parameters.token, app.now()).await else { return Ok(nothing()) };
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let (jti, owner) = (text("jti"), text("client_id"));
    let agent_id = owner.to_owned();
    let by = match &revoking {
        Revoking::Key => Asker::Key,
        Revoking::Anybody => Asker::Agent { agent_id: &agent_id },
        Revoking::Client(client_id) if client_id == owner => Asker::Agent { agent_id: &agent_id },
        Revoking::Client(_) => {
            return Err(GrantError::InvalidRequest("the token was not issued to this client"));
        }
    };
    let permit = by.may_as(&agent_id);
    let permit = permit.map_err(|fault| GrantError::Internal(fault.to_string()))?;
    let expires_at = claims.get("exp").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let wish = Wish::Revoke { agent_id: agent_id.clone(), jti: jti.to_owned(), expires_at };
    agents.write(&permit, wish).await.map_err(|fault| {
        tracing::error!(%fault, "a token could not be revoked");
        GrantError::Store
    })?;
    app.metrics.revoked.inc();
    trail.who = Some(if matches!(revoking, Revoking::Key) { permit.by() } else { text("sub") }.to_owned());
    (trail.client_id, trail.resource, trail.always) = (Some(agent_id), format!("jti {jti}"), true);
    Ok(nothing())
}

/// Says whether a token counts now. An MCP server asks with its own secret and learns of its own tokens
/// alone; the organisation's key learns of all.
///
/// # Errors
/// [`GrantError::InvalidClient`], [`GrantError::InvalidRequest`].
pub(super) async fn introspect(
    app: &App,
    issuer: &Embedded,
    agents: &Agents,
    asked: &Asked<'_>,
) -> Result<Reply, GrantError> {
    let directory = agents.now().map_err(|_| GrantError::Store)?;
    let parameters = Parameters::read(asked)?;
    let asker = Introspecting::of(&directory, &parameters, asked)?;
    let inactive = || Reply::json(200, &json!({"active": false})).no_store();
    let Some(claims) = read(issuer, &parameters.token, app.now()).await else { return Ok(inactive()) };
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(name)) => vec![name],
        Some(_) | None => Vec::new(),
    };
    let target = audience.iter().find_map(|name| directory.target(name));
    let its_own = match asker {
        Introspecting::Key => true,
        Introspecting::Target(asking) => target.is_some_and(|target| target.id == asking.id),
    };
    if !its_own || !counts(&directory, &claims, target.map(|target| &**target)) {
        return Ok(inactive());
    }
    let mut answer = json!({"active": true, "token_type": "Bearer"});
    for name in
        ["scope", "client_id", "sub", "aud", "iss", "exp", "iat", "nbf", "jti", "agent_id", "tenant", "act"]
    {
        if let Some(value) = claims.get(name) {
            answer[name] = value.clone();
        }
    }
    Ok(Reply::json(200, &answer).no_store())
}

/// Who revokes.
enum Revoking {
    /// The organisation's key.
    Key,
    /// Whoever has the token.
    Anybody,
    /// This client, proven; or one that says so by name alone, which can only be refused by it.
    Client(String),
}

impl Revoking {
    async fn of(
        app: &App,
        issuer: &Embedded,
        agents: &Agents,
        parameters: &Parameters,
        asked: &Asked<'_>,
    ) -> Result<Revoking, GrantError> {
        let wrong = GrantError::InvalidClient { basic: false };
        match asked.api_key {
            Field::Absent => {}
            Field::Once(key) if directory::is_admin_key(&agents.known(), key) => return Ok(Revoking::Key),
            Field::Once(_) | Field::Repeated => return Err(wrong),
        }
        if let Ok(token) = bearer_of(asked.authorization) {
            let proven = prove(app, issuer, agents, token).await.map_err(|_| wrong)?;
            return Ok(Revoking::Client(proven.agent.client_id.clone()));
        }
        match parameters.shown(asked)? {
            None => Ok(parameters.client_id.clone().map_or(Revoking::Anybody, Revoking::Client)),
            Some(shown) => {
                Ok(Revoking::Client(match client_credentials::prove(app, issuer, shown).await? {
                    Party::Agent(agent) => agent.client_id.clone(),
                    Party::Client(client) => client.client_id,
                }))
            }
        }
    }
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
        parameters: &Parameters,
        asked: &Asked<'_>,
    ) -> Result<Introspecting<'d>, GrantError> {
        match asked.api_key {
            Field::Absent => {}
            Field::Once(key) if directory::is_admin_key(directory, key) => return Ok(Introspecting::Key),
            Field::Once(_) | Field::Repeated => return Err(GrantError::InvalidClient { basic: false }),
        }
        let (id, secret, basic) = match bearer_of(asked.authorization) {
            Ok(secret) => (None, Secret::new(secret), false),
            Err(_) => {
                let shown = parameters.shown(asked)?.ok_or(GrantError::InvalidClient { basic: false })?;
                (Some(shown.client_id), shown.secret, shown.basic)
            }
        };
        let hash = directory::hashed(secret.expose());
        let named =
            |target: &McpTarget| id.as_ref().is_none_or(|id| [&target.id, &target.slug].contains(&id));
        let found = directory
            .targets()
            .find(|target| named(target) && directory::same(&target.introspection_hash, &hash));
        found.map(|target| Introspecting::Target(target)).ok_or(GrantError::InvalidClient { basic })
    }
}

impl Parameters {
    fn read(asked: &Asked<'_>) -> Result<Parameters, GrantError> {
        let bytes = asked.body.map_err(GrantError::Unread)?;
        let read = match form::body_kind(asked)? {
            Kind::Json => serde_json::from_slice(bytes).map_err(|_| {
                GrantError::InvalidRequest("the body is not a JSON object of texts with each name once")
            })?,
            Kind::Form => {
                let mut read = Parameters::default();
                for (name, value) in url::form_urlencoded::parse(bytes) {
                    let place = match name.as_ref() {
                        "token" => &mut read.token,
                        "client_id" => &mut read.client_id,
                        "client_secret" => &mut read.client_secret,
                        _ => continue,
                    };
                    if place.replace(value.into_owned()).is_some() {
                        return Err(GrantError::InvalidRequest("a parameter was sent more than once"));
                    }
                }
                read
            }
        };
        if read.token.is_none() {
            return Err(GrantError::InvalidRequest("token is missing"));
        }
        Ok(read)
    }

    /// The credentials that came along, in the form or in a Basic header.
    fn shown(&self, asked: &Asked<'_>) -> Result<Option<Credentials>, GrantError> {
        let basic = match bearer_of(asked.authorization) {
            // A bearer header is no client's: the token stands in the form.
            Ok(_) => None,
            Err(_) => form::basic(asked.authorization)?,
        };
        if self.client_secret.is_none() && basic.is_none() {
            return Ok(None);
        }
        form::credentials(self.client_id.clone(), self.client_secret.clone(), basic).map(Some)
    }
}

/// The claims of a token of ours, for whomever it is.
async fn read(issuer: &Embedded, token: &Option<String>, now: u64) -> Option<Claims> {
    let any = Issuer { audience: Audience::Optional, ..issuer.as_issuer().clone() };
    let verified = token::verify::<Claims, _>(token.as_deref()?, std::slice::from_ref(&any), now).await;
    verified.ok().map(|verified| verified.claims)
}

/// Whether it still opens anything: not revoked, its agent active and with the capability that its server asks for.
fn counts(directory: &Directory, claims: &Claims, target: Option<&McpTarget>) -> bool {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    if !claims.contains_key("agent_id") {
        return !directory.is_revoked(text("jti"));
    }
    let Ok(agent) = active(directory, text("agent_id"), text("jti")) else { return false };
    let required = target.and_then(|target| target.required_capability.as_deref());
    required.is_none_or(|required| agent.holds(required))
}
