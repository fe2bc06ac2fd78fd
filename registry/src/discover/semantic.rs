//! Finding agents by what they are asked to do.

use std::sync::Arc;

use access::Action;
use catalog::{AgentEntry, EntryPath};

use crate::App;
use crate::error::ApiError;
use crate::identity::Caller;

/// A question in plain words.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) query: String,
    pub(crate) max_results: usize,
    /// Whether the caller wants agents among the entities.
    pub(crate) agents: bool,
}

/// An agent and how well it fits, 0 to 1.
pub(crate) struct Found {
    pub(crate) entry: Arc<AgentEntry>,
    pub(crate) relevance: f64,
}

/// The agents that fit best among those the caller may see, best first.
pub(crate) async fn search(app: &App, caller: &Caller, question: &Question) -> Result<Vec<Found>, ApiError> {
    if !question.agents {
        return Ok(Vec::new());
    }
    let hits = app.index.nearest(caller, &question.query, question.max_results).await;
    let hits = hits.map_err(ApiError::NoSearch)?;
    // The index may be a moment behind the store; what is shown is decided on the entries of now.
    let catalogue = app.picture()?;
    let view = caller.view(Action::ListAgents);
    let fresh = hits.into_iter().filter_map(|hit| {
        let entry = catalogue.get(&EntryPath::parse(&hit.key).ok()?)?;
        (entry.enabled && view.sees(&entry.resource))
            .then(|| Found { entry: entry.clone(), relevance: four_decimals(hit.cosine) })
    });
    Ok(fresh.collect())
}

/// Cosine similarity as the documented score: 0 to 1, four decimals.
fn four_decimals(cosine: f32) -> f64 {
    (f64::from(cosine).clamp(0.0, 1.0) * 10_000.0).round() / 10_000.0
}
