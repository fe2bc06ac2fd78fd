//! The token file: every shape that is about is read, one is written.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use boot::Secret;
use boot::files::{self, FileFault};
use serde_json::{Value, json};

use super::claims::Claims;
use super::sign_in::Granted;
use crate::outcome::say;

/// Where a token stands in the files that are about: ours first, then older writers'.
const PLACES: [&str; 3] = ["/access_token", "/tokens/access_token", "/token_data/access_token"];

/// A token as its file holds it.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The token, fit for a header.
    pub(crate) token: Secret,
    /// What it says.
    pub(crate) claims: Claims,
    /// Whom it was given to, as the token says, else the file.
    pub(crate) client_id: Option<String>,
}

/// Reads the token, fresh or not.
///
/// # Errors
/// One line: what is wrong and what to do, never with the token in it.
pub(crate) fn read(file: &Path) -> Result<Stored, String> {
    let name = file.display();
    let (text, mode) = slurp(file).map_err(|fault| match fault.kind() {
        io::ErrorKind::NotFound => format!(
            "{name}: there is no token file: sign in with 'agentctl token get', or name another with --token-file"
        ),
        _ => format!("{name}: {fault}: make the token file readable, or name another with --token-file"),
    })?;
    let wrong = |what: &str| format!("{name}: {what}: sign in with 'agentctl token get'");
    let text = text.trim_start_matches('\u{feff}').trim();
    let json: Option<Value> = text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten();
    let token = token_in(text, json.as_ref()).ok_or_else(|| wrong("there is no access token in the file"))?;
    let claims = Claims::read(token.expose()).ok_or_else(|| wrong("the access token is no JWT"))?;
    let client_id = claims.client().or_else(|| json.as_ref()?["client_id"].as_str()).map(str::to_owned);
    if mode & 0o077 != 0 {
        say_readable(file, "the token");
    }
    Ok(Stored { token, claims, client_id })
}

/// Writes what was given, for this user alone: readers see the old file or the new one, and of two who
/// write at once the later one wins.
///
/// # Errors
/// The file or folder, and why.
pub(crate) fn write(file: &Path, granted: &Granted, now: u64) -> Result<(), FileFault> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or(Ok(()), files::private_folder)?;
    if is_open_to_writers(file) {
        warn_of_writers(file, "the token there may be replaced");
    }
    let text = json!({
        "provider": granted.provider,
        "access_token": granted.token.expose(),
        "token_type": "Bearer",
        "expires_at": granted.claims.end(),
        "client_id": granted.client_id,
        "saved_at": now,
        "issuer": granted.issuer,
    });
    files::replace(file, format!("{text:#}\n").as_bytes())
}

/// Says in one line that others may read a secret, if they may.
pub(crate) fn warn_of_readers(file: &Path, what: &str) {
    if file.metadata().is_ok_and(|file| file.mode() & 0o077 != 0) {
        say_readable(file, what);
    }
}

/// Whether others may put files beside this one.
pub(super) fn is_open_to_writers(file: &Path) -> bool {
    folder_of(file).metadata().is_ok_and(|folder| folder.mode() & 0o022 != 0)
}

/// Says in one line that they may.
pub(super) fn warn_of_writers(file: &Path, so: &str) {
    say(&format!(
        "{name}: others may write into this folder, so {so}: chmod 700 {name}",
        name = folder_of(file).display()
    ));
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn say_readable(file: &Path, what: &str) {
    say(&format!("{name}: others may read {what}: chmod 600 {name}", name = file.display()));
}

fn slurp(file: &Path) -> io::Result<(String, u32)> {
    let mut opened = File::open(file)?;
    let mode = opened.metadata()?.mode();
    let mut text = String::new();
    opened.read_to_string(&mut text)?;
    Ok((text, mode))
}

/// The token of a file: JSON in one of the known shapes, or nothing but the token.
fn token_in(text: &str, json: Option<&Value>) -> Option<Secret> {
    if !text.starts_with('{') {
        return (!text.is_empty()).then(|| Secret::new(text));
    }
    let texts = PLACES.iter().filter_map(|place| json?.pointer(place)?.as_str().map(str::trim));
    texts.filter(|text| !text.is_empty()).map(Secret::new).next()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn jwt(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(claims))
    }

    fn loaded(text: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ingress.json");
        std::fs::write(&file, text).unwrap();
        let said = read(&file).map(|stored| stored.token.expose().to_owned());
        said.map_err(|line| line.replace(&file.display().to_string(), "FILE"))
    }

    #[test]
    fn every_shape_of_the_file_is_read() {
        let token = jwt(&json!({"exp": 1}));
        for text in [
            json!({"provider": "embedded", "access_token": token, "expires_at": 1}).to_string(),
            json!({"access_token": token, "expires_at": "2027-01-15T08:00:00Z"}).to_string(),
            json!({"tokens": {"access_token": token, "token_type": "Bearer"}}).to_string(),
            json!({"token_data": {"access_token": token}, "tokens": null}).to_string(),
            token.clone(),
            format!("\n  {token}\n"),
            format!("\u{feff}{{\"access_token\": \"{token}\\n\"}}"),
        ] {
            assert_eq!(loaded(&text).as_deref(), Ok(&*token), "{text}");
        }
    }

    #[test]
    fn what_is_no_token_is_not_sent() {
        let token = jwt(&json!({"exp": 1}));
        for (text, expected) in [
            (String::new(), "no access token"),
            ("{".to_owned(), "no access token"),
            ("{}".to_owned(), "no access token"),
            (json!({"access_token": ""}).to_string(), "no access token"),
            (json!({"access_token": 7}).to_string(), "no access token"),
            ("opaque".to_owned(), "no JWT"),
            ("a.b.c".to_owned(), "no JWT"),
            (format!("{token}.x"), "no JWT"),
            (format!("{token}\r\nX-User: admin"), "no JWT"),
        ] {
            let line = loaded(&text).expect_err("not a token");
            assert!(line.starts_with("FILE: ") && line.contains(expected), "{text}: {line}");
        }
    }

    #[test]
    fn an_absent_file_is_told_with_what_to_do() {
        let line = read(Path::new("no/such/file")).expect_err("there is none");
        assert!(line.contains("no/such/file") && line.contains("--token-file"), "{line}");
    }
}
