//! The tools of a server, as it told them.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{ServerEntry, Tool};
use crate::{Entry, Faults};

/// The most tools of one server.
pub const MAX_TOOLS: usize = 1024;
/// The longest name of a tool, in bytes.
const LONGEST_NAME: usize = 256;

impl ServerEntry {
    /// Whether these are the tools it has already.
    pub fn offers(&self, tools: &[Value]) -> bool {
        self.card().get("tool_list").and_then(Value::as_array).is_some_and(|held| held == tools)
    }

    /// The entry with these tools.
    ///
    /// # Errors
    /// What makes the card unusable.
    pub fn with_tools(&self, tools: Vec<Value>, now: &str) -> Result<ServerEntry, Faults> {
        let mut card = self.card();
        card.insert("num_tools".to_owned(), json!(tools.len()));
        card.insert("tool_list".to_owned(), Value::Array(tools));
        card.insert("updated_at".to_owned(), json!(now));
        ServerEntry::from_card(self.path.clone(), card)
    }
}

/// Judges what a server told of its tools; the sentence is for people.
///
/// # Errors
/// A tool without a name, two of one name, or too many: which one a name means must be beyond doubt, because
/// access is decided by it.
pub fn read_tools(told: &[Value]) -> Result<(), String> {
    if told.len() > MAX_TOOLS {
        return Err(format!("it has more than {MAX_TOOLS} tools"));
    }
    let mut names = HashSet::new();
    for tool in told {
        let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(format!("one of its tools has no name of 1 to {LONGEST_NAME} characters"));
        }
        if !names.insert(name) {
            return Err(format!("two of its tools are named '{name}'"));
        }
    }
    Ok(())
}

pub(super) fn read(value: Option<&Value>, faults: &mut Faults) -> Vec<Tool> {
    let mut tools = Vec::new();
    let Some(value) = value.filter(|value| !value.is_null()) else { return tools };
    let Value::Array(items) = value else {
        faults.add("tool_list", "must be a list of tools");
        return tools;
    };
    for (number, item) in items.iter().enumerate() {
        let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match serde_json::value::to_raw_value(item) {
            Ok(json) if !text("name").is_empty() => {
                let json: Arc<serde_json::value::RawValue> = json.into();
                tools.push(Tool { name: text("name"), description: text("description"), json });
            }
            Ok(_) | Err(_) => faults.add(format!("tool_list[{number}]"), "must be an object with a name"),
        }
    }
    tools
}
