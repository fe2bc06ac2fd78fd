//! GET /validate, the walk: headers → question → proof → target decision → answer.

mod answer;
mod bound;
mod cache;
mod prove;
mod question;
mod target;

use std::sync::Arc;

use access::Principal;
use token::TokenError;

use crate::agents::Exhausted;
use crate::app::App;
use crate::reply::Reply;

pub(crate) use cache::Cache;
pub(crate) use question::{Field, Raw};
pub(crate) use target::{Target, server_of};

use cache::Proof;

/// Why a request is not let in.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// The token proves nothing, or (a fault of ours) nothing can be proven at present.
    Token(TokenError),
    /// A header that may come once came twice: two readers could take different ones.
    Repeated(&'static str),
    /// Authorization and X-Authorization name two identities.
    TwoTokens,
    /// The path is spelled in a way that two readers could read differently.
    Path(catalog::path::TargetFault),
    /// None of the caller's scopes reaches this MCP server.
    OutOfReach(String),
    /// The agent's budget is used up.
    Exhausted(Exhausted),
}

/// Who a bearer token is of.
pub(crate) enum Bearer {
    /// An agent of the directory.
    Agent,
    /// Anybody else.
    Other(Principal),
}

/// Answers one request of nginx. Its body, if it has one, is never read.
pub(crate) async fn validate(app: &App, raw: Raw<'_>) -> Reply {
    // The target comes first: what a 401 must say depends on it, and a hidden path is
    // refused whoever asks.
    let target = match Target::of(raw.original_uri) {
        Ok(target) => target,
        Err(refusal) => return answer::refused(app, &raw, &Target::Registry, None, &refusal),
    };
    let now = app.now();
    let proof = match proof(app, &raw, now).await {
        Ok(proof) => proof,
        Err(refusal) => return answer::refused(app, &raw, &target, None, &refusal),
    };
    match proof.answer_for(app, &target, now) {
        Ok(reply) => reply,
        Err(refusal) => answer::refused(app, &raw, &target, Some(proof.who()), &refusal),
    }
}

/// Proves a bearer token for a place of our own, by the same walk and the same cache.
///
/// # Errors
/// Those of `token::verify`; [`TokenError::Malformed`] for a header that is sent twice.
pub(crate) async fn bearer(app: &App, authorization: Field<'_>) -> Result<Bearer, TokenError> {
    bearer_of(authorization)?;
    let raw = Raw { authorization, ..Raw::default() };
    match proof(app, &raw, app.now()).await {
        Ok(proof) => Ok(match proof.agent_id(app)? {
            Some(_) => Bearer::Agent,
            None => Bearer::Other(proof.who().clone()),
        }),
        Err(Refusal::Token(why)) => Err(why),
        Err(
            Refusal::Repeated(_)
            | Refusal::TwoTokens
            | Refusal::Path(_)
            | Refusal::OutOfReach(_)
            | Refusal::Exhausted(_),
        ) => Err(TokenError::Malformed("it was sent in another way than once")),
    }
}

/// The token of an Authorization header that came once.
///
/// # Errors
/// [`TokenError::Missing`], those of `token::bearer`.
pub(crate) fn bearer_of(authorization: Field<'_>) -> Result<&str, TokenError> {
    match authorization {
        Field::Absent => Err(TokenError::Missing),
        Field::Once(value) => token::bearer(value),
        Field::Repeated => Err(TokenError::Malformed("it was sent more than once")),
    }
}

/// Who is asking: from the cache, else by `token::verify`.
async fn proof(app: &App, raw: &Raw<'_>, now: u64) -> Result<Arc<Proof>, Refusal> {
    let token = question::token(raw, app.x_authorization)?;
    let known = app.cache.get(token, now);
    // What a bound token opens was found out with its agent and its target as they were then.
    let known = known.filter(|known| known.as_ref().map_or(true, |proof| proof.is_current(app)));
    if let Some(known) = known {
        app.metrics.cached.inc();
        return known.map_err(Refusal::Token);
    }
    // Read before the proof begins: keys that change meanwhile make it void at once.
    let generation = app.cache.generation();
    let proven = prove::prove(app, token, now, generation).await;
    app.cache.put(token, now, generation, &proven);
    proven.map_err(Refusal::Token)
}
