//! Finding agents, MCP servers and tools by what they are asked to do.

pub(crate) mod body;
mod context;
pub(crate) mod question;

use std::collections::HashSet;
use std::sync::Arc;

use catalog::{AgentEntry, ServerEntry, Tool};
use store::Catalogue;

use crate::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::indexing::{Hit, Key, Kind, Sight, Wanted};

pub(crate) use self::context::best_sentence;
use self::question::Question;

/// Something that fits, 0 to 1.
pub(crate) struct Found<T> {
    pub(crate) thing: T,
    pub(crate) relevance: f64,
}

/// What was found, whatever it is.
pub(crate) enum Thing {
    Agent(Arc<AgentEntry>),
    Server(SeenServer),
    Tool(SeenTool),
}

/// A server, as far as the caller may see it.
pub(crate) struct SeenServer {
    pub(crate) entry: Arc<ServerEntry>,
    /// How many of its tools he may call.
    pub(crate) tools: usize,
}

/// A tool that the caller may call.
pub(crate) struct SeenTool {
    pub(crate) server: Arc<ServerEntry>,
    pub(crate) tool: Tool,
}

/// What fits a question best, kind by kind.
#[derive(Default)]
pub(crate) struct ByKind {
    pub(crate) agents: Vec<Found<Arc<AgentEntry>>>,
    pub(crate) servers: Vec<Found<SeenServer>>,
    pub(crate) tools: Vec<Found<SeenTool>>,
}

/// What fits best among what the caller may see, best first over all kinds that are asked for.
pub(crate) async fn search(
    app: &App,
    caller: &Caller,
    question: &Question,
) -> Result<Vec<Found<Thing>>, ApiError> {
    let wanted = Wanted { kinds: question.kinds.clone(), most: question.max_results, agents: None };
    let mut found = nearest(app, caller, question, vec![wanted]).await?;
    Ok(found.pop().unwrap_or_default())
}

/// The agents that fit best, if they are among these paths.
pub(crate) async fn agents_among(
    app: &App,
    caller: &Caller,
    question: &Question,
    paths: Option<HashSet<String>>,
) -> Result<Vec<Found<Arc<AgentEntry>>>, ApiError> {
    let wanted = Wanted { kinds: vec![Kind::Agent], most: question.max_results, agents: paths };
    let found = nearest(app, caller, question, vec![wanted]).await?;
    Ok(sorted(found).agents)
}

/// What fits best of each kind that is asked for. Tools are looked for whenever servers are: they say what of a
/// server fits.
pub(crate) async fn by_kind(app: &App, caller: &Caller, question: &Question) -> Result<ByKind, ApiError> {
    let asked = |kind: Kind| question.kinds.contains(&kind);
    let kinds = [Kind::Agent, Kind::Server, Kind::Tool];
    let kinds = kinds.into_iter().filter(|kind| asked(*kind) || (*kind == Kind::Tool && asked(Kind::Server)));
    let wants = kinds.map(|kind| Wanted { kinds: vec![kind], most: question.max_results, agents: None });
    nearest(app, caller, question, wants.collect()).await.map(sorted)
}

fn sorted(found: Vec<Vec<Found<Thing>>>) -> ByKind {
    let mut by_kind = ByKind::default();
    for Found { thing, relevance } in found.into_iter().flatten() {
        match thing {
            Thing::Agent(thing) => by_kind.agents.push(Found { thing, relevance }),
            Thing::Server(thing) => by_kind.servers.push(Found { thing, relevance }),
            Thing::Tool(thing) => by_kind.tools.push(Found { thing, relevance }),
        }
    }
    by_kind
}

async fn nearest(
    app: &App,
    caller: &Caller,
    question: &Question,
    wants: Vec<Wanted>,
) -> Result<Vec<Vec<Found<Thing>>>, ApiError> {
    let hits = app.index.nearest(caller, &question.query, wants).await.map_err(ApiError::NoSearch)?;
    // The index may be a moment behind the stores; what is shown is decided on the entries of now.
    let (agents, servers) = (app.picture()?, app.shown(&*app.servers)?);
    let sight = Sight::new(caller, &servers);
    let shown = |hits: Vec<Hit>| hits.into_iter().filter_map(|hit| show(&hit, &agents, &servers, &sight));
    Ok(hits.into_iter().map(|hits| shown(hits).collect()).collect())
}

fn show(
    hit: &Hit,
    agents: &Catalogue<AgentEntry>,
    servers: &Catalogue<ServerEntry>,
    sight: &Sight<'_>,
) -> Option<Found<Thing>> {
    let thing = match &hit.key {
        Key::Agent(path) => {
            let entry = agents.get(path).filter(|entry| sight.agent(entry))?;
            Thing::Agent(entry.clone())
        }
        Key::Server(path) => {
            let entry = servers.get(path).filter(|entry| sight.server(entry))?.clone();
            Thing::Server(SeenServer { tools: sight.tools(&entry).count(), entry })
        }
        Key::Tool(path, name) => {
            let server = servers.get(path).filter(|server| sight.tool(server, name))?.clone();
            let tool = server.tools.iter().find(|tool| tool.name == *name)?.clone();
            Thing::Tool(SeenTool { server, tool })
        }
    };
    Some(Found { thing, relevance: four_decimals(hit.cosine) })
}

/// Cosine similarity as the documented score: 0 to 1, four decimals.
fn four_decimals(cosine: f32) -> f64 {
    (f64::from(cosine).clamp(0.0, 1.0) * 10_000.0).round() / 10_000.0
}
