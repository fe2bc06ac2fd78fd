//! GET /validate, the walk: headers → question → proof → target decision → answer.

mod answer;
mod cache;
mod prove;
mod question;
mod target;

use std::sync::Arc;

use token::TokenError;

use crate::app::App;
use crate::reply::Reply;

pub(crate) use cache::Cache;
pub(crate) use question::{Field, Raw};
pub(crate) use target::Target;

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

/// Who is asking: from the cache, else by `token::verify`.
async fn proof(app: &App, raw: &Raw<'_>, now: u64) -> Result<Arc<Proof>, Refusal> {
    let token = question::token(raw, app.x_authorization)?;
    if let Some(known) = app.cache.get(token, now) {
        app.metrics.cached.inc();
        return known.map_err(Refusal::Token);
    }
    // Read before the proof begins: keys that change meanwhile make it void at once.
    let generation = app.cache.generation();
    let proven = prove::prove(app, token, now, generation).await;
    app.cache.put(token, now, generation, &proven);
    proven.map_err(Refusal::Token)
}
