//! The pages of `tools/list`: as many as a server has, within bounds.

use std::collections::HashSet;

use catalog::MAX_TOOLS;
use serde_json::{Map, Value};

use super::fault::Fault;

/// The most pages; a page may be empty.
const MAX_PAGES: usize = 256;
/// The longest cursor, in bytes.
const LONGEST_CURSOR: usize = 16 * 1024;
/// The most that all tools may say together, in bytes of JSON: it is kept, indexed, and told on with the server's card.
const MOST_SAID: usize = 1 << 20;
/// The method is not known (JSON-RPC 2.0, section 5.1).
const NO_SUCH_METHOD: i64 = -32601;

/// The pages so far.
#[derive(Default)]
pub(super) struct Pages {
    tools: Vec<Value>,
    said: usize,
    seen: HashSet<String>,
    cursor: Option<String>,
}

impl Pages {
    /// What to ask the next page with.
    pub(super) fn params(&self) -> Map<String, Value> {
        self.cursor.iter().map(|cursor| ("cursor".to_owned(), Value::String(cursor.clone()))).collect()
    }

    /// Takes a page: the tools of all pages once there is no other.
    pub(super) fn take(&mut self, page: Result<Value, Fault>) -> Result<Option<Vec<Value>>, Fault> {
        let mut page = match page {
            Ok(page) => page,
            // A server for something else than tools.
            Err(Fault::Refused(NO_SUCH_METHOD, _)) if self.cursor.is_none() => return Ok(Some(Vec::new())),
            Err(fault) => return Err(fault),
        };
        match page.get_mut("tools").map(Value::take) {
            Some(Value::Array(tools)) => {
                self.said += tools.iter().map(|tool| tool.to_string().len()).sum::<usize>();
                self.tools.extend(tools);
            }
            Some(_) | None => return Err(Fault::broken("its answer has no list of tools")),
        }
        if self.tools.len() > MAX_TOOLS {
            return Err(Fault::Broken(format!("it has more than {MAX_TOOLS} tools")));
        }
        if self.said > MOST_SAID {
            return Err(Fault::Broken(format!("its tools say more than {MOST_SAID} bytes")));
        }
        let cursor = match page.get_mut("nextCursor").map(Value::take) {
            None | Some(Value::Null) => return Ok(Some(std::mem::take(&mut self.tools))),
            Some(Value::String(cursor)) if cursor.len() <= LONGEST_CURSOR => cursor,
            Some(_) => return Err(Fault::broken("its nextCursor is no short text")),
        };
        if self.seen.len() == MAX_PAGES || !self.seen.insert(cursor.clone()) {
            return Err(Fault::broken("its list of tools has no end"));
        }
        self.cursor = Some(cursor);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_end_or_are_refused() {
        let mut pages = Pages::default();
        assert!(pages.params().is_empty());
        assert_eq!(pages.take(Ok(json!({"tools": [{"name": "a"}], "nextCursor": "1"}))), Ok(None));
        assert_eq!(pages.params()["cursor"], "1");
        let all =
            pages.take(Ok(json!({"tools": [{"name": "b"}], "nextCursor": null}))).expect("the last page");
        assert_eq!(all.expect("tools").len(), 2);

        let mut circle = Pages::default();
        let page = || Ok(json!({"tools": [], "nextCursor": "1"}));
        assert_eq!(circle.take(page()), Ok(None));
        assert!(circle.take(page()).is_err());

        let mut endless = Pages::default();
        let ended = (0..1000)
            .find_map(|page| endless.take(Ok(json!({"tools": [], "nextCursor": page.to_string()}))).err());
        assert!(ended.is_some());

        for page in [
            json!({}),
            json!({"tools": {}}),
            json!({"tools": [], "nextCursor": 7}),
            json!({"tools": [], "nextCursor": "x".repeat(LONGEST_CURSOR + 1)}),
            json!({"tools": vec![json!({}); MAX_TOOLS + 1]}),
            json!({"tools": vec![json!({"description": "x".repeat(MOST_SAID / 2)}); 2]}),
        ] {
            assert!(Pages::default().take(Ok(page)).is_err());
        }
        let none = Pages::default().take(Err(Fault::refused(NO_SUCH_METHOD, "what?")));
        assert_eq!(none, Ok(Some(Vec::new())), "it has no tools at all");
    }
}
