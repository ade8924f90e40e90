//! Runs, watched over a real socket.

mod common;

use std::collections::BTreeSet;

use common::{DOCUMENT, Server, asks, ended, of_type, output, streamed};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_document_report_from_upload_to_file() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let document = ada.uploaded("orchard.md", DOCUMENT).await;
    let run = ada.run("document-report", Some(&document)).await;
    let mut socket = ada.watch(&run).await;
    let question = ada.run_until(&run, asks).await.pop().unwrap();
    assert_eq!(question["inputType"], "approval");
    assert_eq!(
        question["validation"]["options"],
        json!(["approve", "reject", "edit"])
    );
    assert_eq!(ada.history(&run).await["status"], "waiting");

    socket.answer(&run, "approve", json!("approve")).await;
    socket
        .until(|event| event["type"] == "execution:completed")
        .await;
    let history = ada.history(&run).await;
    assert_eq!(history["status"], "completed");
    let events = history["events"].as_array().unwrap();
    assert!(
        events.ends_with(&socket.events),
        "the socket brings what the journal has"
    );

    let started = of_type(events, "execution:started");
    assert_eq!(started[0]["workflowName"], "Document report");
    assert_eq!(started[0]["totalNodes"], 9);
    let retries = of_type(events, "node:retry");
    let attempts: Vec<_> = retries.iter().map(|event| &event["attempt"]).collect();
    assert_eq!(attempts, [2, 3]);
    let delays: Vec<_> = retries.iter().map(|event| &event["nextRetryIn"]).collect();
    assert_eq!(delays, [1, 2]);
    assert!(retries[0]["error"].as_str().unwrap().contains("503"));
    assert_eq!(output(events, "scores")["attempts"], 3);

    assert_eq!(output(events, "read")["documentName"], "orchard.md");
    assert_eq!(output(events, "split")["count"], 1);
    assert_eq!(
        output(events, "statistics")["frequentWords"][0]["word"],
        "apple"
    );
    let report = output(events, "compose")["text"].as_str().unwrap();
    assert!(
        report.contains("reading ease") && report.contains(" to read\n"),
        "{report}"
    );
    assert_eq!(streamed(events, "show"), report);

    let progress: Vec<f64> = of_type(events, "execution:progress")
        .iter()
        .map(|event| event["percentage"].as_f64().unwrap())
        .collect();
    assert_eq!(progress.len(), 9);
    assert!(
        progress.is_sorted() && progress.last() == Some(&100.0),
        "{progress:?}"
    );
    assert!(
        events
            .iter()
            .map(|event| event["timestamp"].as_u64())
            .is_sorted()
    );

    let outputs = &events.last().unwrap()["outputs"];
    assert_eq!(outputs["decision"], "approve");
    let file = data.path().join(outputs["file"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(file).unwrap(), report);
}

#[tokio::test]
async fn all_event_types_are_emitted() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let mut socket = ada.connect().await;
    ada.upload("empty.txt", "").await;
    socket
        .until(|event| event["type"] == "kb:document:failed")
        .await;
    let document = ada.upload("orchard.md", DOCUMENT).await;
    socket
        .until(|event| event["type"] == "kb:document:completed")
        .await;
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut note = |events: &[Value]| {
        seen.extend(
            events
                .iter()
                .map(|event| event["type"].as_str().unwrap().to_owned()),
        );
    };
    note(&socket.events);

    let run = ada
        .run("document-report", document["documentId"].as_str())
        .await;
    ada.run_until(&run, asks).await;
    // The one type that travels to the server: without it the run would not complete.
    ada.connect()
        .await
        .answer(&run, "approve", json!("approve"))
        .await;
    note(&ada.run_until(&run, ended).await);
    let run = ada.run("failing-run", None).await;
    note(&ada.run_until(&run, ended).await);

    for event_type in [
        "connected",
        "execution:started",
        "execution:progress",
        "execution:completed",
        "execution:failed",
        "node:started",
        "node:completed",
        "node:failed",
        "node:retry",
        "node:stream",
        "user:input:required",
        "kb:document:processing",
        "kb:document:completed",
        "kb:document:failed",
    ] {
        assert!(seen.contains(event_type), "{event_type} in {seen:?}");
    }
    assert!(
        !seen.contains("user:input:response"),
        "answers do not come back"
    );
}

#[tokio::test]
async fn a_quick_analysis_needs_nobody() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let run = ada.run("quick-analysis", None).await;
    let events = ada.run_until(&run, ended).await;
    let outputs = &events.last().unwrap()["outputs"];
    assert_eq!(outputs["words"], 334);
    assert_eq!(outputs["report"], streamed(&events, "show"));
}

#[tokio::test]
async fn a_failing_node_fails_the_run() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let run = ada.run("failing-run", None).await;
    let events = ada.run_until(&run, ended).await;
    let failed = of_type(&events, "node:failed");
    assert_eq!(failed[0]["nodeId"], "translate");
    let end = events.last().unwrap();
    assert_eq!(end["type"], "execution:failed");
    assert_eq!(end["failedNodeId"], "translate");
    assert_eq!(end["error"], failed[0]["error"]);
    assert!(
        events.iter().all(|event| event["nodeId"] != "show"),
        "nothing runs after it"
    );
    let listed = ada.get("/api/demo/runs").await;
    assert_eq!(listed[0]["status"], "failed");
}

