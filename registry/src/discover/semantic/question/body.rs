//! The wire types of questions in plain words, as the document shows them; `question` reads them.

use poem_openapi::Object;

/// A question in plain words.
#[derive(Object)]
pub(crate) struct SemanticInput {
    /// 1 to 512 characters.
    #[oai(validator(min_length = 1, max_length = 512))]
    query: String,
    /// 1 to 100, 10 when left out; over all entity types together.
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    max_results: Option<u32>,
    /// `a2a_agent`, `mcp_server`, `tool`; the first two when left out.
    entity_types: Option<Vec<String>>,
    /// All of which a hit must have, in small or capital letters: an agent of its own or of one of its skills, a
    /// server of its own, a tool of its server. 32 at most.
    tags: Option<Vec<String>>,
    /// Ids or names of skills, all of which a hit must have, in small or capital letters. A tool is a skill of its own
    /// name; a server has none. 32 at most.
    skills: Option<Vec<String>>,
    /// The least `relevance_score` of a hit, 0 to 1; 0 when left out. No number is right for every question.
    #[oai(validator(minimum(value = "0"), maximum(value = "1")))]
    min_score: Option<f64>,
    /// `public`, `private`, `group-restricted`: one of which a hit must be. A tool is what its server is.
    visibility: Option<Vec<String>>,
    /// `unverified`, `community`, `verified`, `trusted`: one of which a hit must be. Agents alone have a trust level:
    /// nothing else is found with it.
    trust_level: Option<Vec<String>>,
}

/// A question in plain words, about everything that is registered.
#[derive(Object)]
pub(crate) struct SearchInput {
    /// 1 to 512 characters.
    #[oai(validator(min_length = 1, max_length = 512))]
    query: String,
    /// 1 to 50, 10 when left out; of each entity type.
    #[oai(validator(minimum(value = "1"), maximum(value = "50")))]
    max_results: Option<u32>,
    /// `a2a_agent`, `mcp_server`, `tool`; all when left out.
    entity_types: Option<Vec<String>>,
    /// All of which a hit must have, in small or capital letters: an agent of its own or of one of its skills, a
    /// server of its own, a tool of its server. 32 at most.
    tags: Option<Vec<String>>,
    /// Ids or names of skills, all of which a hit must have, in small or capital letters. A tool is a skill of its own
    /// name; a server has none. 32 at most.
    skills: Option<Vec<String>>,
    /// The least `relevance_score` of a hit, 0 to 1; 0 when left out. No number is right for every question.
    #[oai(validator(minimum(value = "0"), maximum(value = "1")))]
    min_score: Option<f64>,
    /// `public`, `private`, `group-restricted`: one of which a hit must be. A tool is what its server is.
    visibility: Option<Vec<String>>,
    /// `unverified`, `community`, `verified`, `trusted`: one of which a hit must be. Agents alone have a trust level:
    /// nothing else is found with it.
    trust_level: Option<Vec<String>>,
}
