//! Client credentials, and the kinds of files that hold them.

use std::fs;
use std::io;
use std::path::Path;

use boot::Secret;
use serde_json::Value;

use super::options::address;
use super::token_file::warn_of_readers;
use crate::outcome::{Exit, Failure};

/// Somebody who can sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its id.
    pub(crate) id: String,
    /// Its secret.
    pub(crate) secret: Secret,
    /// Where it signs in, if its file says so.
    pub(crate) token_endpoint: Option<String>,
    /// Its issuer, if its file says so.
    pub(crate) issuer: Option<String>,
}

impl Client {
    /// A client that is known by its secret alone.
    pub(super) fn of(id: &str, secret: Secret) -> Client {
        Client { id: id.to_owned(), secret, token_endpoint: None, issuer: None }
    }
}

/// The name of the file that holds a client's credentials, beside its token file.
pub(crate) fn file_name(client: &str) -> String {
    // An id may be a URL; which client it is, the file says.
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    format!("{}.client.json", client.chars().map(plain).collect::<String>())
}

/// The secret of a file that holds nothing else.
pub(super) fn secret_in(file: &Path) -> Result<Secret, Failure> {
    let text = fs::read_to_string(file).map_err(|fault| unreadable(file, &fault.to_string()))?;
    let secret = text.trim();
    warn_of_readers(file, "the client's secret");
    if secret.is_empty() {
        Err(unreadable(file, "there is no secret in the file"))
    } else {
        Ok(Secret::new(secret))
    }
}

/// The client of a file; `None` when there is no such file.
///
/// # Errors
/// [`Exit::Credentials`]: what is wrong with it.
pub(super) fn read(file: &Path) -> Result<Option<Client>, Failure> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(unreadable(file, &fault.to_string())),
    };
    warn_of_readers(file, "the client's secret");
    let json: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|_| unreadable(file, "the client file is no JSON"))?;
    let found = ours(&json).or_else(|| keycloaks(&json));
    let client = found.ok_or_else(|| {
        unreadable(
            file,
            "the client file has neither client_id and client_secret nor Keycloak's resource and secret",
        )
    })?;
    // As strictly as flags are read: these go into messages, and a secret goes there.
    for (name, place) in [("token_endpoint", &client.token_endpoint), ("issuer", &client.issuer)] {
        if let Some(Err(why)) = place.as_deref().map(address) {
            return Err(unreadable(file, &format!("the client file's {name} is no address: {why}")));
        }
    }
    Ok(Some(client))
}

fn ours(json: &Value) -> Option<Client> {
    Some(Client {
        id: text(json, "/client_id")?,
        secret: Secret::new(text(json, "/client_secret")?),
        token_endpoint: text(json, "/token_endpoint"),
        issuer: text(json, "/issuer"),
    })
}

/// Keycloak's own file for a client ("keycloak.json", the OIDC adapter's configuration).
fn keycloaks(json: &Value) -> Option<Client> {
    let (server, realm) = (text(json, "/auth-server-url"), text(json, "/realm"));
    let realm = server.zip(realm).map(|(server, realm)| realm_at(&server, &realm));
    Some(Client {
        id: text(json, "/resource")?,
        secret: Secret::new(text(json, "/credentials/secret")?),
        // Not by discovery: the realm may spell its issuer as others reach it.
        token_endpoint: realm.as_deref().map(token_endpoint),
        issuer: realm,
    })
}

/// The address of a realm of Keycloak.
pub(crate) fn realm_at(server: &str, realm: &str) -> String {
    format!("{}/realms/{realm}", server.trim_end_matches('/'))
}

/// The token endpoint of a realm of Keycloak.
pub(crate) fn token_endpoint(realm: &str) -> String {
    format!("{realm}/protocol/openid-connect/token")
}

fn text(json: &Value, place: &str) -> Option<String> {
    json.pointer(place)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// What is wrong with a file.
pub(super) fn unreadable(file: &Path, why: &str) -> Failure {
    Failure::new(Exit::Credentials, format!("{}: {why}", file.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn client(id: &str, token_endpoint: Option<&str>, issuer: Option<&str>) -> Client {
        let (token_endpoint, issuer) = (token_endpoint.map(str::to_owned), issuer.map(str::to_owned));
        Client { id: id.to_owned(), secret: Secret::new("s"), token_endpoint, issuer }
    }

    #[test]
    fn both_kinds_of_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client.json");
        assert_eq!(read(&file).map_err(|fault| fault.message), Ok(None));
        let realm = "https://kc/realms/r";
        for (text, expected) in [
            (json!({"client_id": "a", "client_secret": "s"}), Some(client("a", None, None))),
            (
                json!({"client_id": "a", "client_secret": "s", "issuer": "https://i"}),
                Some(client("a", None, Some("https://i"))),
            ),
            (
                json!({"realm": "r", "auth-server-url": "https://kc/", "resource": "a", "credentials": {"secret": "s"}}),
                Some(client("a", Some("https://kc/realms/r/protocol/openid-connect/token"), Some(realm))),
            ),
            (json!({"client_id": "a"}), None),
            (json!({"resource": "a", "credentials": {}}), None),
            (json!([]), None),
        ] {
            fs::write(&file, text.to_string()).unwrap();
            assert_eq!(read(&file).ok().flatten(), expected, "{text}");
        }
    }

    #[test]
    fn addresses_of_files_are_read_like_flags() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client.json");
        for (name, value) in [
            ("token_endpoint", "nonsense"),
            ("token_endpoint", "ftp://h/token"),
            ("issuer", "https://user:word@h/"),
            ("issuer", "https://h/\u{1b}[2J"),
            ("issuer", " https://h/"),
        ] {
            let client = json!({"client_id": "a", "client_secret": "s", name: value});
            fs::write(&file, client.to_string()).unwrap();
            let fault = read(&file).expect_err("no address");
            assert_eq!(fault.exit, Exit::Credentials, "{value}");
            let said = format!("the client file's {name} is no address: ");
            assert!(fault.message.contains(&said), "{}", fault.message);
            assert!(!fault.message.contains('\u{1b}'), "{}", fault.message);
        }
        let keycloaks =
            json!({"realm": "r", "auth-server-url": "h", "resource": "a", "credentials": {"secret": "s"}});
        fs::write(&file, keycloaks.to_string()).unwrap();
        assert!(read(&file).is_err_and(|fault| fault.exit == Exit::Credentials));
    }
}