#[tokio::test]
async fn a_report_needs_a_document() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let run = ada.run("document-report", None).await;
    let end = ada.run_until(&run, ended).await.pop().unwrap();
    assert_eq!(end["failedNodeId"], "read");
    assert!(
        end["error"]
            .as_str()
            .unwrap()
            .contains("no document was chosen")
    );

    let request = json!({ "workflowId": "document-report", "documentId": "doc_unknown" });
    let request = ada.request(Method::POST, "/api/demo/runs").json(&request);
    assert_eq!(ada.raw(request).await.0, StatusCode::NOT_FOUND);
    let request = json!({ "workflowId": "unknown" });
    let request = ada.request(Method::POST, "/api/demo/runs").json(&request);
    assert_eq!(ada.raw(request).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_rejection_fails_the_run() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let document = ada.uploaded("orchard.md", DOCUMENT).await;
    let run = ada.run("document-report", Some(&document)).await;
    ada.run_until(&run, asks).await;
    ada.connect()
        .await
        .answer(&run, "approve", json!("reject"))
        .await;
    let events = ada.run_until(&run, ended).await;
    assert_eq!(events.last().unwrap()["failedNodeId"], "approve");
    assert!(
        !data.path().join("reports").join(&run).exists(),
        "nothing was published"
    );
}

#[tokio::test]
async fn a_rejection_takes_the_branch_made_for_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let run = ada.run("second-opinion", None).await;
    ada.run_until(&run, asks).await;
    ada.connect()
        .await
        .answer(&run, "approve", json!("reject"))
        .await;
    let events = ada.run_until(&run, ended).await;
    let end = events.last().unwrap();
    assert_eq!(end["type"], "execution:completed");
    assert_eq!(end["outputs"]["decision"], "reject");
    assert!(
        end["outputs"].get("summary").is_none(),
        "the other branch was skipped"
    );
    assert_eq!(
        output(&events, "long")["sentences"]
            .as_array()
            .unwrap()
            .len(),
        6
    );
    assert_eq!(
        of_type(&events, "execution:progress").last().unwrap()["percentage"],
        100
    );
    let file = data
        .path()
        .join(end["outputs"]["longSummary"].as_str().unwrap());
    assert_eq!(
        std::fs::read_to_string(file).unwrap(),
        output(&events, "long")["text"].as_str().unwrap()
    );
}

#[tokio::test]
async fn an_edit_is_what_gets_published() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let run = ada.run("second-opinion", None).await;
    ada.run_until(&run, asks).await;
    let edit = json!({ "decision": "edit", "text": "My own <b>words</b>." });
    ada.connect().await.answer(&run, "approve", edit).await;
    let events = ada.run_until(&run, ended).await;
    let outputs = &events.last().unwrap()["outputs"];
    assert_eq!(outputs["decision"], "edit");
    let file = data.path().join(outputs["summary"].as_str().unwrap());
    assert_eq!(
        std::fs::read_to_string(file).unwrap(),
        "My own <b>words</b>."
    );
}

#[tokio::test]
async fn an_invalid_answer_is_asked_about_again() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let run = ada.run("second-opinion", None).await;
    ada.run_until(&run, asks).await;
    let mut socket = ada.watch(&run).await;
    socket.answer(&run, "approve", json!("perhaps")).await;
    let again = socket
        .until(|event| event["type"] == "user:input:required")
        .await;
    assert!(
        again["prompt"]
            .as_str()
            .unwrap()
            .contains("has to be \"approve\""),
        "{again}"
    );
    socket.answer(&run, "show", json!("approve")).await;
    socket
        .answer(&run, "approve", json!({ "decision": "edit", "text": " " }))
        .await;
    let again = socket
        .until(|event| event["type"] == "user:input:required")
        .await;
    assert!(
        again["prompt"].as_str().unwrap().contains("is empty"),
        "{again}"
    );
    socket.answer(&run, "approve", json!("approve")).await;
    socket
        .until(|event| event["type"] == "execution:completed")
        .await;
}

#[tokio::test]
async fn runs_under_way_and_runs_kept_are_bounded() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let first = ada.run("failing-run", None).await;
    ada.run_until(&first, ended).await;
    for _ in 0..5 {
        let run = ada.run("second-opinion", None).await;
        ada.run_until(&run, asks).await;
    }
    let request = || {
        let request = json!({ "workflowId": "failing-run" });
        ada.request(Method::POST, "/api/demo/runs").json(&request)
    };
    assert_eq!(ada.raw(request()).await.0, StatusCode::TOO_MANY_REQUESTS);
    // Another user is not held up.
    let bob = server.sign_in("Bob").await;
    bob.run("failing-run", None).await;

    let waiting = ada.get("/api/demo/runs").await[0]["executionId"]
        .as_str()
        .unwrap()
        .to_owned();
    ada.connect()
        .await
        .answer(&waiting, "approve", json!("approve"))
        .await;
    ada.run_until(&waiting, ended).await;
    for _ in 0..24 {
        let run = ada.run("failing-run", None).await;
        ada.run_until(&run, ended).await;
    }
    assert_eq!(
        ada.get("/api/demo/runs").await.as_array().unwrap().len(),
        30
    );
    let path = format!("/api/demo/runs/{first}");
    assert_eq!(
        ada.raw(ada.request(Method::GET, &path)).await.0,
        StatusCode::OK
    );
    ada.run("failing-run", None).await;
    assert_eq!(
        ada.get("/api/demo/runs").await.as_array().unwrap().len(),
        30
    );
    assert_eq!(
        ada.raw(ada.request(Method::GET, &path)).await.0,
        StatusCode::NOT_FOUND
    );
    assert!(
        !data
            .path()
            .join("runs")
            .join(format!("{first}.jsonl"))
            .exists()
    );
}
