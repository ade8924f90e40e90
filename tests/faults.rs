//! The client in a real browser, over connections that break: nothing is lost, repeated or out of
//! order, or it is told.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

#[path = "common/verdict.rs"]
mod verdict;

use common::*;
use flowmaestro_websocket::WebSocketClient;
use js_sys::Date;
use verdict::{Emission, Heard, Verdict, judge};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// How many connections are cut between two deaths of the gateway, and how many of the cuts under
/// load there are for each death.
const CUTS_PER_LIFE: f64 = 20.0;
const CUTS_PER_DEATH: f64 = 100.0;

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

fn heard(event: &JsValue) -> Heard {
    match text(event, "type").as_str() {
        "node:stream" => Heard::Event(text(event, "chunk").parse().unwrap()),
        _ => Heard::Gap {
            restarted: text(event, "reason") == "restarted",
        },
    }
}

/// What a client hears of one execution.
struct Listener {
    client: WebSocketClient,
    execution: &'static str,
    /// Events and gaps, as they come.
    heard: Recorder,
    emitted: Vec<Emission>,
    /// How often the gateway was started again.
    deaths: usize,
    /// The gateway's history does not outlive it.
    forgets: bool,
    started: f64,
    cuts_before: (f64, f64),
}

impl Listener {
    async fn new(execution: &'static str) -> Self {
        register(execution, "ada").await;
        let client = through_proxy().await;
        let heard = Recorder::new();
        heard.on(&client, "node:stream");
        heard.on(&client, "connection:gap");
        client.subscribe_to_execution(&execution.into()).unwrap();
        let _ = client.connect(token("ada").await.into());
        Self {
            client,
            execution,
            heard,
            emitted: Vec::new(),
            deaths: 0,
            forgets: true,
            started: Date::now(),
            cuts_before: proxy_stats().await,
        }
    }

    /// Emits some events, each with its own number.
    async fn emit(&mut self, count: usize) {
        assert!(self.try_emit(count).await, "not accepted");
    }

    /// Emits to a gateway that may die over it. Returns whether it has accepted the events.
    async fn try_emit(&mut self, count: usize) -> bool {
        let execution = self.execution;
        let numbers = self.emitted.len()..self.emitted.len() + count;
        let events: Vec<_> = numbers
            .map(|number| {
                format!(
                    r#"{{"type":"node:stream","timestamp":1,"executionId":"{execution}","nodeId":"n","chunk":"{number}"}}"#
                )
            })
            .collect();
        let accepted = try_emit(&format!("[{}]", events.join(","))).await;
        let emission = Emission {
            life: self.deaths,
            accepted,
        };
        self.emitted.extend(vec![emission; count]);
        accepted
    }

    /// Emits until so many connections were cut.
    async fn cut_under_load(&mut self, cuts: f64) {
        let seed = self.deaths + 1;
        proxy(
            "plan",
            Some(&format!(
                r#"{{"kind":"randomCuts","seed":{seed},"minBytes":700,"maxBytes":6000}}"#
            )),
        )
        .await;
        proxy("cut", None).await;
        let before = proxy_cuts().await;
        while proxy_cuts().await < before + cuts {
            self.emit(BATCH).await;
        }
    }

