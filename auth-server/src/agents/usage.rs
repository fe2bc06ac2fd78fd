//! What an agent says it has used. What is acknowledged is on the disk.

use access::Asker;
use serde_json::json;
use store::directory::{Done, Wish};

use super::body::Fields;
use super::{Agents, IdentityError, ProvenAgent};
use crate::app::App;
use crate::asked::Asked;
use crate::reply::Reply;

/// More model tokens than any run uses: a slip of the sender, which would end its day.
const MOST_TOKENS: u64 = 1_000_000_000_000;
/// The dearest run, in US dollars.
const MOST_COST: f64 = 1e9;

/// Counts a report. With a `run_id`, once: repeat it as often as no answer came.
///
/// # Errors
/// [`IdentityError::Faults`], those of the store.
pub(super) async fn report(
    app: &App,
    agents: &Agents,
    proven: &ProvenAgent,
    asked: &Asked<'_>,
) -> Result<Reply, IdentityError> {
    let mut fields = Fields::read(asked)?;
    let tokens = fields.required_whole("tokens", MOST_TOKENS);
    fields.text("model", 256);
    let cost = fields.number("cost_usd", MOST_COST);
    let run_id = fields.text("run_id", 256);
    fields.done()?;
    let agent_id = proven.agent.agent_id.clone();
    let permit = Asker::Agent { agent_id: &agent_id }.may_as(&agent_id).map_err(IdentityError::Denied)?;
    let (tokens, cost_micros) = (tokens.unwrap_or_default(), (cost.unwrap_or_default() * 1e6).round() as u64);
    let wish = Wish::ReportUsage { agent_id, tokens, cost_micros, run_id };
    let done = agents.write(&permit, wish).await.map_err(IdentityError::Store)?;
    let used = match done {
        Done::Usage(used) => used,
        Done::Agent(_) | Done::Target(_) | Done::Nothing => {
            agents.known().tokens_used(&proven.agent.agent_id, app.now())
        }
    };
    let exhausted = proven.agent.budget.max_tokens_per_day.is_some_and(|most| used >= most);
    Ok(Reply::json(200, &json!({"tokens_used_today": used, "budget_exhausted": exhausted})))
}
