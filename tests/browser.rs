//! The client in a real browser against the real gateway.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::*;
use flowmaestro_protocol::EventType;
use flowmaestro_websocket::WebSocketClient;
use js_sys::{Function, Promise, TypeError};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn subscribe(client: &WebSocketClient, execution: &str) {
    client.subscribe_to_execution(&execution.into()).unwrap();
}

fn unsubscribe(client: &WebSocketClient, execution: &str) {
    client
        .unsubscribe_from_execution(&execution.into())
        .unwrap();
}

/// Subscribes and waits for the server's acknowledgement.
async fn subscribed(client: &WebSocketClient, execution: &str) {
    let acknowledged = Recorder::new();
    let id = acknowledged.on(client, "connection:subscribed");
    subscribe(client, execution);
    until("the acknowledgement", || acknowledged.count() > 0).await;
    client.remove_handler(id);
}

fn status(client: &WebSocketClient) -> String {
    text(&client.state(), "status")
}

fn connection_id(client: &WebSocketClient) -> String {
    text(&client.state(), "connectionId")
}

#[wasm_bindgen_test]
async fn connecting_resolves_at_the_welcome() {
    let sockets = Sockets::watch();
    let client = client("{}").await;
    let welcome = Recorder::new();
    welcome.on(&client, "connection:established");
    assert!(!client.is_connected());
    assert_eq!(status(&client), "disconnected");
    settle(client.connect(token("ada").await.into()))
        .await
        .unwrap();
    assert!(client.is_connected());
    assert_eq!(status(&client), "connected");
    assert_eq!(welcome.texts("type"), ["connected"]);
    assert_eq!(welcome.texts("connectionId"), [connection_id(&client)]);
    assert!(!sockets.is_closed(0));
    client.disconnect();
    assert!(!client.is_connected());
    assert!(sockets.is_closed(0));
}

