//! What an agent says it has used. What is acknowledged is on the disk.

use access::Asker;
use serde_json::json;
use store::directory::{Done, Usage, Wish, end_of_day};

use super::body::Fields;
use super::{Agents, IdentityError, MOST_TOKENS, ProvenAgent};
use crate::app::App;
use crate::asked::Asked;
use crate::reply::Reply;

/// How many runs of one agent are told apart on one day. Each is remembered, by who chooses its name.
const MOST_RUNS: usize = 100_000;
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
    fields.line("model", 256);
    let cost = fields.number("cost_usd", MOST_COST);
    let run_id = fields.line("run_id", 256);
    if run_id.as_ref().is_some_and(|run| run.trim().is_empty()) {
        // All reports that say nothing would be one run.
        fields.fault("run_id", "must not be blank: leave it out where there is none");
    }
    fields.done()?;
    let (now, directory) = (app.now(), agents.known());
    let usage = directory.usage(&proven.agent.agent_id);
    // A run that was counted may be told again, however many there are.
    let is_one_more = |usage: &Usage, run: &str| usage.runs_at(now) >= MOST_RUNS && !usage.knows(run);
    if usage.zip(run_id.as_deref()).is_some_and(|(usage, run)| is_one_more(usage, run)) {
        return Err(IdentityError::TooManyRuns(end_of_day(now).saturating_sub(now).max(1)));
    }
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
