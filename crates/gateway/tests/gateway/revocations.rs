//! Tokens that end before their time, with the connections that were opened by them.

use flowmaestro_gateway::{Config, Limits};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::authentication::{claims, config, now, sign};
use crate::support::{Client, Server};

const PAGE: (&str, &str) = ("origin", "http://localhost:5173");
const SIGNED_OUT: (u16, &str) = (4401, "Signed out");

async fn revoke(server: &Server, user_id: &str) -> (u16, String) {
    let body = json!({"userId": user_id}).to_string();
    server.post("/api/revocations", body).await
}

async fn open(server: &Server, token: &str) -> Client {
    let path = format!("/ws?token={token}");
    server.open(&path, &[PAGE]).await.unwrap()
}

async fn closed(client: &mut Client) -> (u16, String) {
    client.closed().await
}

/// A token that says when it was issued, in seconds from now.
fn token(user_id: &str, issued_in: i64) -> String {
    let issued_at = now().saturating_add_signed(issued_in);
    sign(&claims(json!({"userId": user_id, "iat": issued_at})))
}

#[tokio::test]
async fn it_ends_the_connections_of_the_user_and_nobody_elses() {
    let server = Server::with(config()).await;
    let mut first = server.subscribe("alice", "exec_1").await;
    let mut second = server.connect("alice").await;
    let mut bob = server.connect("bob").await;
    let (status, body) = revoke(&server, "alice").await;
    assert_eq!(
        (status, body.as_str()),
        (200, r#"{"userId":"alice","disconnected":2}"#)
    );
    server.stream("exec_1", 0..1);
    for alice in [&mut first, &mut second] {
        let (code, reason) = closed(alice).await;
        assert_eq!((code, reason.as_str()), SIGNED_OUT, "and no event before");
    }
    bob.silent().await;
    let metric = "flowmaestro_disconnected_users_closed_total";
    assert_eq!(server.metric(metric).await, 2);
}

#[tokio::test]
async fn it_ends_the_tokens_that_were_issued_before() {
    let server = Server::with(config()).await;
    let (old, undated, new) = (
        token("alice", -100),
        sign(&claims(json!({}))),
        token("alice", 100),
    );
    for token in [&old, &undated, &new] {
        open(&server, token).await.welcomed().await;
    }
    revoke(&server, "alice").await;
    for token in [&old, &undated] {
        let mut refused = open(&server, token).await;
        assert_eq!(
            closed(&mut refused).await,
            (1008, "Authentication failed".into())
        );
    }
    open(&server, &new).await.welcomed().await;
    open(&server, &token("bob", -100)).await.welcomed().await;
    let metric = r#"flowmaestro_auth_failures_total{reason="revoked"}"#;
    assert_eq!(server.metric(metric).await, 2);
}

#[tokio::test]
async fn it_ends_tickets_and_renewals_as_well() {
    let server = Server::with(config()).await;
    let old = token("alice", -100);
    let ask = || {
        let request = reqwest::Client::new().post(server.url("/ws/ticket"));
        request.header(PAGE.0, PAGE.1).bearer_auth(&old).send()
    };
    let ticket: Value = ask().await.unwrap().json().await.unwrap();
    revoke(&server, "alice").await;
    let mut refused = open(&server, ticket["ticket"].as_str().unwrap()).await;
    assert_eq!(closed(&mut refused).await.0, 1008);
    assert_eq!(ask().await.unwrap().status(), StatusCode::UNAUTHORIZED);

    let mut alice = open(&server, &token("alice", 100)).await.welcomed().await;
    alice.hello_with(&["auth"]).await;
    alice.send_json(json!({"type": "auth", "token": old})).await;
    assert_eq!(alice.json().await["code"], "forbidden");
    alice.silent().await;
}

#[tokio::test]
async fn only_a_backend_may_and_has_to_say_whose() {
    let server = Server::with(config()).await;
    let stranger = reqwest::Client::new()
        .post(server.url("/api/revocations"))
        .bearer_auth(token("alice", 0))
        .body(r#"{"userId":"alice"}"#);
    assert_eq!(
        stranger.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    for body in ["", "{}", r#"{"userId":""}"#, r#"{"userId":"a","more":1}"#] {
        let (status, text) = server.post("/api/revocations", body).await;
        assert_eq!(status, 400, "{body}");
        assert!(text.contains("invalid_revocation"), "{text}");
    }
}

#[tokio::test]
async fn so_many_are_remembered() {
    let limits = Limits {
        max_revocations: 1,
        ..Limits::default()
    };
    let server = Server::with(Config { limits, ..config() }).await;
    let mut bob = server.connect("bob").await;
    assert_eq!(revoke(&server, "alice").await.0, 200);
    let (status, body) = revoke(&server, "bob").await;
    assert!(
        status == 503 && body.contains("--max-revocations"),
        "{body}"
    );
    bob.silent().await;
}

/// The user's next connection may use the same token.
#[tokio::test]
async fn a_user_may_be_disconnected_without_revoking_anything() {
    let server = Server::with(config()).await;
    let token = token("alice", -100);
    let mut alice = open(&server, &token).await.welcomed().await;
    assert_eq!(server.gateway.manager().disconnect_user("alice"), 1);
    assert_eq!(closed(&mut alice).await.0, 4401);
    open(&server, &token).await.welcomed().await;
}
