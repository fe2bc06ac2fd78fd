//! The walk over a policy's tree: what each part of the file means, and everything wrong with it.

use std::collections::{BTreeMap, HashSet};

use crate::grants::{Grants, Pattern, Rule, Section, ServerGrant, TOOLS_CALL, Words};
use crate::yaml::{Node, Value};
use crate::{Action, Fault, spelling};

/// The longest name of a group or scope, in bytes: it has to fit into headers and tokens.
const MAX_NAME: usize = 256;

/// Walks the tree and collects everything there is to say about it.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) faults: Vec<Fault>,
    pub(crate) warnings: Vec<Fault>,
}

impl Reader {
    fn fault(&mut self, node: &Node, message: impl Into<String>) {
        self.faults.push(node.fault(message));
    }

    fn warn(&mut self, node: &Node, message: impl Into<String>) {
        self.warnings.push(node.fault(message));
    }

    /// The pairs of a mapping; a duplicate key is a fault, because YAML readers
    /// differ in which of the two they believe.
    pub(crate) fn mapping<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(String, &'n Node)> {
        let Value::Map(pairs) = &node.value else {
            self.fault(node, format!("{what} must be a mapping, this is {}", node.kind()));
            return Vec::new();
        };
        let mut seen = HashSet::new();
        let mut read = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            match &key.value {
                Value::Scalar(name) if name.is_empty() => self.fault(key, "a key must not be empty"),
                Value::Scalar(name) if name.len() > MAX_NAME || name.contains(char::is_control) => {
                    self.fault(
                        key,
                        format!("a key must be at most {MAX_NAME} bytes long, without control characters"),
                    );
                }
                Value::Scalar(name) if !seen.insert(name.clone()) => {
                    self.fault(key, format!("'{name}' stands twice in {what}: join the two"));
                }
                Value::Scalar(name) => read.push((name.clone(), &**value)),
                Value::List(_) | Value::Map(_) => self.fault(key, "a key must be a single value"),
            }
        }
        read
    }

    fn list<'n>(&mut self, node: &'n Node, what: &str) -> Vec<&'n Node> {
        match &node.value {
            Value::List(items) => items.iter().map(|item| &**item).collect(),
            Value::Scalar(_) | Value::Map(_) => {
                self.fault(node, format!("{what} must be a list, this is {}", node.kind()));
                Vec::new()
            }
        }
    }

    fn word(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.value {
            Value::Scalar(text) if !text.is_empty() => Some(text.clone()),
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => {
                self.fault(node, format!("{what} must be a single value, this is {}", node.kind()));
                None
            }
        }
    }

    fn words(&mut self, node: &Node, what: &str) -> Vec<String> {
        let items = self.list(node, what);
        items.into_iter().filter_map(|item| self.word(item, &format!("each item of {what}"))).collect()
    }

    pub(crate) fn ui_scopes(&mut self, node: &Node) -> BTreeMap<String, Grants> {
        let scopes = self.mapping(node, "UI-Scopes");
        scopes.into_iter().map(|(scope, permissions)| (scope, self.permissions(permissions))).collect()
    }

    fn permissions(&mut self, node: &Node) -> Grants {
        let mut grants = Grants::default();
        for (name, resources) in self.mapping(node, "a scope of UI-Scopes") {
            match Action::named(&name) {
                Some(action) => {
                    let rules = self.rules(resources, action);
                    grants.0.insert(action, rules);
                }
                None => {
                    self.list(resources, &format!("'{name}'"));
                    self.warn(resources, format!("'{name}' is no permission, so this grants nothing"));
                }
            }
        }
        grants
    }

    fn rules(&mut self, node: &Node, action: Action) -> Vec<Rule> {
        let items = self.list(node, &format!("the resources of '{}'", action.name()));
        let rule = |pattern, line| Rule { pattern, line };
        items.into_iter().filter_map(|item| Some(rule(self.pattern(item, action)?, item.line))).collect()
    }

    fn pattern(&mut self, node: &Node, action: Action) -> Option<Pattern> {
        let text = self.word(node, "a resource")?;
        if text == "all" {
            return Some(Pattern::All);
        }
        // Servers are named without the slashes around their path; agents by their path.
        let path = if action.is_agent() { text } else { format!("/{}", text.trim_matches('/')) };
        let (checked, below) = match path.strip_suffix("/*") {
            Some(prefix) => (prefix, true),
            None => (path.as_str(), false),
        };
        if below && checked.is_empty() {
            return Some(Pattern::Below(if action.is_agent() { "/".to_owned() } else { String::new() }));
        }
        if let Err(fault) = spelling::check(checked) {
            self.fault(node, format!("'{path}' is no resource: {fault}"));
            return None;
        }
        let name = if action.is_agent() { checked } else { checked.trim_start_matches('/') };
        Some(if below { Pattern::Below(format!("{name}/")) } else { Pattern::Exact(name.to_owned()) })
    }

    pub(crate) fn mappings(
        &mut self,
        node: &Node,
        targets: &mut Vec<(String, Fault)>,
    ) -> BTreeMap<String, Vec<String>> {
        let mut mappings = BTreeMap::new();
        for (group, scopes) in self.mapping(node, "group_mappings") {
            let what = format!("the mapping of group '{group}'");
            let mut names = Vec::new();
            for item in self.list(scopes, &what) {
                let Some(scope) = self.word(item, "a scope") else { continue };
                targets.push((
                    scope.clone(),
                    item.fault(format!("nothing in this file defines scope '{scope}'")),
                ));
                names.push(scope);
            }
            let bare = crate::principal::bare_group(&group).to_owned();
            if bare.is_empty() {
                self.fault(scopes, "a group must have a name");
            } else if mappings.insert(bare, names).is_some() {
                self.fault(
                    scopes,
                    format!("'{group}' stands twice, with and without its slash: join the two"),
                );
            }
        }
        mappings
    }

    pub(crate) fn section(&mut self, node: &Node) -> Section {
        let mut section = Section::default();
        for entry in self.list(node, "a scope's section") {
            let pairs = self.mapping(entry, "an entry of a section");
            let named = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
            match (named("server"), named("agents")) {
                (Some(server), None) => {
                    let grant = self.server(server, &pairs);
                    section.servers.extend(grant);
                }
                (None, Some(agents)) => {
                    for (key, value) in pairs.iter().filter(|(key, _)| key != "agents") {
                        self.warn(value, format!("'{key}' means nothing beside 'agents'"));
                    }
                    let block = self.agents(agents);
                    let into = section.agents.get_or_insert_default();
                    for (action, rules) in block.0 {
                        into.0.entry(action).or_default().extend(rules);
                    }
                }
                (Some(_), Some(_)) => {
                    self.fault(entry, "an entry is about a 'server' or about 'agents', not both");
                }
                (None, None) if !matches!(entry.value, Value::Map(_)) => {}
                (None, None) => self.fault(entry, "an entry needs 'server' or 'agents'"),
            }
        }
        section
    }

    fn server(&mut self, name: &Node, pairs: &[(String, &Node)]) -> Option<ServerGrant> {
        let (mut methods, mut tools) = (Vec::new(), Vec::new());
        for (key, value) in pairs {
            match key.as_str() {
                "server" => {}
                "methods" => methods = self.words(value, "'methods'"),
                "tools" => tools = self.words(value, "'tools'"),
                _ => self.warn(value, format!("'{key}' means nothing in a server entry")),
            }
        }
        let server = self.word(name, "'server'")?;
        let server = server.trim_matches('/');
        if server.is_empty() {
            self.fault(name, "'server' must name a server, or be '*'");
            return None;
        }
        if methods.is_empty() {
            self.warn(name, "a server entry without 'methods' grants nothing");
            return None;
        }
        let (methods, tools) = (Words::new(methods), Words::new(tools));
        if methods.has(TOOLS_CALL) && tools.is_empty() {
            self.warn(name, "'tools/call' without 'tools' grants no tool");
        }
        let server = (server != "*" && server != "all").then(|| server.to_owned());
        Some(ServerGrant { server, methods, tools, line: name.line })
    }

    fn agents(&mut self, node: &Node) -> Grants {
        let mut grants = Grants::default();
        for (key, value) in self.mapping(node, "'agents'") {
            if key != "actions" {
                self.warn(value, format!("'{key}' means nothing in an agents block"));
                continue;
            }
            for entry in self.list(value, "'actions'") {
                self.action(entry, &mut grants);
            }
        }
        grants
    }

    fn action(&mut self, entry: &Node, grants: &mut Grants) {
        let pairs = self.mapping(entry, "an entry of 'actions'");
        let named = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        let (Some(action), Some(resources)) = (named("action"), named("resources")) else {
            self.fault(entry, "an entry of 'actions' needs 'action' and 'resources'");
            return;
        };
        for (key, value) in pairs.iter().filter(|(key, _)| key != "action" && key != "resources") {
            self.warn(value, format!("'{key}' means nothing in an entry of 'actions'"));
        }
        let Some(name) = self.word(action, "'action'") else { return };
        match Action::named(&name).filter(|action| action.is_agent()) {
            Some(known) => {
                let rules = self.rules(resources, known);
                grants.0.entry(known).or_default().extend(rules);
            }
            None => self.warn(action, format!("'{name}' is no agent action, so this grants nothing")),
        }
    }
}
