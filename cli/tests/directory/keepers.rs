//! Who keeps the directory: the key's file, the token, and what is refused before anything is sent.

use serde_json::json;

use crate::common::server::Server;
use crate::common::{Desk, jwt, now, set_mode};
use crate::fake::{KEY, agent, asked, data, directory, keep, keeper, only, silent};

const SHOW: [&str; 3] = ["identity", "show", "agt_1"];

fn showing() -> Server {
    directory(|_, _| data(&agent()))
}

#[test]
fn a_key_goes_into_its_header_and_nowhere_else() {
    let (desk, server) = (keeper(), showing());
    desk.write("run.json", json!({"gateway": "g", "organisation": "default", "admin_key": KEY}));
    keep(&desk, &server, &SHOW).ends(0);
    let words = [&SHOW[..], &["--admin-key-file", "run.json", "--gateway", &server.url]].concat();
    silent(desk.run(&words)).ends(0);
    let asked = asked(&server);
    assert_eq!(asked.len(), 2);
    for request in asked {
        assert_eq!(request.line, "GET /agents/agt_1");
        assert_eq!((request.header("x-api-key"), request.header("authorization")), (KEY, ""));
    }
    // The gateway is asked where the directory is by nobody in particular.
    for request in server.all().iter().filter(|request| request.line.contains("well-known")) {
        assert_eq!((request.header("x-api-key"), request.header("authorization")), ("", ""));
    }
}

#[test]
fn without_a_key_the_token_goes() {
    let (desk, server) = (Desk::new(300), showing());
    desk.at(&server, &SHOW).ends(0);
    let request = only(&server);
    assert_eq!(request.header("authorization"), format!("Bearer {}", desk.token));
    assert_eq!(request.header("x-api-key"), "");
    // A service's token that was narrowed to these scopes has no groups.
    let claims = json!({"exp": now() + 300, "scope": "admin:agents:read", "azp": "bot"});
    desk.write("token.json", json!({"access_token": jwt(&claims)}));
    desk.at(&server, &SHOW).ends(0);
}

#[test]
fn who_has_neither_is_told_so_and_nobody_asked() {
    let (desk, server) = (Desk::empty(), showing());
    desk.at(&server, &SHOW).says(3, &["there is no token file", "--admin-key-file"]);
    Desk::new(-600).at(&server, &SHOW).says(3, &["the token expired 10 min ago", "--admin-key-file"]);
    for (text, part) in [
        ("", "no organisation's key"),
        ("ags_other", "no organisation's key"),
        ("lmk_a b", "no organisation's key"),
        ("{\"admin_key\": 7}", "no organisation's key"),
    ] {
        desk.write("admin_key", text);
        let run = keep(&desk, &server, &SHOW).says(3, &["admin_key: ", part]);
        assert!(!run.err.contains("ags_other"), "{}", run.err);
    }
    let words = [&SHOW[..], &["--admin-key-file", "nowhere", "--gateway", &server.url]].concat();
    Desk::new(300).run(&words).says(3, &["nowhere: "]);
    assert_eq!(server.lines(), [""; 0], "a key that was named and is not there is not replaced by a token");
}

#[test]
fn a_key_that_others_may_read_is_warned_of() {
    let (desk, server) = (keeper(), showing());
    set_mode(&desk.path("admin_key"), 0o644);
    let run = keep(&desk, &server, &SHOW).ends(0);
    assert_eq!(run.err, "agentctl: admin_key: others may read the organisation's key: chmod 600 admin_key\n");
}

#[test]
fn a_key_is_never_a_flag() {
    let (desk, server) = (keeper(), showing());
    keep(&desk, &server, &[&SHOW[..], &["--admin-key", "x"]].concat()).ends(2);
    assert_eq!(server.lines(), [""; 0]);
}
