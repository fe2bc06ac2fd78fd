//! Keycloak's admin REST API, as an administrator of one realm.

use std::cell::RefCell;

use boot::Secret;
use serde::Deserialize;
use serde_json::Value;

use super::options::Server;
use crate::credentials::{SignIn, may_go, realm_at, token_endpoint, variable};
use crate::http::{Answer, Http, Method, Request, Silence, StatusCode, segment};
use crate::outcome::{Exit, Failure};
use crate::plain::plain;

/// Somebody who may administer the realm, signed in.
pub(super) struct Admin {
    http: Http,
    server: String,
    realm: String,
    who: Who,
    /// The realm master's tokens live for a minute: it may be replaced while a command runs.
    token: RefCell<Secret>,
    /// How the realm calls itself in tokens.
    pub(super) issuer: String,
    /// Where its clients sign in.
    pub(super) token_endpoint: String,
}

/// The three ways in which Keycloak says what is wrong.
#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "errorMessage")]
    message: Option<String>,
    error_description: Option<String>,
    error: Option<String>,
}

impl Admin {
    /// Signs in, once it is known that there is such a realm.
    ///
    /// # Errors
    /// One line: who is missing, what was wrong.
    pub(super) fn sign_in(options: &Server, transport: &SignIn) -> Result<Admin, Failure> {
        let (server, realm) = (options.keycloak.trim_end_matches('/').to_owned(), options.realm.clone());
        may_go(transport, &server).map_err(crate::credentials::Trouble::failure)?;
        let who = who(options)?;
        let http = Http::new()?;
        let issuer = issuer(&http, &server, &realm)?;
        let token = RefCell::new(token(&http, &server, &who)?);
        let token_endpoint = token_endpoint(&realm_at(&server, &segment(&realm)));
        Ok(Admin { http, server, realm, who, token, issuer, token_endpoint })
    }

    /// The realm that is administered.
    pub(super) fn realm(&self) -> &str {
        &self.realm
    }

    /// Reads something that must be there.
    pub(super) fn get(&self, path: &str, what: &str) -> Result<Value, Failure> {
        self.find(path, what)?.ok_or_else(|| self.failure(what, "there is no such thing"))
    }

    /// Reads something that may be there.
    pub(super) fn find(&self, path: &str, what: &str) -> Result<Option<Value>, Failure> {
        let answer = self.send(Method::GET, path, None, what)?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        serde_json::from_str(&answer.body).map(Some).map_err(|_| self.failure(what, "the answer is no JSON"))
    }

    /// Makes something; `false` when somebody else made it first.
    pub(super) fn make(&self, path: &str, body: &Value, what: &str) -> Result<bool, Failure> {
        let answer = self.send(Method::POST, path, Some(body), what)?;
        if answer.status == StatusCode::CONFLICT {
            return Ok(false);
        }
        self.good(answer, what).map(|_| true)
    }

    /// Asks for something new; returns what came of it.
    pub(super) fn renew(&self, path: &str, what: &str) -> Result<Value, Failure> {
        let answer = self.good(self.send(Method::POST, path, None, what)?, what)?;
        serde_json::from_str(&answer.body).map_err(|_| self.failure(what, "the answer is no JSON"))
    }

    /// Puts something where it belongs.
    pub(super) fn put(&self, path: &str, body: Option<&Value>, what: &str) -> Result<(), Failure> {
        self.good(self.send(Method::PUT, path, body, what)?, what).map(drop)
    }

    /// Takes something away; that it is gone already is as good.
    pub(super) fn delete(&self, path: &str, what: &str) -> Result<(), Failure> {
        self.send(Method::DELETE, path, None, what).map(drop)
    }

    /// An answer that is good, or says that there is nothing (404) or something already (409).
    fn send(&self, method: Method, path: &str, body: Option<&Value>, what: &str) -> Result<Answer, Failure> {
        let mut answer = self.ask(method.clone(), path, body)?;
        if answer.status == StatusCode::UNAUTHORIZED {
            // The token has ended; who is refused with a new one is refused.
            let fresh = token(&self.http, &self.server, &self.who)?;
            self.token.replace(fresh);
            answer = self.ask(method, path, body)?;
        }
        let (name, realm) = (plain(&self.who.name), plain(&self.realm));
        match answer.status {
            status if status.is_success() => Ok(answer),
            StatusCode::NOT_FOUND | StatusCode::CONFLICT => Ok(answer),
            StatusCode::FORBIDDEN => {
                let needs = "manage-clients, manage-users and query-groups of realm-management";
                let why = format!(
                    "'{name}' may not administer the realm '{realm}': it needs the roles {needs}, in its tokens"
                );
                Err(self.failure(what, &why))
            }
            status => Err(self.failure(what, &format!("{} ({status})", why(&answer)))),
        }
    }

    fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let url = format!("{}/admin/realms/{}{path}", self.server, segment(&self.realm));
        let mut request = Request::new(method, url).bearer(&self.token.borrow());
        if let Some(body) = body {
            request = request.json(body);
        }
        self.http.send(request).map_err(|silence| unreachable(&self.server, &silence))
    }

    /// An answer that is nothing but good.
    fn good(&self, answer: Answer, what: &str) -> Result<Answer, Failure> {
        if answer.status.is_success() { Ok(answer) } else { Err(self.failure(what, &why(&answer))) }
    }

    /// What could not be done, and why.
    pub(super) fn failure(&self, what: &str, why: &str) -> Failure {
        Failure::new(Exit::Refused, format!("{}: cannot {}: {why}", self.server, plain(what)))
    }
}

/// Who signs in, in which realm, and with what.
struct Who {
    /// For messages.
    name: String,
    home: String,
    fields: Vec<(&'static str, Secret)>,
}

fn who(options: &Server) -> Result<Who, Failure> {
    let grant = |grant: &str| ("grant_type", Secret::new(grant));
    let missing = |name: &str| Failure::new(Exit::Credentials, format!("{name} is not set"));
    let home = home_of(options).to_owned();
    if let Some(id) = &options.admin_client_id {
        let name = "KEYCLOAK_ADMIN_CLIENT_SECRET";
        let secret = variable(name).ok_or_else(|| missing(name))?;
        let client = ("client_id", Secret::new(id));
        let fields = vec![grant("client_credentials"), client, ("client_secret", secret)];
        return Ok(Who { name: id.clone(), home, fields });
    }
    let Some(user) = &options.admin else {
        let why = "who administers the realm? Set KEYCLOAK_ADMIN and KEYCLOAK_ADMIN_PASSWORD, or \
            KEYCLOAK_ADMIN_CLIENT_ID and KEYCLOAK_ADMIN_CLIENT_SECRET";
        return Err(Failure::new(Exit::Credentials, why));
    };
    let name = "KEYCLOAK_ADMIN_PASSWORD";
    let password = variable(name).ok_or_else(|| missing(name))?;
    let (client, username) = (("client_id", Secret::new("admin-cli")), ("username", Secret::new(user)));
    let fields = vec![grant("password"), client, username, ("password", password)];
    Ok(Who { name: user.clone(), home, fields })
}

fn home_of(options: &Server) -> &str {
    let usual = if options.admin_client_id.is_some() { &options.realm } else { "master" };
    options.admin_realm.as_deref().unwrap_or(usual)
}

fn token(http: &Http, server: &str, who: &Who) -> Result<Secret, Failure> {
    let home = realm_at(server, &segment(&who.home));
    let fields: Vec<(&str, &str)> = who.fields.iter().map(|(name, value)| (*name, value.expose())).collect();
    let answer = http
        .send(Request::new(Method::POST, token_endpoint(&home)).form(&fields))
        .map_err(|silence| unreachable(server, &silence))?;
    if answer.status != StatusCode::OK {
        let (name, home, why) = (plain(&who.name), plain(&who.home), why(&answer));
        let message = format!("{server}: '{name}' cannot sign in at the realm '{home}': {why}");
        return Err(Failure::new(Exit::Refused, message));
    }
    let given: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    given["access_token"]
        .as_str()
        .map(Secret::new)
        .ok_or_else(|| Failure::new(Exit::Refused, format!("{server}: no token was given: is it Keycloak?")))
}

/// How the realm calls itself; everybody may ask.
fn issuer(http: &Http, server: &str, realm: &str) -> Result<String, Failure> {
    let place = format!("{}/.well-known/openid-configuration", realm_at(server, &segment(realm)));
    let answer =
        http.send(Request::new(Method::GET, place)).map_err(|silence| unreachable(server, &silence))?;
    let found: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let realm = plain(realm);
    let why = match (answer.status, found["issuer"].as_str()) {
        (StatusCode::OK, Some(issuer)) => return Ok(issuer.to_owned()),
        (StatusCode::NOT_FOUND, _) if found["error"].is_string() => format!("there is no realm '{realm}'"),
        (status, _) => format!("nothing is told of the realm '{realm}' ({status}): is it Keycloak?"),
    };
    Err(Failure::new(Exit::Refused, format!("{server}: {why}")))
}

fn unreachable(server: &str, silence: &Silence) -> Failure {
    silence.failure(&format!("cannot reach Keycloak at {server}"), "is it running, is --keycloak right?")
}

fn why(answer: &Answer) -> String {
    let problem: Option<Problem> = serde_json::from_str(&answer.body).ok();
    let told = problem.and_then(|problem| problem.message.or(problem.error_description).or(problem.error));
    told.map_or_else(|| format!("no reason was given ({})", answer.status), |told| plain(&told))
}