    /// Kills the gateway while events are on their way to it, and starts it again. Nobody gets
    /// through before the backend has told it again who owns what.
    async fn kill_gateway(&mut self, history: &str) {
        proxy("plan", Some(r#"{"kind":"refuse"}"#)).await;
        let killed = future_to_promise(async {
            gateway("kill").await;
            Ok(JsValue::UNDEFINED)
        });
        self.try_emit(BATCH).await;
        settle(killed).await.unwrap();
        start_gateway(history).await;
        register(self.execution, "ada").await;
        self.deaths += 1;
    }

    /// Kills the gateway over and over, and cuts connections in between.
    async fn live_through_deaths(&mut self, history: &str) {
        self.forgets = history == "memory";
        self.emit(1).await;
        until("the first event", || self.heard.count() == 1).await;
        let deaths = (cuts_under_load().await / CUTS_PER_DEATH).ceil() as usize;
        for _ in 0..deaths {
            self.cut_under_load(CUTS_PER_LIFE).await;
            self.kill_gateway(history).await;
        }
        self.cut_under_load(CUTS_PER_LIFE).await;
    }

    /// Lets connections be, and waits for the last event.
    async fn finish(&mut self) -> Verdict {
        proxy("plan", Some(r#"{"kind":"pass"}"#)).await;
        proxy("cut", None).await;
        self.emit(1).await;
        let last = JsValue::from((self.emitted.len() - 1).to_string());
        until("the last event", || {
            self.heard.count() > 0 && get(&self.heard.last(), "chunk") == last
        })
        .await;
        self.client.disconnect();
        let heard: Vec<_> = self.heard.events().iter().map(heard).collect();
        judge(&self.emitted, &heard, self.forgets)
    }

    /// Checks that everything has arrived once and in order, or that its loss was told.
    async fn check(&mut self) {
        self.finish().await.assert_faultless();
    }

    /// Tells the figures of a test under load, and checks them.
    async fn report(&mut self, test: &str) {
        let verdict = self.finish().await;
        let (cuts, resets) = proxy_stats().await;
        let (cuts, resets) = (cuts - self.cuts_before.0, resets - self.cuts_before.1);
        let deaths = self.deaths;
        let accepted = self.emitted.iter().filter(|event| event.accepted).count();
        let seconds = ((Date::now() - self.started) / 1000.0).round();
        let counts = verdict.to_json();
        report(&format!(
            r#"{{"test":"{test}","cuts":{cuts},"by reset":{resets},"deaths":{deaths},
                "seconds":{seconds},"accepted":{accepted},{counts}}}"#
        ))
        .await;
        assert!(resets > 0.0 && resets < cuts, "both ways of cutting");
        verdict.assert_faultless();
    }
}

/// Or the tests below could not fail.
#[wasm_bindgen_test]
fn the_verdict_names_each_fault() {
    use Heard::{Event, Gap};
    let emitted = [(0, true), (0, true), (0, false), (1, true), (1, true)];
    let emitted = emitted.map(|(life, accepted)| Emission { life, accepted });
    let told = Gap { restarted: true };
    let evicted = Gap { restarted: false };
    // What is heard of a gateway that forgets or not, and what is lost, twice, out of order, mistold.
    let cases: [(&[Heard], bool, [usize; 4]); 12] = [
        (&[Event(0), Event(1), Event(3), Event(4)], false, [0; 4]),
        (
            &[Event(0), Event(1), Event(2), Event(3), Event(4)],
            false,
            [0; 4],
        ),
        (&[Event(0), told, Event(3), Event(4)], true, [0; 4]),
        (&[Event(0), Event(3), Event(4)], false, [1, 0, 0, 0]),
        (&[Event(0), Event(1), Event(3)], false, [1, 0, 0, 0]),
        (
            &[Event(0), Event(1), told, Event(3), Event(4)],
            false,
            [0, 0, 0, 1],
        ),
        (
            &[Event(0), Event(1), Event(3), Event(4)],
            true,
            [0, 0, 0, 1],
        ),
        (&[Event(0), told, Event(4)], true, [1, 0, 0, 0]),
        (
            &[Event(0), told, told, Event(3), Event(4)],
            true,
            [0, 0, 0, 1],
        ),
        (&[Event(0), evicted, Event(3), Event(4)], true, [0, 0, 0, 1]),
        (
            &[Event(0), Event(0), Event(1), Event(3), Event(4)],
            false,
            [0, 1, 0, 0],
        ),
        (
            &[Event(1), Event(0), Event(3), Event(4)],
            false,
            [1, 0, 1, 0],
        ),
    ];
    for (number, (heard, forgets, faults)) in cases.into_iter().enumerate() {
        let verdict = judge(&emitted, heard, forgets);
        let found = [
            verdict.lost,
            verdict.twice,
            verdict.out_of_order,
            verdict.mistold,
        ];
        assert_eq!(found, faults, "case {number}");
    }
}

#[wasm_bindgen_test]
async fn cuts_under_load_lose_repeat_and_reorder_nothing() {
    let mut listener = Listener::new("exec_cuts").await;
    let cuts = cuts_under_load().await;
    listener.cut_under_load(cuts).await;
    listener.report("cuts").await;
}

#[wasm_bindgen_test]
async fn a_gateway_that_dies_under_load_and_forgets_is_told_each_time() {
    let mut listener = Listener::new("exec_forgotten").await;
    listener.live_through_deaths("memory").await;
    listener.report("deaths, history in memory").await;
}

#[wasm_bindgen_test]
async fn a_gateway_that_dies_under_load_loses_nothing_that_is_on_its_disk() {
    gateway("kill").await;
    start_gateway("disk").await;
    let mut listener = Listener::new("exec_kept").await;
    listener.live_through_deaths("disk").await;
    listener.report("deaths, history on disk").await;
    gateway("kill").await;
    start_gateway("memory").await;
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
