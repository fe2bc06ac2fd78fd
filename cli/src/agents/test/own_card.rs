//! An agent's own card, fetched from where A2A agents serve it.
//!
//! The address was chosen by whoever registered the agent, so it is treated as a stranger's: no token
//! goes there, no other host is followed to, and link-local addresses (a cloud's metadata among them) are
//! never called; where the caller did not name the agent, no other port either, and no private address unless
//! he says so. A name that changes its address between that look and the call is not caught: the call runs
//! with the rights of the person who asked for it, and shows him little of the answer.

use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

use catalog::address::{is_never_called, is_private};
use catalog::json;
use serde_json::{Map, Value};

use crate::http::{Answer, Http, Method, Request, Silence, Url};

/// Where A2A agents serve their own card, new spelling first.
const PLACES: [&str; 2] = [".well-known/agent-card.json", ".well-known/agent.json"];
/// The longest answer of an agent that is read, in bytes.
pub(super) const MOST_BYTES: usize = 1 << 20;
/// So often an agent may send us on, within its host.
const MOST_REDIRECTS: usize = 3;

/// A card and where it was.
pub(super) struct Card {
    pub(super) place: Url,
    pub(super) fields: Map<String, Value>,
}

/// What became of the look for it.
pub(super) enum Own {
    Card(Card),
    /// Somebody answers, and wants credentials.
    Guarded(Url),
    /// Somebody answers, but not with a card.
    None(String),
    /// Nobody answers.
    Silent(String),
}

/// How far the addresses of a card are followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// To every port of the registered host: the caller named the agent.
    pub(super) any_port: bool,
    /// To loopback and private addresses: what is there may listen to nobody else.
    pub(super) private: bool,
}

/// Looks below the agent's address and at its host's root; at both in the new place before the old one.
pub(super) fn fetch(http: &Http, url: &Url, reach: Reach, patience: Duration) -> Own {
    if let Err(why) = reach.may_call(url) {
        return Own::None(why);
    }
    // Most places are empty, as they may be: what stands at one that is not tells more.
    let (mut said, mut empty) = (None, None);
    for place in places(url) {
        let (place, answer) = match get(http, place.clone(), reach, patience) {
            Ok(Ok(found)) => found,
            Ok(Err(why)) => {
                note(&mut said, why);
                continue;
            }
            Err(silence) => return Own::Silent(format!("{place}: {silence}")),
        };
        match (answer.status.as_u16(), json::read(answer.body.as_bytes())) {
            (401 | 403, _) => return Own::Guarded(place),
            (200, _) if answer.body.len() > MOST_BYTES => {
                return Own::None(format!("{place}: longer than {} KiB", MOST_BYTES >> 10));
            }
            (200, Ok(Value::Object(fields))) => return Own::Card(Card { place, fields }),
            (200, Ok(_)) => note(&mut said, format!("{place}: no JSON object")),
            (200, Err(_)) => note(&mut said, format!("{place}: no JSON")),
            (status @ (404 | 405 | 410), _) => note(&mut empty, format!("{place}: answered {status}")),
            (status, _) => note(&mut said, format!("{place}: answered {status}")),
        }
    }
    Own::None(said.or(empty).unwrap_or_else(|| format!("{url}: no card")))
}

/// Keeps what was said first.
fn note(said: &mut Option<String>, what: String) {
    said.get_or_insert(what);
}

