//! The writes of a plan, many at a time.

use std::sync::Arc;

use access::{Action, Permit, Policy, Principal, ScopeSet};
use catalog::AgentEntry;
use store::{EntryStore, StoreError};
use tokio::task::JoinSet;

use super::plan::{Plan, Step};
use super::report::{Report, Verdict};
use crate::operator::source::Place;

/// Writes in flight: the file store brings all that wait to the disk with one fsync.
const IN_FLIGHT: usize = 128;
/// Whom the history names as the author of what was imported.
const AUTHOR: &str = "operator";

/// A write that came to its end.
struct Done {
    place: Place,
    path: String,
    replaces: bool,
    outcome: Result<(), StoreError>,
}

/// Writes everything, and tells what was really done.
///
/// When the store cannot be written any more, the rest is left: what is there stays, and importing again
/// goes on where this ended.
pub(super) async fn apply(store: &Arc<dyn EntryStore<AgentEntry>>, plan: Plan) -> Report {
    let Plan { steps, mut report } = plan;
    let operator = Operator::new();
    (report.taken, report.replaced) = (0, 0);
    report.unwritten += steps.len();
    let (mut writes, mut ended) = (JoinSet::new(), None);
    for step in steps {
        if writes.len() == IN_FLIGHT {
            ended = next(&mut writes, &mut report).await;
        }
        if ended.is_some() {
            break;
        }
        writes.spawn(write(store.clone(), operator.permit(&step), step));
    }
    while !writes.is_empty() {
        let reason = next(&mut writes, &mut report).await;
        ended = ended.or(reason);
    }
    if let Some(reason) = ended {
        report
            .notes
            .push(format!("{reason}; what was written stays, and importing again goes on from there"));
    }
    report
}

async fn write(store: Arc<dyn EntryStore<AgentEntry>>, permit: Permit, step: Step) -> Done {
    let Step { place, entry, replaces } = step;
    let path = entry.path.to_string();
    let outcome = match &replaces {
        None => store.insert(&permit, entry).await,
        Some(tag) => store.replace(&permit, tag, entry).await,
    };
    Done { place, path, replaces: replaces.is_some(), outcome: outcome.map(drop) }
}

/// Takes up one write that has ended. Says why no other is to be tried, where that is so.
async fn next(writes: &mut JoinSet<Done>, report: &mut Report) -> Option<String> {
    let Done { place, path, replaces, outcome } = match writes.join_next().await? {
        Ok(done) => done,
        Err(cause) => return Some(format!("a write broke off: {cause}")),
    };
    let reason = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
    match outcome {
        Ok(()) if replaces => report.replaced += 1,
        Ok(()) => report.taken += 1,
        Err(StoreError::Unavailable { .. } | StoreError::Unprepared { .. }) => return Some(reason),
        Err(
            StoreError::Taken(_)
            | StoreError::Absent(_)
            | StoreError::Changed { .. }
            | StoreError::WrongPermit
            | StoreError::Damaged { .. },
        ) => {
            report.refused += 1;
            let reason = format!("{reason}: somebody else writes to this store; import again");
            report.remark(Verdict::Refused, place, Some(path), vec![reason]);
        }
    }
    report.unwritten -= 1;
    None
}

/// Who runs the registry: an admin to any policy, also to none.
struct Operator {
    policy: Policy,
    who: Principal,
}

impl Operator {
    fn new() -> Operator {
        let scopes = ScopeSet::parse("a2a-agent-admin");
        let who = Principal { username: AUTHOR.to_owned(), scopes, ..Principal::default() };
        Operator { policy: Policy::parse("").expect("an empty policy has no fault"), who }
    }

    fn permit(&self, step: &Step) -> Permit {
        let AgentEntry { resource, .. } = &step.entry;
        let action = if step.replaces.is_some() { Action::ModifyAgent } else { Action::PublishAgent };
        self.policy.decide(&self.who, action, resource).expect("an admin may, and sees everything")
    }
}
