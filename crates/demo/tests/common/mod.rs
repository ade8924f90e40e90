//! The demo's program, started for a test, with users who talk to it over HTTP and WebSocket.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test helpers fail by panicking, and no test uses all of them"
)]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long anything may take that a test waits for.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The program, killed on drop.
pub struct Server {
    child: Child,
    pub origin: String,
}

/// A signed-in user.
#[derive(Clone)]
pub struct User {
    origin: String,
    token: String,
    client: Client,
}

/// A socket, and the events that came over it.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub events: Vec<Value>,
}

/// The program on a data directory, with further flags.
pub fn command(data_dir: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowmaestro-demo"));
    command
        .env_clear()
        .args(["--port", "0", "--log-level", "error"])
        .arg("--data-dir")
        .arg(data_dir)
        .args(flags)
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl Server {
    /// Starts the program at its fastest pace.
    pub async fn start(data_dir: &Path) -> Self {
        Self::start_with(
            data_dir,
            &["--token-delay-ms", "1", "--retry-delay-ms", "1"],
        )
        .await
    }

    pub async fn start_with(data_dir: &Path, flags: &[&str]) -> Self {
        let mut child = command(data_dir, flags).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
        let line = line.expect("the program says where it listens");
        let origin = line.strip_prefix("listening on ").unwrap().to_owned();
        Self { child, origin }
    }

    /// Ends the program as `kill -9` does.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub async fn sign_in(&self, name: &str) -> User {
        let client = Client::builder().no_proxy().build().unwrap();
        let mut user = User {
            origin: self.origin.clone(),
            token: String::new(),
            client,
        };
        let signed_in = user.post("/api/demo/login", json!({ "name": name })).await;
        user.token = signed_in["token"].as_str().unwrap().to_owned();
        user
    }

    /// The same user, with the same token, at this server.
    pub fn again(&self, user: &User) -> User {
        User {
            origin: self.origin.clone(),
            ..user.clone()
        }
    }
}

