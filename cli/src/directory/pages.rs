//! Lists that come in pages.

use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::{Directory, Given};
use crate::outcome::{Exit, Failure, say};
use crate::progress::Waiting;

/// What one page holds, and whether there is another.
#[derive(Deserialize)]
struct Page {
    data: Vec<Value>,
    #[serde(default)]
    meta: Meta,
    #[serde(default)]
    pagination: Pagination,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    total: u64,
}

#[derive(Default, Deserialize)]
struct Pagination {
    #[serde(default)]
    has_more: bool,
}

/// What a list came to.
pub(crate) struct Listed {
    /// The things, as they came.
    pub(crate) items: Vec<Value>,
    /// The JSON: the server's own, or one list of all pages.
    pub(crate) body: String,
}

impl Directory {
    /// The first page of a list, with a word about what it leaves out; or every page.
    ///
    /// # Errors
    /// Those of [`Directory::send`]; [`Exit::Refused`] for pages that do not end.
    pub(crate) fn list(
        &self,
        path: &str,
        filter: &[(&str, Option<&str>)],
        all: bool,
        what: &str,
    ) -> Result<Listed, Failure> {
        let waiting = Waiting::on(format!("waiting for the list of {what}"));
        let first = self.page(path, filter, 0, what)?;
        let Page { data: mut items, meta, pagination } = first.read()?;
        if !pagination.has_more || !all {
            drop(waiting);
            if pagination.has_more {
                say(&format!("the first {} of {} {what}: --all has the rest", items.len(), meta.total));
            }
            return Ok(Listed { items, body: first.body });
        }
        loop {
            let page: Page = self.page(path, filter, items.len(), what)?.read()?;
            // A page that begins as the list does, or with nothing, leads round in circles.
            if page.data.first().is_none_or(|one| Some(one) == items.first()) && page.pagination.has_more {
                let why = "the pages of the list do not end: is it the directory?";
                return Err(Failure::new(Exit::Refused, why));
            }
            items.extend(page.data);
            if !page.pagination.has_more {
                let body = json!({"data": items, "meta": {"total": items.len()}}).to_string();
                return Ok(Listed { items, body });
            }
        }
    }

    fn page(
        &self,
        path: &str,
        filter: &[(&str, Option<&str>)],
        offset: usize,
        what: &str,
    ) -> Result<Given, Failure> {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(filter.iter().filter_map(|(name, value)| Some((name, (*value)?))));
        if offset > 0 {
            query.append_pair("offset", &offset.to_string());
        }
        let query = query.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        self.get(&format!("{path}{mark}{query}"), what)
    }
}
