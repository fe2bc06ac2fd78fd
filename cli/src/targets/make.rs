//! `mcp-target create` and `rotate`: a new MCP server, a new introspection secret. Both are shown once.

use serde::Deserialize;

use super::options::{Create, Rotate};
use super::target::{self, Target};
use super::{TARGETS, address};
use crate::directory::{Directory, Once, SecretOut};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Failure, Report};
use crate::plain::plain;

/// Makes an MCP server known.
pub(super) fn create(options: &Create, remote: &Remote, json: bool) -> Result<Report, Failure> {
    options.secret.is_free()?;
    let directory = Directory::open(remote, &options.keeper)?;
    let wish = target::new(&options.name, options.slug.as_deref(), &options.resource_uri, &options.fields);
    let given = directory.send(Method::POST, TARGETS, Some(&wish), "the new MCP server")?;
    let target: Target = given.data()?;
    once(&options.secret, &target.id, false).told(&given, target.rows(), json)
}

#[derive(Deserialize)]
struct Rotated {
    id: String,
}

/// Gives an MCP server another introspection secret.
pub(super) fn rotate(options: &Rotate, remote: &Remote, json: bool) -> Result<Report, Failure> {
    options.secret.may_be_replaced()?;
    let directory = Directory::open(remote, &options.keeper)?;
    let path = format!("{}/rotate-credentials", address(&options.id));
    let given = directory.send(Method::POST, &path, None, "the new secret")?;
    let Rotated { id } = given.data()?;
    once(&options.secret, &id, true).told(&given, vec![("target", id.clone())], json)
}

fn once<'o>(out: &'o SecretOut, id: &str, replaces: bool) -> Once<'o> {
    let again = format!("agentctl mcp-target rotate {}", plain(id));
    Once { out, field: "introspectionSecret", title: "introspection secret", replaces, again }
}
