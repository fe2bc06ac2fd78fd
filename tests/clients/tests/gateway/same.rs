//! Behind the gateway everything is as it is without it, at both of its addresses.

use std::thread;

use clients::gateway::{CALLERS, Era, Ground, Program};

/// What every client can do with every server.
const EVERYWHERE: [&str; 6] = ["connect", "tools", "calls", "together", "large", "unknown_tool"];
/// What needs answers in parts.
const STREAMS: [&str; 2] = ["streaming", "paced"];
/// What needs a server that notices.
const CANCELS: [&str; 2] = ["cancelled", "cancelled_before_any_header"];

/// Plays the same directly, without a token, and at both addresses of the gateway.
async fn same(program: Program, server: &str, parts: &[&[&str]]) {
    let Some(ground) = Ground::get().await else { return };
    let scenarios = parts.concat();
    let signed_in = program.clone().with_token(&ground.site.token(CALLERS[0]).await);
    let [below, beside] = ground.addresses(server);
    let direct = &ground.server(server).url;
    let play = |program: &Program, url: &str| ground.play(program, url, &scenarios);
    let [expected, below, beside] = thread::scope(|scope| {
        let runs = [(&program, direct), (&signed_in, &below), (&signed_in, &beside)];
        let runs = runs.map(|(program, url)| scope.spawn(move || play(program, url)));
        runs.map(|run| run.join().expect("it was played"))
    });
    for scenario in scenarios {
        let expected = expected.well(scenario);
        assert_eq!(below.well(scenario), expected, "{program:?}, {server}: {scenario}");
        assert_eq!(beside.well(scenario), expected, "{program:?}, /{server}/…: {scenario}");
    }
    ground.site.is_silent();
}

/// Sessions, streams that are taken up again, a session's end.
const SESSIONS: [&[&str]; 4] = [&EVERYWHERE, &STREAMS, &CANCELS, &["interrupted", "ended"]];

#[tokio::test]
async fn mcp_with_sessions() {
    same(Program::mcp(Era::Old), "sessions", &SESSIONS).await;
}

#[tokio::test]
async fn fastmcp_with_sessions() {
    same(Program::fastmcp(Era::Old), "sessions", &SESSIONS).await;
}

#[tokio::test]
async fn sdk_with_sessions() {
    let more: &[&str] = &["resumed", "announced"];
    same(Program::sdk(Era::Old), "sessions", &[&SESSIONS.concat(), more]).await;
}

#[tokio::test]
async fn client_with_sessions() {
    let more: &[&str] = &["resumed", "announced"];
    same(Program::client(Era::Old), "sessions", &[&SESSIONS.concat(), more]).await;
}

/// A call is named in headers, arguments too, and an answer is closed by whoever no longer wants it.
const NEWER: [&[&str]; 4] = [&EVERYWHERE, &STREAMS, &CANCELS, &["regional"]];

#[tokio::test]
async fn mcp_without_sessions() {
    same(Program::mcp(Era::Auto), "sessions", &NEWER).await;
}

#[tokio::test]
async fn mcp_that_does_not_ask_first() {
    same(Program::mcp(Era::New), "stateless", &[&["connect", "calls", "regional"]]).await;
}

#[tokio::test]
async fn fastmcp_without_sessions() {
    same(Program::fastmcp(Era::Auto), "stateless", &NEWER).await;
}

#[tokio::test]
async fn client_without_sessions() {
    same(Program::client(Era::Auto), "stateless", &NEWER).await;
}

#[tokio::test]
async fn older_clients_with_a_server_that_keeps_nothing() {
    same(Program::mcp(Era::Old), "stateless", &[&EVERYWHERE, &STREAMS]).await;
    same(Program::sdk(Era::Old), "stateless", &[&["connect", "tools", "calls", "streaming"]]).await;
}

#[tokio::test]
async fn a_server_that_answers_in_one_piece() {
    same(Program::mcp(Era::Auto), "json", &[&EVERYWHERE]).await;
    same(Program::sdk(Era::Old), "json", &[&EVERYWHERE, &["ended"]]).await;
}

#[tokio::test]
async fn the_transport_of_2024_from_pypi() {
    same(Program::mcp(Era::Sse), "old", &[&EVERYWHERE, &STREAMS, &CANCELS]).await;
    same(Program::fastmcp(Era::Sse), "old", &[&["connect", "tools", "calls", "paced"]]).await;
}

#[tokio::test]
async fn the_transport_of_2024_from_npm() {
    same(Program::sdk(Era::Sse), "old", &[&EVERYWHERE, &STREAMS, &CANCELS]).await;
    same(Program::client(Era::Sse), "old", &[&["connect", "tools", "calls", "paced"]]).await;
}
