//! Requests for MCP servers as the framework has them, and answers as it wants them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use catalog::{Door, RequestPath, ServerPlace};
use http::{HeaderMap, Method, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use poem::{Body, Request, Response};
use tokio::sync::OwnedSemaphorePermit;

use super::Gateway;
use super::answer::Answer;
use super::error::GatewayError;
use super::headers::is_utf8;
use super::walk::{Incoming, metadata, refusal, walk};
use crate::{App, identity};

/// Until the whole body of a request must be there.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers a request for an MCP server; gives every other one back.
pub(crate) async fn forward(app: &Arc<App>, mut request: Request) -> Result<Response, Request> {
    let uri = request.uri().clone();
    let Ok(path) = RequestPath::parse(uri.path()) else { return Err(request) };
    let Some(place) = ServerPlace::of(path.as_str()) else {
        // Nothing of the API's lives there, and who asks there speaks JSON-RPC.
        let lost = path.as_str().starts_with("/mcp/");
        return if lost { Ok(response(refusal(app, &GatewayError::Lost, None))) } else { Err(request) };
    };
    let answer = match read(app, &mut request, &place).await {
        Ok((caller, body, _bodys_place)) => {
            let (method, headers) = (request.method(), request.headers());
            let query = uri.query().unwrap_or_default();
            walk(app, &caller, &Incoming { place, method, query, headers, body }).await
        }
        Err(error) => refusal(app, &error, None),
    };
    Ok(response(answer))
}

fn response(answer: Answer) -> Response {
    let (head, body) = answer.into_parts();
    let mut response = Response::from(Body::from(body));
    response.set_status(head.status);
    *response.headers_mut() = head.headers;
    response
}

/// Who asks, and the bytes that he sends.
async fn read(
    app: &App,
    request: &mut Request,
    place: &ServerPlace<'_>,
) -> Result<(identity::Caller, Bytes, Option<OwnedSemaphorePermit>), GatewayError> {
    let (known, list): (&[Method], _) = match place.door {
        Door::Mcp => (&[Method::POST, Method::GET, Method::DELETE], "POST, GET, DELETE"),
        Door::Sse => (&[Method::GET], "GET"),
        Door::Messages => (&[Method::POST], "POST"),
    };
    if !known.contains(request.method()) {
        return Err(GatewayError::Method(list));
    }
    let caller = identity::gateway_caller(app, request, place.server.as_str()).await;
    let caller = caller.map_err(|error| GatewayError::of(&error, || metadata(app, place)))?;
    if request.method() != Method::POST {
        return Ok((caller, Bytes::new(), None));
    }
    if !is_plain_json(request.headers()) {
        return Err(GatewayError::MediaType);
    }
    let body = whole(request.take_body().into(), &app.gateway);
    let (body, room) = tokio::time::timeout(PATIENCE, body).await.map_err(|_| GatewayError::Slow)??;
    Ok((caller, body, room))
}

fn is_plain_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else { return false };
    let named = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    // The bytes are read as UTF-8, and a server that believed another word would read others.
    named.eq_ignore_ascii_case("application/json")
        && is_utf8(kind)
        && !headers.contains_key(header::CONTENT_ENCODING)
}

/// The body in one piece: what came in one is not copied, and other pieces are copied once. With it the room that
/// it takes up, of which there is only so much for all bodies: a slow one takes what has come of it.
async fn whole(
    mut body: BoxBody<Bytes, io::Error>,
    gateway: &Gateway,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), GatewayError> {
    let (most, mut room) = (gateway.max_body, None::<OwnedSemaphorePermit>);
    let declared = body.size_hint().lower();
    if declared > most as u64 {
        return Err(GatewayError::TooLarge(most));
    }
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let cut_short = |_| GatewayError::NotJson("the body did not arrive whole".to_owned());
        let Ok(data) = frame.map_err(cut_short)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > most {
            return Err(GatewayError::TooLarge(most));
        }
        let more = gateway.room_for(data.len()).ok_or(GatewayError::Full)?;
        match &mut room {
            Some(room) => room.merge(more),
            None => room = Some(more),
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.reserve(first.len() + data.len());
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&data);
    }
    Ok((if rest.is_empty() { first } else { rest.freeze() }, room))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn json_and_nothing_else_is_read() {
        for (kind, plain) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true),
            ("application/json; charset=utf-16", false),
            ("application/json-rpc", false),
            ("text/plain", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            assert_eq!(is_plain_json(&headers), plain, "{kind}");
            headers.append(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            assert!(!is_plain_json(&headers), "two kinds");
        }
        assert!(!is_plain_json(&HeaderMap::new()));
    }
}
