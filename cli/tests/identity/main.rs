//! Who one is, as a script sees it: what is asked and saved, what is said, and that no secret is printed.

#[path = "../common/mod.rs"]
mod common;
mod get;
mod held;
mod keycloak;
mod provider;
mod renew;
mod watch;

use common::{Desk, Run, SECRET};
use provider::Provider;

const FILE: &str = ".oauth-tokens/ingress.json";
const EXPLAIN: [&str; 6] = ["access", "explain", "--action", "get_agent", "--resource", "/a"];
const ENVIRONMENT: [(&str, &str); 2] = [("AGENTCTL_CLIENT_ID", "bot"), ("AGENTCTL_CLIENT_SECRET", SECRET)];

fn get<'w>(words: &[&'w str]) -> Vec<&'w str> {
    [&["token", "get"], words].concat()
}

/// `access explain` at this gateway.
fn explain(desk: &Desk, gateway: &Provider, words: &[&str]) -> Run {
    desk.run(&[&EXPLAIN[..], &["--gateway", &gateway.url], words].concat())
}
