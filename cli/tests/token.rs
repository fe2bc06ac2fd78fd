//! Signing in, as a script sees it: what is asked and saved, what is said, and that no secret is printed.

mod provider;

use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use provider::{Desk, Provider, Run, SECRET, SIGNATURE, claims, given, jwt, mode, now, set_mode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

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

#[test]
fn get_saves_a_private_file_and_prints_no_secret() {
    let (desk, provider) = (Desk::new(), Provider::giving(claims(300)));
    let endpoint = format!("{}/token", provider.url);
    let run = desk.run_with(&ENVIRONMENT, &get(&["--token-endpoint", &endpoint])).ends(0);
    assert_eq!(run.err, "");
    for fact in ["service-account-bot", "groups    lob1\n", "saved in  .oauth-tokens/ingress.json\n"] {
        assert!(run.out.contains(fact), "{}", run.out);
    }
    assert_eq!((mode(&desk.path(".oauth-tokens")), mode(&desk.path(FILE))), (0o700, 0o600));
    assert_eq!(fs::read_dir(desk.path(".oauth-tokens")).expect("a folder").count(), 1, "no draft is left");
    let saved = desk.read(FILE);
    let names: Vec<&String> = saved.as_object().expect("an object").keys().collect();
    let expected =
        ["provider", "access_token", "token_type", "expires_at", "client_id", "saved_at", "issuer"];
    assert_eq!(names, expected);
    assert!(saved["access_token"].as_str().expect("a token").ends_with(SIGNATURE));
    assert_eq!((&saved["client_id"], &saved["issuer"]), (&json!("bot"), &json!("http://issuer")));
    assert!(saved["expires_at"].as_u64() > Some(now()) && saved["saved_at"].as_u64() <= Some(now()));
    let asked = provider.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].basic(), Some(("bot".to_owned(), SECRET.to_owned())));
    assert_eq!(asked[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(asked[0].body, "grant_type=client_credentials");
}

#[test]
fn get_tells_scripts_what_it_got() {
    let (desk, provider) = (Desk::new(), Provider::giving(claims(300)));
    desk.knows(&format!("{}/token", provider.url));
    let run = desk.run(&get(&["--json", "--scope", "a b"])).ends(0);
    let told: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(
        told,
        json!({"file": FILE, "expires_at": told["expires_at"], "client_id": "bot", "issuer": "http://issuer",
            "groups": ["lob1"], "scopes": ["profile", "email"]})
    );
    assert_eq!(provider.asked()[0].body, "grant_type=client_credentials&scope=a+b");
}

#[test]
fn credentials_that_were_named_come_before_the_neighbours() {
    let provider = Provider::giving(claims(300));
    let endpoint = format!("{}/token", provider.url);
    let client = |id: &str| json!({"client_id": id, "client_secret": SECRET, "token_endpoint": endpoint});
    let desk = Desk::new();
    for (file, id) in [("client", "least"), ("ingress.client", "stem"), ("named.client", "named")] {
        desk.write(&format!(".oauth-tokens/{file}.json"), &client(id));
    }
    desk.write("elsewhere.json", &client("file"));
    desk.write(
        "keycloak.json",
        &json!({"realm": "r", "auth-server-url": "http://127.0.0.1:9/",
        "resource": "adapter", "credentials": {"secret": SECRET}}),
    );
    fs::write(desk.path("secret"), format!("{SECRET}\n")).expect("it can be written");
    let endpoint = ("AGENTCTL_TOKEN_ENDPOINT", &*endpoint);
    let secret = ("AGENTCTL_CLIENT_SECRET", SECRET);
    for (settings, words, id) in [
        (&[][..], &[][..], "stem"),
        (&[], &["--client-id", "named"], "named"),
        (&[], &["--client-id", "least"], "least"),
        (&[], &["--client-file", "elsewhere.json"], "file"),
        (&[("AGENTCTL_CLIENT_FILE", "elsewhere.json")], &["--client-id", "file"], "file"),
        (&[endpoint], &["--client-file", "keycloak.json"], "adapter"),
        (&[endpoint, secret], &["--client-file", "elsewhere.json", "--client-id", "env"], "env"),
        (&[endpoint], &["--client-id", "flags", "--client-secret-file", "secret"], "flags"),
    ] {
        desk.run_with(settings, &get(words)).ends(0);
        let asked = provider.asked().pop().expect("it was asked");
        assert_eq!(asked.basic(), Some((id.to_owned(), SECRET.to_owned())), "{words:?}");
    }
    let asked = provider.lines().len();
    for (settings, words, code, parts) in [
        (&[secret][..], &[][..], 2, &["--client-id"][..]),
        (&[], &["--client-file", "elsewhere.json", "--client-id", "other"], 2, &["this is client 'file'"]),
        (&[], &["--client-file", "nowhere.json"], 3, &["nowhere.json: there is no such client file"]),
        (&[], &["--client-id", "x", "--client-secret-file", "nowhere"], 3, &["nowhere: "]),
        (&[], &["--client-id", "unknown"], 3, &["there are no client credentials"]),
    ] {
        desk.run_with(settings, &get(words)).says(code, parts);
    }
    assert_eq!(provider.lines().len(), asked, "nothing more was asked");
}

#[test]
fn the_token_endpoint_is_discovered_and_the_issuer_compared() {
    let oidc = "GET /realms/r/.well-known/openid-configuration";
    let oauth = "GET /.well-known/oauth-authorization-server/realms/r";
    for (document, issuer, lines) in [
        (oidc, "/realms/r", &[oidc, "POST /token"][..]),
        (oauth, "/realms/r", &[oidc, oauth, "POST /token"]),
        (oidc, "/realms/other", &[oidc]),
        ("none", "", &[oidc, oauth]),
    ] {
        let (desk, issuer) = (Desk::new(), issuer.to_owned());
        let provider = Provider::new(move |base, asked| match &*asked.line {
            "POST /token" => given(&claims(300)),
            line if line == document => {
                (200, json!({"issuer": format!("{base}{issuer}"), "token_endpoint": format!("{base}/token")}))
            }
            _ => (404, json!({})),
        });
        let asked = format!("{}/realms/r", provider.url);
        let run = desk.run_with(&ENVIRONMENT, &get(&["--issuer", &asked]));
        if lines.contains(&"POST /token") {
            run.ends(0);
        } else {
            run.says(1, &[&asked]);
        }
        assert_eq!(provider.lines(), lines);
    }
}

#[test]
fn without_an_issuer_the_gateways_own_is_asked() {
    let desk = Desk::new();
    let gateway = Provider::new(|base, asked| match &*asked.line {
        "GET /.well-known/oauth-authorization-server" => {
            let methods = ["client_secret_post"];
            (
                200,
                json!({"issuer": "http://issuer", "token_endpoint": format!("{base}/oauth/token"),
                "token_endpoint_auth_methods_supported": methods}),
            )
        }
        "POST /oauth/token" => given(&claims(300)),
        _ => (404, json!({})),
    });
    desk.run_with(&ENVIRONMENT, &get(&["--gateway", &gateway.url])).ends(0);
    let asked = gateway.asked().pop().expect("it was asked");
    assert_eq!(asked.basic(), None, "it takes the secret in the form alone");
    assert!(asked.body.contains("&client_id=bot&client_secret=s3cr%2Bt"), "{}", asked.body);
    assert_eq!(desk.read(FILE)["provider"], "embedded");
    let other = Provider::new(|_, _| (404, json!({})));
    let run = desk.run_with(&ENVIRONMENT, &get(&["--gateway", &other.url]));
    run.says(3, &["has no issuer of its own", "--issuer"]);
}

#[test]
fn a_refusal_is_told_and_nothing_saved() {
    let refused = json!({"error": "invalid_client", "error_description": "Invalid \u{1b}[1mcredentials"});
    for (status, body, code, part) in [
        (401, refused, 1, "(401 Unauthorized): invalid_client: Invalid \\u{1b}[1mcredentials"),
        (400, json!({"error": "invalid_scope"}), 1, "(400 Bad Request): invalid_scope"),
        (503, json!("down"), 1, "(503 Service Unavailable): "),
        (302, json!({}), 1, "(302 Found): "),
        (200, json!({}), 1, "holds no access token"),
        (200, json!({"access_token": "opaque", "token_type": "Bearer"}), 1, "no JWT"),
        (200, json!({"access_token": jwt(&json!({})), "token_type": "Bearer"}), 1, "no 'exp'"),
        (200, json!({"access_token": jwt(&claims(300)), "token_type": "DPoP"}), 1, "not of the type Bearer"),
    ] {
        let (desk, provider) = (Desk::new(), Provider::new(move |_, _| (status, body.clone())));
        desk.knows(&format!("{}/token", provider.url));
        desk.run(&get(&[])).says(code, &[part]);
        assert!(!desk.path(FILE).exists());
    }
}

#[test]
fn nobody_there_ends_with_4_and_a_plain_secret_with_2() {
    let desk = Desk::new();
    desk.knows("http://127.0.0.1:9/token");
    desk.run(&get(&[])).says(4, &["cannot reach the identity provider at http://127.0.0.1:9/token"]);
    desk.run(&get(&["--issuer", "http://127.0.0.1:9/"])).says(4, &["127.0.0.1:9"]);
    for words in
        [["--token-endpoint", "http://keycloak.invalid/token"], ["--issuer", "http://10.0.0.1/realms/r"]]
    {
        desk.run(&get(&words)).says(2, &["plain http", words[1]]);
    }
    for wrong in [["--issuer", "localhost"], ["--token-endpoint", "http://user:word@localhost/"]] {
        desk.run(&get(&wrong)).ends(2);
    }
    assert_eq!(desk.run(&get(&["--client-secret", SECRET])).code, 2, "a secret is no flag");
}

#[test]
fn a_token_without_groups_is_saved_and_said() {
    let mut poor = claims(300);
    poor["groups"] = json!([]);
    let (desk, provider) = (Desk::new(), Provider::giving(poor));
    desk.knows(&format!("{}/token", provider.url));
    let run = desk.run(&get(&[])).ends(0);
    assert_eq!(run.err, "agentctl: the token of bot names no groups: the gateway will show it nothing\n");
}

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
    Desk::new().run(&["token", "show"]).says(3, &["there is no token file"]);
    Desk::holding(300).run(&["token", "show", "--raw", "--json"]).ends(2);
}

