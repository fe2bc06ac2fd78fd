//! May a method of an MCP server be called, and with `tools/call` which tool?

use crate::grants::ServerGrant;
use crate::{Policy, ScopeSet};

/// What may be called of one MCP server, resolved once for many decisions: a list of tools is cut with it.
pub struct Calls<'a> {
    grants: Vec<&'a ServerGrant>,
}

impl Calls<'_> {
    /// Whether a method, and for `tools/call` its tool, may be called.
    pub fn may(&self, method: &str, tool: Option<&str>) -> bool {
        self.grants.iter().any(|grant| grant.allows(method, tool))
    }

    /// Whether no scope names the server at all.
    pub fn names_nothing(&self) -> bool {
        self.grants.is_empty()
    }
}

/// How a method, and the tool that it may have, is written in explanations and comparisons.
pub(crate) fn spelled(method: &str, tool: Option<&str>) -> String {
    match tool {
        Some(tool) => format!("{method} {tool}"),
        None => method.to_owned(),
    }
}

impl Policy {
    /// What may be called of this MCP server with these scopes (design page "access", section 3).
    pub fn calls<'a>(&'a self, scopes: &ScopeSet, server: &str) -> Calls<'a> {
        let server = server.trim_matches('/');
        let sections = scopes.iter().filter_map(|scope| self.sections.get(scope));
        let grants = sections.flat_map(|section| &section.servers).filter(|grant| grant.reaches(server));
        Calls { grants: grants.collect() }
    }

    /// Whether any scope names this MCP server at all. Which methods and tools of it
    /// may be used is decided where the request's body is known.
    pub fn may_reach_server(&self, scopes: &ScopeSet, server: &str) -> bool {
        !self.calls(scopes, server).names_nothing()
    }

    /// Whether every tool of every MCP server may be called.
    pub fn may_call_every_tool(&self, scopes: &ScopeSet) -> bool {
        let sections = scopes.iter().filter_map(|scope| self.sections.get(scope));
        sections.flat_map(|section| &section.servers).any(ServerGrant::is_for_every_tool)
    }

    /// [`Calls::may`], for one decision.
    pub fn may_call(&self, scopes: &ScopeSet, server: &str, method: &str, tool: Option<&str>) -> bool {
        self.calls(scopes, server).may(method, tool)
    }
}
