//! The token at hand: `token show`, and what every command checks before it sends it.

use std::fs;

use serde_json::{Value, json};

use super::provider::{Provider, claims};
use super::{FILE, explain};
use crate::common::{Desk, jwt, set_mode};

#[test]
fn show_tells_who_it_is_and_whether_it_is_stale() {
    for (seconds, code, expected) in [
        (300, 0, "expires   in 4 min\n"),
        (20, 3, "s: stale, sign in with 'agentctl token get'\n"),
        (-600, 3, "expires   10 min ago: stale, sign in with 'agentctl token get'\n"),
    ] {
        let desk = Desk::holding(seconds);
        let run = desk.run(&["token", "show"]).ends(code);
        assert!(run.out.ends_with(expected) || seconds == 300 && run.out.contains("in 5 min"), "{}", run.out);
        let facts = "username  service-account-bot\nclient    bot\ngroups    lob1\nscopes    profile, email\n\
            issuer    http://issuer\naudience  any\n";
        assert!(run.out.contains(facts), "{}", run.out);
        let json: Value =
            serde_json::from_str(&desk.run(&["token", "show", "--json"]).ends(code).out).expect("JSON");
        assert_eq!((&json["azp"], &json["groups"]), (&json!("bot"), &json!(["lob1"])));
        let raw = desk.run(&["token", "show", "--raw"]);
        let token = desk.read(FILE)["access_token"].as_str().expect("a token").to_owned();
        assert_eq!((raw.code, raw.out), (code, format!("{token}\n")));
        assert_eq!(raw.err.lines().count(), usize::from(code == 3));
    }
    Desk::empty().run(&["token", "show"]).says(3, &["there is no token file"]);
    Desk::holding(300).run(&["token", "show", "--raw", "--json"]).ends(2);
}

#[test]
fn what_is_no_good_is_told_before_anything_is_asked() {
    let gateway = Provider::giving(claims(300));
    let with = |change: &dyn Fn(&mut Value)| {
        let (desk, mut claims) = (Desk::empty(), claims(300));
        change(&mut claims);
        desk.write(FILE, json!({"access_token": jwt(&claims)}));
        desk
    };
    let groupless = with(&|claims| claims["groups"] = json!([]));
    let absent = with(&|claims| drop(claims.as_object_mut().expect("an object").remove("groups")));
    let no_jwt = Desk::empty();
    no_jwt.write(FILE, json!({"access_token": "opaque"}));
    for (desk, words, parts) in [
        (&Desk::empty(), &[][..], &[FILE, "there is no token file", "'agentctl token get'"][..]),
        (&no_jwt, &[], &[FILE, "no JWT", "'agentctl token get'"]),
        (&Desk::holding(-600), &[], &[FILE, "the token expired 10 min ago", "'agentctl token get'"]),
        (&Desk::holding(20), &[], &[FILE, "the token expires in "]),
        (&groupless, &[], &[FILE, "names no groups", "put service-account-bot into a group"]),
        (&absent, &[], &[FILE, "names no groups", "the claim 'groups'"]),
        (&Desk::holding(300), &["--groups-claim", "roles"], &[FILE, "the claim 'roles'"]),
    ] {
        explain(desk, &gateway, words).says(3, parts);
    }
    assert_eq!(gateway.lines(), [""; 0], "nobody was asked");
    let narrow = with(&|claims| {
        claims["groups"] = Value::Null;
        claims["scope"] = json!("openid registry-users-lob1");
    });
    explain(&narrow, &gateway, &[]).ends(0);
}

#[test]
fn a_token_goes_over_tls_or_stays_here() {
    let gateway = Provider::giving(claims(300));
    // This machine too, by an address that does not say so.
    let elsewhere = gateway.url.replace("127.0.0.1", "0.0.0.0");
    let words = [&super::EXPLAIN[..], &["--gateway", &elsewhere]].concat();
    let desk = Desk::holding(300);
    desk.run(&words).says(2, &[&elsewhere, "plain http", "--allow-plain-http"]);
    let stale = Desk::holding(-600);
    stale.knows(&format!("{}/token", gateway.url));
    stale.run(&words).says(2, &[&elsewhere, "plain http"]);
    assert_eq!(gateway.lines(), [""; 0], "neither the token nor the secret for a new one was sent");
    desk.run(&[&words[..], &["--allow-plain-http"]].concat()).ends(0);
    desk.run_with(&[("AGENTCTL_ALLOW_PLAIN_HTTP", "true")], &words).ends(0);
    assert_eq!(gateway.lines().len(), 2);
}

#[test]
fn a_file_that_others_may_read_is_warned_of() {
    let (desk, gateway) = (Desk::holding(300), Provider::giving(claims(300)));
    set_mode(&desk.path(FILE), 0o640);
    let run = explain(&desk, &gateway, &[]).ends(0);
    assert_eq!(run.err, format!("agentctl: {FILE}: others may read the token: chmod 600 {FILE}\n"));
    set_mode(&desk.path(FILE), 0o600);
    assert_eq!(explain(&desk, &gateway, &[]).ends(0).err, "");
}

#[test]
fn what_the_groups_do_not_allow_is_refused_here() {
    let (desk, gateway) = (Desk::holding(300), Provider::giving(claims(300)));
    let write = |name, text| fs::write(desk.path(name), text).expect("it can be written");
    write("scopes.yml", "UI-Scopes: {lob1: {list_agents: [/a]}, lob2: {delete_agent: [/a]}}\n");
    write("broken.yml", "UI-Scopes: []\n");
    let delete = ["agent", "delete", "/a", "--yes", "--gateway", &gateway.url, "--policy"];
    let refusal = "none of the token's groups (lob1) allows delete_agent on /a; these groups do: \
        a2a-agent-admin, lob2 (by scopes.yml)";
    desk.run(&[&delete[..], &["scopes.yml"]].concat()).says(3, &[FILE, refusal]);
    desk.run(&[&delete[..], &["broken.yml"]].concat()).says(2, &["broken.yml: the policy has 1 fault"]);
    desk.run(&[&delete[..], &["nowhere.yml"]].concat()).says(2, &["nowhere.yml: "]);
    assert_eq!(gateway.lines(), [""; 0], "nobody was asked");
    // Asking why is open to everybody.
    explain(&desk, &gateway, &["--policy", "scopes.yml"]).ends(0);
}
