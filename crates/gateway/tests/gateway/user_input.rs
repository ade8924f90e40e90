//! Answers of users: from a socket to the backends.

use std::sync::{Arc, Mutex};

use flowmaestro_protocol::{Event, EventType};
use futures_util::StreamExt;

use crate::support::{SERVICE_TOKEN, Server, within};

const ANSWER: &str = include_str!("../../../protocol/tests/fixtures/user-input-response.json");

/// A backend that reads `GET /api/user-input`.
struct Backend {
    response: reqwest::Response,
    buffered: String,
}

impl Backend {
    async fn connect(server: &Server, last_id: Option<&str>) -> Self {
        let mut request = reqwest::Client::new()
            .get(server.url("/api/user-input"))
            .bearer_auth(SERVICE_TOKEN);
        if let Some(last_id) = last_id {
            request = request.header("last-event-id", last_id);
        }
        let response = within(request.send()).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            buffered: String::new(),
        }
    }

    /// The next event: its name, its data and its id.
    async fn next(&mut self) -> (String, String, String) {
        loop {
            if let Some((event, rest)) = self.buffered.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_default().to_owned()
                };
                let fields = (field("event: "), field("data: "), field("id: "));
                self.buffered = rest.to_owned();
                return fields;
            }
            let chunk = within(self.response.chunk())
                .await
                .unwrap()
                .expect("the stream has ended");
            self.buffered.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

fn with_user(answer: &str, user_id: &str) -> String {
    let answer = answer.trim_end().strip_suffix('}').unwrap();
    format!(r#"{answer},"userId":"{user_id}"}}"#)
}

fn numbered(number: u32) -> String {
    ANSWER
        .trim_end()
        .replace("\"approve\"", &number.to_string())
}

#[tokio::test]
async fn an_answer_reaches_the_listeners_with_the_user_of_the_token() {
    let server = Server::start().await;
    let heard: Arc<Mutex<Vec<(Event, String)>>> = Arc::default();
    let listener = Arc::clone(&heard);
    let on_answer = move |emission: &flowmaestro_gateway::Emission| {
        let user_id = emission.user_id().unwrap().to_owned();
        listener
            .lock()
            .unwrap()
            .push((emission.event().clone(), user_id));
    };
    server
        .gateway
        .emitter()
        .on(EventType::UserInputResponse, on_answer)
        .unwrap();

    let mut alice = server.subscribe("alice", "exec_abc123").await;
    let forged = ANSWER.replace("\"value\"", "\"userId\":\"bob\",\"value\"");
    alice.send(&forged).await;
    alice.silent().await;

    let heard = heard.lock().unwrap();
    let [(event, user_id)] = &heard[..] else {
        panic!("expected one answer")
    };
    assert_eq!(user_id, "alice");
    assert_eq!(
        event.encode(),
        with_user(ANSWER, "alice"),
        "the client's timestamp is kept"
    );
}

#[tokio::test]
async fn an_answer_reaches_backends_over_http() {
    let server = Server::start().await;
    server.register("exec_abc123", "alice");
    let mut alice = server.connect("alice").await;
    let mut backend = Backend::connect(&server, None).await;
    alice.send(ANSWER.trim_end()).await;
    let (event, data, id) = backend.next().await;
    assert_eq!(event, "user:input:response");
    assert_eq!(data, with_user(ANSWER, "alice"));
    assert!(!id.is_empty());
}

#[tokio::test]
async fn a_backend_that_reconnects_goes_on_where_it_was() {
    let server = Server::start().await;
    server.register("exec_abc123", "alice");
    let mut alice = server.connect("alice").await;
    let mut backend = Backend::connect(&server, None).await;
    alice.send(&numbered(1)).await;
    let (_, _, id) = backend.next().await;
    drop(backend);
    alice.send(&numbered(2)).await;
    alice.send(&numbered(3)).await;
    alice.silent().await;

    let mut backend = Backend::connect(&server, Some(&id)).await;
    for number in 2..=3 {
        assert_eq!(
            backend.next().await.1,
            with_user(&numbered(number), "alice")
        );
    }

    let mut stranger = Backend::connect(&server, Some("another:9")).await;
    let (event, data, _) = stranger.next().await;
    assert_eq!(
        (event.as_str(), data.as_str()),
        ("gap", r#"{"missed":null}"#)
    );
    assert_eq!(stranger.next().await.1, with_user(&numbered(1), "alice"));
}

#[tokio::test]
async fn an_answer_for_anothers_execution_is_refused() {
    let server = Server::start().await;
    server.register("exec_abc123", "bob");
    let heard: Arc<Mutex<usize>> = Arc::default();
    let listener = Arc::clone(&heard);
    let on_answer = move |_: &_| *listener.lock().unwrap() += 1;
    server
        .gateway
        .emitter()
        .on(EventType::UserInputResponse, on_answer)
        .unwrap();

    let mut alice = server.connect("alice").await;
    alice.send(ANSWER.trim_end()).await;
    alice.silent().await;
    alice.hello().await;
    alice.send(ANSWER.trim_end()).await;
    assert!(alice.text().await.contains(r#""code":"forbidden""#));
    assert_eq!(*heard.lock().unwrap(), 0);
}

#[tokio::test]
async fn reading_answers_requires_the_service_token() {
    let server = Server::start().await;
    let user = server.token("alice");
    for token in [None, Some("wrong"), Some(user.as_str())] {
        let mut request = reqwest::Client::new().get(server.url("/api/user-input"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        assert_eq!(within(request.send()).await.unwrap().status(), 401);
    }
}

#[tokio::test]
async fn the_stream_of_answers_ends_at_shutdown() {
    let mut server = Server::start().await;
    let backend = Backend::connect(&server, None).await;
    server.begin_stop();
    let rest = within(backend.response.bytes_stream().count()).await;
    assert_eq!(rest, 0);
    server.stopped().await;
}
