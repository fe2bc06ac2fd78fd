//! Any text as a request's target: what is accepted has one spelling, decoded once.
#![no_main]

use catalog::{EntryPath, RequestPath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|target: &str| {
    let Ok(path) = RequestPath::parse(target) else { return };
    let path = path.as_str();
    assert!(path.starts_with('/') && !path.contains("//") && !path.contains('\\') && !path.contains('%'));
    assert!(!path.chars().any(|c| c.is_control() || c.is_whitespace()));
    assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
    // Reading what was read changes nothing: there is no second decoding to be had.
    assert_eq!(RequestPath::parse(path).expect("a canonical path").as_str(), path);
    if let Some(Ok(entry)) = path.strip_prefix("/api/agents").map(EntryPath::parse) {
        let again = format!("/api/agents/{}", entry.as_segment());
        let read = RequestPath::parse(&again).expect("an entry can always be asked for");
        assert_eq!(read.as_str(), format!("/api/agents{entry}"));
    }
});
