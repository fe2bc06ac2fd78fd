//! `token get`: signs in once and saves the token.

use serde_json::{Value, json};

use super::options::Get;
use super::{holder, lines};
use crate::credentials::{self, Asked, Granted, Purpose, Trouble, span};
use crate::http::Http;
use crate::options::Remote;
use crate::outcome::{Exit, Failure, Report, say};
use crate::plain::plain;
use crate::progress::Waiting;

pub(super) fn run(remote: &Remote, options: &Get, json: bool) -> Result<Report, Failure> {
    let http = Http::new()?;
    let waiting = Waiting::on(credentials::PROVIDER);
    let granted = http.run(once(&http, remote, options)).map_err(Trouble::failure)?;
    drop(waiting);
    let text = if json { format!("{:#}\n", told(remote, &granted)) } else { text(remote, &granted) };
    Ok(Report { text, exit: Exit::Done })
}

/// Signs in and saves. Credentials are looked for anew each time: a secret may have been changed.
pub(super) async fn once(http: &Http, remote: &Remote, options: &Get) -> Result<Granted, Trouble> {
    let file = &remote.token_file;
    let client =
        credentials::find_client(&remote.sign_in, file, Purpose::SignIn).map_err(Trouble::Lasting)?;
    let client = client.ok_or_else(|| {
        let name = file.with_file_name("client.json");
        let why = format!(
            "there are no client credentials: set AGENTCTL_CLIENT_ID and AGENTCTL_CLIENT_SECRET, name a \
             --client-file, or write {}",
            name.display()
        );
        Trouble::Lasting(Failure::new(Exit::Credentials, why))
    })?;
    let now = credentials::now();
    let asked = Asked { scope: options.scope.as_deref(), issuer: None };
    let granted = credentials::sign_in(http, remote, &client, asked, now).await?;
    credentials::write(file, &granted, now).map_err(|fault| {
        Trouble::Lasting(Failure::new(Exit::Refused, format!("the token is not saved: {fault}")))
    })?;
    let claims = &granted.claims;
    if claims.groups(&remote.checks.groups_claim).is_empty() && claims.own_scopes().is_empty() {
        let who = plain(&granted.client_id);
        say(&format!("the token of {who} names no groups: the gateway will show it nothing"));
    }
    Ok(granted)
}

/// For scripts; never the token.
pub(super) fn told(remote: &Remote, granted: &Granted) -> Value {
    json!({
        "file": remote.token_file,
        "expires_at": granted.claims.end(),
        "client_id": granted.client_id,
        "issuer": granted.issuer,
        "groups": granted.claims.groups(&remote.checks.groups_claim),
        "scopes": granted.claims.words("scope"),
    })
}

fn text(remote: &Remote, granted: &Granted) -> String {
    let mut facts = holder(&granted.claims, &remote.checks.groups_claim).to_vec();
    facts.push(("issuer", granted.issuer.clone()));
    facts.push(("expires", format!("in {}", span(granted.lifetime))));
    facts.push(("saved in", remote.token_file.display().to_string()));
    lines(&facts)
}
