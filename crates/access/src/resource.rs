//! What an action is done to: an entry's path and who may see it.

/// The three visibilities of the guide ("Agent Visibility Levels").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// Every authenticated caller whose scopes reach the path.
    #[default]
    Public,
    /// The registrant and admins.
    Private,
    /// Callers in one of the entry's allowed groups, the registrant, admins.
    GroupRestricted,
}

impl Visibility {
    /// The canonical spelling.
    pub const fn name(self) -> &'static str {
        match self {
            Visibility::Public => "public",
            Visibility::Private => "private",
            Visibility::GroupRestricted => "group-restricted",
        }
    }

    /// Reads a spelling; `internal` and `group` are aliases of the last two (design page "access", section 3).
    pub fn named(name: &str) -> Option<Visibility> {
        match name {
            "public" => Some(Visibility::Public),
            "private" | "internal" => Some(Visibility::Private),
            "group-restricted" | "group" => Some(Visibility::GroupRestricted),
            _ => None,
        }
    }
}

/// What access decides about: a path, and the entry that lives there, if one does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    path: String,
    entry: Option<EntryFacts>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryFacts {
    pub(crate) owner: String,
    pub(crate) visibility: Visibility,
    pub(crate) allowed_groups: Vec<String>,
}

impl Resource {
    /// A path where nothing lives: it can be published to, and to every other action it is invisible.
    pub fn vacant(path: impl Into<String>) -> Resource {
        Resource { path: path.into(), entry: None }
    }

    /// The entry at `path`, registered by `owner`.
    pub fn entry(
        path: impl Into<String>,
        owner: impl Into<String>,
        visibility: Visibility,
        allowed_groups: Vec<String>,
    ) -> Resource {
        let entry = EntryFacts { owner: owner.into(), visibility, allowed_groups };
        Resource { path: path.into(), entry: Some(entry) }
    }

    /// The path, as `scopes.yml` names it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Who registered the entry, who may see it, and the groups it is restricted to; `None` where nothing
    /// lives.
    pub fn sight(&self) -> Option<(&str, Visibility, &[String])> {
        self.entry.as_ref().map(|entry| (&*entry.owner, entry.visibility, &*entry.allowed_groups))
    }

    pub(crate) fn facts(&self) -> Option<&EntryFacts> {
        self.entry.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visibility_reads_its_names_and_aliases() {
        for visibility in [Visibility::Public, Visibility::Private, Visibility::GroupRestricted] {
            assert_eq!(Visibility::named(visibility.name()), Some(visibility));
        }
        assert_eq!(Visibility::named("internal"), Some(Visibility::Private));
        assert_eq!(Visibility::named("group"), Some(Visibility::GroupRestricted));
        assert_eq!(Visibility::named("Public"), None);
    }
}
