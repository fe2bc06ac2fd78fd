//! Lists, page by page.

use serde_json::{Value, json};

use super::Desk;
use crate::agents::IdentityError;
use crate::reply::Reply;
use catalog::Faults;

/// Entries of a page, unless it is said.
const USUAL: usize = 50;
/// Entries of a page at most.
const MOST: usize = 500;

/// What a list was asked for with.
pub(super) struct Page {
    limit: usize,
    offset: usize,
    /// Other parameters that the list knows, empty ones left out.
    pub(super) filters: Vec<(String, String)>,
}

impl Page {
    /// Reads the query; `known` are the filters of this list.
    ///
    /// # Errors
    /// [`IdentityError::Faults`].
    pub(super) fn of(desk: &Desk<'_>, known: &[&str]) -> Result<Page, IdentityError> {
        let mut page = Page { limit: USUAL, offset: 0, filters: Vec::new() };
        let mut faults = Faults::default();
        for (name, value) in url::form_urlencoded::parse(desk.asked.query.unwrap_or_default().as_bytes()) {
            match (name.as_ref(), value.parse::<usize>()) {
                ("limit", Ok(limit)) if (1..=MOST).contains(&limit) => page.limit = limit,
                ("limit", _) => faults.add("limit", format!("must be a number from 1 to {MOST}")),
                ("offset", Ok(offset)) => page.offset = offset,
                ("offset", Err(_)) => faults.add("offset", "must be a number from 0 on"),
                (name, _) if known.contains(&name) => {
                    if !value.is_empty() {
                        page.filters.push((name.to_owned(), value.into_owned()));
                    }
                }
                (name, _) => {
                    let known = known.join(", ");
                    faults.add(name, format!("is not known here: limit, offset, {known}"));
                }
            }
        }
        faults.or(page).map_err(IdentityError::Faults)
    }

    /// The answer: this page of `all`, which are in their order.
    pub(super) fn reply<T>(&self, all: &[T], show: impl Fn(&T) -> Value) -> Reply {
        let shown: Vec<Value> = all.iter().skip(self.offset).take(self.limit).map(show).collect();
        let more = self.offset.saturating_add(shown.len()) < all.len();
        Reply::json(
            200,
            &json!({
                "data": shown,
                "meta": {"total": all.len()},
                "pagination": {
                    "limit": self.limit, "offset": self.offset, "total": all.len(), "has_more": more,
                },
            }),
        )
    }
}
