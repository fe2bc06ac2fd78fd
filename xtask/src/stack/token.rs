//! Signing in: client credentials for an access token, through the gateway as every caller does it.

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;

use super::{RunFile, wait};
use crate::fault::{Doing as _, Fault, Outcome};

/// What the token endpoint answers (RFC 6749 section 5.1), as far as we need it.
#[derive(Deserialize)]
pub struct Token {
    /// The token itself. Never printed.
    pub access_token: String,
    /// Its lifetime in seconds.
    #[serde(default)]
    pub expires_in: u64,
    /// Its scopes.
    #[serde(default)]
    pub scope: String,
}

/// A fresh token for a client of the stack.
pub async fn fetch(run: &RunFile, client: &str) -> Outcome<Token> {
    let Some(entry) = run.clients.get(client) else {
        return Err(Fault::new(format!("the stack has no client {client:?}")));
    };
    let answer = request(&run.token_endpoint, client, &entry.secret).await?;
    let status = answer.status();
    if !status.is_success() {
        let body = answer.text().await.unwrap_or_default();
        return Err(Fault::new(format!("no token for {client}: {status} {body}")));
    }
    answer.json().await.doing(|| "read the token endpoint's answer".into())
}

/// What the token endpoint says to this secret.
pub(super) async fn request(endpoint: &str, client: &str, secret: &str) -> Outcome<Response> {
    // Ids and secrets are ours: neither holds a character that a form would have to escape.
    let form = format!("grant_type=client_credentials&client_id={client}&client_secret={secret}");
    wait::client()?
        .post(endpoint)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .doing(|| format!("reach {endpoint}"))
}
