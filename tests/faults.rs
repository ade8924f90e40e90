//! The client in a real browser, over connections that break: nothing is lost, repeated or out of
//! order, or it is told.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::*;
use flowmaestro_websocket::WebSocketClient;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// How many connections are cut under load.
const CUTS: f64 = 1000.0;

/// How many events are emitted at a time.
const BATCH: usize = 20;

/// Up to which byte a connection is cut at every byte: the answer to the handshake, the welcome and
/// the first acknowledgement fit in.
const FIRST_BYTES: usize = 600;

/// A client that connects through the proxy, and never gives up.
async fn through_proxy() -> WebSocketClient {
    let client = client(
        r#"{"reconnect":{"maxAttempts":1000000,"initialDelayMs":1,"multiplier":1,"jitter":"none"},
            "connectTimeoutMs":2000}"#,
    )
    .await;
    let url = proxy_ws_url().await;
    configure(&client, &format!(r#"{{"url":"{url}"}}"#));
    client
}

/// What a client hears of one execution.
struct Listener {
    client: WebSocketClient,
    execution: &'static str,
    chunks: Recorder,
    gaps: Recorder,
    emitted: usize,
}

impl Listener {
    async fn new(execution: &'static str) -> Self {
        register(execution, "ada").await;
        let client = through_proxy().await;
        let (chunks, gaps) = (Recorder::new(), Recorder::new());
        chunks.on(&client, "node:stream");
        gaps.on(&client, "connection:gap");
        client.subscribe_to_execution(&execution.into()).unwrap();
        let _ = client.connect(token("ada").await.into());
        Self {
            client,
            execution,
            chunks,
            gaps,
            emitted: 0,
        }
    }

    /// Emits some events, each with its own number.
    async fn emit(&mut self, count: usize) {
        let execution = self.execution;
        let numbers = self.emitted..self.emitted + count;
        let events: Vec<_> = numbers
            .map(|number| {
                format!(
                    r#"{{"type":"node:stream","timestamp":1,"executionId":"{execution}","nodeId":"n","chunk":"{number}"}}"#
                )
            })
            .collect();
        emit(&format!("[{}]", events.join(","))).await;
        self.emitted += count;
    }

    /// Waits until the last event is there, and checks that all are, once and in order.
    async fn check(&self) {
        until("the last event", || self.chunks.count() >= self.emitted).await;
        let expected: Vec<_> = (0..self.emitted).map(|number| number.to_string()).collect();
        assert!(self.chunks.texts("chunk") == expected, "not as emitted");
        assert_eq!(self.gaps.count(), 0);
        self.client.disconnect();
    }
}

#[wasm_bindgen_test]
async fn a_thousand_cuts_under_load_lose_repeat_and_reorder_nothing() {
    let mut listener = Listener::new("exec_cuts").await;
    proxy(
        "plan",
        Some(r#"{"kind":"randomCuts","seed":1,"minBytes":700,"maxBytes":6000}"#),
    )
    .await;
    proxy("cut", None).await;
    let before = proxy_cuts().await;
    while proxy_cuts().await < before + CUTS {
        listener.emit(BATCH).await;
    }
    proxy("plan", Some(r#"{"kind":"pass"}"#)).await;
    proxy("cut", None).await;
    listener.emit(1).await;
    listener.check().await;
}

#[wasm_bindgen_test]
async fn a_cut_at_every_byte_of_the_beginning_costs_nothing() {
    let mut listener = Listener::new("exec_beginning").await;
    until("the connection", || listener.client.is_connected()).await;
    let rules: Vec<_> = (0..FIRST_BYTES)
        .map(|bytes| {
            let end = if bytes % 2 == 0 { "fin" } else { "rst" };
            format!(r#"{{"toClient":{{"cutAfter":{bytes}}},"end":"{end}"}}"#)
        })
        .collect();
    // Between two cuts a connection is let through for a while, or browsers make a pause of their
    // own after so many failures.
    for rules in rules.chunks(10) {
        let body = format!("[{}]", rules.join(","));
        let before = proxy_cuts().await;
        proxy("rules", Some(&body)).await;
        proxy("cut", None).await;
        listener.emit(1).await;
        while proxy_cuts().await < before + rules.len() as f64 {
            listener.emit(1).await;
        }
    }
    listener.check().await;
}

#[wasm_bindgen_test]
async fn a_connection_that_goes_silent_is_noticed_and_replaced() {
    let mut listener = Listener::new("exec_silent").await;
    configure(
        &listener.client,
        r#"{"pingIntervalMs":200,"pongTimeoutMs":200}"#,
    );
    until("the connection", || listener.client.is_connected()).await;
    for direction in ["toClient", "toServer"] {
        proxy(
            "rules",
            Some(&format!(r#"[{{"{direction}":{{"silentAfter":900}}}}]"#)),
        )
        .await;
        let replaced = Recorder::new();
        let id = replaced.on(&listener.client, "connection:established");
        proxy("cut", None).await;
        until("the next connection", || replaced.count() == 1).await;
        listener.emit(BATCH).await;
        until("the one after it", || replaced.count() == 2).await;
        listener.client.remove_handler(id);
    }
    listener.check().await;
}

#[wasm_bindgen_test]
async fn segments_of_one_byte_are_put_together() {
    let mut listener = Listener::new("exec_segments").await;
    until("the connection", || listener.client.is_connected()).await;
    proxy(
        "rules",
        Some(r#"[{"toClient":{"segment":1},"toServer":{"segment":1}}]"#),
    )
    .await;
    proxy("cut", None).await;
    listener.emit(BATCH).await;
    listener.check().await;
}

#[wasm_bindgen_test]
async fn what_is_no_websocket_is_tried_again() {
    let answers = [
        r"HTTP/1.1 403 Forbidden\r\n\r\n",
        r"HTTP/1.1 429 Too Many Requests\r\n\r\n",
        r"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        r"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        r"garbage\r\n\r\n",
    ];
    let mut listener = Listener::new("exec_answers").await;
    until("the connection", || listener.client.is_connected()).await;
    let rules: Vec<_> = answers
        .iter()
        .map(|answer| format!(r#"{{"answer":"{answer}"}}"#))
        .chain([r#"{"stall":true}"#.to_owned()])
        .collect();
    proxy("rules", Some(&format!("[{}]", rules.join(",")))).await;
    proxy("cut", None).await;
    listener.emit(BATCH).await;
    listener.check().await;
}
