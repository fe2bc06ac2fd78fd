//! What strangers send: nothing of it is a fault of ours, and nothing of it changes anything.

use serde_json::{Value, json};

use super::org::{ACCESS_TOKEN, EXCHANGE, Org, Sent, bearer};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Every path that reads a body, and with whose credentials.
const LINES: [&str; 16] = [
    "POST /oauth/token",
    "POST /oauth/revoke",
    "POST /oauth/introspect",
    "POST /oauth/userinfo",
    "GET /oauth/userinfo",
    "POST /agents/ask",
    "POST /agents/register",
    "POST /agents/me/usage",
    "POST /admin/agents",
    "PUT /admin/agents/research-analyst",
    "PATCH /admin/agents/research-analyst",
    "PUT /admin/agents/research-analyst/scopes",
    "POST /admin/agents/nobody/rotate-credentials",
    "POST /admin/mcp/servers",
    "PUT /admin/mcp/servers/documents",
    "GET /admin/agents",
];

fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let large = "x".repeat(70_000);
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let wide = format!("{{\"a\":{}1{}}}", "{\"a\":".repeat(200), "}".repeat(200));
    let mut bodies: Vec<(&str, Vec<u8>)> = [
        "",
        " ",
        "null",
        "true",
        "1",
        "\"\"",
        "[]",
        "[{}]",
        "{",
        "}",
        "{}}",
        "{\"a\":}",
        "\u{feff}{}",
        "{} {}",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "{\"token\":\"a\",\"token\":\"b\"}",
        "{\"action\":\"a\",\"action\":\"a\"}",
        "{\"tokens\":1,\"tokens\":1}",
        "{\"scopes\":[],\"scopes\":[\"a:b\"]}",
        "{\"name\":\"\\ud800\",\"action\":\"\\ud800\",\"token\":\"\\udfff\",\"grant_type\":\"\\ud800\"}",
        "{\"tokens\":1e999,\"action\":\"a\"}",
        "{\"tokens\":99999999999999999999999999999999999999}",
        "{\"tokens\":-0}x",
        "{\"scopes\":[[[\"a:b\"]]]}",
        "{\"scopes\":{\"0\":\"a:b\"}}",
        "{\"name\":{\"$ne\":null},\"client_id\":{\"$gt\":\"\"},\"grant_type\":[\"client_credentials\"]}",
        "{\"__proto__\":{\"name\":\"x\"},\"constructor\":1}",
        "{\"grant_type\":null,\"token\":null,\"name\":null,\"action\":null,\"tokens\":null,\"scopes\":null}",
        "grant_type=client_credentials&client_id=%00&client_secret=%ff%fe",
        "grant_type=client_credentials&client_id=a&client_secret=%",
        "grant_type=%63lient_credentials",
        "grant_type=client_credentials&client_id=a%0d%0aset-cookie:%20x&client_secret=b",
        "&&&===&token=&token_type_hint",
        "token=%00&client_id=%00&client_secret=%00",
    ]
    .iter()
    .flat_map(|body| [(JSON, body.as_bytes().to_vec()), (FORM, body.as_bytes().to_vec())])
    .collect();
    let kinds = [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/xml",
        "",
        "application/json, x",
        ";;",
        "/",
    ];
    bodies.extend(kinds.map(|kind| (kind, b"{}".to_vec())));
    for raw in [
        b"\xff\xfe{\0}\0".to_vec(),
        b"{\"name\":\"\xff\",\"action\":\"\xc0\xaf\"}".to_vec(),
        b"{\"name\":\"a\0b\"}".to_vec(),
        b"{\"name\":\"a\\u0000b\",\"action\":\"\\u0000\",\"client_id\":\"\\u0000\"}".to_vec(),
        b"\0".repeat(1000),
        deep.into_bytes(),
        wide.into_bytes(),
        format!("{{\"name\":\"{large}\"}}").into_bytes(),
        format!("grant_type={large}&token={large}").into_bytes(),
    ] {
        bodies.extend([(JSON, raw.clone()), (FORM, raw)]);
    }
    bodies
}

