//! One connection of a user, with as little memory as it can do with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::Failure;

const BUFFER_BYTES: usize = 4 * 1024;

/// One address has fewer ports to connect from than we may want, and Linux answers on every address
/// of 127.0.0.0/8.
const SOURCES: u8 = if cfg!(target_os = "linux") { 16 } else { 1 };

/// A socket that has been welcomed.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Connects as the user of the token, and reads the welcome.
    pub(crate) async fn connect(address: &str, token: &str) -> Result<Self, Failure> {
        let stream = stream(address.parse()?).await?;
        let mut request = format!("ws://{address}/ws").into_client_request()?;
        let authorization = HeaderValue::from_str(&format!("Bearer {token}"))?;
        request.headers_mut().insert("authorization", authorization);
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(0);
        let (socket, _) = client_async_with_config(request, stream, Some(config)).await?;
        let mut socket = Self(socket);
        let welcome = socket.next().await?;
        if welcome.contains(r#""type":"connected""#) {
            return Ok(socket);
        }
        Err(format!("no welcome but {welcome}").into())
    }

    /// Says which features are wanted.
    pub(crate) async fn hello(&mut self, features: &[&str]) -> Result<(), Failure> {
        let hello = serde_json::json!({ "type": "hello", "features": features });
        self.send(hello.to_string()).await
    }

    pub(crate) async fn send(&mut self, text: String) -> Result<(), Failure> {
        Ok(self.0.send(Message::text(text)).await?)
    }

    /// The next text frame. An error when the connection has ended.
    pub(crate) async fn next(&mut self) -> Result<Utf8Bytes, Failure> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map(|frame| u16::from(frame.code));
                    return Err(format!("closed with {code:?}").into());
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Err("the connection has ended".into()),
            }
        }
    }
}

async fn stream(address: SocketAddr) -> Result<TcpStream, Failure> {
    static LAST: AtomicU8 = AtomicU8::new(0);
    let socket = TcpSocket::new_v4()?;
    if SOURCES > 1 {
        let host = 2 + LAST.fetch_add(1, Ordering::Relaxed) % SOURCES;
        let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, host));
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
