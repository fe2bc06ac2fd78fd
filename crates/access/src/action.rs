//! The closed list of what one can do, under the names `scopes.yml` gives it.

/// Something a caller may be permitted to do to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// See an agent in lists and in discovery.
    ListAgents,
    /// Read an agent's whole card.
    GetAgent,
    /// Register an agent at a path.
    PublishAgent,
    /// Change an agent's card, enable or disable it.
    ModifyAgent,
    /// Remove an agent.
    DeleteAgent,
    /// See an MCP server in lists and in discovery.
    ListService,
    /// Register an MCP server.
    RegisterService,
    /// Ask for a health check of an MCP server.
    HealthCheckService,
    /// Enable or disable an MCP server.
    ToggleService,
    /// Change or remove an MCP server.
    ModifyService,
}

impl Action {
    /// The five agent permissions of `UI-Scopes`; who holds all of them on `all` is an admin.
    pub const AGENT: [Action; 5] = [
        Action::ListAgents,
        Action::GetAgent,
        Action::PublishAgent,
        Action::ModifyAgent,
        Action::DeleteAgent,
    ];

    /// The five server permissions of `UI-Scopes`.
    pub const SERVICE: [Action; 5] = [
        Action::ListService,
        Action::RegisterService,
        Action::HealthCheckService,
        Action::ToggleService,
        Action::ModifyService,
    ];

    /// The name used in `scopes.yml` and in refusals.
    pub const fn name(self) -> &'static str {
        match self {
            Action::ListAgents => "list_agents",
            Action::GetAgent => "get_agent",
            Action::PublishAgent => "publish_agent",
            Action::ModifyAgent => "modify_agent",
            Action::DeleteAgent => "delete_agent",
            Action::ListService => "list_service",
            Action::RegisterService => "register_service",
            Action::HealthCheckService => "health_check_service",
            Action::ToggleService => "toggle_service",
            Action::ModifyService => "modify_service",
        }
    }

    /// The action of that name, if there is one.
    pub fn named(name: &str) -> Option<Action> {
        Action::AGENT.into_iter().chain(Action::SERVICE).find(|action| action.name() == name)
    }

    /// Whether it changes something: the audit trail holds every such request.
    pub fn changes(self) -> bool {
        match self {
            Action::PublishAgent
            | Action::ModifyAgent
            | Action::DeleteAgent
            | Action::RegisterService
            | Action::ToggleService
            | Action::ModifyService => true,
            Action::ListAgents | Action::GetAgent | Action::ListService | Action::HealthCheckService => false,
        }
    }

    /// Whether it is done to agents (else to MCP servers).
    pub fn is_agent(self) -> bool {
        Action::AGENT.contains(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_found_by_its_name() {
        for action in Action::AGENT.into_iter().chain(Action::SERVICE) {
            assert_eq!(Action::named(action.name()), Some(action));
            assert_eq!(
                action.is_agent(),
                action.name().ends_with("agent") || action.name().ends_with("agents")
            );
        }
        assert_eq!(Action::named("own_agent"), None);
    }
}