#[tokio::test]
async fn no_body_is_a_fault_of_ours() {
    let (org, agent) = Org::furnished().await;
    let token = org.token(&agent, None).await;
    let (key, own) = (format!("x-api-key: {}\r\n", org.key), bearer(&token));
    let before = org.admin("GET /admin/agents/research-analyst", Value::Null).await.json();
    for (kind, body) in bodies() {
        for line in LINES {
            let headers = match line {
                line if line.contains("/admin/") || line.ends_with("introspect") => key.as_str(),
                line if line.contains("/agents/") || line.ends_with("userinfo") => own.as_str(),
                _ => "",
            };
            let answer = org.call(line, headers, Sent::As(kind, &body)).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
            let reads = line.starts_with("GET") || line.ends_with("userinfo");
            let good: &[u16] = if reads { &[200] } else { &[400, 401, 404, 413, 422] };
            let harmless = line.ends_with("revoke") && matches!(answer.status, 200)
                || line.ends_with("introspect") && answer.json() == json!({"active": false})
                || line.starts_with("PATCH") && answer.status == 200;
            assert!(good.contains(&answer.status) || harmless, "{line} {kind} {shown}: {answer:?}");
            assert_eq!(answer.header("content-type"), "application/json", "{line} {shown}");
            assert!(answer.header("set-cookie").is_empty());
            if body.len() > 65_536 && !reads {
                assert_eq!(answer.status, 413, "{line} {kind}");
            }
        }
    }
    assert_eq!(org.admin("GET /admin/agents/research-analyst", Value::Null).await.json(), before);
    assert_eq!(org.admin("GET /admin/agents", Value::Null).await.json()["meta"]["total"], 1);
}

#[tokio::test]
async fn no_header_is_a_fault_of_ours() {
    let (org, agent) = Org::furnished().await;
    let token = org.token(&agent, None).await;
    let long = "x".repeat(20_000);
    for headers in [
        "authorization: Bearer\r\n".to_owned(),
        "authorization: Bearer a b\r\n".to_owned(),
        "authorization: bearer bearer\r\n".to_owned(),
        "authorization: Basic\r\n".to_owned(),
        "authorization: Basic !!!!\r\n".to_owned(),
        "authorization: Basic gICA\r\n".to_owned(),
        "authorization: \u{e9}\r\n".to_owned(),
        format!("authorization: Bearer {long}\r\n"),
        format!("authorization: Basic {long}\r\n"),
        format!(
            "authorization: Bearer {}.{}.\r\n",
            token.split('.').next().unwrap(),
            token.split('.').nth(1).unwrap()
        ),
        format!("authorization: Bearer {token}.x\r\n"),
        format!("x-api-key: {long}\r\n"),
        "x-api-key: \u{e9}\r\n".to_owned(),
        format!("x-request-id: {long}\r\nauthorization: Bearer x\r\n"),
        "x-request-id: \u{1}\r\n".replace('\u{1}', "\t;"),
    ] {
        for line in LINES {
            let answer = org.call(line, &headers, Sent::Json(json!({}))).await;
            assert!(matches!(answer.status, 400 | 401 | 404), "{line} {headers:.60}: {answer:?}");
        }
    }
}

/// Each parameter in turn is replaced by each of these.
#[tokio::test]
async fn no_parameter_of_an_exchange_is_a_fault_of_ours() {
    let (org, agent) = Org::furnished().await;
    let token = org.token(&agent, None).await;
    let good = [
        ("grant_type", EXCHANGE),
        ("subject_token", token.as_str()),
        ("subject_token_type", ACCESS_TOKEN),
        ("audience", "urn:mcp:documents"),
        ("scope", "read:documents"),
        ("requested_token_type", ACCESS_TOKEN),
        ("actor_token", token.as_str()),
        ("actor_token_type", ACCESS_TOKEN),
    ];
    assert_eq!(org.form("/oauth/token", &good).await.status, 200);
    let long = "y".repeat(30_000);
    for odd in ["", " ", "\u{0}", "null", "..", "a.b.c", "é\u{202e}", "[]", "' OR 1=1", "%00", long.as_str()]
    {
        for at in 0..good.len() {
            let mut form = good;
            form[at].1 = odd;
            let answer = org.form("/oauth/token", &form).await;
            // What is empty was not sent (a scope that is blank asks for all).
            let passed = good[at].0 == "scope" && odd.trim().is_empty();
            assert_eq!(answer.status, if passed { 200 } else { 400 }, "{} {odd:.20} {answer:?}", good[at].0);
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
}
