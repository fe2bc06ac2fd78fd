//! A server as it is shown: never with what it is called with, and with the tools alone that somebody may call.

use serde_json::{Map, Value, json};

use super::{ServerEntry, headers};
use crate::Entry;

impl ServerEntry {
    /// The card for somebody who may call the tools that `callable` says yes to.
    pub fn shown(&self, callable: impl Fn(&str) -> bool) -> Map<String, Value> {
        let mut card = self.card();
        card.insert("headers".to_owned(), headers::hidden(&self.headers));
        let tools = self.tools_shown(&card, callable);
        card.insert("num_tools".to_owned(), json!(tools.len()));
        card.insert("tool_list".to_owned(), Value::Array(tools));
        card.insert("is_enabled".to_owned(), json!(self.enabled));
        card
    }

    fn tools_shown(&self, card: &Map<String, Value>, callable: impl Fn(&str) -> bool) -> Vec<Value> {
        let told = card.get("tool_list").and_then(Value::as_array);
        let name = |tool: &Value| tool.get("name").and_then(Value::as_str).is_some_and(&callable);
        told.into_iter().flatten().filter(|tool| name(tool)).cloned().collect()
    }
}
