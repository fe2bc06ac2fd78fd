//! What a question is about: which kinds of things, and what they must have.

use std::collections::HashSet;

use access::Visibility;
use catalog::{Entry as _, TrustLevel};

use super::document::Document;
use super::key::Kind;
use crate::discover::skills::{has_skill, has_tag, same};

/// What is looked for. A list without words asks for nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrow {
    pub(crate) kinds: Vec<Kind>,
    /// All of which it must have: an agent of its own or by a skill, a tool by its server.
    pub(crate) tags: Vec<String>,
    /// All of which it must have, by id or name. A tool is a skill of its own name; a server has none.
    pub(crate) skills: Vec<String>,
    /// One of which it must have; a tool has its server's.
    pub(crate) visibility: Vec<Visibility>,
    /// One of which it must have. Agents alone are vouched for.
    pub(crate) trust: Vec<TrustLevel>,
    /// The paths of the only agents that count, if not all do.
    pub(crate) agents: Option<HashSet<String>>,
}

impl Narrow {
    /// The same, for these kinds.
    pub(crate) fn to(&self, kinds: &[Kind]) -> Narrow {
        Narrow { kinds: kinds.to_vec(), ..self.clone() }
    }

    /// Whether something is looked for at all, whoever asks.
    pub(crate) fn admits(&self, document: &Document) -> bool {
        self.kinds.contains(&document.kind())
            && self.named(document)
            && self.tags.iter().all(|tag| tagged(document, tag))
            && self.skills.iter().all(|skill| able(document, skill))
            && (self.visibility.is_empty()
                || visibility(document).is_some_and(|it| self.visibility.contains(&it)))
            && (self.trust.is_empty() || trust(document).is_some_and(|it| self.trust.contains(&it)))
    }

    /// Whether everything is looked for.
    pub(super) fn is_all(&self) -> bool {
        let Narrow { kinds, tags, skills, visibility, trust, agents } = self;
        Kind::ALL.iter().all(|kind| kinds.contains(kind))
            && tags.is_empty()
            && skills.is_empty()
            && visibility.is_empty()
            && trust.is_empty()
            && agents.is_none()
    }

    /// A name that only those have who look for the same; none for a list of paths, which nobody will ask for again.
    pub(super) fn name(&self) -> Option<String> {
        let Narrow { kinds, tags, skills, visibility, trust, agents } = self;
        if agents.is_some() {
            return None;
        }
        let words = |words: &[String]| sorted(words.iter().map(|word| word.to_lowercase()));
        let kinds = sorted(kinds.iter().map(|kind| format!("{kind:?}")));
        let visibility = sorted(visibility.iter().map(|it| it.name().to_owned()));
        let trust = sorted(trust.iter().map(|it| it.name().to_owned()));
        Some(format!("{kinds:?} {:?} {:?} {visibility:?} {trust:?}", words(tags), words(skills)))
    }

    fn named(&self, document: &Document) -> bool {
        match (&self.agents, document) {
            (Some(paths), Document::Agent(entry)) => paths.contains(entry.path.as_str()),
            (None, _) | (Some(_), Document::Server(_) | Document::Tool(..)) => true,
        }
    }
}

fn sorted(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut words: Vec<String> = words.collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn tagged(document: &Document, tag: &str) -> bool {
    match document {
        Document::Agent(entry) => has_tag(entry, tag),
        Document::Server(server) | Document::Tool(server, _) => {
            server.tags.iter().any(|held| same(held, tag))
        }
    }
}

fn able(document: &Document, skill: &str) -> bool {
    match document {
        Document::Agent(entry) => has_skill(entry, skill),
        Document::Server(_) => false,
        Document::Tool(..) => document.tool().is_some_and(|tool| same(&tool.name, skill)),
    }
}

fn visibility(document: &Document) -> Option<Visibility> {
    let resource = match document {
        Document::Agent(entry) => entry.resource(),
        Document::Server(server) | Document::Tool(server, _) => server.resource(),
    };
    resource.sight().map(|(_, visibility, _)| visibility)
}

fn trust(document: &Document) -> Option<TrustLevel> {
    match document {
        Document::Agent(entry) => Some(entry.trust),
        Document::Server(_) | Document::Tool(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_for_one_wish_and_no_other() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let tags =
            |tags: &[&str]| Narrow { kinds: vec![Kind::Agent], tags: words(tags), ..Narrow::default() };
        assert_eq!(tags(&["B", "a", "a"]).name(), tags(&["A", "b"]).name());
        let skills = Narrow { kinds: vec![Kind::Agent], skills: words(&["a"]), ..Narrow::default() };
        let trust =
            Narrow { kinds: vec![Kind::Agent], trust: vec![TrustLevel::Trusted], ..Narrow::default() };
        let shown =
            Narrow { kinds: vec![Kind::Agent], visibility: vec![Visibility::Private], ..Narrow::default() };
        let others = [
            tags(&[]),
            tags(&["a"]),
            tags(&["a\", \"b"]),
            tags(&["a", "b"]),
            tags(&["a\0b"]),
            skills,
            trust,
            shown,
            tags(&["a"]).to(&[Kind::Tool]),
        ];
        for (at, one) in others.iter().enumerate() {
            assert!(others[..at].iter().all(|other| other.name() != one.name()), "{one:?}");
        }
        assert_eq!(Narrow { agents: Some(HashSet::new()), ..tags(&[]) }.name(), None);
        assert!(Narrow::default().to(&Kind::ALL).is_all() && !tags(&[]).is_all());
    }
}
