//! The HTTP API: documents, ownership, errors, the page.

mod common;

use common::{DOCUMENT, Server, asks, ended, error_code, wait_until_processed};
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn documents_are_extracted_chunked_and_stored() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let mut socket = ada.connect().await;
    let uploaded = ada.upload("orchard.md", DOCUMENT.repeat(10)).await;
    assert_eq!(uploaded["documentName"], "orchard.md");
    let completed = socket
        .until(|event| event["type"] == "kb:document:completed")
        .await;
    let processing = &socket.events[socket.events.len() - 2];
    assert_eq!(processing["type"], "kb:document:processing");
    assert_eq!(processing["documentName"], "orchard.md");
    for event in [processing, &completed] {
        assert_eq!(event["documentId"], uploaded["documentId"]);
        assert_eq!(event["knowledgeBaseId"], uploaded["knowledgeBaseId"]);
    }

    let listed = &ada.get("/api/demo/documents").await[0];
    assert_eq!(listed["status"], "completed");
    assert_eq!(listed["chunkCount"], completed["chunkCount"]);
    assert!(listed["uploadedAt"].is_u64() && listed.get("error").is_none());
    let id = uploaded["documentId"].as_str().unwrap();
    let document = ada.get(&format!("/api/demo/documents/{id}")).await;
    let chunks = document["chunks"].as_array().unwrap();
    assert_eq!(json!(chunks.len()), completed["chunkCount"]);
    assert!(chunks.len() > 1);
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk.as_str().unwrap().chars().count() <= 800)
    );
    assert!(
        !document.to_string().contains("*forty*"),
        "Markdown is extracted"
    );
}

#[tokio::test]
async fn what_is_no_text_fails() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let mut socket = ada.connect().await;
    let cases: [(&str, &[u8], &str); 3] = [
        ("latin.txt", b"caf\xe9", "not UTF-8"),
        ("empty.md", b"\n", "no text"),
        ("image.txt", b"\x89PNG\0"[1..].as_ref(), "binary"),
    ];
    for (name, bytes, reason) in cases {
        let document = ada.upload(name, bytes).await;
        let failed = socket
            .until(|event| event["type"] == "kb:document:failed")
            .await;
        assert_eq!(failed["documentId"], document["documentId"]);
        assert!(
            failed["error"].as_str().unwrap().contains(reason),
            "{failed}"
        );
        let id = document["documentId"].as_str().unwrap();
        let stored = ada.get(&format!("/api/demo/documents/{id}")).await;
        assert_eq!(stored["status"], "failed");
        assert_eq!(stored["error"], failed["error"]);
        assert_eq!(stored["chunks"], json!([]));

        let run = ada.run("document-report", Some(id)).await;
        let end = ada.run_until(&run, ended).await.pop().unwrap();
        assert!(end["error"].as_str().unwrap().contains(reason), "{end}");
    }
}

#[tokio::test]
async fn documents_are_bounded() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let upload = |name: &str, bytes: usize| {
        let request = ada
            .request(Method::POST, "/api/demo/documents")
            .query(&[("name", name)]);
        ada.raw(request.body("A sentence of the text. ".repeat(bytes / 24 + 1)[..bytes].to_owned()))
    };
    let most = 2 * 1024 * 1024;
    assert_eq!(upload("most.txt", most).await.0, StatusCode::ACCEPTED);
    let (status, body) = upload("more.txt", most + 1).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(error_code(&body), "too_large");
    for name in ["", " ", "a\nb", &"x".repeat(201)] {
        let (status, body) = upload(name, 1).await;
        assert_eq!(
            (status, error_code(&body)),
            (StatusCode::BAD_REQUEST, "invalid_request".into())
        );
    }
    let nameless = ada
        .request(Method::POST, "/api/demo/documents")
        .body("text");
    assert_eq!(ada.raw(nameless).await.0, StatusCode::BAD_REQUEST);

    let first = ada.get("/api/demo/documents").await[0]["documentId"]
        .as_str()
        .unwrap()
        .to_owned();
    wait_until_processed(&ada).await;
    for _ in 0..20 {
        ada.uploaded("next.txt", "A text.").await;
    }
    assert_eq!(
        ada.get("/api/demo/documents")
            .await
            .as_array()
            .unwrap()
            .len(),
        20
    );
    let path = format!("/api/demo/documents/{first}");
    assert_eq!(
        ada.raw(ada.request(Method::GET, &path)).await.0,
        StatusCode::NOT_FOUND
    );
    assert!(!data.path().join("documents").join(first).exists());
}

#[tokio::test]
async fn users_see_their_own_things_only() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let bob = server.sign_in("Bob").await;
    let document = ada.uploaded("orchard.md", DOCUMENT).await;
    let run = ada.run("document-report", Some(&document)).await;
    ada.run_until(&run, asks).await;

    assert_eq!(bob.get("/api/demo/runs").await, json!([]));
    assert_eq!(bob.get("/api/demo/documents").await, json!([]));
    for (theirs, unknown) in [
        (
            format!("/api/demo/runs/{run}"),
            "/api/demo/runs/exec_unknown",
        ),
        (
            format!("/api/demo/documents/{document}"),
            "/api/demo/documents/doc_unknown",
        ),
    ] {
        let theirs = bob.raw(bob.request(Method::GET, &theirs)).await;
        assert_eq!(theirs.0, StatusCode::NOT_FOUND);
        assert_eq!(theirs, bob.raw(bob.request(Method::GET, unknown)).await);
    }
    let start = |document: &str| {
        let request = json!({ "workflowId": "document-report", "documentId": document });
        bob.raw(bob.request(Method::POST, "/api/demo/runs").json(&request))
    };
    assert_eq!(start(&document).await, start("doc_unknown").await);

    // Bob's answer to Ada's question is not taken: the run still waits for hers.
    let mut socket = bob.connect().await;
    socket.answer(&run, "approve", json!("reject")).await;
    let own = bob.run("failing-run", None).await;
    bob.run_until(&own, ended).await;
    socket
        .send(json!({ "type": "subscribe", "executionId": own }))
        .await;
    socket.until(|event| event["type"] == "subscribed").await;
    ada.connect()
        .await
        .answer(&run, "approve", json!("approve"))
        .await;
    let end = ada.run_until(&run, ended).await.pop().unwrap();
    assert_eq!(end["type"], "execution:completed");
}

