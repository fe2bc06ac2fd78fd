//! The token file → a token worth sending. What is wrong with it is said in one line, never with
//! the token in it.

use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boot::Secret;
use serde_json::Value;

/// A token that ends while the request is under way is a refusal nobody understands.
const MARGIN_SECONDS: u64 = 30;

/// Where a token stands in the files that are about: ours first, then older writers'.
const PLACES: [&str; 3] = ["/access_token", "/tokens/access_token", "/token_data/access_token"];

/// Reads the token, unless it has expired at `now` (seconds since 1970) or is about to.
///
/// Whether it is genuine is for the gateway to say: no signature is looked at here.
///
/// # Errors
/// One line: what is wrong and what to do.
pub(crate) fn load(file: &Path, now: u64) -> Result<Secret, String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|fault| match fault.kind() {
        io::ErrorKind::NotFound => {
            format!("{name}: there is no token file: save a token there, or name its file with --token-file")
        }
        _ => format!("{name}: {fault}: make the token file readable, or name another with --token-file"),
    })?;
    let stale = |what: &str| format!("{name}: {what}: get a new token and save it there");
    let token = token_in(&text).ok_or_else(|| stale("there is no access token in the file"))?;
    let claims = claims(token.expose()).ok_or_else(|| stale("the access token is no JWT"))?;
    let end = claims.get("exp").and_then(seconds).ok_or_else(|| stale("the token has no 'exp'"))?;
    if end <= now {
        return Err(stale(&format!("the token expired {} ago", span(now - end))));
    }
    if end - now <= MARGIN_SECONDS {
        return Err(stale(&format!("the token expires in {}", span(end - now))));
    }
    Ok(token)
}

/// The token of a file: JSON in one of the known shapes, or nothing but the token.
fn token_in(text: &str) -> Option<Secret> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if !text.starts_with('{') {
        return (!text.is_empty()).then(|| Secret::new(text));
    }
    let file: Value = serde_json::from_str(text).ok()?;
    let texts = PLACES.iter().filter_map(|place| file.pointer(place)?.as_str().map(str::trim));
    texts.filter(|text| !text.is_empty()).map(Secret::new).next()
}

/// The claims of a JWT, unproven. `None` too for anything that could not stand in a header.
fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let is_jwt = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if parts.next().is_some() || !token.chars().all(is_jwt) {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// A NumericDate (RFC 7519 section 2), which may have a fraction.
fn seconds(date: &Value) -> Option<u64> {
    // A float becomes an integer within its range: what lies beyond is as good as never or long ago.
    date.as_u64().or_else(|| date.as_f64().map(|date| date as u64))
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn jwt(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(claims))
    }

    fn loaded(text: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ingress.json");
        std::fs::write(&file, text).unwrap();
        let said = load(&file, NOW).map(|token| token.expose().to_owned());
        said.map_err(|line| line.replace(&file.display().to_string(), "FILE"))
    }

    #[test]
    fn every_shape_of_the_file_is_read() {
        let token = jwt(&json!({"exp": NOW + 300}));
        for text in [
            json!({"provider": "embedded", "access_token": token, "expires_at": NOW + 300}).to_string(),
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
        for (text, expected) in [
            (String::new(), "no access token"),
            ("{".to_owned(), "no access token"),
            ("{}".to_owned(), "no access token"),
            (json!({"access_token": ""}).to_string(), "no access token"),
            (json!({"access_token": 7}).to_string(), "no access token"),
            ("opaque".to_owned(), "no JWT"),
            ("a.b.c".to_owned(), "no JWT"),
            (format!("{}.x", jwt(&json!({"exp": NOW + 300}))), "no JWT"),
            (format!("{}\r\nX-User: admin", jwt(&json!({"exp": NOW + 300}))), "no JWT"),
            (jwt(&json!({})), "no 'exp'"),
            (jwt(&json!({"exp": "soon"})), "no 'exp'"),
        ] {
            let line = loaded(&text).expect_err("not a token");
            assert!(line.starts_with("FILE: ") && line.contains(expected), "{text}: {line}");
        }
    }

    #[test]
    fn a_token_counts_until_half_a_minute_before_its_end() {
        let check = |claims: Value, expected: Option<&str>| {
            let said = loaded(&jwt(&claims)).err();
            let told =
                expected.map(|what| format!("FILE: the token {what}: get a new token and save it there"));
            assert_eq!(said, told, "{claims}");
        };
        check(json!({"exp": NOW + 31}), None);
        check(json!({"exp": NOW as f64 + 31.5}), None);
        check(json!({"exp": NOW + 30}), Some("expires in 30 s"));
        check(json!({"exp": NOW}), Some("expired 0 s ago"));
        check(json!({"exp": NOW - 600}), Some("expired 10 min ago"));
        check(json!({"exp": NOW - 3 * 3600}), Some("expired 3 h ago"));
        check(json!({"exp": -1.0}), Some("expired 20833 days ago"));
    }

    #[test]
    fn an_absent_file_is_told_with_what_to_do() {
        let line = load(Path::new("no/such/file"), NOW).expect_err("there is none");
        assert!(line.contains("no/such/file") && line.contains("--token-file"), "{line}");
    }
}
