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
use crate::indexing::{self, Document, Hit, Key, Kind, Narrow, Score, Sight, Wanted};

pub(crate) use self::context::best_sentence;
use self::question::Question;

/// How often the index is asked at most, where it was behind the stores.
const ROUNDS: usize = 3;

/// Something that fits, and why.
pub(crate) struct Found<T> {
    pub(crate) thing: T,
    pub(crate) score: Score,
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

/// What fits a question best, best first.
pub(crate) struct Answered<T> {
    pub(crate) found: T,
    /// The question as the entries that the caller may see would spell it, if that is another one.
    pub(crate) did_you_mean: Option<String>,
    /// What answered: `semantic`, `partial` or `lexical`.
    pub(crate) mode: &'static str,
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
) -> Result<Answered<Vec<Found<Thing>>>, ApiError> {
    let found = best(app, caller, question, std::slice::from_ref(&question.narrow)).await?;
    Ok(found.map(|found| found.into_iter().flatten().collect()))
}

/// The agents that fit best, if they are among these paths.
pub(crate) async fn agents_among(
    app: &App,
    caller: &Caller,
    question: &Question,
    paths: Option<HashSet<String>>,
) -> Result<Answered<Vec<Found<Arc<AgentEntry>>>>, ApiError> {
    let narrow = Narrow { agents: paths, ..question.narrow.to(&[Kind::Agent]) };
    let found = best(app, caller, question, &[narrow]).await?;
    Ok(found.map(|found| sorted(found).agents))
}

/// What fits best of each kind that is asked for. Tools are looked for whenever servers are: they say what of a
/// server fits.
pub(crate) async fn by_kind(
    app: &App,
    caller: &Caller,
    question: &Question,
) -> Result<Answered<ByKind>, ApiError> {
    let asked = |kind: Kind| question.narrow.kinds.contains(&kind);
    let kinds =
        Kind::ALL.into_iter().filter(|kind| asked(*kind) || (*kind == Kind::Tool && asked(Kind::Server)));
    let narrowed: Vec<Narrow> = kinds.map(|kind| question.narrow.to(&[kind])).collect();
    Ok(best(app, caller, question, &narrowed).await?.map(sorted))
}

impl<T> Answered<T> {
    fn map<U>(self, map: impl FnOnce(T) -> U) -> Answered<U> {
        let Answered { found, did_you_mean, mode } = self;
        Answered { found: map(found), did_you_mean, mode }
    }
}

fn sorted(found: Vec<Vec<Found<Thing>>>) -> ByKind {
    let mut by_kind = ByKind::default();
    for Found { thing, score } in found.into_iter().flatten() {
        match thing {
            Thing::Agent(thing) => by_kind.agents.push(Found { thing, score }),
            Thing::Server(thing) => by_kind.servers.push(Found { thing, score }),
            Thing::Tool(thing) => by_kind.tools.push(Found { thing, score }),
        }
    }
    by_kind
}

/// The best of each of these.
async fn best(
    app: &App,
    caller: &Caller,
    question: &Question,
    narrowed: &[Narrow],
) -> Result<Answered<Vec<Vec<Found<Thing>>>>, ApiError> {
    let want = |narrow: &Narrow| Wanted {
        narrow: narrow.clone(),
        most: question.max_results,
        least: question.min_score,
    };
    let wants: Vec<Wanted> = narrowed.iter().map(want).collect();
    let mut round = 1;
    loop {
        let indexing::Found { hits, did_you_mean, mode } =
            app.index.search(caller, &question.query, &wants).await.map_err(ApiError::NoSearch)?;
        // The index may be a moment behind the stores; what is shown is decided on the entries of now.
        let now = Now::of(app, caller)?;
        let mut gone = Vec::new();
        let mut found = Vec::new();
        for (hits, narrow) in hits.into_iter().zip(narrowed) {
            let mut shown = Vec::new();
            for Hit { key, score } in hits {
                match now.shows(&key, narrow) {
                    Some(thing) => shown.push(Found { thing, score }),
                    None => gone.push(key),
                }
            }
            found.push(shown);
        }
        if gone.is_empty() || round == ROUNDS {
            return Ok(Answered { found, did_you_mean, mode });
        }
        // What took a place in the answer without being in it has kept another one out.
        app.index.catch_up(&gone).await;
        round += 1;
    }
}

/// The entries of one moment, as one caller may see them.
struct Now<'c> {
    agents: Arc<Catalogue<AgentEntry>>,
    servers: Arc<Catalogue<ServerEntry>>,
    sight: Sight<'c>,
}

impl<'c> Now<'c> {
    fn of(app: &App, caller: &'c Caller) -> Result<Now<'c>, ApiError> {
        let (agents, servers) = (app.picture()?, app.shown(&*app.servers)?);
        Ok(Now { agents, servers, sight: Sight::new(caller) })
    }

    fn shows(&self, key: &Key, narrow: &Narrow) -> Option<Thing> {
        let document = match key {
            Key::Agent(path) => Document::Agent(self.agents.get(path)?.clone()),
            Key::Server(path) => Document::Server(self.servers.get(path)?.clone()),
            Key::Tool(path, name) => Document::of_tool(self.servers.get(path)?, name)?,
        };
        if !self.sight.sees(&document) || !narrow.admits(&document) {
            return None;
        }
        Some(match &document {
            Document::Agent(entry) => Thing::Agent(entry.clone()),
            Document::Server(entry) => {
                Thing::Server(SeenServer { tools: self.sight.tools(entry).count(), entry: entry.clone() })
            }
            Document::Tool(server, _) => {
                Thing::Tool(SeenTool { server: server.clone(), tool: document.tool()?.clone() })
            }
        })
    }
}