#[tokio::test]
async fn a_sign_in_is_needed() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    for path in [
        "workflows",
        "runs",
        "runs/exec_1",
        "documents",
        "documents/doc_1",
    ] {
        for token in [None, Some("Bearer nonsense"), Some("Basic QQ==")] {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = client.get(format!("{}/api/demo/{path}", server.origin));
            let request = match token {
                Some(token) => request.header("authorization", token),
                None => request,
            };
            let (status, body) = ada.raw(request).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(error_code(&body), "unauthorized");
        }
    }
    for body in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "a\u{7}" }),
        json!({ "name": 1 }),
    ] {
        let request = ada.request(Method::POST, "/api/demo/login").json(&body);
        assert!(ada.raw(request).await.0.is_client_error(), "{body}");
    }
    let again = ada
        .post("/api/demo/login", json!({ "name": " ada " }))
        .await;
    let first = ada.post("/api/demo/login", json!({ "name": "Ada" })).await;
    assert_eq!(again["userId"], first["userId"]);
    assert!(first["expiresAt"].is_u64());
}

#[tokio::test]
async fn workflows_are_listed_as_graphs() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let workflows = ada.get("/api/demo/workflows").await;
    let ids: Vec<_> = workflows
        .as_array()
        .unwrap()
        .iter()
        .map(|w| &w["id"])
        .collect();
    assert_eq!(
        ids,
        [
            "document-report",
            "quick-analysis",
            "second-opinion",
            "failing-run"
        ]
    );
    assert_eq!(workflows[0]["needsDocument"], true);
    assert_eq!(workflows[1]["needsDocument"], false);
    assert_eq!(workflows[0]["nodes"][0]["type"], "document.read");
    assert_eq!(
        workflows[0]["edges"][0],
        json!({ "from": "read", "to": "split" })
    );
}

#[tokio::test]
async fn the_flaky_endpoint_fails_twice_per_key() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    for key in ["a", "b"] {
        let path = format!("/api/demo/flaky/{key}");
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(ada.raw(ada.request(Method::GET, &path)).await.0.as_u16());
        }
        assert_eq!(statuses, [503, 503, 200, 200]);
        assert_eq!(ada.get(&path).await["bands"][0]["from"], 90.0);
    }
}

#[tokio::test]
async fn the_page_comes_with_its_policy() {
    let data = tempfile::tempdir().unwrap();
    let www = tempfile::tempdir().unwrap();
    std::fs::write(
        www.path().join("index.html"),
        "<!doctype html><title>Demo</title>",
    )
    .unwrap();
    std::fs::write(www.path().join("app.wasm"), "\0asm").unwrap();
    let server =
        Server::start_with(data.path(), &["--www-dir", www.path().to_str().unwrap()]).await;
    let ada = server.sign_in("Ada").await;
    let port = server.origin.rsplit(':').next().unwrap();
    for (path, status, content_type) in [
        ("/", 200, Some("text/html")),
        ("/app.wasm", 200, Some("application/wasm")),
        ("/missing.js", 404, None),
        ("/%2e%2e/jwt-secret", 404, None),
        ("/api/demo/nothing", 404, Some("application/json")),
    ] {
        let response = ada.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        let headers = response.headers();
        let found = headers
            .get("content-type")
            .map(|value| value.to_str().unwrap());
        assert_eq!(found, content_type, "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"));
        assert!(
            policy.contains(&format!("connect-src 'self' ws://127.0.0.1:{port} ")),
            "{policy}"
        );
        assert!(policy.ends_with("require-trusted-types-for 'script'"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
    let put = ada.raw(ada.request(Method::PUT, "/api/demo/runs")).await;
    assert_eq!(
        (put.0, error_code(&put.1)),
        (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed".into())
    );
}

#[tokio::test]
async fn a_page_that_is_not_built_is_told_of() {
    let data = tempfile::tempdir().unwrap();
    let missing = data.path().join("no-page");
    let server = Server::start_with(data.path(), &["--www-dir", missing.to_str().unwrap()]).await;
    let ada = server.sign_in("Ada").await;
    let (status, body) = ada.raw(ada.request(Method::GET, "/")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(String::from_utf8(body).unwrap().contains("--www-dir"));
}

#[tokio::test]
async fn a_service_token_is_made_for_other_backends() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let run = ada.run("second-opinion", None).await;
    ada.run_until(&run, asks).await;
    let mut socket = ada.watch(&run).await;
    let token = std::fs::read_to_string(data.path().join("service-token")).unwrap();
    let event = json!({
        "type": "node:stream", "timestamp": 1, "executionId": run, "nodeId": "n", "chunk": "hi"
    });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .post(format!("{}/api/events", server.origin))
        .json(&event);
    let refused = request
        .try_clone()
        .unwrap()
        .bearer_auth("guess")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let accepted = request.bearer_auth(token).send().await.unwrap();
    assert!(accepted.status().is_success(), "{}", accepted.status());
    socket.until(|event| event["chunk"] == "hi").await;
}
