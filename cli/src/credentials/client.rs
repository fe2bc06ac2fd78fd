//! Client credentials: where they are found, and the two kinds of files that hold them.
//!
//! What was named comes first (a secret of the environment or a file, then a client file), then what
//! lies beside the token file.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use boot::Secret;
use serde_json::Value;

use super::options::SignIn;
use super::token_file::open_to_others;
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

/// Finds the credentials. `held` is the client of the token at hand: neighbours of another client are
/// passed over then.
///
/// # Errors
/// [`Exit::WrongUse`] for half of a client, [`Exit::Credentials`] for a file that cannot be read.
pub(crate) fn find(
    options: &SignIn,
    token_file: &Path,
    held: Option<&str>,
) -> Result<Option<Client>, Failure> {
    let secret = match &options.client_secret_file {
        Some(file) => Some(secret_in(file)?),
        None => options.secret(),
    };
    if let Some(secret) = secret {
        let id = options.client_id.clone().ok_or_else(|| {
            Failure::new(
                Exit::WrongUse,
                "there is a client secret, but whose? Name the client with --client-id",
            )
        })?;
        return Ok(Some(Client { id, secret, token_endpoint: None, issuer: None }));
    }
    let wanted = options.client_id.as_deref();
    if let Some(file) = &options.client_file {
        let client = read(file)?.ok_or_else(|| unreadable(file, "there is no such client file"))?;
        return match wanted {
            Some(wanted) if wanted != client.id => Err(Failure::new(
                Exit::WrongUse,
                format!("{}: this is client '{}', not '{wanted}'", file.display(), client.id),
            )),
            _ => Ok(Some(client)),
        };
    }
    let wanted = wanted.or(held);
    for file in neighbours(token_file, wanted) {
        match read(&file)? {
            Some(client) if wanted.is_none_or(|wanted| wanted == client.id) => return Ok(Some(client)),
            _ => {}
        }
    }
    Ok(None)
}

/// The name of the file that holds a client's credentials, beside its token file.
pub(crate) fn file_name(client: &str) -> String {
    // An id may be a URL; which client it is, the file says.
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    format!("{}.client.json", client.chars().map(plain).collect::<String>())
}

fn neighbours(token_file: &Path, client: Option<&str>) -> Vec<PathBuf> {
    let stem = token_file.file_stem().map(|stem| format!("{}.client.json", stem.to_string_lossy()));
    let names = [client.map(file_name), stem, Some("client.json".to_owned())];
    names.into_iter().flatten().map(|name| token_file.with_file_name(name)).collect()
}

fn secret_in(file: &Path) -> Result<Secret, Failure> {
    let text = fs::read_to_string(file).map_err(|fault| unreadable(file, &fault.to_string()))?;
    let secret = text.trim();
    if secret.is_empty() {
        Err(unreadable(file, "there is no secret in the file"))
    } else {
        Ok(Secret::new(secret))
    }
}

/// The client of a file; `None` when there is no such file.
fn read(file: &Path) -> Result<Option<Client>, Failure> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(unreadable(file, &fault.to_string())),
    };
    if file.metadata().is_ok_and(|file| file.mode() & 0o077 != 0) {
        open_to_others(file, "the client's secret");
    }
    let json: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|_| unreadable(file, "the client file is no JSON"))?;
    let found = ours(&json).or_else(|| keycloaks(&json));
    found.map(Some).ok_or_else(|| {
        unreadable(
            file,
            "the client file has neither client_id and client_secret nor Keycloak's resource and secret",
        )
    })
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

fn unreadable(file: &Path, why: &str) -> Failure {
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
    fn the_neighbours_are_looked_at_in_order() {
        let names = |client: Option<&str>| -> Vec<String> {
            let files = neighbours(Path::new(".oauth-tokens/ingress.json"), client);
            files.iter().map(|file| file.display().to_string()).collect()
        };
        let common = [".oauth-tokens/ingress.client.json", ".oauth-tokens/client.json"];
        assert_eq!(names(None), common);
        assert_eq!(names(Some("a"))[0], ".oauth-tokens/a.client.json");
        assert_eq!(names(Some("https://x/../y"))[0], ".oauth-tokens/https___x_.._y.client.json");
    }
}
