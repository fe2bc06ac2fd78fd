//! Whose tokens are believed here, and what their claims are worth.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use access::{Policy, Principal, ScopeSet};
use token::{Audience, Clock, Issuer, Location, RemoteKeys, Subject, TokenError, TokenType};

use crate::config::{AudienceEntry, IssuerEntry, ScopeClaim};

/// An issuer and how its claims are read.
#[derive(Debug)]
pub(crate) struct Trusted {
    /// What `token::verify` checks.
    pub(crate) issuer: Issuer,
    /// Shown in `X-Auth-Method`.
    pub(crate) method: String,
    groups_claim: String,
    scope_claim: ScopeClaim,
    /// Whether it is our own issuer, whose tokens speak of the directory.
    own: bool,
}

impl Trusted {
    /// An issuer of the configuration, with the source of its keys.
    ///
    /// # Errors
    /// [`TokenError::Key`] when its keys could never be fetched.
    pub(crate) fn remote(
        entry: IssuerEntry,
        clock: &Clock,
        changes: &Arc<AtomicU64>,
    ) -> Result<(Trusted, RemoteKeys), TokenError> {
        let mut names = vec![entry.issuer.clone()];
        names.extend(entry.aliases);
        let location = match &entry.jwks_uri {
            Some(uri) => Location::at(uri)?,
            None => Location::discover(&entry.issuer, names.clone())?,
        };
        let keys = RemoteKeys::new(location, Arc::clone(clock), Arc::clone(changes))?;
        let audience = match entry.audience {
            AudienceEntry::Required => Audience::Required,
            AudienceEntry::Optional => Audience::Optional,
        };
        let issuer = Issuer {
            names,
            audiences: entry.audiences,
            audience,
            token_type: TokenType::Access,
            keys: Arc::new(keys.clone()),
        };
        let (method, groups_claim, scope_claim) = (entry.method, entry.groups_claim, entry.scope_claim);
        Ok((Trusted { issuer, method, groups_claim, scope_claim, own: false }, keys))
    }

    /// Our own issuer: it grants our scopes and no others, so its `scope` is believed. That
    /// is how a narrowed token stays narrow: it has a `scope` and no groups.
    pub(crate) fn embedded(issuer: Issuer) -> Trusted {
        let (method, groups_claim) = ("embedded".to_owned(), "groups".to_owned());
        Trusted { issuer, method, groups_claim, scope_claim: ScopeClaim::Trusted, own: true }
    }

    /// Whether it is our own issuer.
    pub(crate) fn is_own(&self) -> bool {
        self.own
    }

    /// The principal that claims of this issuer speak of, and their `sub`.
    ///
    /// # Errors
    /// Those of [`Subject::read`].
    pub(crate) fn principal(
        &self,
        claims: &token::Claims,
        policy: &Policy,
    ) -> Result<(Principal, String), TokenError> {
        let subject = Subject::read(claims, &self.groups_claim)?;
        let scopes = match (subject.groups.is_empty(), self.scope_claim) {
            (false, ScopeClaim::Ignored | ScopeClaim::Trusted) => policy.scopes_for(&subject.groups),
            (true, ScopeClaim::Trusted) => subject.scope.split_whitespace().collect(),
            (true, ScopeClaim::Ignored) => ScopeSet::default(),
        };
        let who = Principal {
            username: subject.username,
            client_id: subject.client_id,
            groups: subject.groups,
            scopes,
            narrowed: false,
        };
        Ok((who, subject.subject))
    }
}

impl AsRef<Issuer> for Trusted {
    fn as_ref(&self) -> &Issuer {
        &self.issuer
    }
}
