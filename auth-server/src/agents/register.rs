//! What an agent says of itself. It changes nobody else's entry, and grants itself nothing.

use access::Asker;
use serde_json::json;
use store::directory::{Done, Wish};

use super::body::Fields;
use super::describe::workload_identity;
use super::{Agents, IdentityError, ProvenAgent};
use crate::asked::Asked;
use crate::grants::Embedded;
use crate::reply::Reply;

/// Writes the agent's words into its entry: it is there already, since it could sign in.
///
/// # Errors
/// [`IdentityError::OtherAgent`], [`IdentityError::Faults`], those of the store.
pub(super) async fn register(
    issuer: &Embedded,
    agents: &Agents,
    proven: &ProvenAgent,
    asked: &Asked<'_>,
) -> Result<Reply, IdentityError> {
    let mut fields = Fields::read(asked)?;
    let client_id = fields.required_line("client_id", 256);
    let name = fields.required_line("name", 256);
    let description = fields.text("description", 4096);
    let declared = fields.capabilities("capabilities");
    let jwks_uri = fields.https_url("jwks_uri").filter(|uri| !uri.is_empty());
    // Before the other faults: what he sends for somebody else is not looked at.
    if client_id.as_ref().is_some_and(|client_id| *client_id != proven.agent.client_id) {
        return Err(IdentityError::OtherAgent);
    }
    fields.done()?;
    let agent_id = proven.agent.agent_id.clone();
    let permit = Asker::Agent { agent_id: &agent_id }.may_as(&agent_id).map_err(IdentityError::Denied)?;
    let name = name.unwrap_or_default();
    let wish = Wish::DescribeAgent { agent_id: agent_id.clone(), name, description, declared, jwks_uri };
    let Done::Agent(agent) = agents.write(&permit, wish).await.map_err(IdentityError::Store)? else {
        return Err(IdentityError::Absent("agent"));
    };
    Ok(Reply::json(
        200,
        &json!({
            "success": true,
            "agent_id": agent.agent_id,
            "name": agent.name,
            "workload_identity": workload_identity(issuer, &agent),
        }),
    ))
}
