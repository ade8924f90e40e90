//! One-time tickets instead of tokens in URLs.

use std::time::Duration;

use flowmaestro_gateway::{Config, Limits};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::authentication::{claims, config, now, sign};
use crate::support::{Client, Headers, Server, within};

const PAGE: (&str, &str) = ("origin", "http://localhost:5173");

async fn request(server: &Server, method: Method, headers: Headers<'_>) -> Response {
    let mut request = reqwest::Client::new().request(method, server.url("/ws/ticket"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    within(request.send()).await.unwrap()
}

async fn ask(server: &Server, token: &str) -> Response {
    let authorization = format!("Bearer {token}");
    request(
        server,
        Method::POST,
        &[PAGE, ("authorization", &authorization)],
    )
    .await
}

async fn ticket(server: &Server, token: &str) -> String {
    let response = ask(server, token).await;
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.unwrap();
    answer["ticket"].as_str().unwrap().to_owned()
}

async fn open(server: &Server, ticket: &str) -> Client {
    let path = format!("/ws?token={ticket}");
    server.open(&path, &[PAGE]).await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

#[tokio::test]
async fn a_ticket_opens_one_connection_of_its_user() {
    let server = Server::with(config()).await;
    let response = ask(&server, &sign(&claims(json!({})))).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "cache-control"), Some("no-store"));
    let answer: Value = response.json().await.unwrap();
    let ends_in = answer["expiresAt"].as_u64().unwrap() / 1000 - now();
    assert!((28..=30).contains(&ends_in), "{ends_in}");
    let ticket = answer["ticket"].as_str().unwrap();

    server.register("exec_1", "alice");
    let mut alice = open(&server, ticket).await.welcomed().await;
    alice.subscribe("exec_1").await;
    let again = open(&server, ticket).await.closed().await;
    assert_eq!(again, (1008, "Invalid token".into()));
    let refused = r#"flowmaestro_auth_failures_total{reason="unknown_ticket"}"#;
    assert_eq!(server.metric(refused).await, 1);
}

#[tokio::test]
async fn the_claims_are_those_of_the_token() {
    let server = Server::with(config()).await;
    let token = sign(&claims(json!({"workspaceIds": ["w1"]})));
    let ticket = ticket(&server, &token).await;
    let mut alice = open(&server, &ticket).await.welcomed().await;
    alice.hello_with(&["rooms"]).await;
    for (room, answer) in [("workspace:w1", "subscribed"), ("workspace:w2", "error")] {
        alice
            .send_json(json!({"type": "subscribe", "room": room}))
            .await;
        assert_eq!(alice.json().await["type"], answer);
    }
}

#[tokio::test]
async fn the_connection_ends_with_the_token() {
    let server = Server::with(config()).await;
    let token = sign(&claims(json!({"exp": now() - 3})));
    let ticket = ticket(&server, &token).await;
    let mut alice = open(&server, &ticket).await.welcomed().await;
    assert_eq!(alice.closed().await, (4401, "Token expired".into()));
}

#[tokio::test]
async fn a_ticket_ends_unused() {
    let limits = Limits {
        ticket_secs: 0,
        ..Limits::default()
    };
    let server = Server::with(Config { limits, ..config() }).await;
    let ticket = ticket(&server, &sign(&claims(json!({})))).await;
    assert_eq!(open(&server, &ticket).await.closed().await.0, 1008);
}

#[tokio::test]
async fn without_a_valid_token_there_is_no_ticket() {
    let server = Server::with(config()).await;
    let expired = sign(&claims(json!({"exp": now() - 60})));
    let unused = ticket(&server, &sign(&claims(json!({})))).await;
    for token in ["", "nonsense", &expired, &unused] {
        let response = ask(&server, token).await;
        assert_eq!(response.status(), 401);
        assert_eq!(header(&response, "www-authenticate"), Some("Bearer"));
        // The page may read why.
        let origin = header(&response, "access-control-allow-origin");
        assert_eq!(origin, Some(PAGE.1));
        let text = response.text().await.unwrap();
        assert!(token.is_empty() || !text.contains(token), "{text}");
    }
    let response = request(&server, Method::POST, &[PAGE]).await;
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn foreign_pages_get_none() {
    let server = Server::with(config()).await;
    let authorization = format!("Bearer {}", sign(&claims(json!({}))));
    let authorization = ("authorization", authorization.as_str());
    for method in [Method::POST, Method::OPTIONS] {
        let headers = [("origin", "https://evil.test"), authorization];
        let response = request(&server, method, &headers).await;
        assert_eq!(response.status(), 403);
        assert_eq!(header(&response, "access-control-allow-origin"), None);
    }
    let response = request(&server, Method::POST, &[authorization]).await;
    assert_eq!(response.status(), 200, "no page at all");
    assert_eq!(header(&response, "access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_page_elsewhere_may_ask_whether_it_may() {
    let server = Server::with(config()).await;
    let headers = [
        PAGE,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let response = request(&server, Method::OPTIONS, &headers).await;
    assert_eq!(response.status(), 204);
    for (name, value) in [
        ("access-control-allow-origin", PAGE.1),
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "authorization"),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
    ] {
        assert_eq!(header(&response, name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn waiting_tickets_are_bounded() {
    let server = Server::with(config()).await;
    let token = sign(&claims(json!({})));
    let mut tickets = Vec::new();
    for _ in 0..32 {
        tickets.push(ticket(&server, &token).await);
    }
    let response = ask(&server, &token).await;
    assert_eq!(response.status(), 429);
    ticket(&server, &sign(&claims(json!({"userId": "bob"})))).await;
    open(&server, &tickets[0]).await.welcomed().await;
    ticket(&server, &token).await;
}

/// Only what is in a URL is logged by others, and tokens are not meant to be replaced by tickets.
#[tokio::test]
async fn a_ticket_is_no_token_in_place() {
    let server = Server::with(config()).await;
    let token = sign(&claims(json!({})));
    let mut alice = server.connect_by(&token).await;
    alice.hello_with(&["auth"]).await;
    let ticket = ticket(&server, &token).await;
    alice
        .send_json(json!({"type": "auth", "token": ticket}))
        .await;
    assert_eq!(alice.json().await["code"], "forbidden");
    tokio::time::timeout(Duration::from_secs(20), alice.silent())
        .await
        .unwrap();
}
