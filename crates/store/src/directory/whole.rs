//! A whole directory as JSON: what a log's snapshot holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AgentIdentity, Directory, McpTarget, Usage};

/// The form that is written and read here.
const FORM: u32 = 1;

/// The snapshot; sorted, so that a person can compare two of them.
#[derive(Serialize)]
struct Written<'a> {
    directory: u32,
    number: u64,
    admin_key: &'a Option<String>,
    agents: Vec<&'a AgentIdentity>,
    usage: BTreeMap<&'a str, &'a Usage>,
    targets: Vec<&'a McpTarget>,
    /// Slugs of agents that are gone.
    retired: Vec<&'a str>,
    revoked: BTreeMap<&'a str, u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    directory: u32,
    number: u64,
    admin_key: Option<String>,
    agents: Vec<AgentIdentity>,
    usage: BTreeMap<String, Usage>,
    targets: Vec<McpTarget>,
    #[serde(default)]
    retired: Vec<String>,
    revoked: BTreeMap<String, u64>,
    /// A file's, looked at before.
    #[serde(default, rename = "checksum")]
    _checksum: Option<String>,
}

/// The directory as JSON.
///
/// # Errors
/// None that strings and numbers could lead to.
pub(super) fn write(directory: &Directory) -> serde_json::Result<Vec<u8>> {
    let mut agents: Vec<&AgentIdentity> = directory.agents().map(Arc::as_ref).collect();
    agents.sort_by(|one, other| one.agent_id.cmp(&other.agent_id));
    let mut targets: Vec<&McpTarget> = directory.targets().map(Arc::as_ref).collect();
    targets.sort_by(|one, other| one.id.cmp(&other.id));
    serde_json::to_vec(&Written {
        directory: FORM,
        number: directory.number,
        admin_key: &directory.admin_key,
        agents,
        usage: directory.usage.iter().map(|(agent, usage)| (&**agent, &**usage)).collect(),
        targets,
        retired: directory.retired(),
        revoked: directory.revoked.iter().map(|(jti, end)| (&**jti, *end)).collect(),
    })
}

/// Reads what [`write`] wrote.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(json: &[u8]) -> Result<Directory, String> {
    let read: Read = serde_json::from_slice(json).map_err(|fault| fault.to_string())?;
    if read.directory != FORM {
        return Err(format!("it has form {}; this server reads form {FORM}", read.directory));
    }
    let mut directory = Directory::default();
    (directory.number, directory.admin_key) = (read.number, read.admin_key);
    for agent in read.agents {
        directory.put_agent(agent);
    }
    for target in read.targets {
        directory.put_target(target.version, &target);
    }
    for (agent, usage) in read.usage {
        directory.usage.insert_mut(agent, Arc::new(usage));
    }
    for slug in read.retired {
        directory.retire(slug);
    }
    for (jti, end) in read.revoked {
        directory.revoked.insert_mut(jti, end);
    }
    Ok(directory)
}
