//! Whose directory is asked: what was named, else what the gateway tells.

use serde_json::{Value, json};

use crate::common::server::{Reply, Server};
use crate::fake::{agent, data, keep, keeper, silent};

const SHOW: [&str; 3] = ["identity", "show", "agt_1"];
const RESOURCE: &str = "GET /.well-known/oauth-protected-resource";
const BUILT_IN: &str = "GET /.well-known/oauth-authorization-server";

/// A gateway that trusts these issuers, below its own address; one may be built into its root.
fn trusting(trusted: &'static [&'static str], built_in: Option<&'static str>) -> Server {
    Server::new(move |request| {
        let base = format!("http://{}", request.header("host"));
        let (status, body) = match (&*request.line, built_in) {
            (RESOURCE, _) => {
                let trusted: Vec<String> = trusted.iter().map(|path| format!("{base}{path}")).collect();
                (200, json!({"resource": base, "authorization_servers": trusted}))
            }
            (BUILT_IN, Some(path)) => {
                (200, json!({"issuer": format!("{base}{path}"), "token_endpoint": format!("{base}/token")}))
            }
            (line, _) if line.ends_with("/admin/agents/agt_1") => data(&agent()),
            _ => (404, Value::Null),
        };
        Reply::json(status, &body)
    })
}

#[test]
fn the_gateway_tells_which_organisation() {
    let desk = keeper();
    for (trusted, built_in, asked) in [
        (&["/orgs/acme/api/v1"][..], None, "/orgs/acme/api/v1"),
        (&["/realms/r", "/orgs/acme/api/v1/"], None, "/orgs/acme/api/v1"),
        (&[], Some("/orgs/acme/api/v1"), "/orgs/acme/api/v1"),
    ] {
        let gateway = trusting(trusted, built_in);
        keep(&desk, &gateway, &SHOW).ends(0);
        let last = gateway.lines().pop().expect("it was asked");
        assert_eq!(last, format!("GET {asked}/admin/agents/agt_1"));
    }
    for (trusted, part) in [
        (&["/realms/r"][..], "tells of no organisation"),
        (&["/t/acme/api/v1"], "tells of no organisation"),
        (&[], "tells of no organisation"),
        (&["/orgs/a/api/v1", "/orgs/b/api/v1"], "several organisations"),
    ] {
        let gateway = trusting(trusted, None);
        keep(&desk, &gateway, &SHOW).says(2, &[part, "--issuer"]);
        assert!(gateway.all().iter().all(|request| request.header("x-api-key").is_empty()));
    }
}

#[test]
fn who_names_it_is_believed() {
    let desk = keeper();
    let gateway = trusting(&["/orgs/acme/api/v1"], None);
    let other = trusting(&[], None);
    let (own, guides) = (format!("{}/orgs/b/api/v1", other.url), format!("{}/t/b/api/v1/", other.url));
    let realm = format!("{}/realms/r", other.url);
    for (words, server, line) in [
        (&["--org", "b"][..], &gateway, "GET /orgs/b/api/v1/admin/agents/agt_1"),
        (&["--issuer", &own], &other, "GET /orgs/b/api/v1/admin/agents/agt_1"),
        (&["--issuer", &guides], &other, "GET /t/b/api/v1/admin/agents/agt_1"),
        (&["--issuer", &own, "--org", "b"], &other, "GET /orgs/b/api/v1/admin/agents/agt_1"),
        // Where one signs in is not where the directory is.
        (&["--issuer", &realm, "--org", "b"], &gateway, "GET /orgs/b/api/v1/admin/agents/agt_1"),
        (&["--issuer", &realm], &gateway, "GET /orgs/acme/api/v1/admin/agents/agt_1"),
    ] {
        keep(&desk, &gateway, &[&SHOW[..], words].concat()).ends(0);
        assert_eq!(server.lines().pop().as_deref(), Some(line), "{words:?}");
    }
    assert!(!other.lines().iter().any(|line| line.contains("well-known")), "nothing was asked there");
    let asked = gateway.lines().len();
    keep(&desk, &gateway, &[&SHOW[..], &["--issuer", &own, "--org", "c"]].concat()).says(2, &["--org is c"]);
    for wrong in ["", "..", "a/b", "a?b"] {
        keep(&desk, &gateway, &[&SHOW[..], &["--org", wrong]].concat()).ends(2);
    }
    assert_eq!(gateway.lines().len(), asked);
    // What is typed comes before the environment.
    let settings = [("AGENTCTL_ISSUER", &*own), ("AGENTCTL_GATEWAY", &gateway.url)];
    let key = ["--admin-key-file", "admin_key"];
    silent(desk.run_with(&settings, &[&SHOW[..], &key].concat())).ends(0);
    assert_eq!(other.lines().pop().as_deref(), Some("GET /orgs/b/api/v1/admin/agents/agt_1"));
    silent(desk.run_with(&settings, &[&SHOW[..], &key, &["--org", "c"]].concat())).ends(0);
    assert_eq!(gateway.lines().pop().as_deref(), Some("GET /orgs/c/api/v1/admin/agents/agt_1"));
}

#[test]
fn a_key_goes_over_tls_or_stays_here() {
    let desk = keeper();
    let gateway = trusting(&["/orgs/acme/api/v1"], None);
    let elsewhere = gateway.url.replace("127.0.0.1", "0.0.0.0");
    let issuer = format!("{elsewhere}/orgs/b/api/v1");
    keep(&desk, &gateway, &[&SHOW[..], &["--gateway", &elsewhere]].concat()).says(2, &["plain http"]);
    keep(&desk, &gateway, &[&SHOW[..], &["--issuer", &issuer]].concat()).says(2, &[&issuer, "plain http"]);
    keep(&desk, &gateway, &[&SHOW[..], &["--gateway", &elsewhere, "--org", "b"]].concat())
        .says(2, &["plain http"]);
    assert_eq!(gateway.lines(), [""; 0]);
    keep(&desk, &gateway, &[&SHOW[..], &["--issuer", &issuer, "--allow-plain-http"]].concat()).ends(0);
    // Nor does it follow where a gateway points to in the clear.
    let pointing = Server::answering(
        200,
        json!({"authorization_servers": ["http://h.invalid/orgs/a/api/v1"]}).to_string(),
    );
    keep(&desk, &pointing, &SHOW).says(2, &["http://h.invalid/orgs/a/api/v1", "plain http"]);
}

#[test]
fn nobody_there_ends_with_4() {
    let desk = keeper();
    let gateway = trusting(&[], None);
    let nowhere = ["--gateway", "http://127.0.0.1:9"];
    keep(&desk, &gateway, &[&SHOW[..], &nowhere].concat()).says(4, &["cannot reach", "http://127.0.0.1:9"]);
    let words = [&SHOW[..], &nowhere, &["--org", "a"]].concat();
    let part = "cannot reach the directory at http://127.0.0.1:9/orgs/a/api/v1";
    keep(&desk, &gateway, &words).says(4, &[part, "--gateway"]);
}
