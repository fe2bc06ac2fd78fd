//! The agents of the directory, as they meet us with tokens of their own (design page "agent-identity"):
//! who an agent is, what it may do, what it has used.

mod ask;
mod body;
mod budget;
mod counted;
mod describe;
mod error;
mod proof;
mod register;
mod seal;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use access::{DecisionRecord, DirectoryPermit};
use store::StoreError;
use store::directory::{AgentIdentity, Directory, DirectoryStore, Done, Wish};
use token::TokenError;

use crate::app::App;
use crate::asked::Asked;
use crate::grants::Embedded;
use crate::reply::Reply;
use crate::validate::bearer_of;

pub(crate) use body::Fields;
pub(crate) use budget::{Calls, Exhausted, MOST_TOKENS, tokens_left};
pub(crate) use counted::Counted;
pub(crate) use describe::workload_identity;
pub(crate) use error::IdentityError;
pub(crate) use proof::{LINEAGE, Live, ProvenAgent, Tokens, active, agents_principal, is_revoked, prove};
pub(crate) use seal::prove_seal;

/// The directory of agents, as this server holds it.
pub(crate) struct Agents {
    store: Arc<dyn DirectoryStore>,
    /// Tokens that were proven a moment ago.
    pub(crate) tokens: Tokens,
    /// Exchanges and questions of this hour.
    pub(crate) calls: Calls,
    /// How old what is known of other servers' writes may be; none is no bound.
    max_lag: Option<Duration>,
}

/// What an agent asks with its own token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentCall {
    Userinfo,
    Ask,
    Me,
    Register,
    Usage,
}

impl Agents {
    pub(crate) fn new(store: Arc<dyn DirectoryStore>, max_lag: Option<Duration>) -> Agents {
        Agents { store, tokens: Tokens::new(), calls: Calls::default(), max_lag }
    }

    /// Everything as far as it is known: to show it, or to change it.
    pub(crate) fn known(&self) -> Arc<Directory> {
        self.store.directory()
    }

    /// Everything as of now: to let somebody do something by it.
    ///
    /// # Errors
    /// [`TokenError::RevocationUnknown`] when others may have taken rights a while ago, and nobody has told us:
    /// doubt about access means no.
    pub(crate) fn now(&self) -> Result<Arc<Directory>, TokenError> {
        match self.max_lag {
            Some(most) if self.store.lag() > most => Err(TokenError::RevocationUnknown),
            Some(_) | None => Ok(self.store.directory()),
        }
    }

    /// See [`DirectoryStore::write`].
    pub(crate) async fn write(&self, permit: &DirectoryPermit, wish: Wish) -> Result<Done, StoreError> {
        self.store.write(permit, wish).await
    }

    /// The store itself, to ask how it is doing and to end it.
    pub(crate) fn store(&self) -> &dyn DirectoryStore {
        &*self.store
    }
}

/// Answers an agent. What was refused is in the audit trail, as is what was changed; a question notes itself.
pub(crate) async fn answer(
    app: &App,
    issuer: &Embedded,
    agents: &Agents,
    call: AgentCall,
    asked: &Asked<'_>,
) -> Reply {
    let mut who = None;
    let served = serve(app, issuer, agents, call, asked, &mut who).await;
    let notes_itself = call == AgentCall::Ask && who.is_some();
    if !notes_itself && (served.is_err() || call == AgentCall::Register) {
        app.audit.record(&DecisionRecord {
            time: app.now(),
            server: "auth-server",
            request_id: &asked.request_id.printable(),
            who: who.as_ref().map(|agent| agent.subject()).as_deref(),
            client_id: who.as_ref().map(|agent| &*agent.client_id),
            action: call.name(),
            resource: "-",
            verdict: if served.is_ok() { "allowed" } else { "refused" },
            rule: served.as_ref().err().map(IdentityError::recorded),
            policy_version: app.policy.current().version(),
        });
    }
    match served {
        Ok(reply) => reply.no_store(),
        Err(IdentityError::Faults(faults)) => IdentityError::BadFields(faults).reply(asked.request_id),
        Err(fault) => fault.reply(asked.request_id),
    }
}

async fn serve(
    app: &App,
    issuer: &Embedded,
    agents: &Agents,
    call: AgentCall,
    asked: &Asked<'_>,
    who: &mut Option<Arc<AgentIdentity>>,
) -> Result<Reply, IdentityError> {
    let token = bearer_of(asked.authorization).map_err(IdentityError::Token)?;
    let proven = prove(app, issuer, agents, token).await.map_err(IdentityError::Token)?;
    *who = Some(Arc::clone(&proven.agent));
    match call {
        AgentCall::Userinfo => Ok(describe::userinfo(app, issuer, agents, &proven)),
        AgentCall::Me => Ok(describe::me(issuer, &proven)),
        AgentCall::Ask => ask::ask(app, agents, &proven, asked),
        AgentCall::Register => register::register(issuer, agents, &proven, asked).await,
        AgentCall::Usage => usage::report(app, agents, &proven, asked).await,
    }
}

impl AgentCall {
    /// Its name in the audit trail.
    fn name(self) -> &'static str {
        match self {
            AgentCall::Userinfo => "userinfo",
            AgentCall::Ask => "ask",
            AgentCall::Me => "me",
            AgentCall::Register => "describe_agent_identity",
            AgentCall::Usage => "report_usage",
        }
    }
}
