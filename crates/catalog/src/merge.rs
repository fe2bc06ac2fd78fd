//! A merge patch: what changes, and what goes.

use serde_json::{Map, Value};

/// RFC 7396, section 2.
pub(crate) fn merge(target: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (key, value) in patch {
        match (target.get_mut(&key), value) {
            (_, Value::Null) => {
                target.shift_remove(&key);
            }
            (Some(Value::Object(inner)), Value::Object(changes)) => merge(inner, changes),
            (_, Value::Object(changes)) => {
                let mut inner = Map::new();
                merge(&mut inner, changes);
                target.insert(key, Value::Object(inner));
            }
            (_, value) => {
                target.insert(key, value);
            }
        }
    }
}
