//! The wire types of explanations and simulations.

use access::{Action, Fault, ScopeSet, TierSays};
use catalog::{EntryPath, Faults};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};
use serde_json::{Map, Value};

use super::explain::{self, Question, Subject, What};
use super::simulate;
use crate::error::ApiError;
use crate::identity::Caller;

/// Whose decision is to be explained, and which.
#[derive(Object)]
pub(super) struct ExplainInput {
    /// `list_agents`, `get_agent`, `publish_agent`, `modify_agent`, `delete_agent`; `list_service`,
    /// `register_service`, `health_check_service`, `toggle_service`, `modify_service`; or a method of MCP, such as
    /// `tools/call`.
    action: String,
    /// The agent's path, with its leading slash; or the MCP server's name.
    resource: String,
    /// With `tools/call`: the tool.
    tool: Option<String>,
    /// For admins: the groups of somebody else.
    groups: Option<Vec<String>>,
    /// For admins: scopes instead of groups.
    scopes: Option<Vec<String>>,
    /// For admins: the username of somebody else.
    username: Option<String>,
}

/// A candidate policy.
#[derive(Object)]
pub(super) struct SimulateInput {
    /// The text of a scopes.yml.
    policy: String,
}

/// Reads what is to be explained.
pub(super) fn question(values: &Map<String, Value>) -> Result<Question, ApiError> {
    let mut faults = Faults::default();
    let text = |name: &str| values.get(name).and_then(Value::as_str).unwrap_or_default();
    let what = what(text("action"), text("resource"), values.get("tool"), &mut faults);
    let mut list = |name: &str| -> Option<Vec<String>> {
        let items = values.get(name).filter(|value| !value.is_null())?;
        let words: Option<Vec<String>> = items
            .as_array()
            .and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        if words.is_none() {
            faults.add(name, "must be a list of texts");
        }
        words
    };
    let (groups, scopes) = (list("groups"), list("scopes"));
    let username = values.get("username").and_then(Value::as_str);
    let subject = match (&groups, &scopes, username) {
        (None, None, None) => Subject::Myself,
        _ => Subject::Somebody {
            username: username.unwrap_or_default().to_owned(),
            groups: groups.unwrap_or_default(),
            scopes: scopes.map(|scopes| scopes.iter().map(String::as_str).collect::<ScopeSet>()),
        },
    };
    faults.or(())?;
    match what {
        Some(what) => Ok(Question { subject, what }),
        None => Err(ApiError::ours("a question without a fault has all its parts")),
    }
}

fn what(action: &str, resource: &str, tool: Option<&Value>, faults: &mut Faults) -> Option<What> {
    let tool = match tool {
        None | Some(Value::Null) => None,
        Some(Value::String(tool)) => Some(tool.clone()),
        Some(_) => {
            faults.add("tool", "must be a text");
            None
        }
    };
    let known = Action::named(action);
    // Methods of MCP have a slash, but for two; anything else is a slip.
    let is_method = action.contains('/') || matches!(action, "initialize" | "ping");
    if known.is_none() && !is_method {
        let names = Action::AGENT.into_iter().chain(Action::SERVICE).map(Action::name);
        let names = names.collect::<Vec<_>>().join(", ");
        faults.add("action", format!("must be one of {names}, or a method of MCP such as tools/call"));
    }
    if tool.is_some() && action != "tools/call" {
        faults.add("tool", "is for tools/call alone");
    }
    // A server is named as policies name it, or by its path.
    let is_agents = known.is_some_and(Action::is_agent);
    let path =
        if is_agents || resource.starts_with('/') { resource.to_owned() } else { format!("/{resource}") };
    let path = EntryPath::parse(&path).map_err(|fault| faults.add("resource", fault.to_string())).ok()?;
    match known {
        Some(action) if is_agents => Some(What::Agent(action, path)),
        Some(action) => Some(What::Server(action, path)),
        None => is_method.then(|| What::Call { server: path, method: action.to_owned(), tool }),
    }
}

/// Reads a candidate policy.
pub(super) fn candidate(values: &Map<String, Value>) -> Result<&str, ApiError> {
    let text = values.get("policy").and_then(Value::as_str);
    text.ok_or_else(|| Faults::one("policy", "is required: the text of a scopes.yml").into())
}

/// A decision and its reasons.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct ExplainAnswer {
    /// `allowed`, `outside_grants` (403) or `invisible` (404).
    verdict: String,
    /// What decided, in one line.
    reason: String,
    /// The groups the decision was made from.
    groups: Vec<String>,
    /// The scopes they map to, each with what its tiers say.
    scopes: Vec<ScopeReport>,
    /// Why an entry within the grants can or cannot be seen.
    visibility: Option<String>,
    /// For admins: scopes that would have allowed it.
    would_allow: Vec<Alternative>,
    /// The version of the policy that decided.
    policy_version: String,
}

/// What one scope says.
#[derive(Object)]
struct ScopeReport {
    scope: String,
    /// Tier 1, `UI-Scopes`.
    ui_scopes: TierReport,
    /// Tier 3, the `agents` block of the scope's section.
    agents_block: TierReport,
    /// Tier 3, the entries of the scope's section about the MCP server whose method is called.
    server_entries: TierReport,
    /// What the two make together.
    allows: bool,
}

