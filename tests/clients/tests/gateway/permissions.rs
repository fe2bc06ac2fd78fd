//! Who may call one tool sees one tool, and is told what he lacks for the others.

use clients::gateway::{ECHOER, Era, Ground, LOB1, Outcomes, Program, STRANGER};
use serde_json::{Value, json};

/// Checks that a scenario was refused for want of the right to call this.
#[track_caller]
fn lacks(outcomes: &Outcomes, scenario: &str, server: &str, method: &str, tool: Option<&str>) {
    let (status, error) = outcomes.refused(scenario);
    // The packages from PyPI do not tell the status.
    assert!(status.is_none_or(|status| status == 403), "{scenario}: {status:?}");
    let said = error.to_string();
    for word in [server, method].into_iter().chain(tool) {
        assert!(said.contains(word), "{word} is not named: {said}");
    }
}

/// Checks that a scenario was refused because the caller has nothing of this server: by nginx, which has not read the
/// message, and so names neither its id nor its method.
#[track_caller]
fn out_of_reach(outcomes: &Outcomes, scenario: &str) {
    let (status, error) = outcomes.refused(scenario);
    // The packages from PyPI do not tell the status.
    assert!(status.is_none_or(|status| status == 403), "{scenario}: {status:?}");
    let sentence = "none of your scopes reaches this MCP server; ask for a group that grants it";
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!(-32011), &json!(sentence)),
        "{scenario}: {error}"
    );
}

#[tokio::test]
async fn the_list_is_cut_to_what_may_be_called_and_the_rest_is_refused() {
    let Some(ground) = Ground::get().await else { return };
    let token = ground.site.token(ECHOER).await;
    let programs = [
        (Program::mcp(Era::Old), vec!["sessions", "json"]),
        (Program::mcp(Era::Auto), vec!["sessions"]),
        (Program::fastmcp(Era::Auto), vec!["stateless"]),
        (Program::sdk(Era::Old), vec!["sessions", "json"]),
        (Program::client(Era::Auto), vec!["stateless"]),
        (Program::client(Era::Old), vec!["sessions"]),
    ];
    let echo = json!(["echo", {"text": "hello"}]).to_string();
    for (program, servers) in programs {
        let program = program.with_token(&token).with("CALL", &echo);
        for server in servers {
            for url in ground.addresses(server) {
                let outcomes = ground.play(&program, &url, &["tools", "call", "secret", "unknown_tool"]);
                assert_eq!(outcomes.well("tools"), &json!(["echo"]), "{program:?} at {url}");
                assert_eq!(outcomes.well("call"), &json!({"text": "hello"}), "{program:?} at {url}");
                lacks(&outcomes, "secret", server, "tools/call", Some("secret_tool"));
                lacks(&outcomes, "unknown_tool", server, "tools/call", Some("no_such_tool"));
            }
        }
    }
    ground.site.is_silent();
}

#[tokio::test]
async fn the_same_over_the_transport_of_2024() {
    let Some(ground) = Ground::get().await else { return };
    let token = ground.site.token(ECHOER).await;
    let echo = json!(["echo", {"text": "hello"}]).to_string();
    for url in ground.addresses("old") {
        // `mcp` waits for ever for the answer to a message that was refused, so it is asked last, and only for what
        // it may.
        let program = Program::mcp(Era::Sse).with_token(&token).with("CALL", &echo);
        let outcomes = ground.play(&program, &url, &["tools", "call"]);
        assert_eq!(outcomes.well("tools"), &json!(["echo"]), "{url}");
        assert_eq!(outcomes.well("call"), &json!({"text": "hello"}), "{url}");
        for program in [Program::sdk(Era::Sse), Program::client(Era::Sse)] {
            let program = program.with_token(&token).with("CALL", &echo);
            let outcomes = ground.play(&program, &url, &["tools", "call", "secret"]);
            assert_eq!(outcomes.well("tools"), &json!(["echo"]), "{program:?} at {url}");
            assert_eq!(outcomes.well("call"), &json!({"text": "hello"}), "{program:?} at {url}");
            lacks(&outcomes, "secret", "old", "tools/call", Some("secret_tool"));
        }
    }
}

#[tokio::test]
async fn who_may_look_but_not_call_sees_nothing_he_could_call() {
    let Some(ground) = Ground::get().await else { return };
    let token = ground.site.token(ECHOER).await;
    let [url, _] = ground.addresses("currenttime");
    for program in Program::all() {
        let outcomes = ground.play(&program.with_token(&token), &url, &["tools", "secret"]);
        assert_eq!(outcomes.well("tools"), &json!([]));
        lacks(&outcomes, "secret", "currenttime", "tools/call", Some("secret_tool"));
    }
}

#[tokio::test]
async fn a_line_of_business_has_its_server_and_no_other() {
    let Some(ground) = Ground::get().await else { return };
    let token = ground.site.token(LOB1).await;
    let echo = json!(["echo", {"text": "what time is it"}]).to_string();
    for program in Program::all() {
        let program = program.with_token(&token).with("CALL", &echo);
        let [own, _] = ground.addresses("currenttime");
        let outcomes = ground.play(&program, &own, &["tools", "call", "secret"]);
        assert_eq!(outcomes.well("tools"), &json!(["echo"]), "{program:?}");
        assert_eq!(outcomes.well("call"), &json!({"text": "what time is it"}), "{program:?}");
        lacks(&outcomes, "secret", "currenttime", "tools/call", Some("secret_tool"));
        for url in ground.addresses("sessions") {
            let outcomes = ground.play(&program, &url, &["connect"]);
            out_of_reach(&outcomes, "connect");
        }
    }
}

#[tokio::test]
async fn who_has_no_group_gets_in_nowhere() {
    let Some(ground) = Ground::get().await else { return };
    let token = ground.site.token(STRANGER).await;
    for program in Program::all() {
        let program = program.with_token(&token);
        for server in ["sessions", "stateless", "currenttime"] {
            let [url, _] = ground.addresses(server);
            let outcomes = ground.play(&program, &url, &["connect"]);
            out_of_reach(&outcomes, "connect");
        }
    }
    // The list of servers does not say that they are there, either.
    let request = ground.site.ask(reqwest::Method::GET, "/api/servers", Some(&token));
    let (status, list) = clients::site::send(request).await;
    assert_eq!((status.as_u16(), &list["servers"]), (200, &Value::Array(Vec::new())), "{list}");
}