#[wasm_bindgen_test]
async fn the_token_can_travel_as_a_subprotocol() {
    let sockets = Sockets::watch();
    let client = client(r#"{"tokenPlacement":"subprotocol"}"#).await;
    settle(client.connect(token("ada").await.into()))
        .await
        .unwrap();
    // The gateway would have taken it from the URL as well.
    assert_eq!(sockets.at(0).url(), ws_url().await);
    assert_eq!(sockets.at(0).protocol(), "flowmaestro.v1");
    client.disconnect();
}

/// The page is of another origin than the gateway, so the browser asks first whether it may.
#[wasm_bindgen_test]
async fn the_token_can_be_changed_into_a_ticket() {
    let sockets = Sockets::watch();
    let client = client(r#"{"tokenPlacement":"ticket"}"#).await;
    let token = token("ada").await;
    settle(client.connect(token.clone().into())).await.unwrap();
    let url = sockets.at(0).url();
    assert!(url.contains("?token=ticket_") && !url.contains(&token));
    client.disconnect();
    let error = settle(client.connect("wrong".into())).await.unwrap_err();
    assert_eq!(text(&error, "code"), "unauthorized");
    assert_eq!(sockets.count(), 1);
}

#[wasm_bindgen_test]
async fn a_provider_is_asked_for_a_token() {
    let client = client("{}").await;
    let token = JsValue::from(token("ada").await);
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    let provider = Closure::<dyn Fn() -> Promise>::new(move || {
        count.set(count.get() + 1);
        Promise::resolve(&token)
    });
    for connection in 1..=2 {
        settle(client.connect(provider.as_ref().clone()))
            .await
            .unwrap();
        assert_eq!(asked.get(), connection);
        client.disconnect();
    }
}

#[wasm_bindgen_test]
async fn the_past_of_an_execution_can_be_asked_for() {
    register("exec_past", "ada").await;
    for chunk in ["a", "b", "c"] {
        emit_chunk("exec_past", chunk).await;
    }
    let client = connected("ada").await;
    let chunks = Recorder::new();
    chunks.on(&client, "node:stream");
    let replay = |since: f64| client.replay(&"exec_past".into(), &since.into());
    for (since, count) in [(0.0, 3.0), (2.0, 0.0)] {
        let replayed = settle(replay(since)).await.unwrap();
        assert_eq!(get(&replayed, "count"), count);
        assert_eq!(get(&replayed, "complete"), true);
    }
    assert_eq!(chunks.texts("chunk"), ["a", "b", "c"]);

    // What the subscription has delivered, a replay leaves out.
    subscribed(&client, "exec_past").await;
    until("the subscription's events", || chunks.count() == 6).await;
    settle(replay(0.0)).await.unwrap();
    assert_eq!(chunks.count(), 6);

    register("exec_anothers_past", "eve").await;
    let refused = settle(client.replay(&"exec_anothers_past".into(), &0.into())).await;
    assert_eq!(text(&refused.unwrap_err(), "code"), "forbidden");
    client.disconnect();
}

#[wasm_bindgen(module = "/src/store.js")]
extern "C" {
    type WatchedExecution;

    #[wasm_bindgen(constructor)]
    fn new() -> WatchedExecution;

    #[wasm_bindgen(method, getter)]
    fn snapshot(this: &WatchedExecution) -> JsValue;
}

/// What the node of [`emit_chunk`] has streamed, as the page sees it.
fn streamed(execution: &WatchedExecution) -> String {
    let node = get(&get(&execution.snapshot(), "nodes"), "n");
    if node.is_undefined() {
        return String::new();
    }
    text(&node, "text")
}

#[wasm_bindgen_test]
async fn a_watched_execution_shows_all_that_was_streamed() {
    register("exec_watched", "ada").await;
    emit_chunk("exec_watched", "before, ").await;
    let client = connected("ada").await;
    let first = WatchedExecution::new();
    let id = "exec_watched".into();
    assert!(!client.watch_execution(&id, first.as_ref()).unwrap());
    until("the past", || streamed(&first) == "before, ").await;
    emit_chunk("exec_watched", "then, ").await;
    until("the present", || streamed(&first) == "before, then, ").await;
    client.disconnect();
    emit_chunk("exec_watched", "while away").await;
    settle(client.connect(token("ada").await.into()))
        .await
        .unwrap();
    let all = "before, then, while away";
    until("what was missed", || streamed(&first) == all).await;
    assert_eq!(get(&first.snapshot(), "isComplete"), true);
    client.disconnect();
}

#[wasm_bindgen_test]
async fn a_wrong_token_rejects_and_is_not_tried_again() {
    let sockets = Sockets::watch();
    let client = client("{}").await;
    let error = settle(client.connect("wrong".into())).await.unwrap_err();
    assert_eq!(text(&error, "name"), "ConnectionError");
    assert_eq!(text(&error, "code"), "unauthorized");
    assert_eq!(status(&client), "failed");
    // Not even when asked to: it is still the same token.
    client.reconnect_now();
    assert_eq!(status(&client), "failed");
    assert_eq!(sockets.count(), 1);
}

#[wasm_bindgen_test]
async fn every_event_type_reaches_its_typed_handler() {
    let client = client("{}").await;
    let (recorders, any) = (Recorder::new(), Recorder::new());
    let typed: Vec<Recorder> = EventType::ALL.iter().map(|_| Recorder::new()).collect();
    for (recorder, event_type) in typed.iter().zip(EventType::ALL) {
        recorder.on(&client, event_type.as_str());
    }
    recorders.on(&client, "connection:subscribed");
    any.on(&client, "*");
    register("exec_all", "ada").await;
    subscribe(&client, "exec_all");
    settle(client.connect(token("ada").await.into()))
        .await
        .unwrap();
    until("the subscription", || recorders.count() == 1).await;

    let head = r#""timestamp":1,"executionId":"exec_all""#;
    let node = r#""nodeId":"n""#;
    let document = r#""timestamp":1,"knowledgeBaseId":"kb","documentId":"doc""#;
    for event in [
        format!(r#"{{"type":"execution:started",{head},"workflowName":"w","totalNodes":1}}"#),
        format!(
            r#"{{"type":"execution:progress",{head},"completed":1,"total":2,"percentage":50}}"#
        ),
        format!(r#"{{"type":"node:started",{head},{node},"nodeName":"N","nodeType":"t"}}"#),
        format!(r#"{{"type":"node:retry",{head},{node},"attempt":2,"nextRetryIn":4,"error":"e"}}"#),
        format!(r#"{{"type":"node:stream",{head},{node},"chunk":"c"}}"#),
        format!(r#"{{"type":"node:completed",{head},{node},"output":null,"duration":1}}"#),
        format!(r#"{{"type":"node:failed",{head},{node},"error":"e"}}"#),
        format!(
            r#"{{"type":"user:input:required",{head},{node},"prompt":"p","inputType":"text"}}"#
        ),
    ] {
        emit(&event).await;
    }
    for event in [
        format!(r#"{{"type":"kb:document:processing",{document},"documentName":"d"}}"#),
        format!(r#"{{"type":"kb:document:completed",{document},"chunkCount":3}}"#),
        format!(r#"{{"type":"kb:document:failed",{document},"error":"e"}}"#),
    ] {
        emit(&format!(r#"{{"userId":"ada","event":{event}}}"#)).await;
    }
    settle(client.submit_user_input(&"exec_all".into(), &"n".into(), &"yes".into()))
        .await
        .unwrap();
    emit(&format!(
        r#"{{"type":"execution:failed",{head},"status":"failed","error":"e"}}"#
    ))
    .await;
    emit(&format!(
        r#"{{"type":"execution:completed",{head},"status":"completed","outputs":{{}},"duration":1}}"#
    ))
    .await;

    for (recorder, event_type) in typed.iter().zip(EventType::ALL) {
        until(event_type.as_str(), || recorder.count() == 1).await;
        assert_eq!(recorder.texts("type"), [event_type.wire_type()]);
    }
    // `"*"` gets every event but the welcome, which is the connection's own.
    assert_eq!(any.count(), 14);
    client.disconnect();
}

#[wasm_bindgen_test]
async fn a_subscription_made_before_connecting_is_sent_later() {
    let client = client("{}").await;
    let chunks = Recorder::new();
    let acknowledged = Recorder::new();
    chunks.on(&client, "node:stream");
    acknowledged.on(&client, "connection:subscribed");
    register("exec_early", "ada").await;
    subscribe(&client, "exec_early");
    settle(client.connect(token("ada").await.into()))
        .await
        .unwrap();
    until("the acknowledgement", || acknowledged.count() == 1).await;
    emit_chunk("exec_early", "hello").await;
    until("the chunk", || chunks.count() == 1).await;
    assert_eq!(chunks.texts("chunk"), ["hello"]);
    client.disconnect();
}

#[wasm_bindgen_test]
async fn one_of_two_components_leaves_and_the_other_hears_on() {
    let client = connected("ada").await;
    register("exec_two", "ada").await;
    let (left, stays) = (Recorder::new(), Recorder::new());
    let registration = left.on(&client, "node:stream");
    stays.on(&client, "node:stream");
    subscribed(&client, "exec_two").await;
    subscribe(&client, "exec_two");
    emit_chunk("exec_two", "both").await;
    until("the first chunk", || stays.count() == 1).await;
    client.remove_handler(registration);
    unsubscribe(&client, "exec_two");
    emit_chunk("exec_two", "one").await;
    until("the second chunk", || stays.count() == 2).await;
    assert_eq!(left.texts("chunk"), ["both"]);
    assert_eq!(stays.texts("chunk"), ["both", "one"]);
    client.disconnect();
}

#[wasm_bindgen_test]
async fn a_scoped_handler_hears_its_execution_only() {
    let client = connected("ada").await;
    let scoped = Recorder::new();
    let all = Recorder::new();
    all.on(&client, "node:stream");
    client
        .on(
            &"node:stream".into(),
            &scoped.function(),
            &"exec_mine".into(),
            false,
            &JsValue::UNDEFINED,
        )
        .unwrap();
    for execution in ["exec_mine", "exec_other"] {
        register(execution, "ada").await;
        subscribed(&client, execution).await;
    }
    emit_chunk("exec_other", "other").await;
    emit_chunk("exec_mine", "mine").await;
    until("both chunks", || all.count() == 2).await;
    assert_eq!(scoped.texts("chunk"), ["mine"]);
    client.disconnect();
}

#[wasm_bindgen_test]
async fn another_users_execution_is_refused_and_silent() {
    let client = connected("ada").await;
    register("exec_foreign", "grace").await;
    let (errors, any) = (Recorder::new(), Recorder::new());
    errors.on(&client, "connection:error");
    any.on(&client, "*");
    subscribe(&client, "exec_foreign");
    until("the refusal", || errors.count() == 1).await;
    assert_eq!(errors.texts("code"), ["forbidden"]);
    assert_eq!(errors.texts("executionId"), ["exec_foreign"]);
    emit_chunk("exec_foreign", "secret").await;
    register("exec_own", "ada").await;
    subscribed(&client, "exec_own").await;
    emit_chunk("exec_own", "mine").await;
    until("the own chunk", || any.count() == 1).await;
    assert_eq!(any.texts("chunk"), ["mine"]);
    client.disconnect();
}

#[wasm_bindgen_test]
async fn a_closed_room_is_refused_by_its_name_and_the_connection_goes_on() {
    let client = connected("ada").await;
    let (errors, chunks) = (Recorder::new(), Recorder::new());
    errors.on(&client, "connection:error");
    chunks.on(&client, "node:stream");
    client
        .subscribe_to_room(&"workspace:closed".into())
        .unwrap();
    until("the refusal", || errors.count() == 1).await;
    assert_eq!(errors.texts("code"), ["forbidden"]);
    assert_eq!(errors.texts("room"), ["workspace:closed"]);
    register("exec_beside_a_room", "ada").await;
    subscribed(&client, "exec_beside_a_room").await;
    emit_chunk("exec_beside_a_room", "mine").await;
    until("the own chunk", || chunks.count() == 1).await;
    client.disconnect();
}

#[wasm_bindgen_test]
async fn a_handler_that_throws_stops_no_other() {
    let client = connected("ada").await;
    register("exec_throw", "ada").await;
    // The exception reaches the page's error reporting; here it must not fail the test run.
    let seen = Recorder::new();
    let seen_function = seen.function();
    let window = web_sys::window().unwrap();
    let listener = Function::new_with_args("event", "event.preventDefault(); this(event.error);");
    let listener = listener.bind0(&seen_function);
    window
        .add_event_listener_with_callback("error", &listener)
        .unwrap();
    let throws = Function::new_with_args("", "throw new Error('a handler failed')");
    let after = Recorder::new();
    client
        .on(
            &"node:stream".into(),
            &throws,
            &JsValue::UNDEFINED,
            false,
            &JsValue::UNDEFINED,
        )
        .unwrap();
    after.on(&client, "node:stream");
    subscribed(&client, "exec_throw").await;
    emit_chunk("exec_throw", "1").await;
    emit_chunk("exec_throw", "2").await;
    until("both chunks", || after.count() == 2).await;
    window
        .remove_event_listener_with_callback("error", &listener)
        .unwrap();
    assert_eq!(
        seen.texts("message"),
        ["a handler failed", "a handler failed"]
    );
    client.disconnect();
}

#[wasm_bindgen_test]
async fn a_handler_may_call_anything_on_the_client() {
    let client = Rc::new(connected("ada").await);
    register("exec_reenter", "ada").await;
    register("exec_second", "ada").await;
    let inner = Rc::new(Recorder::new());
    let (again, added) = (Rc::clone(&client), Rc::clone(&inner));
    let acknowledged = Recorder::new();
    acknowledged.on(&client, "connection:subscribed");
    let outer = Recorder::with(move |_| {
        added.on(&again, "node:stream");
        subscribe(&again, "exec_second");
        unsubscribe(&again, "exec_second");
        subscribe(&again, "exec_second");
        assert!(again.is_connected());
        again.stats();
        again.reconnect_now();
    });
    outer.on(&client, "node:stream");
    subscribed(&client, "exec_reenter").await;
    emit_chunk("exec_reenter", "1").await;
    until("the outer handler", || outer.count() == 1).await;
    // A handler that was registered during an event starts with the next one.
    assert_eq!(inner.count(), 0);
    until("the subscription", || acknowledged.count() == 2).await;
    assert_eq!(text(&acknowledged.last(), "executionId"), "exec_second");
    emit_chunk("exec_second", "2").await;
    until("the inner handler", || inner.count() == 1).await;
    // Disconnecting from within a handler is final too.
    let last = Rc::clone(&client);
    let leaves = Recorder::with(move |_| last.disconnect());
    leaves.on(&client, "node:stream");
    emit_chunk("exec_reenter", "3").await;
    until("the end", || status(&client) == "disconnected").await;
}

#[wasm_bindgen_test]
async fn nothing_is_delivered_after_unsubscribing_and_once_is_once() {
    let client = Rc::new(connected("ada").await);
    register("exec_leave", "ada").await;
    let once = Recorder::new();
    client
        .on(
            &"node:stream".into(),
            &once.function(),
            &JsValue::UNDEFINED,
            true,
            &JsValue::UNDEFINED,
        )
        .unwrap();
    let leaving = Rc::clone(&client);
    let first = Recorder::with(move |event| {
        if text(event, "chunk") == "2" {
            unsubscribe(&leaving, "exec_leave");
        }
    });
    let second = Recorder::new();
    first.on(&client, "node:stream");
    second.on(&client, "node:stream");
    subscribed(&client, "exec_leave").await;
    for chunk in ["1", "2", "3"] {
        emit_chunk("exec_leave", chunk).await;
    }
    register("exec_marker", "ada").await;
    subscribed(&client, "exec_marker").await;
    assert_eq!(once.texts("chunk"), ["1"]);
    assert_eq!(first.texts("chunk"), ["1", "2"]);
    assert_eq!(second.texts("chunk"), ["1"]);
    client.disconnect();
}

#[wasm_bindgen_test]
async fn the_same_function_counts_once() {
    let client = connected("ada").await;
    register("exec_same", "ada").await;
    let recorder = Recorder::new();
    assert_eq!(
        recorder.on(&client, "node:stream"),
        recorder.on(&client, "node:stream")
    );
    assert!(client.has_handlers(&"node:stream".into()).unwrap());
    subscribed(&client, "exec_same").await;
    emit_chunk("exec_same", "1").await;
    until("the chunk", || recorder.count() > 0).await;
    assert_eq!(recorder.count(), 1);
    client
        .off(&"node:stream".into(), &recorder.function())
        .unwrap();
    assert!(!client.has_handlers(&"node:stream".into()).unwrap());
    client.disconnect();
}

#[wasm_bindgen_test]
async fn another_token_takes_the_connection_over() {
    let sockets = Sockets::watch();
    let client = client("{}").await;
    let ada = JsValue::from(token("ada").await);
    settle(client.connect(ada.clone())).await.unwrap();
    let first = connection_id(&client);
    settle(client.connect(ada)).await.unwrap();
    assert_eq!(connection_id(&client), first);
    settle(client.connect(token("grace").await.into()))
        .await
        .unwrap();
    assert_ne!(connection_id(&client), first);
    assert_eq!(sockets.count(), 2);
    assert!(sockets.is_closed(0));
    let documents = Recorder::new();
    documents.on(&client, "kb:document:failed");
    for user in ["ada", "grace"] {
        emit(&format!(
            r#"{{"userId":"{user}","event":{{"type":"kb:document:failed","timestamp":1,"knowledgeBaseId":"kb","documentId":"{user}","error":"e"}}}}"#
        ))
        .await;
    }
    until("grace's document", || documents.count() > 0).await;
    assert_eq!(documents.texts("documentId"), ["grace"]);
    client.disconnect();
}

#[wasm_bindgen_test]
async fn a_killed_server_is_found_again_with_its_subscriptions() {
    let client = connected("ada").await;
    // The retry waits until the backend has told the restarted server who owns what.
    configure(
        &client,
        r#"{"reconnect":{"initialDelayMs":60000,"maxDelayMs":60000}}"#,
    );
    register("exec_kill", "ada").await;
    let (chunks, acknowledged) = (Recorder::new(), Recorder::new());
    chunks.on(&client, "node:stream");
    subscribed(&client, "exec_kill").await;
    acknowledged.on(&client, "connection:subscribed");
    gateway("kill").await;
    until("the wait", || status(&client) == "waiting").await;
    let retry_at = get(&client.state(), "retryAt").as_f64().unwrap();
    assert!(retry_at > js_sys::Date::now());
    gateway("start").await;
    register("exec_kill", "ada").await;
    client.reconnect_now();
    until("the acknowledgement", || acknowledged.count() == 1).await;
    assert_eq!(get(&acknowledged.last(), "resumed"), JsValue::TRUE);
    emit_chunk("exec_kill", "after").await;
    until("the chunk", || chunks.count() == 1).await;
    assert_eq!(chunks.texts("chunk"), ["after"]);
    client.disconnect();
}

#[wasm_bindgen_test]
async fn an_answer_reaches_the_backend() {
    let client = connected("ada").await;
    register("exec_answer", "ada").await;
    let value = js_sys::JSON::parse(r#"{"decision":"approve","note":"ü"}"#).unwrap();
    settle(client.submit_user_input(&"exec_answer".into(), &"review".into(), &value))
        .await
        .unwrap();
    let answer = answer_about("exec_answer").await;
    assert_eq!(text(&answer, "nodeId"), "review");
    assert_eq!(text(&answer, "userId"), "ada");
    assert_eq!(text(&get(&answer, "value"), "decision"), "approve");
    assert_eq!(text(&get(&answer, "value"), "note"), "ü");
    client.disconnect();
    let refused =
        settle(client.submit_user_input(&"exec_answer".into(), &"review".into(), &value)).await;
    assert_eq!(text(&refused.unwrap_err(), "code"), "not_connected");
}

#[wasm_bindgen_test]
async fn bad_arguments_are_typed_errors() {
    let client = client("{}").await;
    let is_type_error = |error: JsValue| error.is_instance_of::<TypeError>();
    for id in [
        JsValue::from(5),
        JsValue::NULL,
        "".into(),
        "x".repeat(129).into(),
        js_sys::eval(r#""\ud800""#).unwrap(),
    ] {
        assert!(is_type_error(
            client.subscribe_to_execution(&id).unwrap_err()
        ));
    }
    let registered = client.on(
        &"x".into(),
        &5.into(),
        &JsValue::UNDEFINED,
        false,
        &JsValue::UNDEFINED,
    );
    assert!(is_type_error(registered.unwrap_err()));
    for token in [JsValue::from(5), "".into()] {
        assert!(is_type_error(
            settle(client.connect(token)).await.unwrap_err()
        ));
    }
    for options in [
        r#"{"connectTimeoutMs":0}"#,
        r#"{"reconnect":{"maxAttempts":-1}}"#,
    ] {
        assert!(is_type_error(try_configure(&client, options).unwrap_err()));
    }
    let large = JsValue::from("x".repeat(70_000));
    let _pending = client.connect(token("ada").await.into());
    for (value, code) in [
        (large, "message_too_large"),
        (JsValue::UNDEFINED, "not_serializable"),
    ] {
        let submitted = client.submit_user_input(&"e".into(), &"n".into(), &value);
        let error = settle(submitted).await.unwrap_err();
        assert_eq!(text(&error, "name"), "RequestError");
        assert_eq!(text(&error, "code"), code);
    }
    client.disconnect();
}

#[wasm_bindgen_test]
async fn retries_are_given_up_and_said() {
    let client = client(r#"{"url":"ws://127.0.0.1:9/ws","reconnect":{"maxAttempts":3,"initialDelayMs":5,"jitter":"none"}}"#).await;
    let states = Recorder::new();
    states.on(&client, "connection:state");
    let error = settle(client.connect("any".into())).await.unwrap_err();
    assert_eq!(text(&error, "code"), "retries_exhausted");
    assert_eq!(status(&client), "failed");
    // Connecting four times, waiting three times, and the end.
    assert_eq!(states.count(), 8);
    assert_eq!(text(&get(&states.last(), "state"), "status"), "failed");
}
