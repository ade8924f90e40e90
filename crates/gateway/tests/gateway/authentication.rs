//! Who gets in, who is closed with 1008, and when a token ends.

use std::time::{SystemTime, UNIX_EPOCH};

use flowmaestro_gateway::Config;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::support::{Client, Server, development};

pub const SECRET: &str = "the secret of the authentication tests";
const ORIGIN: (&str, &str) = ("origin", "http://localhost:5173");

const REQUIRED: (u16, &str) = (1008, "Authentication required");
const INVALID: (u16, &str) = (1008, "Invalid token");
const FAILED: (u16, &str) = (1008, "Authentication failed");

pub fn config() -> Config {
    Config {
        jwt_secret: Some(SECRET.into()),
        ..development()
    }
}

fn strict() -> Config {
    Config {
        jwt_issuer: Some("https://auth.example.com".into()),
        jwt_audience: Some("flowmaestro".into()),
        ..config()
    }
}

pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

pub fn sign(claims: &Value) -> String {
    sign_with(Algorithm::HS256, SECRET, claims)
}

fn sign_with(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    encode(
        &Header::new(algorithm),
        claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .unwrap()
}

pub fn claims(changes: Value) -> Value {
    let mut claims = json!({"userId": "alice", "exp": now() + 600});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    claims
}

async fn open_with_query(server: &Server, token: &str) -> Client {
    server
        .open(&format!("/ws?token={token}"), &[ORIGIN])
        .await
        .unwrap()
}

async fn assert_refused(server: &Server, token: &str, expected: (u16, &str)) {
    let mut client = open_with_query(server, token).await;
    let (code, reason) = client.closed().await;
    assert_eq!((code, reason.as_str()), expected, "token {token:.20}");
}

async fn assert_accepted(server: &Server, token: &str) {
    open_with_query(server, token).await.welcomed().await;
}

#[tokio::test]
async fn a_missing_token_is_required() {
    let server = Server::with(config()).await;
    for path in ["/ws", "/ws?token=", "/ws?other=1"] {
        let mut client = server.open(path, &[ORIGIN]).await.unwrap();
        let (code, reason) = client.closed().await;
        assert_eq!((code, reason.as_str()), REQUIRED, "{path}");
    }
    assert_eq!(
        server
            .metric(r#"flowmaestro_auth_failures_total{reason="missing"}"#)
            .await,
        3
    );
    assert_eq!(server.gateway.manager().connection_count(), 0);
}

#[tokio::test]
async fn tokens_that_are_not_ours_are_invalid() {
    let server = Server::with(config()).await;
    let good = sign(&claims(json!({})));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (_, payload) = message.split_once('.').unwrap();
    // {"typ":"JWT","alg":"none"}
    let none_header = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0";

    assert_refused(&server, "garbage", INVALID).await;
    assert_refused(&server, "a.b.c", INVALID).await;
    assert_refused(&server, &format!("{none_header}.{payload}."), INVALID).await;
    assert_refused(
        &server,
        &format!("{none_header}.{payload}.{signature}"),
        INVALID,
    )
    .await;
    assert_refused(&server, &format!("{message}."), INVALID).await;
    let other_secret = sign_with(Algorithm::HS256, "another secret", &claims(json!({})));
    assert_refused(&server, &other_secret, INVALID).await;
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let other_algorithm = sign_with(algorithm, SECRET, &claims(json!({})));
        assert_refused(&server, &other_algorithm, INVALID).await;
    }
    assert_accepted(&server, &good).await;
}

#[tokio::test]
async fn times_are_checked_with_five_seconds_of_leeway() {
    let server = Server::with(config()).await;
    assert_refused(&server, &sign(&claims(json!({"exp": now() - 60}))), FAILED).await;
    assert_refused(&server, &sign(&claims(json!({"exp": now() - 7}))), FAILED).await;
    assert_accepted(&server, &sign(&claims(json!({"exp": now() - 2})))).await;
    assert_refused(&server, &sign(&claims(json!({"exp": null}))), FAILED).await;
    assert_refused(&server, &sign(&claims(json!({"exp": "tomorrow"}))), INVALID).await;

    assert_refused(&server, &sign(&claims(json!({"nbf": now() + 60}))), FAILED).await;
    assert_accepted(&server, &sign(&claims(json!({"nbf": now() + 4})))).await;
    assert_accepted(&server, &sign(&claims(json!({"nbf": now() - 60})))).await;
}

#[tokio::test]
async fn issuer_and_audience_are_required_when_configured() {
    let server = Server::with(strict()).await;
    let issuer = "https://auth.example.com";
    let good = json!({"iss": issuer, "aud": "flowmaestro"});
    assert_accepted(&server, &sign(&claims(good))).await;
    let several = json!({"iss": issuer, "aud": ["other", "flowmaestro"]});
    assert_accepted(&server, &sign(&claims(several))).await;
    assert_accepted(&server, &server.token("alice")).await;
    for bad in [
        json!({"aud": "flowmaestro"}),
        json!({"iss": issuer}),
        json!({"iss": "https://evil.test", "aud": "flowmaestro"}),
        json!({"iss": issuer, "aud": "another"}),
        json!({"iss": 1, "aud": "flowmaestro"}),
    ] {
        assert_refused(&server, &sign(&claims(bad)), FAILED).await;
    }
}

#[tokio::test]
async fn a_token_for_another_audience_is_refused_when_none_is_configured() {
    let server = Server::with(config()).await;
    assert_refused(&server, &sign(&claims(json!({"aud": "another"}))), FAILED).await;
}

#[tokio::test]
async fn the_user_is_required_and_may_be_the_subject() {
    let server = Server::with(config()).await;
    let nobody = json!({"userId": null});
    assert_refused(&server, &sign(&claims(nobody)), FAILED).await;
    assert_refused(&server, &sign(&claims(json!({"userId": ""}))), FAILED).await;
    assert_refused(&server, &sign(&claims(json!({"userId": 7}))), INVALID).await;

    let subject = sign(&claims(json!({"userId": null, "sub": "bob"})));
    assert_eq!(
        server.gateway.verifier().verify(&subject).unwrap().user_id,
        "bob"
    );
    let both = sign(&claims(json!({"sub": "bob", "workspaceIds": ["w1"]})));
    let claims = server.gateway.verifier().verify(&both).unwrap();
    assert_eq!(
        (claims.user_id.as_str(), &claims.workspace_ids[..]),
        ("alice", &["w1".into()][..])
    );
}

#[tokio::test]
async fn tokens_over_8_kib_are_invalid() {
    let server = Server::with(config()).await;
    let padded = |bytes: usize| sign(&claims(json!({"padding": "x".repeat(bytes)})));
    let (small, large) = (padded(5_900), padded(6_200));
    assert!(small.len() <= 8 * 1024 && large.len() > 8 * 1024);
    assert_accepted(&server, &small).await;
    assert_refused(&server, &large, INVALID).await;
}

#[tokio::test]
async fn the_token_may_come_as_a_header() {
    let server = Server::with(config()).await;
    for scheme in ["Bearer", "bearer"] {
        let authorization = format!("{scheme} {}", sign(&claims(json!({}))));
        let client = server
            .open("/ws", &[("authorization", &authorization)])
            .await
            .unwrap();
        client.welcomed().await;
    }
    let mut client = server
        .open("/ws", &[("authorization", "Bearer nonsense")])
        .await
        .unwrap();
    assert_eq!(client.closed().await, (INVALID.0, INVALID.1.into()));
}

#[tokio::test]
async fn the_token_may_come_as_a_subprotocol_that_is_not_answered() {
    let server = Server::with(config()).await;
    let protocols = format!("flowmaestro.v1, bearer.{}", sign(&claims(json!({}))));
    let headers = [ORIGIN, ("sec-websocket-protocol", protocols.as_str())];
    let (client, response) = server.handshake("/ws", &headers).await.unwrap();
    assert_eq!(
        response.headers()["sec-websocket-protocol"],
        "flowmaestro.v1"
    );
    client.welcomed().await;

    let headers = [
        ORIGIN,
        ("sec-websocket-protocol", "flowmaestro.v1, bearer.nonsense"),
    ];
    let mut client = server.open("/ws", &headers).await.unwrap();
    assert_eq!(client.closed().await, (INVALID.0, INVALID.1.into()));
}

#[tokio::test]
async fn a_connection_is_closed_when_its_token_expires() {
    let server = Server::with(config()).await;
    let exp = now() - 3;
    let token = sign(&claims(json!({"exp": exp})));
    let mut client = open_with_query(&server, &token).await.welcomed().await;
    server.register("exec_1", "alice");
    client.subscribe("exec_1").await;
    assert_eq!(client.closed().await, (4401, "Token expired".into()));
    assert!(now() >= exp + 5, "the leeway is granted");
}
