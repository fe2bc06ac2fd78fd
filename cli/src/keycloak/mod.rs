//! `agentctl keycloak …`: service accounts for agents, through Keycloak's admin API. Every command may be
//! run again: what is there already stays as it is.

mod admin;
mod client;
mod fit;
mod groups;
mod mappers;
mod options;
mod secret;
mod steps;

use serde_json::{Value, json};

use self::admin::Admin;
use self::options::{AddAgent, Agents, RotateSecret};
pub(crate) use self::options::{EXAMPLES, KeycloakCommand};
use self::steps::Step;
use crate::options::Remote;
use crate::outcome::{Exit, Failure, Report, say};
use crate::progress::Waiting;
use crate::table::table;

/// Runs one of the commands.
pub(crate) fn run(command: &KeycloakCommand, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let _waiting = Waiting::on("Keycloak");
    match command {
        KeycloakCommand::AddAgent(options) => add_agent(options, remote, json),
        KeycloakCommand::RotateSecret(options) => rotate_secret(options, remote, json),
        KeycloakCommand::Agents(options) => agents(options, remote, json),
    }
}

fn add_agent(options: &AddAgent, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let file = secret::place(&options.file, &options.client, remote)?;
    let admin = Admin::sign_in(&options.server, &remote.sign_in)?;
    let mut steps = Vec::new();
    let done = (|| {
        let steps = &mut steps;
        let client = client::ensure(&admin, &options.client, steps)?;
        mappers::ensure(&admin, &client, &remote.checks.groups_claim, &options.audience, steps)?;
        groups::ensure(&admin, &client, &options.groups, options.exact, steps)?;
        secret::ensure(&admin, &client, options.rotate_secret, &file, steps)?;
        // Last: a client that was off may have had no secret at all.
        client::ensure_enabled(&admin, &client, options.enable, steps)
    })();
    told(done, &steps, json, || json!({"client_id": options.client, "file": file, "issuer": admin.issuer}))
}

fn rotate_secret(options: &RotateSecret, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let file = secret::place(&options.file, &options.client, remote)?;
    let admin = Admin::sign_in(&options.server, &remote.sign_in)?;
    let id = &options.client;
    let client = client::find(&admin, id)?
        .ok_or_else(|| admin.failure(&format!("use the client '{id}'"), "there is no such client"))?;
    fit::to_sign_in(&admin, &client)?;
    let mut steps = Vec::new();
    let done = secret::ensure(&admin, &client, true, &file, &mut steps);
    told(done, &steps, json, || json!({"client_id": id, "file": file, "issuer": admin.issuer}))
}

fn agents(options: &Agents, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let admin = Admin::sign_in(&options.server, &remote.sign_in)?;
    let mut found = Vec::new();
    for client in client::accounts(&admin)? {
        let groups = groups::names(&admin, &client)?;
        found.push((client, groups));
    }
    found.sort_by(|(one, _), (other, _)| one.id.cmp(&other.id));
    let text = if json {
        let one = |(client, groups): &(client::Client, Vec<String>)| json!({"client_id": client.id, "enabled": client.value["enabled"], "groups": groups});
        format!("{:#}\n", Value::Array(found.iter().map(one).collect()))
    } else {
        let row = |(client, groups): &(client::Client, Vec<String>)| {
            let on = if client.value["enabled"] == true { "on" } else { "off" };
            [client.id.clone(), on.to_owned(), groups.join(", ")]
        };
        table(["client", "is", "groups"], &found.iter().map(row).collect::<Vec<_>>())
    };
    Ok(Report { text, exit: Exit::Done })
}

/// What was done is told, also when something after it failed.
fn told(
    done: Result<(), Failure>,
    steps: &[Step],
    json: bool,
    facts: impl FnOnce() -> Value,
) -> Result<Report, Failure> {
    let text = if json {
        let mut told = facts();
        told["changed"] = json!(steps::changed(steps));
        told["steps"] = steps.iter().map(Step::json).collect();
        format!("{told:#}\n")
    } else {
        steps::text(steps)
    };
    match done {
        Ok(()) if steps::broken(steps) => {
            say("what is 'broken' above keeps the account from working");
            Ok(Report { text, exit: Exit::Refused })
        }
        Ok(()) => Ok(Report { text, exit: Exit::Done }),
        Err(failure) if steps::changed(steps) => Err(Failure { done: text, ..failure }),
        Err(failure) => Err(failure),
    }
}
