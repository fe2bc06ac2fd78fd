//! `identity budget`.

use serde_json::{Value, json};

use crate::fake::{agent, agent_with, data, directory, keep, keeper, lines, only};

#[test]
fn what_is_named_is_changed_and_the_rest_stays() {
    let desk = keeper();
    for (words, patch) in [
        (&["--tokens-per-day", "5000"][..], json!({"budget_policy": {"max_tokens_per_day": 5000}})),
        (&["--tokens-per-day", "none"], json!({"budget_policy": {"max_tokens_per_day": null}})),
        (
            &["--calls-per-hour", "60", "--tokens-per-day", "none", "--reset"],
            json!({"budget_policy": {"max_tokens_per_day": null, "max_api_calls_per_hour": 60},
                "tokens_used_today": 0}),
        ),
        (&["--reset"], json!({"tokens_used_today": 0})),
    ] {
        let server =
            directory(|_, _| data(&agent_with(&json!({"budgetPolicy": {"maxApiCallsPerHour": 60}}))));
        let run = keep(&desk, &server, &[&["identity", "budget", "agt_1"], words].concat()).ends(0);
        let request = only(&server);
        assert_eq!((&*request.line, request.json()), ("PATCH /agents/agt_1", patch));
        assert_eq!(
            run.out,
            "agent          agt_1\ntokens a day   no limit\nused today     0\ncalls an hour  60\n"
        );
    }
}

#[test]
fn with_nothing_named_it_is_shown() {
    let (desk, server) = (keeper(), directory(|_, _| data(&agent())));
    let run = keep(&desk, &server, &["identity", "budget", "agt_1"]).ends(0);
    assert_eq!(
        run.out,
        "agent          agt_1\ntokens a day   100000\nused today     1200; the day ends in 3 h\n\
         calls an hour  no limit\n"
    );
    let run = keep(&desk, &server, &["identity", "budget", "agt_1", "--json"]).ends(0);
    let told: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(told["data"]["budgetPolicy"]["maxTokensPerDay"], 100_000);
    assert_eq!(lines(&server), ["GET /agents/agt_1", "GET /agents/agt_1"]);
}

#[test]
fn no_limit_is_never_0() {
    let (desk, server) = (keeper(), directory(|_, _| data(&agent())));
    for wrong in ["0", "-1", "many", ""] {
        keep(&desk, &server, &["identity", "budget", "agt_1", "--tokens-per-day", wrong]).ends(2);
        keep(&desk, &server, &["identity", "create", "A", "--calls-per-hour", wrong]).ends(2);
    }
    assert_eq!(server.lines(), [""; 0]);
}
