//! The route table, and what every request passes: spelling, request id, one error body.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use poem::endpoint::{BoxEndpoint, make, make_sync};
use poem::http::{HeaderValue, StatusCode, Uri, header};
use poem::web::Html;
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Route};
use tracing::Instrument as _;

use crate::error::ApiError;
use crate::gateway::forward;
use crate::identity::REQUEST_ID;
use crate::indexing::{Checked, Index};
use crate::{App, metrics, openapi, url};

/// Everything the registry answers.
pub fn endpoint(app: &Arc<App>) -> BoxEndpoint<'static, Response> {
    let service = openapi::service(app);
    let document = openapi::document(&service, &app.public_url);
    let allow: Arc<[(String, String)]> = openapi::methods(&document).into();
    let page = service.swagger_ui_html();
    let docs = || {
        let page = page.clone();
        poem::get(make_sync(move |_| Html(page.clone())))
    };
    let direct = Arc::new(AtomicU64::new(1));
    let (counting, gateway) = (app.clone(), app.clone());
    let serve_document = make_sync(move |_| {
        Response::builder()
            .content_type("application/json")
            .header("Cache-Control", "no-cache")
            .body(document.clone())
    });
    Route::new()
        .at("/api/openapi.json", poem::get(serve_document))
        .at("/docs", docs())
        .at("/docs/", docs())
        .nest("/", service)
        .data(app.clone())
        .around(move |next, request| {
            let gateway = gateway.clone();
            async move {
                match forward(&gateway, request).await {
                    Ok(response) => Ok(response),
                    Err(other) => next.call(other).await.map(IntoResponse::into_response),
                }
            }
        })
        .around(move |next, request| {
            let (allow, direct, counted) = (allow.clone(), direct.clone(), counting.clone());
            async move {
                let response = answer(&*next, request, &allow, &direct).await;
                counted.metrics.answered(response.status().as_u16());
                Ok(response)
            }
        })
        .boxed()
}

/// What the operator's own port answers: `/live`, `/metrics` and `/index/check`.
pub fn operators_endpoint(app: &Arc<App>) -> BoxEndpoint<'static, Response> {
    let (app, index) = (app.clone(), app.index.clone());
    let metrics = make_sync(move |_| {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        Response::builder().content_type(kind).body(metrics::text(&app))
    });
    let live = make_sync(|_| Response::builder().content_type("text/plain").body("alive\n"));
    let check = make(move |_| index_check(index.clone()));
    Route::new()
        .at("/metrics", poem::get(metrics))
        .at("/live", poem::get(live))
        .at("/index/check", poem::get(check))
        .map_to_response()
        .boxed()
}

/// Whether the index is what the stores say: 200, or 500 with what is wrong.
async fn index_check(index: Index) -> poem::Result<Response> {
    /// Of so many faults more would say no more.
    const MOST: usize = 100;
    let checked = tokio::task::spawn_blocking(move || index.check())
        .await
        .map_err(|panic| poem::Error::from(ApiError::ours(&panic.to_string())))?;
    let Checked { entries, embedded, faults } = checked;
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    let (count, faults) = (faults.len(), &faults[..faults.len().min(MOST)]);
    let body =
        serde_json::json!({"entries": entries, "embedded": embedded, "fault_count": count, "faults": faults});
    let mut response = Response::builder().content_type("application/json").body(body.to_string());
    response.set_status(status);
    Ok(response)
}

/// Answers one request; errors leave in one form, whoever made them.
async fn answer<E>(next: &E, mut request: Request, allow: &[(String, String)], direct: &AtomicU64) -> Response
where
    E: Endpoint<Output = Response>,
{
    let started = std::time::Instant::now();
    let id = request_id(&request, direct);
    let method = request.method().clone();
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let mut response = match url::canonical(&target) {
        Err(fault) => ApiError::Malformed(fault.to_string()).into_response(),
        Ok(canonical) => {
            if let Some(uri) = canonical.and_then(|target| target.parse::<Uri>().ok()) {
                *request.uri_mut() = uri;
            }
            if let Ok(id) = id.parse() {
                request.headers_mut().insert(REQUEST_ID, id);
            }
            let path = request.uri().path().to_owned();
            let work = async {
                let response = match next.call(request).await {
                    Ok(response) => response,
                    Err(error) => error.into_response(),
                };
                in_our_form(response, || allowed(&path, allow)).await
            };
            // Every line that is logged on the way carries the id.
            work.instrument(tracing::info_span!("request", id)).await
        }
    };
    // The query string stays out of the log: it may hold what people ask for.
    let path = target.split('?').next().unwrap_or_default();
    let status = response.status().as_u16();
    tracing::debug!(%method, path, status, ms = started.elapsed().as_millis() as u64, id, "answered");
    if let Ok(id) = id.parse() {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The gateway's id of a request; or, asked directly, one that is unique in this process.
fn request_id(request: &Request, direct: &AtomicU64) -> String {
    let given = request.header(REQUEST_ID).filter(|id| !id.is_empty() && id.len() <= 64);
    given.map_or_else(|| format!("direct-{}", direct.fetch_add(1, Ordering::Relaxed)), str::to_owned)
}

/// Turns the framework's own plain-text errors into ours.
async fn in_our_form(mut response: Response, allowed: impl FnOnce() -> String) -> Response {
    let status = response.status();
    let json = response.content_type().is_some_and(|kind| kind.starts_with("application/json"));
    if json || !(status.is_client_error() || status.is_server_error()) {
        nosniff(&mut response);
        return response;
    }
    let text = response.take_body().into_string().await.unwrap_or_default();
    ApiError::of_framework(status, text, allowed).into_response()
}

fn nosniff(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The methods known at a path; the document is the one list of them.
fn allowed(path: &str, allow: &[(String, String)]) -> String {
    let fits = |template: &str| {
        let (mut asked, mut known) = (path.split('/'), template.split('/'));
        loop {
            match (asked.next(), known.next()) {
                (None, None) => return true,
                (Some(a), Some(k)) if a == k || k.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    // A literal path comes before a template that would fit too.
    let exact = allow.iter().find(|(template, _)| template == path);
    let found = exact.or_else(|| allow.iter().find(|(template, _)| fits(template)));
    found.map_or_else(|| "GET, HEAD".to_owned(), |(_, methods)| methods.clone())
}
