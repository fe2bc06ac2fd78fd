//! `token get --watch`: renewing until it is told to stop.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::provider::{Provider, claims, given};
use super::{FILE, get};
use crate::common::{Desk, Run, mode};

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
    let desk = Desk::empty();
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
    watch(&Desk::empty(), &provider, 1, Signal::INT);
}

/// Watches until so many requests were answered, then sends the signal.
fn watch(desk: &Desk, provider: &Provider, requests: usize, signal: Signal) -> Run {
    desk.knows(&format!("{}/token", provider.url));
    let mut command = desk.command(&["token", "get", "--watch", "--json"]);
    let watch = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    for _ in 0..requests {
        assert_eq!(provider.wait(), "POST /token");
    }
    let id = Pid::from_raw(i32::try_from(watch.id()).expect("a small number")).expect("not 0");
    kill_process(id, signal).expect("it is ours");
    let run = Run::of(watch.wait_with_output().expect("it ends")).ends(0);
    assert!(run.err.ends_with(": the token file is left as it is\n"), "{run:?}");
    run
}

#[test]
fn watch_does_not_begin_with_a_wrong_secret() {
    let provider = Provider::new(|_, _| (401, json!({"error": "invalid_client"})));
    let desk = Desk::empty();
    desk.knows(&format!("{}/token", provider.url));
    desk.run(&get(&["--watch"])).says(1, &["invalid_client"]);
    Desk::empty().run(&get(&["--watch"])).says(3, &["there are no client credentials"]);
}
