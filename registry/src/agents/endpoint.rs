//! Does an agent answer where its card says? A look that the registrant may ask for.
//!
//! The address is the caller's to choose, so this is a way to make us call anything. Names
//! are resolved once and the connection goes to what was checked (a name that changes its
//! mind in between leads nowhere else), redirects are not followed, and link-local and cloud
//! metadata addresses are never called. A failure is a warning: it never fails the publish.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use catalog::address::{is_never_called, is_private};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use url::Url;

/// For the whole look, in all its steps.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest card that is read, in bytes.
const MAX_CARD: usize = 256 * 1024;
/// Where A2A agents serve their own card, new spelling first.
const PLACES: [&str; 2] = [".well-known/agent-card.json", ".well-known/agent.json"];

/// Which agents may be looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndpointRules {
    /// Also those on loopback and in private networks.
    pub allow_private: bool,
}

/// Looks for the agent's own card; what is wrong, or nothing.
pub(crate) async fn look(url: &str, rules: EndpointRules) -> Option<String> {
    let outcome = tokio::time::timeout(PATIENCE, fetch(url, rules)).await;
    let fault = outcome.unwrap_or_else(|_| Err("it did not answer in time".to_owned())).err()?;
    Some(format!("the agent's own card could not be read at its url: {fault}"))
}

async fn fetch(url: &str, rules: EndpointRules) -> Result<(), String> {
    let url = Url::parse(url).map_err(|fault| fault.to_string())?;
    let host = url.host_str().ok_or("it has no host")?.to_owned();
    let addresses = resolve(&url, rules).await?;
    let client =
        Client::builder().redirect(Policy::none()).no_proxy().resolve_to_addrs(&host, &addresses).build();
    let client = client.map_err(|fault| fault.to_string())?;
    let mut said = String::new();
    for place in PLACES {
        let mut card = url.clone();
        card.set_query(None);
        card.set_path(&format!("{}/{place}", url.path().trim_end_matches('/')));
        match read(&client, card).await {
            Ok(()) => return Ok(()),
            Err(fault) if said.is_empty() => said = fault,
            Err(_) => {}
        }
    }
    Err(said)
}

/// The addresses behind a URL, if every one of them may be called.
async fn resolve(url: &Url, rules: EndpointRules) -> Result<Vec<SocketAddr>, String> {
    let port = url.port_or_known_default().ok_or("it has no port")?;
    let host = url.host_str().ok_or("it has no host")?.trim_matches(['[', ']']).to_owned();
    let found = tokio::net::lookup_host((host, port)).await.map_err(|_| "its name is not known")?;
    let addresses: Vec<SocketAddr> = found.collect();
    match addresses.iter().find(|address| !may_call(address.ip(), rules)) {
        Some(_) => Err("its address is one that is not called from here".to_owned()),
        None if addresses.is_empty() => Err("its name has no address".to_owned()),
        None => Ok(addresses),
    }
}

async fn read(client: &Client, card: Url) -> Result<(), String> {
    let unreachable = |_| "it is not reachable".to_owned();
    let mut answer =
        client.get(card).header("Accept", "application/json").send().await.map_err(unreachable)?;
    if answer.status() != StatusCode::OK {
        return Err(format!("it answered {}", answer.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&part);
        if body.len() > MAX_CARD {
            return Err(format!("its card is longer than {MAX_CARD} bytes"));
        }
    }
    match serde_json::from_slice(&body) {
        Ok(Value::Object(_)) => Ok(()),
        Ok(_) | Err(_) => Err("what it serves there is no card".to_owned()),
    }
}

/// Whether an address may be called at all.
fn may_call(ip: IpAddr, rules: EndpointRules) -> bool {
    !is_never_called(ip) && (!is_private(ip) || rules.allow_private)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_never_called_and_those_that_may_be_allowed() {
        for (ip, closed, open) in [
            ("8.8.8.8", true, true),
            ("2606:4700::1111", true, true),
            ("127.0.0.1", false, true),
            ("10.0.0.1", false, true),
            ("100.64.0.1", false, true),
            ("::1", false, true),
            ("fd12::1", false, true),
            ("::ffff:127.0.0.1", false, true),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("fd00:ec2::254", false, false),
            ("fe80::1", false, false),
            ("0.0.0.0", false, false),
            ("::", false, false),
            ("224.0.0.1", false, false),
            ("255.255.255.255", false, false),
        ] {
            let ip: IpAddr = ip.parse().expect("an address");
            assert_eq!(may_call(ip, EndpointRules { allow_private: false }), closed, "{ip} closed");
            assert_eq!(may_call(ip, EndpointRules { allow_private: true }), open, "{ip} open");
        }
    }
}
