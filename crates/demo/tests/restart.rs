//! Runs and documents outlive `kill -9`.

mod common;

use std::collections::BTreeMap;
use std::io::Write;

use clap::Parser;
use common::{
    DEADLINE, DOCUMENT, Server, asks, command, ended, of_type, output, streamed,
    wait_until_processed,
};
use flowmaestro_demo::{Demo, DemoConfig};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;

#[tokio::test]
async fn a_stream_goes_on_behind_its_last_token() {
    let data = tempfile::tempdir().unwrap();
    let slow = &["--token-delay-ms", "10"];
    let server = Server::start_with(data.path(), slow).await;
    let ada = server.sign_in("Ada").await;
    let run = ada.run("quick-analysis", None).await;
    let chunks = |events: &[Value]| of_type(events, "node:stream").len();
    let before = ada.run_until(&run, |events| chunks(events) >= 5).await;
    server.kill().await;

    let server = Server::start_with(data.path(), slow).await;
    let ada = server.again(&ada);
    let mut socket = ada.watch(&run).await;
    socket
        .until(|event| event["type"] == "execution:completed")
        .await;
    let events = ada.events(&run).await;
    assert!(
        events.starts_with(&before),
        "what was seen before is still there"
    );
    assert!(
        events.ends_with(&socket.events),
        "the rest came over the socket"
    );
    assert_eq!(
        streamed(&events, "show"),
        output(&events, "compose")["text"].as_str().unwrap()
    );
    assert_each_node_starts_once(&events);
    assert_eq!(of_type(&events, "execution:started").len(), 1);
    assert_eq!(of_type(&events, "execution:progress").len(), 5);
}

#[tokio::test]
async fn a_pending_approval_is_asked_again() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let document = ada.uploaded("orchard.md", &DOCUMENT.repeat(20)).await;
    let run = ada.run("document-report", Some(&document)).await;
    let before = ada.run_until(&run, asks).await;
    server.kill().await;

    let server = Server::start(data.path()).await;
    let ada = server.again(&ada);
    let after = ada
        .run_until(&run, |events| asks(events) && events.len() > before.len())
        .await;
    assert_eq!(
        after.len(),
        before.len() + 1,
        "nothing but the question is emitted again"
    );
    assert_eq!(
        after.last().unwrap()["validation"],
        before.last().unwrap()["validation"]
    );
    assert_eq!(ada.get("/api/demo/runs").await[0]["status"], "waiting");
    let mut socket = ada.watch(&run).await;
    socket.answer(&run, "approve", json!("approve")).await;
    socket
        .until(|event| event["type"] == "execution:completed")
        .await;

    let events = ada.events(&run).await;
    assert_each_node_starts_once(&events);
    let report = output(&events, "publish")["file"].as_str().unwrap();
    let report = std::fs::read_to_string(data.path().join(report)).unwrap();
    assert_eq!(
        report,
        streamed(&events, "show"),
        "the whole text, not what the event shows of it"
    );
}

#[tokio::test]
async fn a_retried_request_is_taken_up() {
    let data = tempfile::tempdir().unwrap();
    // Slow enough that the process dies between the first failure and the retry.
    let slow = ["--token-delay-ms", "1", "--retry-delay-ms", "60000"];
    let server = Server::start_with(data.path(), &slow).await;
    let ada = server.sign_in("Ada").await;
    let document = ada.uploaded("orchard.md", DOCUMENT).await;
    let run = ada.run("document-report", Some(&document)).await;
    ada.run_until(&run, |events| !of_type(events, "node:retry").is_empty())
        .await;
    server.kill().await;

    let server = Server::start(data.path()).await;
    let ada = server.again(&ada);
    let events = ada.run_until(&run, asks).await;
    // The endpoint has forgotten the first failure and fails twice more.
    let attempts: Vec<_> = of_type(&events, "node:retry")
        .iter()
        .map(|e| &e["attempt"])
        .collect();
    assert_eq!(attempts, [2, 2, 3]);
    assert_each_node_starts_once(&events);
}

