//! The groups of an agent's service account.

use serde_json::{Value, json};

use super::admin::Admin;
use super::client::{Client, account};
use super::steps::Step;
use crate::http::segment;
use crate::outcome::Failure;

/// More groups than any account is in.
const MOST: usize = 10_000;

/// Makes the groups that are missing, joins the account to them, and takes it out of the others if it is
/// to be in exactly these.
pub(super) fn ensure(
    admin: &Admin,
    client: &Client,
    wanted: &[String],
    exact: bool,
    steps: &mut Vec<Step>,
) -> Result<(), Failure> {
    let Some(user) = account(admin, client)? else {
        return Err(admin.failure("read the service account", "the client has none"));
    };
    let held = memberships(admin, &user)?;
    let id_of = |group: &Value| group["id"].as_str().unwrap_or_default().to_owned();
    let mut kept = Vec::new();
    for name in wanted {
        let group = ensure_group(admin, name, steps)?;
        let id = id_of(&group);
        if kept.contains(&id) {
            continue;
        }
        let what = format!("{} in group {name}", client.id);
        if held.iter().any(|group| id_of(group) == id) {
            steps.push(Step::there(what));
        } else {
            admin.put(&format!("/users/{user}/groups/{id}"), None, &format!("put {what}"))?;
            steps.push(Step::made(what));
        }
        kept.push(id);
    }
    for group in held.iter().filter(|group| !kept.contains(&id_of(group))) {
        let what = format!("{} in group {}", client.id, name_of(group));
        if exact {
            admin.delete(
                &format!("/users/{user}/groups/{}", id_of(group)),
                &format!("no longer have {what}"),
            )?;
            steps.push(Step::removed(what));
        } else {
            steps.push(Step::left(format!("{what}, too: --exact would take it out")));
        }
    }
    Ok(())
}

/// The names of the groups that the client's account is in.
pub(super) fn names(admin: &Admin, client: &Client) -> Result<Vec<String>, Failure> {
    let Some(user) = account(admin, client)? else { return Ok(Vec::new()) };
    Ok(memberships(admin, &user)?.iter().map(name_of).collect())
}

fn memberships(admin: &Admin, user: &str) -> Result<Vec<Value>, Failure> {
    let path = format!("/users/{user}/groups?max={MOST}");
    let held = admin.get(&path, "read the groups of the service account")?;
    Ok(held.as_array().cloned().unwrap_or_default())
}

fn ensure_group(admin: &Admin, name: &str, steps: &mut Vec<Step>) -> Result<Value, Failure> {
    let (path, what) = (format!("/group-by-path/{}", segment(name)), format!("make the group '{name}'"));
    if let Some(group) = admin.find(&path, "look for the group")? {
        steps.push(Step::there(format!("group {name}")));
        return Ok(group);
    }
    let made = admin.make("/groups", &json!({"name": name}), &what)?;
    let step = format!("group {name}");
    steps.push(if made { Step::made(step) } else { Step::there(step) });
    admin.find(&path, "look for the group")?.ok_or_else(|| admin.failure(&what, "it is not there afterwards"))
}

/// Its path where it lives in another group: two of those may have one name.
fn name_of(group: &Value) -> String {
    let path = group["path"].as_str().or(group["name"].as_str()).unwrap_or_default();
    path.strip_prefix('/').unwrap_or(path).to_owned()
}
