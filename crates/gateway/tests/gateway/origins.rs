//! From which pages a socket may be opened. The rules themselves are tested beside them.

use flowmaestro_gateway::Config;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{Headers, Server, development};

fn production() -> Config {
    Config {
        dev: false,
        jwt_secret: Some("a secret that is long enough: 32 bytes".into()),
        service_token: None,
        allowed_origins: vec!["https://app.example.com".parse().unwrap()],
        ..development()
    }
}

/// The status of the answer to a handshake.
async fn status(server: &Server, headers: Headers<'_>) -> u16 {
    let path = format!("/ws?token={}", server.token("alice"));
    match server.handshake(&path, headers).await {
        Ok((client, response)) => {
            client.welcomed().await;
            response.status().as_u16()
        }
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn foreign_pages_are_refused_before_the_upgrade() {
    let server = Server::with(production()).await;
    assert_eq!(
        status(&server, &[("origin", "https://app.example.com")]).await,
        101
    );
    for origin in [
        "https://evil.test",
        "https://app.example.com.evil.test",
        "null",
    ] {
        assert_eq!(
            status(&server, &[("origin", origin)]).await,
            403,
            "{origin}"
        );
    }
    assert_eq!(
        server
            .metric(r#"flowmaestro_refusals_total{reason="origin"}"#)
            .await,
        3
    );
}

#[tokio::test]
async fn other_local_pages_are_allowed_in_development_only() {
    let page = [("origin", "http://localhost:5173")];
    assert_eq!(status(&Server::with(production()).await, &page).await, 403);
    assert_eq!(status(&Server::start().await, &page).await, 101);
}

#[tokio::test]
async fn a_page_of_the_same_address_needs_no_configuration() {
    let server = Server::with(production()).await;
    let own = format!("http://{}", server.address);
    assert_eq!(status(&server, &[("origin", &own)]).await, 101);

    let port = server.address.port();
    let rebound = format!("rebound.test:{port}");
    let origin = format!("http://{rebound}");
    assert_eq!(
        status(&server, &[("origin", &origin), ("host", &rebound)]).await,
        403
    );
}

#[tokio::test]
async fn without_an_origin_the_authorization_header_is_required() {
    let server = Server::with(production()).await;
    assert_eq!(status(&server, &[]).await, 403);
    let authorization = format!("Bearer {}", server.token("alice"));
    assert_eq!(
        status(&server, &[("authorization", &authorization)]).await,
        101
    );
}
