//! Where the registered card and the one that the agent serves say different things.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::dialect::{Dialect, Reading};
use crate::http::Url;

/// One sentence for each difference.
pub(super) fn find(
    registered: &Map<String, Value>,
    own: &Map<String, Value>,
    reading: &Reading,
) -> Vec<String> {
    let mut found = Vec::new();
    for field in ["name", "version"] {
        let (held, served) = (text(registered, field), text(own, field));
        if held != served {
            found.push(format!("{field}: registered '{held}', serves '{served}'"));
        }
    }
    let (held, served) = (skills(registered), skills(own));
    if held != served {
        let list = |ids: Vec<&&str>| ids.iter().map(|id| **id).collect::<Vec<_>>().join(", ");
        let missing = list(held.difference(&served).collect());
        let more = list(served.difference(&held).collect());
        let parts = [("registered only", missing), ("served only", more)];
        let parts =
            parts.iter().filter(|(_, ids)| !ids.is_empty()).map(|(what, ids)| format!("{what}: {ids}"));
        found.push(format!("skills: {}", parts.collect::<Vec<_>>().join("; ")));
    }
    let url = text(registered, "url");
    let mut urls = reading.interfaces.iter().map(|one| one.url.as_str());
    if reading.speaks_a2a() && !urls.clone().any(|served| same_url(served, url)) {
        let first = urls.next().unwrap_or_default();
        found.push(format!("url: registered '{url}', serves '{first}'"));
    }
    let version = text(registered, "protocol_version");
    if reading.speaks_a2a() && !Dialect::of(version).is_some_and(|dialect| reading.speaks(dialect)) {
        // A client that believes the registered version calls methods that the agent does not know.
        found.push(format!("protocol_version: registered '{version}', which the agent does not speak"));
    }
    found
}

fn text<'c>(card: &'c Map<String, Value>, field: &str) -> &'c str {
    card.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn skills(card: &Map<String, Value>) -> BTreeSet<&str> {
    let skills = card.get("skills").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    skills.iter().filter_map(|skill| skill.get("id")?.as_str()).collect()
}

/// `https://h` and `https://h/` are one address.
fn same_url(one: &str, other: &str) -> bool {
    let read = |text: &str| Url::parse(text.trim_end_matches('/')).ok();
    one == other || read(one).is_some_and(|url| Some(url) == read(other))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agents::test::dialect;

    #[test]
    fn what_differs_is_named() {
        let registered = json!({"name": "A", "version": "1.0.0", "url": "http://h:1/a", "protocol_version": "1.0",
            "skills": [{"id": "x"}, {"id": "y"}]});
        let found = |own: Value| {
            let own = own.as_object().unwrap();
            find(registered.as_object().unwrap(), own, &dialect::read(own))
        };
        let interface =
            |url: &str| json!([{"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}]);
        let same = json!({"name": "A", "version": "1.0.0", "skills": [{"id": "y"}, {"id": "x"}],
            "supportedInterfaces": interface("http://h:1/a/")});
        assert_eq!(found(same), Vec::<String>::new());
        let other = json!({"name": "B", "version": "2", "skills": [{"id": "x"}, {"id": "z"}],
            "protocolVersion": "0.3.0", "url": "http://h:1/b"});
        assert_eq!(
            found(other),
            [
                "name: registered 'A', serves 'B'",
                "version: registered '1.0.0', serves '2'",
                "skills: registered only: y; served only: z",
                "url: registered 'http://h:1/a', serves 'http://h:1/b'",
                "protocol_version: registered '1.0', which the agent does not speak",
            ]
        );
    }
}
