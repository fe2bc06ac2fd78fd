//! A stand-in for an identity provider and a gateway in one, and what it knows.

use serde_json::{Value, json};

use crate::common::server::{Reply, Request, Server};
use crate::common::{Desk, SECRET, jwt, now};

/// The claims of a token for the client `bot`, which ends in so many seconds (or ended).
pub(crate) fn claims(seconds: i64) -> Value {
    json!({
        "exp": now().saturating_add_signed(seconds), "iss": "http://issuer", "azp": "bot", "sub": "1",
        "preferred_username": "service-account-bot", "groups": ["lob1"], "scope": "profile email",
    })
}

/// What a token endpoint says to who signs in.
pub(crate) fn given(claims: &Value) -> (u16, Value) {
    let left = claims["exp"].as_u64().expect("an end").saturating_sub(now());
    (200, json!({"access_token": jwt(claims), "token_type": "Bearer", "expires_in": left}))
}

/// What the registry says when all is well.
pub(crate) fn explained() -> Value {
    json!({"verdict": "allowed", "reason": "r", "groups": [], "scopes": [], "would_allow": [], "policy_version": "v"})
}

/// The stand-in: answers by its own address and what was asked.
pub(crate) struct Provider {
    pub(crate) url: String,
    server: Server,
}

impl Provider {
    pub(crate) fn new(answer: impl Fn(&str, &Request) -> (u16, Value) + Send + Sync + 'static) -> Provider {
        let server = Server::new(move |request| {
            let (status, body) = answer(&format!("http://{}", request.header("host")), request);
            Reply::json(status, &body)
        });
        Provider { url: server.url.clone(), server }
    }

    /// Gives this token to who signs in as `bot` at `/token`.
    pub(crate) fn giving(claims: Value) -> Provider {
        Provider::new(move |_, asked| match &*asked.line {
            "POST /token" => given(&claims),
            "POST /api/access/explain" => (200, explained()),
            _ => (404, json!({})),
        })
    }

    /// All that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.server.all()
    }

    /// Their first lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.server.lines()
    }

    /// Waits for the next request to be answered.
    pub(crate) fn wait(&self) -> String {
        self.server.wait()
    }
}

impl Desk {
    /// With a token that ends in so many seconds at the usual place.
    pub(crate) fn holding(seconds: i64) -> Desk {
        let desk = Desk::empty();
        desk.write(".oauth-tokens/ingress.json", json!({"access_token": jwt(&claims(seconds))}));
        desk
    }

    /// Credentials of the client `bot` beside the token file.
    pub(crate) fn knows(&self, endpoint: &str) {
        let client = json!({"client_id": "bot", "client_secret": SECRET, "token_endpoint": endpoint});
        self.write(".oauth-tokens/client.json", client);
    }

    pub(crate) fn read(&self, name: &str) -> Value {
        let text = std::fs::read(self.path(name)).expect("the file is there");
        serde_json::from_slice(&text).expect("JSON")
    }
}
