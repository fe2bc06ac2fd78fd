//! The two mappers without which a token says too little: groups, and whom it is for.

use serde_json::{Value, json};

use super::admin::Admin;
use super::client::Client;
use super::steps::Step;
use crate::outcome::Failure;

/// A mapper that the client's tokens need.
struct Mapper {
    name: &'static str,
    kind: &'static str,
    /// The settings that count; every other one is the realm's own business.
    config: Vec<(&'static str, String)>,
    /// The setting by which another mapper is known to write the same.
    subject: &'static str,
}

/// What there is of one.
#[derive(Debug, PartialEq)]
enum Found {
    /// It is there, by the client itself or by this client scope.
    There(Option<String>),
    /// A client scope has it with other settings; they hold for other clients, too.
    Otherwise(String),
    /// The client has it with other settings.
    Wrong(Value),
    Nowhere,
}

/// Sees to both. `claim` is the one that lists the groups, `audience` whom the tokens are for.
pub(super) fn ensure(
    admin: &Admin,
    client: &Client,
    claim: &str,
    audience: &str,
    steps: &mut Vec<Step>,
) -> Result<(), Failure> {
    let scopes = admin.get("/client-scopes", "read the client scopes")?;
    let names = &client.value["defaultClientScopes"];
    let held = |scope: &&Value| names.as_array().is_some_and(|names| names.contains(&scope["name"]));
    let scopes: Vec<&Value> = scopes.as_array().into_iter().flatten().filter(held).collect();
    for mapper in wanted(claim, audience) {
        steps.push(one(admin, client, &scopes, &mapper)?);
    }
    Ok(())
}

fn one(admin: &Admin, client: &Client, scopes: &[&Value], mapper: &Mapper) -> Result<Step, Failure> {
    let what = format!("mapper {} of client {}", mapper.name, client.id);
    let models = format!("{}/protocol-mappers/models", client.path);
    Ok(match found(&client.value, scopes, mapper) {
        Found::There(None) => Step::there(what),
        Found::There(Some(scope)) => Step::there(format!("{what}, by the client scope {scope}")),
        Found::Otherwise(scope) => {
            let settings = mapper.config.iter().map(|(name, value)| format!("{name}={value}"));
            let settings = settings.collect::<Vec<_>>().join(", ");
            Step::broken(format!(
                "{what} comes from the client scope {scope} otherwise: it should have {settings}"
            ))
        }
        Found::Wrong(mut own) => {
            for (name, value) in &mapper.config {
                own["config"][*name] = json!(value);
            }
            let id = own["id"].as_str().unwrap_or_default().to_owned();
            admin.put(&format!("{models}/{id}"), Some(&own), &format!("change the {what}"))?;
            Step::changed(what)
        }
        Found::Nowhere => {
            let config: serde_json::Map<String, Value> =
                mapper.config.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            let model = json!({"name": mapper.name, "protocol": "openid-connect",
                "protocolMapper": mapper.kind, "config": config});
            let doing = format!("make the {what}");
            if !admin.make(&models, &model, &doing)? {
                return Err(admin.failure(&doing, "the client has another mapper of this name"));
            }
            Step::made(what)
        }
    })
}

fn wanted(claim: &str, audience: &str) -> [Mapper; 2] {
    let yes = || "true".to_owned();
    [
        Mapper {
            name: "groups",
            kind: "oidc-group-membership-mapper",
            config: vec![
                ("claim.name", claim.to_owned()),
                // The policy knows groups by their bare names.
                ("full.path", "false".to_owned()),
                ("access.token.claim", yes()),
                ("introspection.token.claim", yes()),
            ],
            subject: "claim.name",
        },
        Mapper {
            name: "audience",
            kind: "oidc-audience-mapper",
            config: vec![
                ("included.custom.audience", audience.to_owned()),
                ("access.token.claim", yes()),
                ("introspection.token.claim", yes()),
            ],
            subject: "included.custom.audience",
        },
    ]
}

fn found(client: &Value, scopes: &[&Value], mapper: &Mapper) -> Found {
    let same = |other: &&Value| {
        let wanted = mapper.config.iter().find(|(name, _)| *name == mapper.subject).map(|(_, value)| value);
        other["protocolMapper"] == mapper.kind
            && wanted.is_some_and(|value| other["config"][mapper.subject] == value.as_str())
    };
    let right = |other: &Value| {
        // Whether introspection tells it is for whoever introspects: we do not.
        let counts = |name: &str| name != "introspection.token.claim";
        mapper.config.iter().all(|(name, value)| !counts(name) || other["config"][*name] == value.as_str())
    };
    let mappers = |owner: &Value| owner["protocolMappers"].as_array().cloned().unwrap_or_default();
    let own = mappers(client);
    let own: Vec<&Value> = own.iter().filter(same).collect();
    if let Some(wrong) = own.iter().find(|other| !right(other)) {
        return Found::Wrong((*wrong).clone());
    }
    let mut found = if own.is_empty() { Found::Nowhere } else { Found::There(None) };
    for scope in scopes {
        let name = || scope["name"].as_str().unwrap_or_default().to_owned();
        let inherited = mappers(scope);
        // What stays out of access tokens is in nobody's way.
        let writes = |other: &&Value| same(other) && other["config"]["access.token.claim"] == "true";
        for other in inherited.iter().filter(writes) {
            if !right(other) {
                // Of two that write one claim, nobody knows which is the last.
                return Found::Otherwise(name());
            }
            if found == Found::Nowhere {
                found = Found::There(Some(name()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(full_path: &str) -> Value {
        json!({"id": "1", "protocolMapper": "oidc-group-membership-mapper", "config":
            {"claim.name": "groups", "full.path": full_path, "access.token.claim": "true"}})
    }

    #[test]
    fn a_mapper_is_looked_for_at_the_client_and_in_its_scopes() {
        let [mapper, _] = wanted("groups", "mcp-registry");
        let none = json!({});
        let scope = |mapper: Value| json!({"name": "registry", "protocolMappers": [mapper]});
        let (right, wrong, mut silent) = (groups("false"), groups("true"), groups("true"));
        silent["config"]["access.token.claim"] = json!("false");
        for (own, inherited, expected) in [
            (&none, None, Found::Nowhere),
            (&right, None, Found::There(None)),
            (&wrong, None, Found::Wrong(groups("true"))),
            (&none, Some(&right), Found::There(Some("registry".to_owned()))),
            (&none, Some(&wrong), Found::Otherwise("registry".to_owned())),
            (&wrong, Some(&right), Found::Wrong(groups("true"))),
            (&right, Some(&wrong), Found::Otherwise("registry".to_owned())),
            (&none, Some(&silent), Found::Nowhere),
        ] {
            let client = json!({"protocolMappers": [own]});
            let scopes: Vec<Value> = inherited.cloned().map(scope).into_iter().collect();
            let scopes: Vec<&Value> = scopes.iter().collect();
            assert_eq!(found(&client, &scopes, &mapper), expected, "{own} {inherited:?}");
        }
    }

    #[test]
    fn another_audience_or_claim_is_another_mapper() {
        let [of_groups, of_audience] = wanted("roles", "mcp-registry");
        let other = json!({"protocolMapper": "oidc-audience-mapper", "config":
            {"included.custom.audience": "account", "access.token.claim": "true"}});
        let client = json!({"protocolMappers": [other, groups("false")]});
        assert_eq!(found(&client, &[], &of_audience), Found::Nowhere);
        assert_eq!(found(&client, &[], &of_groups), Found::Nowhere);
    }
}