/// What one tier of a scope says.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct TierReport {
    /// `allows`, `refuses`, or `nothing`: then the other tier decides.
    says: String,
    /// With `allows`: the resource that matched, as the file spells it.
    resource: Option<String>,
    /// With `allows`: its line; 0 is built in.
    line: Option<u32>,
    /// With `refuses`: what the permission reaches.
    reaches: Option<Vec<String>>,
}

/// A scope that would have allowed it.
#[derive(Object)]
struct Alternative {
    scope: String,
    /// The groups that map to it.
    groups: Vec<String>,
    /// The line of its rule; 0 is built in.
    line: u32,
}

impl ExplainAnswer {
    pub(super) fn new(caller: &Caller, answer: explain::Answer) -> ExplainAnswer {
        let explanation = answer.explanation;
        let reason = match explanation.visibility.as_ref() {
            Some(why) if explanation.verdict == access::Verdict::Invisible => why.clone(),
            _ => explanation.reason(),
        };
        ExplainAnswer {
            verdict: explanation.verdict.name().to_owned(),
            reason,
            groups: answer.who.groups,
            scopes: explanation.scopes.into_iter().map(ScopeReport::from).collect(),
            visibility: explanation.visibility,
            would_allow: explanation.would_allow.into_iter().map(Alternative::from).collect(),
            policy_version: caller.policy.version().to_owned(),
        }
    }
}

impl From<access::ScopeSays> for ScopeReport {
    fn from(says: access::ScopeSays) -> ScopeReport {
        ScopeReport {
            scope: says.scope,
            ui_scopes: TierReport::from(says.ui_scopes),
            agents_block: TierReport::from(says.agents_block),
            server_entries: TierReport::from(says.server_entries),
            allows: says.allows,
        }
    }
}

impl From<TierSays> for TierReport {
    fn from(says: TierSays) -> TierReport {
        let report =
            |says: &str| TierReport { says: says.to_owned(), resource: None, line: None, reaches: None };
        match says {
            TierSays::Nothing => report("nothing"),
            TierSays::Allows { resource, line } => {
                TierReport { resource: Some(resource), line: Some(number(line)), ..report("allows") }
            }
            TierSays::Refuses { reaches } => TierReport { reaches: Some(reaches), ..report("refuses") },
        }
    }
}

impl From<access::WouldAllow> for Alternative {
    fn from(would: access::WouldAllow) -> Alternative {
        Alternative { scope: would.scope, groups: would.groups, line: number(would.line) }
    }
}

/// What a candidate policy would do.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct SimulateAnswer {
    /// The version of the policy in force.
    policy_version: String,
    /// The version the candidate would have; absent when it has faults.
    candidate_version: Option<String>,
    /// Why the candidate would be refused, every fault with its place.
    faults: Vec<FilePlace>,
    /// What of it grants nothing but is probably a slip.
    warnings: Vec<FilePlace>,
    /// How many changes there are in all.
    total_gained: u32,
    /// How many of them take something away.
    total_lost: u32,
    /// The changes by group, path and action; the first 10,000.
    changes: Vec<GrantChange>,
}

/// A place in the candidate's text and what is wrong there.
#[derive(Object)]
struct FilePlace {
    /// Counted from 1.
    line: u32,
    /// Counted from 1.
    column: u32,
    message: String,
}

/// Something that a group gains or loses.
#[derive(Object)]
struct GrantChange {
    group: String,
    /// The agent's path or the MCP server's name; `*` is every other server.
    path: String,
    /// The action, or the method that may be called and its tool; `*` is every other one.
    action: String,
    /// `gained` or `lost`.
    change: String,
}

/// Enough for a person; more would only fill the memory of both sides.
const MOST_CHANGES: usize = 10_000;

impl SimulateAnswer {
    pub(super) fn new(caller: &Caller, answer: simulate::Answer) -> SimulateAnswer {
        let gained = answer.changes.iter().filter(|change| change.gained).count();
        let lost = answer.changes.len() - gained;
        let change = |change: access::Change| GrantChange {
            group: change.group,
            path: change.path,
            action: change.action,
            change: if change.gained { "gained" } else { "lost" }.to_owned(),
        };
        SimulateAnswer {
            policy_version: caller.policy.version().to_owned(),
            candidate_version: answer.version,
            faults: answer.faults.iter().map(FilePlace::from).collect(),
            warnings: answer.warnings.iter().map(FilePlace::from).collect(),
            total_gained: number(gained),
            total_lost: number(lost),
            changes: answer.changes.into_iter().take(MOST_CHANGES).map(change).collect(),
        }
    }
}

impl From<&Fault> for FilePlace {
    fn from(fault: &Fault) -> FilePlace {
        FilePlace { line: number(fault.line), column: number(fault.column), message: fault.message.clone() }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How a question is answered.
#[derive(ApiResponse)]
pub(super) enum Explained {
    /// The decision and its reasons.
    #[oai(status = 200)]
    Decision(Json<ExplainAnswer>),
}

/// How a simulation is answered.
#[derive(ApiResponse)]
pub(super) enum Simulated {
    /// The candidate's faults, or what it would change.
    #[oai(status = 200)]
    Changes(Json<SimulateAnswer>),
}
