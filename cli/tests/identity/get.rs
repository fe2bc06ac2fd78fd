//! `token get`: where it signs in and as whom, what it saves, and what is refused.

use std::fs;

use serde_json::{Value, json};

use super::provider::{Provider, claims, given};
use super::{ENVIRONMENT, FILE, get};
use crate::common::{Desk, SECRET, SIGNATURE, jwt, mode, now, set_mode};

#[test]
fn get_saves_a_private_file_and_prints_no_secret() {
    let (desk, provider) = (Desk::empty(), Provider::giving(claims(300)));
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
    assert_eq!(asked[0].header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(asked[0].body, "grant_type=client_credentials");
}

#[test]
fn get_tells_scripts_what_it_got() {
    let (desk, provider) = (Desk::empty(), Provider::giving(claims(300)));
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
    let desk = Desk::empty();
    for (file, id) in [("client", "least"), ("ingress.client", "stem"), ("named.client", "named")] {
        desk.write(&format!(".oauth-tokens/{file}.json"), client(id));
    }
    desk.write("elsewhere.json", client("file"));
    desk.write(
        "keycloak.json",
        json!({"realm": "r", "auth-server-url": "http://127.0.0.1:9/",
        "resource": "adapter", "credentials": {"secret": SECRET}}),
    );
    fs::write(desk.path("secret"), format!("{SECRET}\n")).expect("it can be written");
    let endpoint = ("AGENTCTL_TOKEN_ENDPOINT", &*endpoint);
    let secret = ("AGENTCTL_CLIENT_SECRET", SECRET);
    let (bot, named) = (("AGENTCTL_CLIENT_ID", "bot"), ("AGENTCTL_CLIENT_ID", "named"));
    let others = ("AGENTCTL_CLIENT_SECRET", "of another client");
    let broken = ("AGENTCTL_CLIENT_SECRET_FILE", "nowhere");
    for (settings, words, id) in [
        (&[][..], &[][..], "stem"),
        (&[], &["--client-id", "named"], "named"),
        (&[], &["--client-id", "least"], "least"),
        (&[], &["--client-file", "elsewhere.json"], "file"),
        (&[("AGENTCTL_CLIENT_FILE", "elsewhere.json")], &["--client-id", "file"], "file"),
        (&[endpoint], &["--client-file", "keycloak.json"], "adapter"),
        (&[endpoint, secret], &["--client-id", "env"], "env"),
        (&[endpoint], &["--client-id", "flags", "--client-secret-file", "secret"], "flags"),
        // What was typed comes before the environment.
        (&[bot, others], &["--client-file", "elsewhere.json"], "file"),
        (&[bot, others], &["--client-id", "named"], "named"),
        (&[bot, others, broken], &["--client-id", "least"], "least"),
        (&[endpoint, bot, others], &["--client-secret-file", "secret"], "bot"),
        // The client's own file, before a secret of the environment that may be another's.
        (&[others], &["--client-id", "named"], "named"),
        (&[endpoint, named, secret], &["--client-id", "named"], "named"),
    ] {
        desk.run_with(settings, &get(words)).ends(0);
        let asked = provider.asked().pop().expect("it was asked");
        assert_eq!(asked.basic(), Some((id.to_owned(), SECRET.to_owned())), "{words:?}");
    }
    let asked = provider.lines().len();
    for (settings, words, code, parts) in [
        (&[secret][..], &[][..], 2, &["--client-id", "AGENTCTL_CLIENT_ID"][..]),
        (
            &[],
            &["--client-id", "x", "--client-secret-file", "secret", "--client-file", "elsewhere.json"],
            2,
            &["--client-secret-file and --client-file"],
        ),
        (&[bot, secret], &["--client-id", "unknown"], 3, &["there are no client credentials"]),
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
        let (desk, issuer) = (Desk::empty(), issuer.to_owned());
        let provider = Provider::new(move |base, asked| match &*asked.line {
            "POST /token" => {
                let mut claims = claims(300);
                claims["iss"] = json!(format!("{base}/realms/r"));
                given(&claims)
            }
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

/// An issuer at its own address, which gives tokens in this name and names this endpoint.
fn issuer(endpoint: &'static str, name: &'static str) -> Provider {
    Provider::new(move |base, asked| match &*asked.line {
        "GET /.well-known/openid-configuration" => {
            (200, json!({"issuer": base, "token_endpoint": endpoint.replace("BASE", base)}))
        }
        _ => {
            let mut claims = claims(300);
            claims["iss"] = json!(name.replace("BASE", base));
            given(&claims)
        }
    })
}

#[test]
fn a_token_in_another_issuers_name_is_not_saved() {
    let run = |words: &[&str]| {
        let desk = Desk::empty();
        (desk.run_with(&ENVIRONMENT, &get(words)), desk.path(FILE).exists())
    };
    let own = issuer("BASE/token", "BASE/");
    assert!(run(&["--issuer", &own.url]).1);
    let others = issuer("BASE/token", "http://other\u{1b}[2J");
    let (said, saved) = run(&["--issuer", &others.url]);
    said.says(1, &["gave a token of http://other\\u{1b}[2J, which is not saved", "--token-endpoint"]);
    assert!(!saved);
    // Who names the endpoint has said where it comes from.
    assert!(run(&["--token-endpoint", &format!("{}/token", others.url)]).1);
}

#[test]
fn a_document_without_an_address_is_a_clear_fault() {
    for endpoint in ["nonsense", "BASE/\u{1b}[2J"] {
        let provider = issuer(endpoint, "BASE");
        let words = ["--issuer", &provider.url, "--watch", "--allow-plain-http"];
        Desk::empty().run_with(&ENVIRONMENT, &get(&words)).says(1, &["of the document is no address"]);
    }
    let desk = Desk::empty();
    desk.knows("nonsense");
    desk.run(&get(&["--watch", "--allow-plain-http"])).says(3, &["token_endpoint is no address"]);
    let client = json!({"client_id": "a\u{1b}[2J", "client_secret": SECRET});
    desk.write("client.json", &client);
    let words = get(&["--client-file", "client.json", "--client-id", "b"]);
    desk.run(&words).says(2, &["this is client 'a\\u{1b}[2J', not 'b'"]);
}

#[test]
fn a_typed_issuer_comes_before_an_endpoint_of_the_environment() {
    let provider = issuer("BASE/token", "BASE");
    let elsewhere = ("AGENTCTL_TOKEN_ENDPOINT", "http://127.0.0.1:9/token");
    let settings = [&ENVIRONMENT[..], &[elsewhere]].concat();
    Desk::empty().run_with(&settings, &get(&["--issuer", &provider.url])).ends(0);
    assert_eq!(provider.lines().len(), 2);
}

#[test]
fn who_may_read_or_write_there_is_told() {
    let (desk, provider) = (Desk::empty(), Provider::giving(claims(300)));
    let endpoint = format!("{}/token", provider.url);
    fs::write(desk.path("secret"), SECRET).expect("it can be written");
    let words = ["--client-id", "bot", "--client-secret-file", "secret", "--token-endpoint", &endpoint];
    for (mode, said) in
        [(0o600, ""), (0o640, "agentctl: secret: others may read the client's secret: chmod 600 secret\n")]
    {
        set_mode(&desk.path("secret"), mode);
        assert_eq!(desk.run(&get(&words)).ends(0).err, said);
    }
    let asked = provider.lines().len();
    desk.knows(&endpoint);
    set_mode(&desk.path(".oauth-tokens"), 0o770);
    let run = desk.run(&get(&[])).ends(3);
    let why = "agentctl: .oauth-tokens: others may write into this folder, so its client files are not read: \
        chmod 700 .oauth-tokens\n";
    assert!(run.err.starts_with(why) && run.err.contains("there are no client credentials"), "{}", run.err);
    assert_eq!(provider.lines().len(), asked, "nothing was asked");
}

#[test]
fn without_an_issuer_the_gateways_own_is_asked() {
    let desk = Desk::empty();
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
    run.says(3, &["does not say whose tokens it takes", "--issuer"]);
}

#[test]
fn the_gateway_says_which_issuer_it_trusts() {
    let resource = "GET /.well-known/oauth-protected-resource";
    let issuer = "GET /orgs/o/.well-known/openid-configuration";
    for (trusted, code, lines) in [
        (&["/orgs/o"][..], 0, &[resource, issuer, "POST /orgs/o/token"][..]),
        (&["/orgs/o", "/realms/r"], 3, &[resource]),
        (&[], 3, &[resource, "GET /.well-known/oauth-authorization-server"]),
    ] {
        let desk = Desk::empty();
        let gateway = Provider::new(move |base, asked| match &*asked.line {
            line if line == resource => {
                let trusted: Vec<String> = trusted.iter().map(|path| format!("{base}{path}")).collect();
                (200, json!({"resource": base, "authorization_servers": trusted}))
            }
            line if line == issuer => (
                200,
                json!({"issuer": format!("{base}/orgs/o"), "token_endpoint": format!("{base}/orgs/o/token")}),
            ),
            "POST /orgs/o/token" => {
                let mut claims = claims(300);
                claims["iss"] = json!(format!("{base}/orgs/o"));
                given(&claims)
            }
            _ => (404, json!({})),
        });
        desk.run_with(&ENVIRONMENT, &get(&["--gateway", &gateway.url])).ends(code);
        let asked: Vec<String> = gateway.asked().into_iter().map(|asked| asked.line).collect();
        assert_eq!(asked, lines, "{trusted:?}");
    }
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
        let (desk, provider) = (Desk::empty(), Provider::new(move |_, _| (status, body.clone())));
        desk.knows(&format!("{}/token", provider.url));
        desk.run(&get(&[])).says(code, &[part]);
        assert!(!desk.path(FILE).exists());
    }
}

#[test]
fn nobody_there_ends_with_4_and_a_plain_secret_with_2() {
    let desk = Desk::empty();
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
    let (desk, provider) = (Desk::empty(), Provider::giving(poor));
    desk.knows(&format!("{}/token", provider.url));
    let run = desk.run(&get(&[])).ends(0);
    assert_eq!(run.err, "agentctl: the token of bot names no groups: the gateway will show it nothing\n");
}