#[tokio::test]
async fn a_torn_last_line_does_not_matter() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let run = ada.run("second-opinion", None).await;
    ada.run_until(&run, asks).await;
    server.kill().await;
    let journal = data.path().join("runs").join(format!("{run}.jsonl"));
    let mut journal = std::fs::OpenOptions::new()
        .append(true)
        .open(journal)
        .unwrap();
    journal
        .write_all(br#"{"event":{"type":"node:comple"#)
        .unwrap();
    // A journal whose first line is torn was never acknowledged.
    std::fs::write(data.path().join("runs/exec_x.jsonl"), r#"{"executionId":"#).unwrap();

    let server = Server::start(data.path()).await;
    let ada = server.again(&ada);
    ada.run_until(&run, asks).await;
    ada.connect()
        .await
        .answer(&run, "approve", json!("approve"))
        .await;
    let events = ada.run_until(&run, ended).await;
    assert_eq!(events.last().unwrap()["type"], "execution:completed");
    assert_eq!(ada.get("/api/demo/runs").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_given_answer_is_not_asked_for_again() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let run = ada.run("second-opinion", None).await;
    ada.run_until(&run, asks).await;
    let edit = json!({ "decision": "edit", "text": "Mine." });
    ada.connect().await.answer(&run, "approve", edit).await;
    ada.run_until(&run, ended).await;
    server.kill().await;
    // As if the process had died right after it took the answer.
    let journal = data.path().join("runs").join(format!("{run}.jsonl"));
    let text = std::fs::read_to_string(&journal).unwrap();
    let answer = text
        .find("user:input:response")
        .expect("the answer is journaled");
    let end = answer + text[answer..].find('\n').unwrap() + 1;
    std::fs::write(&journal, &text[..end]).unwrap();

    let server = Server::start(data.path()).await;
    let ada = server.again(&ada);
    let events = ada.run_until(&run, ended).await;
    assert_eq!(of_type(&events, "user:input:required").len(), 1);
    assert_eq!(output(&events, "approve")["text"], "Mine.");
}

#[tokio::test]
async fn the_processing_of_a_document_is_taken_up() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    let document = ada.uploaded("orchard.md", DOCUMENT).await;
    server.kill().await;
    // As if the process had died before it was done.
    let folder = data.path().join("documents").join(&document);
    std::fs::remove_file(folder.join("content.json")).unwrap();
    let info = std::fs::read_to_string(folder.join("info.json")).unwrap();
    let mut info: Value = serde_json::from_str(&info).unwrap();
    info["status"] = json!("processing");
    info.as_object_mut().unwrap().remove("chunkCount");
    std::fs::write(folder.join("info.json"), info.to_string()).unwrap();
    // And another one before it acknowledged the upload.
    std::fs::create_dir(data.path().join("documents/doc_half")).unwrap();

    let server = Server::start(data.path()).await;
    let ada = server.again(&ada);
    wait_until_processed(&ada).await;
    let path = format!("/api/demo/documents/{document}");
    assert_eq!(ada.get(&path).await["status"], "completed");
    assert_eq!(ada.get(&path).await["chunks"].as_array().unwrap().len(), 1);
    assert!(!data.path().join("documents/doc_half").exists());
}

#[tokio::test]
async fn an_orderly_shutdown_leaves_runs_to_the_next_start() {
    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        config: DemoConfig,
    }
    let data = tempfile::tempdir().unwrap();
    let flags = ["demo", "--port", "0", "--token-delay-ms", "1", "--data-dir"].map(str::to_owned);
    let flags = flags
        .into_iter()
        .chain([data.path().to_str().unwrap().to_owned()]);
    let demo = Demo::start(Cli::parse_from(flags).config).await.unwrap();
    let port = demo.local_addr().unwrap().port();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(demo.run(async move {
        let _ = stopped.await;
    }));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let origin = format!("http://127.0.0.1:{port}");
    let login = client
        .post(format!("{origin}/api/demo/login"))
        .json(&json!({ "name": "Ada" }));
    let login: Value = login.send().await.unwrap().json().await.unwrap();
    let start = client
        .post(format!("{origin}/api/demo/runs"))
        .bearer_auth(login["token"].as_str().unwrap())
        .json(&json!({ "workflowId": "second-opinion" }));
    let run: Value = start.send().await.unwrap().json().await.unwrap();
    stop.send(()).unwrap();
    timeout(DEADLINE, served).await.unwrap().unwrap();

    let server = Server::start(data.path()).await;
    let ada = server.sign_in("Ada").await;
    ada.run_until(run["executionId"].as_str().unwrap(), asks)
        .await;
}

#[tokio::test]
async fn a_data_directory_serves_one_demo_at_a_time() {
    let data = tempfile::tempdir().unwrap();
    let _server = Server::start(data.path()).await;
    let mut second = command(data.path(), &[]);
    let second = second.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let second = timeout(DEADLINE, second.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(
        String::from_utf8(second.stderr)
            .unwrap()
            .contains("in use by another demo")
    );
}

fn assert_each_node_starts_once(events: &[Value]) {
    let mut starts: BTreeMap<String, usize> = BTreeMap::new();
    for event in of_type(events, "node:started") {
        *starts.entry(event["nodeId"].to_string()).or_default() += 1;
    }
    assert!(starts.values().all(|count| *count == 1), "{starts:?}");
}
