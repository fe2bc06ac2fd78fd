//! MCP servers that are none: each behaves as its test wants.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The method of the message.
    pub(crate) fn rpc(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }
}

/// What is answered.
pub(crate) enum Reply {
    /// A status and a text of a kind.
    Text(u16, &'static str, String),
    /// The same, with one header more.
    With(u16, &'static str, String, (&'static str, &'static str)),
    /// A stream of events, open until the sender is dropped.
    Stream(mpsc::UnboundedReceiver<Bytes>),
    /// Nothing, ever.
    Silence,
}

/// A body that comes in parts.
struct Parts(mpsc::UnboundedReceiver<Bytes>);

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| Ok(Frame::data(part))))
    }
}

/// A server on a port of its own, for as long as it is kept.
pub(crate) struct Fake {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    count: watch::Receiver<usize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Fake {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
        let (asked, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let (counted, count) = watch::channel(0);
        let (told, counted) = (asked.clone(), Arc::new(counted));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (told, answer, counted) = (told.clone(), answer.clone(), counted.clone());
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let (told, answer, counted) = (told.clone(), answer.clone(), counted.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.expect("a body").to_bytes();
                        let asked = Asked {
                            method: head.method.to_string(),
                            path: head.uri.path_and_query().expect("a path").to_string(),
                            headers: head.headers,
                            body: serde_json::from_slice(&body).unwrap_or_default(),
                        };
                        told.lock().expect("whole").push(asked.clone());
                        counted.send_modify(|count| *count += 1);
                        let (status, kind, body, more) = match answer(&asked) {
                            Reply::Text(status, kind, text) => (status, kind, whole(text), None),
                            Reply::With(status, kind, text, more) => (status, kind, whole(text), Some(more)),
                            Reply::Stream(parts) => (200, "text/event-stream", Parts(parts), None),
                            Reply::Silence => std::future::pending().await,
                        };
                        let mut response = Response::builder().status(status).header("content-type", kind);
                        if let Some((name, value)) = more {
                            response = response.header(name, value);
                        }
                        Ok::<_, Infallible>(response.body(body).expect("a response"))
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Fake { url, asked, count, task }
    }

    /// Everything that was asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("whole").clone()
    }

    /// The methods of the messages, in their order.
    pub(crate) fn rpcs(&self) -> Vec<String> {
        self.asked().iter().map(|asked| asked.rpc().to_owned()).filter(|rpc| !rpc.is_empty()).collect()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn asked_times(&self, times: usize) {
        self.count.clone().wait_for(|count| *count >= times).await.expect("it lives");
    }
}

fn whole(text: String) -> Parts {
    let (sender, parts) = mpsc::unbounded_channel();
    if !text.is_empty() {
        sender.send(text.into()).expect("open");
    }
    Parts(parts)
}

/// A tool as servers tell it.
pub(crate) fn tool(name: &str) -> Value {
    json!({"name": name, "description": format!("Does {name}"),
        "inputSchema": {"type": "object", "properties": {"x": {"type": "number", "minimum": 0.5}}},
        "annotations": {"readOnlyHint": true}})
}

/// The answer to a request, as JSON.
pub(crate) fn result(asked: &Asked, result: Value) -> Reply {
    let id = &asked.body["id"];
    Reply::Text(200, "application/json", json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string())
}

/// A refusal, as JSON.
pub(crate) fn error(asked: &Asked, status: u16, code: i64, words: &str) -> Reply {
    let error = json!({"jsonrpc": "2.0", "id": asked.body["id"], "error": {"code": code, "message": words}});
    Reply::Text(status, "application/json", error.to_string())
}

/// A server of the older era, with sessions.
pub(crate) fn older(asked: &Asked, list: impl Fn(&Asked) -> Reply) -> Reply {
    let with_session = asked.header("mcp-session-id") == "s-1";
    match (asked.method.as_str(), asked.rpc()) {
        ("POST", "initialize") => {
            let result = json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "Old\nserver", "version": "1"}});
            let text = json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": result}).to_string();
            Reply::With(200, "application/json", text, ("mcp-session-id", "s-1"))
        }
        ("POST", "notifications/initialized") if with_session => {
            Reply::Text(202, "text/plain", String::new())
        }
        ("POST", "tools/list") if with_session && asked.header("mcp-protocol-version") == "2025-06-18" => {
            list(asked)
        }
        ("DELETE", _) if with_session => Reply::Text(200, "text/plain", String::new()),
        (_, _) => error(asked, 400, -32600, "Bad Request: no session"),
    }
}

/// A server of the newer era.
pub(crate) fn newer(asked: &Asked, list: impl Fn(&Asked) -> Reply) -> Reply {
    let meta = &asked.body["params"]["_meta"];
    let right = asked.header("mcp-protocol-version") == "2026-07-28"
        && asked.header("mcp-method") == asked.rpc()
        && meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
        && meta["io.modelcontextprotocol/clientCapabilities"].is_object();
    match asked.rpc() {
        _ if !right => error(asked, 400, -32020, "headers and body differ"),
        "server/discover" => {
            let about = json!({"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "New", "version": "2"}}});
            result(asked, about)
        }
        "tools/list" => list(asked),
        _ => error(asked, 400, -32601, "Method not found"),
    }
}

/// A server of the newer era with these tools.
pub(crate) async fn with_tools(names: &'static [&'static str]) -> Fake {
    let tools: Vec<Value> = names.iter().map(|name| tool(name)).collect();
    Fake::start(move |asked| newer(asked, |asked| result(asked, json!({"tools": tools})))).await
}
