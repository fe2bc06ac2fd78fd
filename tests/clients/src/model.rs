//! A stand-in for the model's API: it makes the tool calls it was told to make, one after the other, reads what
//! the tools answered, and reports that. It speaks chat completions and responses, each whole or as a stream.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::http::{self, Reply};

/// A running stand-in; it ends with the program.
pub struct Model {
    base: String,
    seen: Arc<Mutex<Seen>>,
}

/// What it was shown.
#[derive(Default)]
struct Seen {
    outputs: Vec<String>,
    paths: Vec<String>,
}

/// What the model does with what it has been told so far.
enum Turn {
    /// Calls this tool with these arguments; the number tells the calls apart.
    Call(usize, String, Value),
    /// Says this.
    Say(String),
}

impl Model {
    /// A model that calls these tools, each with its arguments.
    #[must_use]
    pub fn that_calls(calls: &[(&str, Value)]) -> Self {
        let calls: Vec<(String, Value)> =
            calls.iter().map(|(name, arguments)| ((*name).to_owned(), arguments.clone())).collect();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let kept = Arc::clone(&seen);
        let address = http::serve(move |path, body| answer(&calls, &kept, path, body));
        Self { base: format!("http://{address}/v1"), seen }
    }

    /// What a program's environment says of it.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![("OPENAI_BASE_URL", self.base.clone()), ("OPENAI_API_KEY", "none".to_owned())]
    }

    /// What the tools answered, as the model saw it.
    #[must_use]
    pub fn outputs(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).outputs.clone()
    }

    /// The paths that were asked, in order.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).paths.clone()
    }
}

fn answer(calls: &[(String, Value)], seen: &Mutex<Seen>, path: &str, body: &str) -> Reply {
    let request: Value = serde_json::from_str(body).unwrap_or_default();
    let outputs = match path {
        "/v1/chat/completions" => said_by_tools(&request["messages"], "role", "tool", "content"),
        "/v1/responses" => said_by_tools(&request["input"], "type", "function_call_output", "output"),
        _ => return refusal("404 Not Found", &format!("there is nothing at {path}")),
    };
    let turn = match calls.get(outputs.len()) {
        Some((name, arguments)) => Turn::Call(outputs.len(), name.clone(), arguments.clone()),
        None => Turn::Say(format!("The tools said: {}", outputs.join(" / "))),
    };
    {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.outputs.clone_from(&outputs);
        seen.paths.push(path.to_owned());
    }
    // A real model calls what it was offered, and nothing else.
    if let Turn::Call(_, name, _) = &turn
        && !is_offered(&request["tools"], name)
    {
        return refusal("400 Bad Request", &format!("the tool {name} was not offered: {}", request["tools"]));
    }
    let stream = request["stream"] == true;
    match (path, stream) {
        ("/v1/responses", false) => whole(&response(&turn)),
        ("/v1/responses", true) => response_stream(&turn),
        (_, false) => whole(&completion(&turn)),
        (_, true) => completion_stream(&turn),
    }
}

fn said_by_tools(list: &Value, key: &str, kind: &str, text: &str) -> Vec<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let from_tools = items.iter().filter(|item| item[key] == kind);
    from_tools.map(|item| item[text].as_str().map_or_else(|| item[text].to_string(), str::to_owned)).collect()
}

/// Chat completions name a tool one level deeper than responses do.
fn is_offered(tools: &Value, name: &str) -> bool {
    let tools = tools.as_array().map(Vec::as_slice).unwrap_or_default();
    tools.iter().any(|tool| {
        let tool = if tool["function"].is_object() { &tool["function"] } else { tool };
        tool["name"] == name && tool["parameters"]["properties"].is_object()
    })
}

fn refusal(status: &'static str, message: &str) -> Reply {
    (status, "application/json", json!({"error": {"message": message, "type": "stand_in"}}).to_string())
}

fn whole(body: &Value) -> Reply {
    ("200 OK", "application/json", body.to_string())
}

fn completion(turn: &Turn) -> Value {
    let (message, reason) = match turn {
        Turn::Call(number, name, arguments) => (
            json!({"role": "assistant", "content": null, "tool_calls": [tool_call(*number, name, arguments)]}),
            "tool_calls",
        ),
        Turn::Say(text) => (json!({"role": "assistant", "content": text}), "stop"),
    };
    json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "stand-in",
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": null}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})
}

fn tool_call(number: usize, name: &str, arguments: &Value) -> Value {
    json!({"index": 0, "id": format!("call_{number}"), "type": "function",
        "function": {"name": name, "arguments": arguments.to_string()}})
}

/// The same in pieces: a delta, the end, and what closes the stream.
fn completion_stream(turn: &Turn) -> Reply {
    let mut whole = completion(turn);
    let choice = whole["choices"][0].take();
    let chunk = |delta: Value, reason: Value| {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "stand-in",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    };
    let body = format!(
        "data: {}\n\ndata: {}\n\ndata: [DONE]\n\n",
        chunk(choice["message"].clone(), Value::Null),
        chunk(json!({}), choice["finish_reason"].clone())
    );
    ("200 OK", "text/event-stream", body)
}

fn response(turn: &Turn) -> Value {
    let item = match turn {
        Turn::Call(number, name, arguments) => json!({"type": "function_call", "id": format!("fc_{number}"),
            "call_id": format!("call_{number}"), "name": name, "arguments": arguments.to_string(), "status": "completed"}),
        Turn::Say(text) => {
            json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}]})
        }
    };
    json!({"id": "resp_1", "object": "response", "created_at": 1, "model": "stand-in", "status": "completed",
        "output": [item], "parallel_tool_calls": false, "tool_choice": "auto", "tools": [],
        "usage": {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 1,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 2}})
}

fn response_stream(turn: &Turn) -> Reply {
    let whole = response(turn);
    let events = [
        json!({"type": "response.created", "sequence_number": 0, "response": whole}),
        json!({"type": "response.output_item.done", "sequence_number": 1, "output_index": 0, "item": whole["output"][0]}),
        json!({"type": "response.completed", "sequence_number": 2, "response": whole}),
    ];
    let spell =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default());
    ("200 OK", "text/event-stream", events.iter().map(spell).collect())
}
