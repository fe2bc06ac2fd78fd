//! The wire types of changes.

use catalog::Faults;
use poem::{Body, IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::ToJSON;
use poem_openapi::{ApiResponse, Object, ResponseContent};
use store::Change;

use super::page::Page;
use super::reader::Reader;
use super::sight::Sight;
use super::stream::Following;
use crate::app::instant;
use crate::body::page_size;
use crate::error::ApiError;

/// A change, as far as the caller may know of it.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct ToldChange {
    /// Its number in the order of all changes; send it as `since` to go on from here.
    change: u64,
    /// When, RFC 3339, UTC.
    at: String,
    /// `registered` (it is new, or the caller sees it since), `updated`, `enabled`, `disabled`, or
    /// `removed` (it is gone, or the caller no longer sees it).
    what: String,
    /// Where the entry lives.
    path: String,
    /// The username of who did it; to those who may read the card, and not with `removed`.
    by: Option<String>,
    /// With `updated`, `enabled` and `disabled`, to those who may read the card: its top-level keys that
    /// have other values.
    fields: Option<Vec<String>>,
    /// The entity tag of the card since; to those who may read it, and not with `removed`.
    etag: Option<String>,
}

impl ToldChange {
    pub(super) fn new(change: &Change, sight: Sight) -> ToldChange {
        ToldChange {
            change: change.number,
            at: instant(change.at),
            what: sight.what.name().to_owned(),
            path: change.path.to_string(),
            by: sight.card.then(|| change.by.clone()),
            fields: sight.fields.then(|| change.fields.clone()),
            etag: change.etag.clone().filter(|_| sight.card),
        }
    }

    pub(super) fn what(&self) -> &str {
        &self.what
    }

    pub(super) fn json(&self) -> String {
        self.to_json_string()
    }
}

/// A page of changes, in their order.
#[derive(Object)]
pub(crate) struct ChangePage {
    changes: Vec<ToldChange>,
    /// Send it as `since` for what comes after.
    last: u64,
    /// Whether there may be more already.
    more: bool,
}

impl ChangePage {
    pub(super) fn new(page: &Page) -> ChangePage {
        let changes = page.changes.iter().map(|(change, sight)| ToldChange::new(change, *sight));
        ChangePage { changes: changes.collect(), last: page.last, more: page.more }
    }
}

/// Server-sent events, one for each change.
pub(crate) struct Events(pub(super) Following);

impl Payload for Events {
    const CONTENT_TYPE: &'static str = "text/event-stream";

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some(
                "`id` is the number of the change, `event` what happened, `data` a ToldChange.",
            ),
            ..MetaSchema::new("string")
        }))
    }
}

impl IntoResponse for Events {
    fn into_response(self) -> Response {
        // A proxy that collects an answer before it passes it on would pass on nothing.
        Response::builder()
            .content_type(Events::CONTENT_TYPE)
            .header("Cache-Control", "no-store")
            .header("X-Accel-Buffering", "no")
            .body(Body::from_async_read(Reader::new(self.0)))
    }
}

/// A page, or a stream.
#[derive(ResponseContent)]
pub(crate) enum Changed {
    Page(Json<ChangePage>),
    Stream(Events),
}

/// How the question is answered.
#[derive(ApiResponse)]
pub(crate) enum ChangesAnswer {
    /// A page of changes; or, where `Accept` names text/event-stream, a stream that ends with the caller's
    /// identity.
    #[oai(status = 200)]
    Changes(Changed),
}

/// How many changes a page holds unless said otherwise.
const USUAL: u32 = 100;

/// Reads the length of a page.
pub(super) fn limit(limit: Option<u32>) -> Result<usize, ApiError> {
    let mut faults = Faults::default();
    let limit = page_size(limit, USUAL, &mut faults);
    Ok(faults.or(limit)?)
}

/// Reads the number an event stream ended at; a client without one may say so with an empty value.
pub(super) fn last_event_id(header: Option<&str>) -> Result<Option<u64>, ApiError> {
    let header = header.map(str::trim).filter(|id| !id.is_empty());
    let number = header.map(|id| id.parse::<u64>()).transpose();
    number.map_err(|_| ApiError::Malformed("Last-Event-ID must be the number of a change".to_owned()))
}

/// Whether a media type is among those the client accepts.
pub(super) fn accepts(accept: &str, wanted: &str) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(wanted));
        let refused = parts.filter_map(|part| part.split_once('=')).any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>().is_ok_and(|q| q <= 0.0)
        });
        named && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_for_those_who_name_it() {
        for (accept, expected) in [
            ("text/event-stream", true),
            ("application/json, Text/Event-Stream ; q=0.5", true),
            ("text/event-stream;q=0", false),
            ("text/event-stream; charset=utf-8", true),
            ("text/*, */*", false),
            ("application/json", false),
            ("", false),
        ] {
            assert_eq!(accepts(accept, Events::CONTENT_TYPE), expected, "{accept}");
        }
    }

    #[test]
    fn the_number_a_stream_ended_at() {
        for (header, expected) in [(None, Some(None)), (Some(" "), Some(None)), (Some(" 7"), Some(Some(7)))] {
            assert_eq!(last_event_id(header).ok(), expected, "{header:?}");
        }
        for wrong in ["x", "-1", "7, 8", "1.5"] {
            assert!(last_event_id(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