#[test]
fn what_is_no_good_is_told_before_anything_is_asked() {
    let gateway = Provider::giving(claims(300));
    let with = |change: &dyn Fn(&mut Value)| {
        let (desk, mut claims) = (Desk::new(), claims(300));
        change(&mut claims);
        desk.write(FILE, &json!({"access_token": jwt(&claims)}));
        desk
    };
    let groupless = with(&|claims| claims["groups"] = json!([]));
    let absent = with(&|claims| drop(claims.as_object_mut().expect("an object").remove("groups")));
    let no_jwt = Desk::new();
    no_jwt.write(FILE, &json!({"access_token": "opaque"}));
    for (desk, words, parts) in [
        (&Desk::new(), &[][..], &[FILE, "there is no token file", "'agentctl token get'"][..]),
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
fn a_file_that_others_may_read_is_warned_of() {
    let (desk, gateway) = (Desk::holding(300), Provider::giving(claims(300)));
    set_mode(&desk.path(FILE), 0o640);
    let run = explain(&desk, &gateway, &[]).ends(0);
    assert_eq!(run.err, format!("agentctl: {FILE}: others may read the token: chmod 600 {FILE}\n"));
    set_mode(&desk.path(FILE), 0o600);
    assert_eq!(explain(&desk, &gateway, &[]).ends(0).err, "");
}

#[test]
fn an_expired_token_is_renewed_and_said() {
    let (desk, provider) = (Desk::holding(-600), Provider::giving(claims(300)));
    desk.knows(&format!("{}/token", provider.url));
    let run = explain(&desk, &provider, &[]).ends(0);
    assert_eq!(run.err, "agentctl: the token had expired: signed in again as bot\n");
    assert_eq!(provider.lines(), ["POST /token", "POST /api/access/explain"]);
    let token = desk.read(FILE)["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(provider.asked()[1].header("authorization"), Some(&*format!("Bearer {token}")));
    assert_eq!(mode(&desk.path(FILE)), 0o600);
    let again = explain(&desk, &provider, &[]).ends(0);
    assert_eq!(again.err, "", "the saved one serves");
    assert_eq!(provider.lines().len(), 3);
}

#[test]
fn a_token_is_renewed_for_its_holder_alone() {
    let held = |claims: &Value| {
        let desk = Desk::new();
        desk.write(FILE, &json!({"access_token": jwt(claims)}));
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
    let (desk, mut bait) = (Desk::new(), claims(-600));
    bait["iss"] = json!(trap.url);
    desk.write(FILE, &json!({"access_token": jwt(&bait), "issuer": trap.url, "token_endpoint": trap.url}));
    let words = [&EXPLAIN[..], &["--gateway", &gateway.url]].concat();
    desk.run_with(&ENVIRONMENT, &words).says(3, &["has no issuer of its own"]);
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
        let mut command = desk.command(&[], &words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    let running: Vec<_> = (0..8).map(&mut one).collect();
    for child in running {
        Run::of(&child.wait_with_output().expect("it ends")).ends(0);
    }
    assert_eq!(desk.read(FILE)["client_id"], "bot");
    assert_eq!(fs::read_dir(desk.path(".oauth-tokens")).expect("a folder").count(), 2, "no draft is left");
}

#[test]
fn what_the_groups_do_not_allow_is_refused_here() {
    let desk = Desk::holding(300);
    fs::write(desk.path("broken.yml"), "UI-Scopes: []\n").expect("it can be written");
    fs::write(desk.path("scopes.yml"), "UI-Scopes: {}\n").expect("it can be written");
    let gateway = Provider::giving(claims(300));
    // Asking why is open to everybody.
    explain(&desk, &gateway, &["--policy", "scopes.yml"]).ends(0);
}

#[test]
fn watch_renews_survives_an_outage_and_stops_when_told() {
    let turn = AtomicUsize::new(0);
    let provider = Provider::new(move |_, _| match turn.fetch_add(1, Ordering::Relaxed) {
        // At the start nobody may be there yet.
        0 | 2 => (503, json!({"error": "temporarily_unavailable"})),
        // Once it has signed in, a refusal may be over soon, too.
        3 => (401, json!({"error": "invalid_client"})),
        _ => given(&claims(2)),
    });
    let desk = Desk::new();
    let run = watch(&desk, &provider, 6, Signal::TERM);
    let lines: Vec<&str> = run.err.lines().collect();
    assert!(lines[0].contains("temporarily_unavailable; next try in 1 s"), "{lines:?}");
    assert!(lines[1].contains("signed in as bot for ") && lines[1].contains("; renewed in 1 s"), "{lines:?}");
    assert!(lines[3].contains("invalid_client; next try in 2 s"), "{lines:?}");
    assert!(lines[4].contains("signed in as bot"), "{lines:?}");
    for line in run.out.lines() {
        let told: Value = serde_json::from_str(line).expect("one JSON a line");
        assert_eq!(told["client_id"], "bot");
    }
    assert_eq!((desk.read(FILE)["client_id"].as_str(), mode(&desk.path(FILE))), (Some("bot"), 0o600));
}

#[test]
fn watch_ends_with_ctrl_c_while_it_waits() {
    let provider = Provider::giving(claims(300));
    watch(&Desk::new(), &provider, 1, Signal::INT);
}

/// Watches until so many requests were answered, then sends the signal.
fn watch(desk: &Desk, provider: &Provider, requests: usize, signal: Signal) -> Run {
    desk.knows(&format!("{}/token", provider.url));
    let mut command = desk.command(&[], &["token", "get", "--watch", "--json"]);
    let watch = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    for _ in 0..requests {
        assert_eq!(provider.wait(), "POST /token");
    }
    let id = Pid::from_raw(i32::try_from(watch.id()).expect("a small number")).expect("not 0");
    kill_process(id, signal).expect("it is ours");
    let run = Run::of(&watch.wait_with_output().expect("it ends")).ends(0);
    assert!(run.err.ends_with(": the token file is left as it is\n"), "{run:?}");
    run
}

#[test]
fn watch_does_not_begin_with_a_wrong_secret() {
    let provider = Provider::new(|_, _| (401, json!({"error": "invalid_client"})));
    let desk = Desk::new();
    desk.knows(&format!("{}/token", provider.url));
    desk.run(&get(&["--watch"])).says(1, &["invalid_client"]);
    Desk::new().run(&get(&["--watch"])).says(3, &["there are no client credentials"]);
}
