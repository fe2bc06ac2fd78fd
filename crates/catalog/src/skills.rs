//! What is wrong with a card's skills.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::Faults;
use crate::fields::{string_list, text};

const MAX_SKILLS: usize = 256;
/// The dialects a schema may name; without a name it is the newest.
const DIALECTS: [&str; 5] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-04/schema",
];

pub(crate) fn check(card: &Map<String, Value>, faults: &mut Faults) {
    let skills = match card.get("skills") {
        None => return,
        Some(Value::Array(skills)) => skills,
        Some(_) => return faults.add("skills", "must be a list of skills"),
    };
    if skills.len() > MAX_SKILLS {
        faults.add("skills", format!("at most {MAX_SKILLS} skills, these are {}", skills.len()));
    }
    let mut ids = HashSet::new();
    for (number, skill) in skills.iter().enumerate() {
        let place = format!("skills[{number}]");
        let Value::Object(skill) = skill else {
            faults.add(place, "must be an object with id, name and description");
            continue;
        };
        if let Some(id) = text(skill, "id", &format!("{place}.id"), faults) {
            if id.chars().any(char::is_whitespace) {
                faults.add(format!("{place}.id"), "must not contain white space");
            } else if !ids.insert(id) {
                faults.add(format!("{place}.id"), format!("'{id}' stands twice: skill ids must be unique"));
            }
        }
        text(skill, "name", &format!("{place}.name"), faults);
        text(skill, "description", &format!("{place}.description"), faults);
        if let Some(tags) = skill.get("tags") {
            string_list(tags, &format!("{place}.tags"), faults);
        }
        if let Some(parameters) = skill.get("parameters") {
            check_parameters(parameters, &format!("{place}.parameters"), faults);
        }
    }
}

fn check_parameters(parameters: &Value, place: &str, faults: &mut Faults) {
    match parameters {
        Value::Null => {}
        Value::Object(_) => {
            let dialect = parameters.get("$schema").map(|schema| schema.as_str().unwrap_or_default());
            if dialect.is_some_and(|dialect| !DIALECTS.contains(&dialect.trim_end_matches('#'))) {
                faults.add(format!("{place}.$schema"), "is no JSON Schema dialect that is known here");
            } else if let Err(error) = jsonschema::meta::validate(parameters) {
                let at = error.instance_path().to_string();
                let at = if at.is_empty() { String::new() } else { format!(" at {at}") };
                faults.add(place, format!("is no JSON Schema{at}: {error}"));
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            faults.add(place, "must be a JSON Schema object");
        }
    }
}