/// The places, each once.
fn places(url: &Url) -> Vec<Url> {
    let mut places: Vec<Url> = Vec::new();
    for name in PLACES {
        for base in [url.path().trim_end_matches('/'), ""] {
            let mut place = url.clone();
            place.set_query(None);
            place.set_fragment(None);
            place.set_path(&format!("{base}/{name}"));
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places
}

/// The answer and where it came from in the end; or why it was not followed.
fn get(
    http: &Http,
    mut place: Url,
    reach: Reach,
    patience: Duration,
) -> Result<Result<(Url, Answer), String>, Silence> {
    for _ in 0..=MOST_REDIRECTS {
        let request = Request::new(Method::GET, place.clone()).header("Accept", "application/json");
        let answer = http.send(request.patience(patience).at_most(MOST_BYTES))?;
        if !answer.status.is_redirection() {
            return Ok(Ok((place, answer)));
        }
        let next = answer.header("Location").and_then(|to| place.join(to).ok());
        match next.filter(|next| reach.allows(next, &place)) {
            Some(next) => place = next,
            None => return Ok(Err(format!("{place}: sends us elsewhere, which is not followed"))),
        }
    }
    Ok(Err(format!("{place}: sends us round in circles")))
}

impl Reach {
    /// Whether an address may be asked that an agent names, registered at this one.
    pub(super) fn allows(self, named: &Url, registered: &Url) -> bool {
        let port = Url::port_or_known_default;
        let is_upgrade =
            || named.port().is_none() && registered.port().is_none() && named.scheme() == "https";
        matches!(named.scheme(), "http" | "https")
            && named.host() == registered.host()
            && (self.any_port || port(named) == port(registered) || is_upgrade())
    }

    /// Whether an address may be called at all.
    fn may_call(self, url: &Url) -> Result<(), String> {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        // A name that is not known is found out by the call, which says so better.
        let addresses = (host, port).to_socket_addrs().into_iter().flatten();
        let addresses: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
        if addresses.iter().copied().any(is_never_called) {
            return Err(format!("{url}: its address is one that is never called"));
        }
        if !self.private && addresses.iter().copied().any(is_private) {
            return Err(format!("{url}: its address is private: --allow-private calls it"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_looked_for_below_the_url_and_at_the_root() {
        let places = |url: &str| {
            let url = Url::parse(url).unwrap();
            places(&url).iter().map(Url::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            places("https://h:1/a/b/?q#f"),
            [
                "https://h:1/a/b/.well-known/agent-card.json",
                "https://h:1/.well-known/agent-card.json",
                "https://h:1/a/b/.well-known/agent.json",
                "https://h:1/.well-known/agent.json",
            ]
        );
        assert_eq!(places("http://h").len(), 2);
    }

    #[test]
    fn some_addresses_are_never_called() {
        for (url, fine) in [
            ("http://127.0.0.1:1/", true),
            ("http://[::1]/", true),
            ("http://10.0.0.1/", true),
            ("http://169.254.169.254/latest", false),
            ("http://[::ffff:169.254.169.254]/", false),
            ("http://[fe80::1]/", false),
            ("http://[fd00:ec2::254]/", false),
            ("http://0.0.0.0/", false),
            ("http://224.0.0.1/", false),
        ] {
            assert_eq!(NAMED.may_call(&Url::parse(url).unwrap()).is_ok(), fine, "{url}");
        }
    }

    const NAMED: Reach = Reach { any_port: true, private: true };
    const STRANGERS: Reach = Reach { any_port: false, private: false };

    #[test]
    fn a_strangers_card_leads_to_no_private_address() {
        for (url, fine) in [
            ("http://192.0.2.1/", true),
            ("http://[2001:db8::1]/", true),
            ("http://100.128.0.1/", true),
            ("http://127.0.0.1:1/", false),
            ("http://127.1/", false),
            ("http://[::1]/", false),
            ("http://[::ffff:10.0.0.1]/", false),
            ("http://10.0.0.1/", false),
            ("http://172.16.0.1/", false),
            ("http://192.168.1.1/", false),
            ("http://100.64.0.1/", false),
            ("http://[fd12::1]/", false),
        ] {
            assert_eq!(STRANGERS.may_call(&Url::parse(url).unwrap()).is_ok(), fine, "{url}");
        }
    }

    #[test]
    fn a_strangers_card_leads_to_no_other_port() {
        for (named, registered, strangers, by_name) in [
            ("http://h/rpc", "http://h/", true, true),
            ("https://h/rpc", "http://h/", true, true),
            ("https://h:443/rpc", "https://h/", true, true),
            ("http://h/rpc", "https://h/", false, true),
            ("http://h:6379/rpc", "http://h:8000/", false, true),
            ("https://h/rpc", "http://h:8000/", false, true),
            ("http://other/rpc", "http://h/", false, false),
            ("file://h/rpc", "http://h/", false, false),
        ] {
            let [one, other] = [named, registered].map(|url| Url::parse(url).unwrap());
            let allowed = (STRANGERS.allows(&one, &other), NAMED.allows(&one, &other));
            assert_eq!(allowed, (strangers, by_name), "{named} {registered}");
        }
    }
}
