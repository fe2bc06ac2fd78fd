//! An expired token: commands sign in again by themselves, as its holder and at his provider.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use super::provider::{Provider, claims, explained, given};
use super::{ENVIRONMENT, EXPLAIN, FILE, explain};
use crate::common::{Desk, Run, SECRET, jwt, mode};

#[test]
fn an_expired_token_is_renewed_and_said() {
    let (desk, provider) = (Desk::holding(-600), Provider::giving(claims(300)));
    desk.knows(&format!("{}/token", provider.url));
    let run = explain(&desk, &provider, &[]).ends(0);
    assert_eq!(run.err, "agentctl: the token had expired: signed in again as bot\n");
    assert_eq!(provider.lines(), ["POST /token", "POST /api/access/explain"]);
    let token = desk.read(FILE)["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(provider.asked()[1].header("authorization"), format!("Bearer {token}"));
    assert_eq!(mode(&desk.path(FILE)), 0o600);
    let again = explain(&desk, &provider, &[]).ends(0);
    assert_eq!(again.err, "", "the saved one serves");
    assert_eq!(provider.lines().len(), 3);
}

#[test]
fn a_token_is_renewed_for_its_holder_alone() {
    let held = |claims: &Value| {
        let desk = Desk::empty();
        desk.write(FILE, json!({"access_token": jwt(claims)}));
        desk
    };
    let provider = Provider::giving(claims(300));
    let endpoint = format!("{}/token", provider.url);
    // Another client's: the neighbour is none of this token's.
    let mut others = claims(-600);
    others["azp"] = json!("other");
    let desk = held(&others);
    desk.knows(&endpoint);
    explain(&desk, &provider, &[]).says(3, &["the token expired 10 min ago: sign in with"]);
    let named = ["--client-file", ".oauth-tokens/client.json"];
    explain(&desk, &provider, &named).says(3, &["are of 'bot', not of 'other'"]);
    assert_eq!(provider.lines(), [""; 0], "the secret was not sent");
    // A person's, given to the same client.
    let mut persons = claims(-600);
    persons["preferred_username"] = json!("anna");
    let desk = held(&persons);
    desk.knows(&endpoint);
    explain(&desk, &provider, &[]).says(3, &["are of 'service-account-bot', not of 'anna'"]);
    assert_eq!(desk.read(FILE)["access_token"], jwt(&persons), "her file is as it was");
    // A narrow one stays narrow.
    let mut narrow = claims(-600);
    (narrow["groups"], narrow["scope"]) = (Value::Null, json!("email lob1-read"));
    let desk = held(&narrow);
    desk.knows(&endpoint);
    explain(&desk, &provider, &[]).ends(0);
    let asked = provider.asked();
    let body = &asked.iter().rfind(|asked| asked.line == "POST /token").expect("it was asked").body;
    assert_eq!(body, "grant_type=client_credentials&scope=lob1-read");
}

#[test]
fn a_secret_does_not_go_where_a_token_file_points() {
    let trap = Provider::giving(claims(300));
    let gateway = Provider::new(|_, _| (404, json!({})));
    let (desk, mut bait) = (Desk::empty(), claims(-600));
    bait["iss"] = json!(trap.url);
    desk.write(FILE, json!({"access_token": jwt(&bait), "issuer": trap.url, "token_endpoint": trap.url}));
    let words = [&EXPLAIN[..], &["--gateway", &gateway.url]].concat();
    desk.run_with(&ENVIRONMENT, &words).says(3, &["does not say whose tokens it takes"]);
    assert_eq!(trap.lines(), [""; 0]);
}

#[test]
fn a_renewal_that_fails_says_why() {
    let desk = Desk::holding(-600);
    let refusing = Provider::new(|_, _| (401, json!({"error": "invalid_client"})));
    desk.knows(&format!("{}/token", refusing.url));
    explain(&desk, &refusing, &[])
        .says(1, &["the token expired", "signing in again failed", "invalid_client"]);
    desk.knows("http://127.0.0.1:9/token");
    explain(&desk, &refusing, &[]).says(4, &["the token expired", "cannot reach the identity provider"]);
    assert_eq!(refusing.lines(), ["POST /token"]);
}

#[test]
fn many_may_renew_at_once() {
    let (desk, provider) = (Desk::holding(-600), Provider::giving(claims(300)));
    desk.knows(&format!("{}/token", provider.url));
    let words = [&EXPLAIN[..], &["--gateway", &provider.url]].concat();
    let mut one = |_| {
        let mut command = desk.command(&words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    let running: Vec<_> = (0..8).map(&mut one).collect();
    for child in running {
        Run::of(child.wait_with_output().expect("it ends")).ends(0);
    }
    assert_eq!(desk.read(FILE)["client_id"], "bot");
    assert_eq!(fs::read_dir(desk.path(".oauth-tokens")).expect("a folder").count(), 2, "no draft is left");
}

#[test]
fn a_secret_without_an_owner_is_nobodys_in_a_renewal() {
    let (desk, provider) = (Desk::holding(-600), Provider::giving(claims(300)));
    let words = [&EXPLAIN[..], &["--gateway", &provider.url]].concat();
    let secret = [ENVIRONMENT[1]];
    desk.run_with(&secret, &words).says(3, &["the token expired", "set AGENTCTL_CLIENT_ID"]);
    assert_eq!(provider.lines(), [""; 0], "the token file does not say whose the secret is");
    desk.knows(&format!("{}/token", provider.url));
    desk.run_with(&secret, &words).ends(0);
    // The environment's client is another one: the holder's own file serves.
    let (desk, provider) = (Desk::holding(-600), Provider::giving(claims(300)));
    desk.knows(&format!("{}/token", provider.url));
    let words = [&EXPLAIN[..], &["--gateway", &provider.url]].concat();
    desk.run_with(&[("AGENTCTL_CLIENT_ID", "other"), ENVIRONMENT[1]], &words).ends(0);
    assert_eq!(provider.asked()[0].basic().map(|(id, _)| id), Some("bot".to_owned()));
}

#[test]
fn a_secret_does_not_go_to_another_issuer_than_the_tokens() {
    let gateway = Provider::new(|base, asked| match &*asked.line {
        "GET /.well-known/oauth-authorization-server" | "GET /.well-known/openid-configuration" => {
            (200, json!({"issuer": base, "token_endpoint": format!("{base}/token")}))
        }
        "POST /token" => {
            let mut claims = claims(300);
            claims["iss"] = json!(base);
            given(&claims)
        }
        _ => (200, explained()),
    });
    let desk = Desk::holding(-600);
    let words = [&EXPLAIN[..], &["--gateway", &gateway.url]].concat();
    let named = "the token is of http://issuer, and found was ";
    desk.run_with(&ENVIRONMENT, &words).says(3, &[named, &gateway.url, "--issuer"]);
    desk.write(
        ".oauth-tokens/bot.client.json",
        json!({"client_id": "bot", "client_secret": SECRET, "issuer": gateway.url}),
    );
    desk.run(&words).says(3, &[named]);
    assert!(gateway.lines().iter().all(|line| line.starts_with("GET ")), "no secret was sent");
    let settings = [&ENVIRONMENT[..], &[("AGENTCTL_ISSUER", &*gateway.url)]].concat();
    desk.run_with(&settings, &words).ends(0);
}
