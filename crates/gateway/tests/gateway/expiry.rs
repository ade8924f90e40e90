//! A new token on an open connection, and the end of an old one.

use serde_json::json;

use crate::authentication::{claims, config, now, sign};
use crate::support::Server;

#[tokio::test]
async fn a_new_token_lets_the_connection_go_on() {
    let server = Server::with(config()).await;
    let exp = now() - 3;
    let old = sign(&claims(json!({"exp": exp})));
    let mut alice = server.connect_by(&old).await;
    alice.hello_with(&["auth"]).await;
    let expiring = json!({"type": "auth:expiring", "expiresAt": exp * 1_000});
    assert_eq!(alice.json().await, expiring);

    let end = now() + 600;
    let new = sign(&claims(json!({"exp": end})));
    alice.send_json(json!({"type": "auth", "token": new})).await;
    let authenticated = json!({"type": "authenticated", "expiresAt": end * 1_000});
    assert_eq!(alice.json().await, authenticated);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    alice.silent().await;
}

#[tokio::test]
async fn a_token_of_someone_else_or_of_nobody_is_refused_in_place() {
    let server = Server::with(config()).await;
    let mut alice = server.connect_with("alice", &["auth"]).await;
    let expired = sign(&claims(json!({"exp": now() - 60})));
    let bob = sign(&claims(json!({"userId": "bob"})));
    for token in ["nonsense", &expired, &bob] {
        alice
            .send_json(json!({"type": "auth", "token": token}))
            .await;
        assert_eq!(alice.json().await["code"], "forbidden");
    }
    alice.silent().await;
}

#[tokio::test]
async fn without_a_new_token_the_connection_ends() {
    let server = Server::with(config()).await;
    let token = sign(&claims(json!({"exp": now() - 4})));
    let mut alice = server.connect_by(&token).await;
    alice.hello_with(&["auth"]).await;
    assert_eq!(alice.json().await["type"], "auth:expiring");
    assert_eq!(alice.closed().await, (4401, "Token expired".into()));
    assert_eq!(
        server
            .metric("flowmaestro_expired_tokens_closed_total")
            .await,
        1
    );
}
