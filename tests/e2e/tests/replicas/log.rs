//! The gateway's access log: which registry gave which answer.

use std::time::Duration;

use serde_json::Value;
use xtask::stack::Stack;

/// 503 came from the one that was cut off alone, 502 when the killed one was asked, and nothing worse from any.
pub(crate) async fn must_blame_only(stack: &Stack, cut_off: usize, killed: usize) {
    // nginx writes its buffer every second.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let text = std::fs::read_to_string(stack.data().join("nginx/access.log")).expect("a log");
    let (mut refused, mut spread) = (0, [0; 3]);
    let addresses: Vec<String> = (0..3).map(|number| address(stack, number)).collect();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let upstream = line["upstream"].as_str().unwrap_or_default();
        let asked: Vec<usize> = upstream
            .split(", ")
            .filter_map(|asked| addresses.iter().position(|address| address == asked))
            .collect();
        if let [one] = asked[..] {
            spread[one] += 1;
        }
        match line["status"].as_u64() {
            Some(503) => {
                assert_eq!(asked.last(), Some(&cut_off), "{line}");
                assert_ne!(line["method"], "GET", "{line}");
                refused += 1;
            }
            Some(502) => assert!(asked.contains(&killed), "{line}"),
            Some(500 | 504) => panic!("{line}"),
            _ => {}
        }
    }
    assert!(refused > 0, "some write was refused");
    assert!(spread.iter().all(|count| *count > 300), "each has a share: {spread:?}");
}

/// How nginx writes a registry's address.
fn address(stack: &Stack, number: usize) -> String {
    let run = stack.run();
    let registries: Vec<_> = [&run.registry].into_iter().chain(&run.more_registries).collect();
    match (&registries[number].socket, &registries[number].url) {
        (Some(socket), _) => format!("unix:{}", socket.display()),
        (None, Some(url)) => url.trim_start_matches("http://").to_owned(),
        (None, None) => panic!("it listens nowhere"),
    }
}
