//! Principal ⇄ the headers nginx carries and their seal: written and read here only.
//!
//! The sealed header, [`SEALED`], is a JWT signed by the auth-server; the registry
//! believes it alone. The plain headers are for other upstreams and for reading.
//! (Design page "auth-and-nginx", sections 1 and 3.)

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::{Principal, ScopeSet};

/// The identity nobody can forge: a JWT of [`IdentityClaims`].
pub const SEALED: &str = "x-identity";
/// The caller's username (the guide's name for it).
pub const USER: &str = "x-user";
/// The same username, under the name other upstreams read.
pub const USERNAME: &str = "x-username";
/// The OAuth client the token was issued to.
pub const CLIENT_ID: &str = "x-client-id";
/// Groups, `, `-separated.
pub const GROUPS: &str = "x-groups";
/// Scopes, `, `-separated.
pub const SCOPES: &str = "x-scopes";
/// Which issuer's configuration proved the token.
pub const AUTH_METHOD: &str = "x-auth-method";
/// The MCP server the request is for.
pub const SERVER_NAME: &str = "x-server-name";
/// The MCP tool the request is for.
pub const TOOL_NAME: &str = "x-tool-name";

/// The `aud` of a sealed identity: a token for anybody else is none.
pub const AUDIENCE: &str = "registry";
/// The `iss` of a sealed identity.
pub const ISSUER: &str = "auth-server";
/// The `typ` of a sealed identity, so that no other JWT of the same key passes for one (RFC 8725 section 3.11).
pub const TYPE: &str = "identity+jwt";

/// The claims of a sealed identity. Times are seconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityClaims {
    /// [`ISSUER`].
    pub iss: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// The `sub` of the access token, or the username where it had none.
    pub sub: String,
    /// See [`Principal::username`].
    pub username: String,
    /// See [`Principal::client_id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The real groups.
    pub groups: Vec<String>,
    /// The scopes the auth-server mapped.
    pub scopes: Vec<String>,
    /// See [`Principal::narrowed`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub narrowed: bool,
    /// The one MCP server that the caller's token is bound to, by its name in policies: nothing else is opened by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The `jti` of the caller's token, if he is an agent of the directory: with that token, the right to tokens for
    /// MCP servers is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The capabilities that such a token was made for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// The version of the policy that mapped the scopes.
    pub policy: String,
    /// When it was sealed.
    pub iat: u64,
    /// Short, and never past the access token's own end.
    pub exp: u64,
    /// Unique to this sealing.
    pub jti: String,
}

impl IdentityClaims {
    /// What is to be sealed for a principal whose token is bound to no MCP server, and who is no agent.
    pub fn new(
        who: &Principal,
        subject: &str,
        policy: &str,
        iat: u64,
        exp: u64,
        jti: String,
    ) -> IdentityClaims {
        IdentityClaims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: subject.to_owned(),
            username: who.username.clone(),
            client_id: who.client_id.clone(),
            groups: who.groups.clone(),
            scopes: who.scopes.iter().map(str::to_owned).collect(),
            narrowed: who.narrowed,
            server: None,
            base: None,
            capabilities: Vec::new(),
            policy: policy.to_owned(),
            iat,
            exp,
            jti,
        }
    }

    /// The principal behind verified claims.
    pub fn into_principal(self) -> Principal {
        Principal {
            username: self.username,
            client_id: self.client_id,
            scopes: self.scopes.iter().map(String::as_str).collect(),
            groups: self.groups,
            narrowed: self.narrowed,
        }
    }
}

/// The plain headers that tell other upstreams who is calling.
pub fn plain_headers(who: &Principal) -> Vec<(&'static str, String)> {
    let username = encode(&who.username);
    vec![
        (USER, username.clone()),
        (USERNAME, username),
        (CLIENT_ID, encode(who.client_id.as_deref().unwrap_or_default())),
        (GROUPS, join(who.groups.iter().map(String::as_str))),
        (SCOPES, join(who.scopes.iter())),
    ]
}

/// The principal of plain headers: for gateways that cannot pass [`SEALED`], and
/// only where the operator has said so, because anyone who reaches the port can write them.
pub fn from_plain_headers<'h>(header: impl Fn(&str) -> Option<&'h str>) -> Option<Principal> {
    let username = header(USER).or_else(|| header(USERNAME)).map(decode).filter(|name| !name.is_empty())?;
    let words = |name: &str| -> Vec<String> {
        ScopeSet::parse(header(name).unwrap_or_default()).iter().map(decode).collect()
    };
    Some(Principal {
        username,
        client_id: header(CLIENT_ID).map(decode).filter(|client| !client.is_empty()),
        groups: words(GROUPS),
        scopes: words(SCOPES).iter().map(String::as_str).collect(),
        narrowed: false,
    })
}

/// What may not stand in a header's list item: a group named `a, admin` must not
/// become two groups, nor a name with a line break a second header.
const RESERVED: &AsciiSet = &CONTROLS.add(b' ').add(b',').add(b'%').add(b'"');

/// Percent-encodes one value for a header; everything outside visible ASCII is encoded too.
pub fn encode(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

fn decode(value: &str) -> String {
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}

fn join<'v>(values: impl Iterator<Item = &'v str>) -> String {
    values.map(encode).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guide() -> Principal {
        Principal {
            username: "service-account-mcp-gateway-m2m".into(),
            client_id: Some("mcp-gateway-m2m".into()),
            groups: vec!["mcp-servers-unrestricted".into(), "a2a-agent-admin".into()],
            scopes: ScopeSet::parse("mcp-servers-unrestricted/read a2a-agent-admin"),
            narrowed: false,
        }
    }

    fn roundtrip(who: &Principal) -> Option<Principal> {
        let headers = plain_headers(who);
        from_plain_headers(|name| {
            headers.iter().find(|(held, _)| *held == name).map(|(_, value)| value.as_str())
        })
    }

    #[test]
    fn scopes_are_written_as_the_guide_writes_them() {
        let headers = plain_headers(&guide());
        assert!(headers.contains(&(SCOPES, "mcp-servers-unrestricted/read, a2a-agent-admin".into())));
        assert!(headers.contains(&(USER, "service-account-mcp-gateway-m2m".into())));
    }

    #[test]
    fn no_value_becomes_two_and_none_breaks_a_header() {
        let hostile = Principal {
            username: "eve\r\nX-Scopes: admin".into(),
            groups: vec!["a, admin".into(), "büro 1".into(), "100%".into()],
            scopes: ["x y", "z,w"].into_iter().collect(),
            ..Principal::default()
        };
        for (_, value) in plain_headers(&hostile) {
            assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{value:?}");
        }
        assert_eq!(roundtrip(&hostile), Some(hostile));
        assert_eq!(roundtrip(&guide()), Some(guide()));
    }

    #[test]
    fn nobody_without_a_name() {
        assert_eq!(from_plain_headers(|name| (name == SCOPES).then_some("a2a-agent-admin")), None);
        assert_eq!(from_plain_headers(|name| (name == USER).then_some("")), None);
    }

    #[test]
    fn claims_carry_the_principal_whole() {
        let claims = IdentityClaims::new(&guide(), "sub", "v1", 1, 2, "j".into());
        assert_eq!(claims.into_principal(), guide());
        let narrowed = Principal { narrowed: true, ..guide() };
        assert_eq!(IdentityClaims::new(&narrowed, "sub", "v1", 1, 2, "j".into()).into_principal(), narrowed);
    }
}
