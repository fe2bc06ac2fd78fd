//! The writes of a plan, many at a time.

use std::sync::Arc;

use access::{Permit, Policy, Principal, ScopeSet};
use catalog::WriteKind;
use store::{EntryStore, StoreError};
use tokio::task::JoinSet;

use super::importable::Importable;
use super::plan::{Plan, Step};
use super::report::{Remark, Report, Verdict};
use crate::operator::source::{Kind, Place};
use crate::storage::Opened;

/// Writes in flight: the file store brings all that wait to the disk with one fsync.
const IN_FLIGHT: usize = 128;
/// Whom the history names as the author of what was imported.
const AUTHOR: &str = "operator";

/// What he may do with servers, under the scope that is called as he is; with agents an admin may everything.
const POLICY: &str = "\
UI-Scopes:
  operator:
    register_service:
      - all
    modify_service:
      - all
";

/// A write that came to its end.
struct Done {
    kind: Kind,
    place: Place,
    path: String,
    replaces: bool,
    outcome: Result<(), StoreError>,
}

/// Writes everything, and tells what was really done.
///
/// When the store cannot be written any more, the rest is left: what is there stays, and importing again
/// goes on where this ended.
pub(super) async fn apply(opened: &Opened, plan: Plan) -> Report {
    let Plan { agents, servers, mut report } = plan;
    (report.taken, report.replaced) = (0, 0);
    report.unwritten += agents.len() + servers.len();
    let mut ended = write_all(&opened.agents, agents, &mut report).await;
    if ended.is_none() {
        ended = write_all(&opened.servers, servers, &mut report).await;
    }
    if let Some(reason) = ended {
        report
            .notes
            .push(format!("{reason}; what was written stays, and importing again goes on from there"));
    }
    report
}

/// Writes these, and says why the rest was left, where it was.
async fn write_all<E: Importable>(
    store: &Arc<dyn EntryStore<E>>,
    steps: Vec<Step<E>>,
    report: &mut Report,
) -> Option<String> {
    let operator = Operator::new();
    let (mut writes, mut ended) = (JoinSet::new(), None);
    for step in steps {
        if writes.len() == IN_FLIGHT {
            ended = next(&mut writes, report).await;
        }
        if ended.is_some() {
            break;
        }
        writes.spawn(write(store.clone(), operator.permit(&step), step));
    }
    while !writes.is_empty() {
        let reason = next(&mut writes, report).await;
        ended = ended.or(reason);
    }
    ended
}

async fn write<E: Importable>(store: Arc<dyn EntryStore<E>>, permit: Permit, step: Step<E>) -> Done {
    let Step { place, entry, replaces } = step;
    let path = entry.path().to_string();
    let outcome = match &replaces {
        None => store.insert(&permit, entry).await,
        Some(tag) => store.replace(&permit, tag, entry).await,
    };
    Done { kind: E::KIND, place, path, replaces: replaces.is_some(), outcome: outcome.map(drop) }
}

/// Takes up one write that has ended. Says why no other is to be tried, where that is so.
async fn next(writes: &mut JoinSet<Done>, report: &mut Report) -> Option<String> {
    let Done { kind, place, path, replaces, outcome } = match writes.join_next().await? {
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
            let (verdict, path, reasons) = (Verdict::Refused, Some(path), vec![reason]);
            report.remarks.push(Remark { verdict, kind, place, path, reasons });
        }
    }
    report.unwritten -= 1;
    None
}

/// Who runs the registry: he may write everything, whatever the policy of those who call it says.
struct Operator {
    policy: Policy,
    who: Principal,
}

impl Operator {
    fn new() -> Operator {
        let scopes = ScopeSet::parse(&format!("a2a-agent-admin,{AUTHOR}"));
        let who = Principal { username: AUTHOR.to_owned(), scopes, ..Principal::default() };
        Operator { policy: Policy::parse(POLICY).expect("it has no fault"), who }
    }

    fn permit<E: Importable>(&self, step: &Step<E>) -> Permit {
        let write = if step.replaces.is_some() { WriteKind::Replace } else { WriteKind::Insert };
        let action = E::actions(write)[0];
        self.policy.decide(&self.who, action, step.entry.resource()).expect("he may, and sees everything")
    }
}
