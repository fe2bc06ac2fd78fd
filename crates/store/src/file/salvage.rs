//! Entries out of a snapshot that is no JSON as a whole: after a slip of the hand, or damage in one place.

use std::sync::Arc;

use catalog::Entry;
use serde_json::{Map, Value};

use super::snapshot;

/// Every entry that can be read, in whatever form the file is written. What looks like an entry and cannot
/// be read is named among the faults.
pub(super) fn entries<E: Entry>(bytes: &[u8], faults: &mut Vec<String>) -> Vec<Arc<E>> {
    let kind = E::PLURAL;
    let mut entries = Vec::new();
    let mut place = 0;
    while let Some(found) = bytes[place..].windows(2).position(|two| two == b"\"/") {
        let begin = place + found;
        // What follows an entry that was read is behind it; otherwise the next quote is tried.
        place = begin + 1;
        let Some((path, card)) = key(&bytes[begin..]) else { continue };
        match value(&bytes[begin + card..]) {
            Ok((read, length)) => {
                place = begin + card + length;
                match snapshot::entry(&path, Value::Object(read)) {
                    Ok(entry) => entries.push(Arc::new(entry)),
                    Err(fault) => faults.push(format!("offset {begin}: lost: {kind}[\"{path}\"]: {fault}")),
                }
            }
            Err(fault) => faults.push(format!("offset {begin}: lost: {kind}[\"{path}\"]: {fault}")),
        }
    }
    entries
}

/// A path as the key of an object, and where that object begins.
fn key(bytes: &[u8]) -> Option<(String, usize)> {
    let mut reader = serde_json::Deserializer::from_slice(bytes).into_iter::<String>();
    let path = reader.next()?.ok()?;
    let mut place = reader.byte_offset();
    place += space(&bytes[place..]);
    (bytes.get(place) == Some(&b':')).then_some(())?;
    place += 1;
    place += space(&bytes[place..]);
    (bytes.get(place) == Some(&b'{')).then_some((path, place))
}

fn value(bytes: &[u8]) -> Result<(Map<String, Value>, usize), String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes).into_iter::<Map<String, Value>>();
    match reader.next() {
        Some(Ok(card)) => Ok((card, reader.byte_offset())),
        Some(Err(fault)) => Err(fault.to_string()),
        None => Err("it is cut short".to_owned()),
    }
}

fn space(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_is_kept_and_the_rest_is_named() {
        let check = |text: &str, paths: &[&str], lost: &[&str]| {
            let mut faults = Vec::new();
            let found = entries::<catalog::AgentEntry>(text.as_bytes(), &mut faults);
            let found: Vec<&str> = found.iter().map(|entry| entry.path.as_str()).collect();
            assert_eq!(found, paths, "{text}");
            assert_eq!(faults.len(), lost.len(), "{text}: {faults:?}");
            for (fault, path) in faults.iter().zip(lost) {
                assert!(fault.contains(&format!("lost: agents[\"{path}\"]")), "{fault}");
            }
        };
        check(r#"{"agents": {"/a": {"name": "A"}, "/b": {"name": "B"},}}"#, &["/a", "/b"], &[]);
        check("{\n  \"agents\": {\n    \"/a\" : {\n \"name\": \"A\"\n }\n", &["/a"], &[]);
        check(r#"{"/a": {"name": "A", "x": {"y": "/z"}}, "/b": {"name": "B"#, &["/a"], &["/b"]);
        check(r#"{"/a": {"name": 1}, "/b": {"name": "B", "path": "/b"}}"#, &["/b"], &["/a"]);
        check("", &[], &[]);
        check("\"/", &[], &[]);
    }
}
