//! A gateway on a free port, and clients that fail rather than wait forever.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use flowmaestro_gateway::{Config, Gateway, Limits, Owner, serve};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Response};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longer than anything here takes: who reaches it has failed.
const DEADLINE: Duration = Duration::from_secs(20);

pub const SERVICE_TOKEN: &str = "a service token of the tests";

/// What the welcome says beyond the baseline protocol.
pub const FEATURES: &str = r#""features":["replay","ack","batch","gzip","presence","rooms","ping","auth"],"heartbeatMs":25000"#;

pub type Headers<'a> = &'a [(&'static str, &'a str)];
pub type Handshake = Response<Option<Vec<u8>>>;

pub struct Server {
    pub gateway: Gateway,
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub connection_id: String,
}

/// Fails instead of waiting longer than the deadline.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("this should not take so long")
}

/// Waits until a condition holds.
pub async fn until(condition: impl Fn() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

pub fn development() -> Config {
    Config {
        dev: true,
        service_token: Some(SERVICE_TOKEN.into()),
        ..Config::default()
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::with(development()).await
    }

    pub async fn with_limits(limits: Limits) -> Self {
        Self::with(Config {
            limits,
            ..development()
        })
        .await
    }

    pub async fn with(config: Config) -> Self {
        let gateway = Gateway::new(config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(serve(
            listener,
            gateway.clone(),
            gateway.router(),
            async move { stopped.await.unwrap_or_default() },
        ));
        Self {
            gateway,
            address,
            stop: Some(stop),
            served,
        }
    }

    /// Begins the shutdown.
    pub fn begin_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits for the end of the shutdown.
    pub async fn stopped(self) {
        within(self.served).await.unwrap();
    }

    pub fn token(&self, user_id: &str) -> String {
        let hour = Duration::from_secs(3600);
        self.gateway.sign_token(user_id, hour).unwrap()
    }

    pub fn register(&self, execution_id: &str, user_id: &str) {
        let owner = Owner::user(user_id);
        self.gateway
            .executions()
            .register(execution_id, owner)
            .unwrap();
    }

    /// A connected user.
    pub async fn connect(&self, user_id: &str) -> Client {
        let authorization = format!("Bearer {}", self.token(user_id));
        let client = self.open("/ws", &[("authorization", &authorization)]).await;
        client.unwrap().welcomed().await
    }

    /// A connected user with features.
    pub async fn connect_with(&self, user_id: &str, features: &[&str]) -> Client {
        let mut client = self.connect(user_id).await;
        client.hello_with(features).await;
        client
    }

    /// A connected user with a token.
    pub async fn connect_by(&self, token: &str) -> Client {
        let authorization = format!("Bearer {token}");
        let client = self.open("/ws", &[("authorization", &authorization)]).await;
        client.unwrap().welcomed().await
    }

    /// Emits numbered events.
    pub fn stream(&self, execution_id: &str, chunks: std::ops::Range<u32>) {
        for chunk in chunks {
            let emitter = self.gateway.emitter();
            emitter.emit_node_stream(execution_id, "n", &chunk.to_string());
        }
    }

    /// A connected user who is subscribed to an execution of theirs.
    pub async fn subscribe(&self, user_id: &str, execution_id: &str) -> Client {
        self.register(execution_id, user_id);
        let mut client = self.connect(user_id).await;
        client.subscribe(execution_id).await;
        client
    }

    pub async fn open(&self, path: &str, headers: Headers<'_>) -> tungstenite::Result<Client> {
        self.handshake(path, headers)
            .await
            .map(|(client, _)| client)
    }

    /// A socket, and what the server answered to its request.
    pub async fn handshake(
        &self,
        path: &str,
        headers: Headers<'_>,
    ) -> tungstenite::Result<(Client, Handshake)> {
        let url = format!("ws://{}{path}", self.address);
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            let name = HeaderName::from_static(name);
            request
                .headers_mut()
                .insert(name, HeaderValue::from_str(value).unwrap());
        }
        let (socket, response) = within(connect_async(request)).await?;
        let connection_id = String::new();
        Ok((
            Client {
                socket,
                connection_id,
            },
            response,
        ))
    }

    /// The value of a metric, by its name and labels as Prometheus writes them.
    pub async fn metric(&self, name: &str) -> u64 {
        let text = reqwest::get(self.url("/metrics"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A backend's request.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
        let request = reqwest::Client::new()
            .post(self.url(path))
            .bearer_auth(SERVICE_TOKEN)
            .body(body);
        let response = within(request.send()).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

impl Client {
    /// Takes the welcome, which comes first.
    pub async fn welcomed(mut self) -> Self {
        let welcome = self.text().await;
        let id = welcome.split('"').nth(7).unwrap().to_owned();
        let expected = format!(
            r#"{{"type":"connected","connectionId":"{id}","message":"Connected to FlowMaestro WebSocket",{FEATURES}}}"#
        );
        assert_eq!(welcome, expected);
        Self {
            connection_id: id,
            ..self
        }
    }

    pub async fn hello(&mut self) {
        self.send(r#"{"type":"hello","features":[]}"#).await;
    }

    /// Switches features on.
    pub async fn hello_with(&mut self, features: &[&str]) {
        let hello = json!({"type": "hello", "features": features});
        self.send(&hello.to_string()).await;
    }

    pub async fn send_json(&mut self, message: Value) {
        self.send(&message.to_string()).await;
    }

    /// The next text frame, as JSON.
    pub async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The next frame, whatever it is.
    pub async fn message(&mut self) -> Message {
        self.next().await
    }

    /// The `seq`s of all events up to now.
    pub async fn seqs(&mut self) -> Vec<u64> {
        let seq = |text: &String| serde_json::from_str::<Value>(text).unwrap()["seq"].as_u64();
        self.all_until_now().await.iter().filter_map(seq).collect()
    }

    pub async fn subscribe(&mut self, execution_id: &str) {
        self.send(&format!(
            r#"{{"type":"subscribe","executionId":"{execution_id}"}}"#
        ))
        .await;
        let expected = format!(r#"{{"type":"subscribed","executionId":"{execution_id}"}}"#);
        assert_eq!(self.text().await, expected);
    }

    pub async fn send(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    pub async fn send_message(&mut self, message: Message) {
        within(self.socket.send(message)).await.unwrap();
    }

    /// The next text frame.
    pub async fn text(&mut self) -> String {
        match self.next().await {
            Message::Text(text) => text.to_string(),
            other => panic!("expected a text frame, got {other:?}"),
        }
    }

    /// The code and the reason of the closing frame, which comes next.
    pub async fn closed(&mut self) -> (u16, String) {
        let Message::Close(Some(frame)) = self.next().await else {
            panic!("expected a closing frame");
        };
        (frame.code.into(), frame.reason.to_string())
    }

    /// All text frames up to the closing frame, and that.
    pub async fn all_until_closed(&mut self) -> (Vec<String>, u16) {
        let mut texts = Vec::new();
        loop {
            match self.next().await {
                Message::Text(text) => texts.push(text.to_string()),
                Message::Close(Some(frame)) => return (texts, frame.code.into()),
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// All text frames that were sent before the answer to a message sent now.
    pub async fn all_until_now(&mut self) -> Vec<String> {
        self.send(r#"{"type":"unsubscribe","executionId":"fence"}"#)
            .await;
        let mut texts = Vec::new();
        loop {
            let text = self.text().await;
            if text == r#"{"type":"unsubscribed","executionId":"fence"}"# {
                return texts;
            }
            texts.push(text);
        }
    }

    /// That the socket is open and nothing has come.
    pub async fn silent(&mut self) {
        assert_eq!(self.all_until_now().await, [""; 0]);
    }

    /// The two directions of the socket.
    pub fn into_socket(self) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
        self.socket
    }

    async fn next(&mut self) -> Message {
        within(self.socket.next())
            .await
            .expect("the socket has ended")
            .unwrap()
    }
}