impl User {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.origin))
            .timeout(DEADLINE)
            .bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Value {
        let response = self.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let response = self
            .request(Method::POST, path)
            .json(&body)
            .send()
            .await
            .unwrap();
        let status = response.status();
        let body = response.json().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    /// Status and body of an answer, as they are.
    pub async fn raw(&self, request: RequestBuilder) -> (StatusCode, Vec<u8>) {
        let response = request.send().await.unwrap();
        (response.status(), response.bytes().await.unwrap().to_vec())
    }

    pub async fn upload(&self, name: &str, bytes: impl Into<Vec<u8>>) -> Value {
        let request = self
            .request(Method::POST, "/api/demo/documents")
            .query(&[("name", name)]);
        let response = request.body(bytes.into()).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        response.json().await.unwrap()
    }

    /// Uploads a text and waits until it is processed; returns the document's id.
    pub async fn uploaded(&self, name: &str, text: &str) -> String {
        let mut socket = self.connect().await;
        let document = self.upload(name, text).await;
        let id = document["documentId"].as_str().unwrap();
        socket
            .until(|e| e["type"] == "kb:document:completed" && e["documentId"] == id)
            .await;
        id.to_owned()
    }

    /// Starts a run and returns its id.
    pub async fn run(&self, workflow_id: &str, document_id: Option<&str>) -> String {
        let request = json!({ "workflowId": workflow_id, "documentId": document_id });
        let started = self.post("/api/demo/runs", request).await;
        assert_eq!(started["workflowId"], workflow_id);
        started["executionId"].as_str().unwrap().to_owned()
    }

    pub async fn history(&self, execution_id: &str) -> Value {
        self.get(&format!("/api/demo/runs/{execution_id}")).await
    }

    pub async fn events(&self, execution_id: &str) -> Vec<Value> {
        self.history(execution_id).await["events"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Asks for a run until its events say something.
    pub async fn run_until(
        &self,
        execution_id: &str,
        done: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let asked = async {
            loop {
                let events = self.events(execution_id).await;
                if done(&events) {
                    return events;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, asked).await.unwrap()
    }

    pub async fn connect(&self) -> Socket {
        let url = format!("{}/ws", self.origin.replace("http", "ws"));
        let mut request = url.into_client_request().unwrap();
        let bearer = format!("Bearer {}", self.token).parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        let (stream, _) = timeout(DEADLINE, connect_async(request))
            .await
            .unwrap()
            .unwrap();
        let mut socket = Socket {
            stream,
            events: Vec::new(),
        };
        socket.until(|event| event["type"] == "connected").await;
        socket
    }

    /// A socket that is subscribed to a run.
    pub async fn watch(&self, execution_id: &str) -> Socket {
        let mut socket = self.connect().await;
        socket
            .send(json!({ "type": "subscribe", "executionId": execution_id }))
            .await;
        socket.until(|event| event["type"] == "subscribed").await;
        socket.events.clear();
        socket
    }
}

impl Socket {
    pub async fn send(&mut self, message: Value) {
        self.stream
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    pub async fn answer(&mut self, execution_id: &str, node_id: &str, value: Value) {
        self.send(json!({
            "type": "user:input:response",
            "timestamp": 1,
            "executionId": execution_id,
            "nodeId": node_id,
            "value": value,
        }))
        .await;
    }

    /// Reads until an event comes that is wanted, and returns it.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = timeout(DEADLINE, self.stream.next())
                .await
                .unwrap_or_else(|_| {
                    panic!("the event did not come; there were {:#?}", self.events);
                });
            let Message::Text(text) = message.unwrap().unwrap() else {
                continue;
            };
            let event: Value = serde_json::from_str(&text).unwrap();
            self.events.push(event.clone());
            if wanted(&event) {
                return event;
            }
        }
    }
}

/// Events of a type.
pub fn of_type<'a>(events: &'a [Value], event_type: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|event| event["type"] == event_type)
        .collect()
}

/// Whether the last event is a question.
pub fn asks(events: &[Value]) -> bool {
    events
        .last()
        .is_some_and(|event| event["type"] == "user:input:required")
}

/// Whether the run has ended.
pub fn ended(events: &[Value]) -> bool {
    events.last().is_some_and(|event| {
        event["type"] == "execution:completed" || event["type"] == "execution:failed"
    })
}

/// What a node streamed.
pub fn streamed(events: &[Value], node_id: &str) -> String {
    of_type(events, "node:stream")
        .into_iter()
        .filter(|event| event["nodeId"] == node_id)
        .map(|event| event["chunk"].as_str().unwrap())
        .collect()
}

/// The output of a node.
pub fn output<'a>(events: &'a [Value], node_id: &str) -> &'a Value {
    let completed = of_type(events, "node:completed");
    let of_node: Vec<_> = completed
        .iter()
        .filter(|event| event["nodeId"] == node_id)
        .collect();
    assert_eq!(of_node.len(), 1, "{node_id} completes once");
    &of_node[0]["output"]
}

/// Waits until the user's newest document is processed.
pub async fn wait_until_processed(user: &User) {
    let processed = async {
        while user.get("/api/demo/documents").await[0]["status"] == "processing" {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, processed).await.unwrap();
}

/// The code of an error.
pub fn error_code(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["error"]["code"].as_str().unwrap().to_owned()
}

/// A Markdown text of some length.
pub const DOCUMENT: &str = "# The orchard\n\nThe orchard behind the school has *forty* apple trees. \
    Every spring the pupils count the blossoms of each apple tree. In autumn they weigh the apples \
    and write the weight into a book.\n\nThe book goes back sixty years. It shows that the apple \
    trees blossom two weeks earlier than they did when the book was begun. Nobody planned to \
    measure the climate; the pupils only wanted to know how many apples there would be.\n";
