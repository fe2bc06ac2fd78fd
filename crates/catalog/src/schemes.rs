//! What is wrong with a card's security schemes and requirements.

use serde_json::{Map, Value};

use crate::Faults;
use crate::fields::{string_list, text, web_url};

pub(crate) fn check(card: &Map<String, Value>, faults: &mut Faults) {
    let schemes = match card.get("security_schemes") {
        None => None,
        Some(Value::Object(schemes)) => Some(schemes),
        Some(_) => return faults.add("security_schemes", "must be an object: name to scheme"),
    };
    for (name, scheme) in schemes.into_iter().flatten() {
        let place = format!("security_schemes.{name}");
        match scheme {
            Value::Object(fields) => check_scheme(fields, &place, faults),
            _ => faults.add(place, "must be an object with a 'type'"),
        }
    }
    check_requirements(card, schemes, faults);
}

fn check_scheme(fields: &Map<String, Value>, place: &str, faults: &mut Faults) {
    let field = |name: &str| format!("{place}.{name}");
    match fields.get("type").and_then(Value::as_str) {
        Some("apiKey") => {
            match fields.get("in").and_then(Value::as_str) {
                Some("header" | "query" | "cookie") => {}
                _ => faults.add(field("in"), "an apiKey scheme needs 'in': header, query or cookie"),
            }
            text(fields, "name", &field("name"), faults);
        }
        Some("http") => {
            text(fields, "scheme", &field("scheme"), faults);
        }
        Some("oauth2") => match fields.get("flows") {
            Some(Value::Object(flows)) if !flows.is_empty() => {}
            _ => faults.add(field("flows"), "an oauth2 scheme needs 'flows' with at least one flow"),
        },
        Some("openIdConnect") => match fields.get("open_id_connect_url").and_then(Value::as_str) {
            Some(url) if web_url(url).is_some() => {}
            _ => faults.add(field("open_id_connect_url"), "an openIdConnect scheme needs its absolute URL"),
        },
        Some("mutualTLS") => {}
        _ => faults.add(field("type"), "must be one of apiKey, http, oauth2, openIdConnect, mutualTLS"),
    }
}

fn check_requirements(card: &Map<String, Value>, schemes: Option<&Map<String, Value>>, faults: &mut Faults) {
    let alternatives = match card.get("security") {
        None => return,
        Some(Value::Array(alternatives)) => alternatives,
        Some(_) => return faults.add("security", "must be a list of {scheme: [scopes]}"),
    };
    for (number, alternative) in alternatives.iter().enumerate() {
        let place = format!("security[{number}]");
        let Value::Object(names) = alternative else {
            faults.add(place, "must be an object {scheme: [scopes]} or the name of a scheme");
            continue;
        };
        for (name, scopes) in names {
            if !schemes.is_some_and(|schemes| schemes.contains_key(name)) {
                faults.add(place.clone(), format!("'{name}' is not in security_schemes: declare it there"));
            }
            string_list(scopes, &format!("{place}.{name}"), faults);
        }
    }
}
