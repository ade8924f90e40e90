//! `http.request`: a request to this machine, with retries.

use std::net::IpAddr;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use flowmaestro_protocol::{Extra, NodeRetry, Number};
use reqwest::{Client, StatusCode, Url, redirect};
use serde_json::{Value, json};
use thiserror::Error;

use super::{Job, NodeError};
use crate::node::HttpRequest;

/// The largest response that is read, in bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Requests to loopback addresses, and to nowhere else: a definition must not reach into the network
/// that the demo happens to stand in.
pub struct HttpClient(Client);

/// Why a request brought no result.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The URL leads elsewhere.
    #[error(
        "{0:?} is refused: only http:// URLs of loopback addresses such as 127.0.0.1 are allowed"
    )]
    NotLoopback(String),
    /// The server answered, with an error.
    #[error("the server answered {0}")]
    Status(StatusCode),
    /// The attempt took too long.
    #[error("no answer came in {0} ms")]
    TimedOut(u32),
    /// There was no answer.
    #[error("the request failed: {0}")]
    Failed(reqwest::Error),
    /// The answer is too large.
    #[error("the answer has more than {MAX_RESPONSE_BYTES} bytes")]
    TooLarge,
    /// The answer is not JSON.
    #[error("the answer is not JSON: {0}")]
    NotJson(serde_json::Error),
}

impl HttpClient {
    /// A client.
    ///
    /// # Errors
    ///
    /// When the operating system refuses what it needs.
    pub fn new() -> Result<Self, reqwest::Error> {
        // A proxy or a redirect would lead elsewhere after the URL was checked.
        Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()
            .map(Self)
    }

    /// Makes one attempt and returns the JSON of the answer.
    async fn attempt(&self, url: &Url, timeout_ms: u32) -> Result<(StatusCode, Value), HttpError> {
        let timeout = Duration::from_millis(timeout_ms.into());
        let failed = |error: reqwest::Error| match error.is_timeout() {
            true => HttpError::TimedOut(timeout_ms),
            false => HttpError::Failed(error),
        };
        let request = self.0.get(url.clone()).timeout(timeout);
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            return Err(HttpError::Status(status));
        }
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&bytes);
            if body.len() > MAX_RESPONSE_BYTES {
                return Err(HttpError::TooLarge);
            }
        }
        let body = serde_json::from_slice(&body).map_err(HttpError::NotJson)?;
        Ok((status, body))
    }
}

impl HttpError {
    /// Whether another attempt may go better.
    fn is_transient(&self) -> bool {
        match self {
            Self::Status(status) => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::TimedOut(_) | Self::Failed(_) => true,
            Self::NotLoopback(_) | Self::TooLarge | Self::NotJson(_) => false,
        }
    }
}

impl Job<'_> {
    /// After a restart the attempts are counted from the start: those before it failed in another
    /// life of the process.
    pub(super) async fn request_with_retries(
        &self,
        config: &HttpRequest,
        url: &str,
    ) -> Result<Value, NodeError> {
        let url = loopback_url(url)?;
        let retries = config.attempts.get() - 1;
        let mut delays = ExponentialBuilder::new()
            .with_min_delay(self.services.paces.retry_delay)
            .with_factor(2.0)
            .with_max_times(retries as usize)
            .build();
        let mut attempt: u32 = 1;
        loop {
            let error = match self.services.http.attempt(&url, config.timeout_ms).await {
                Ok((status, body)) => {
                    return Ok(json!({
                        "status": status.as_u16(), "attempts": attempt, "body": body
                    }));
                }
                Err(error) => error,
            };
            let Some(delay) = delays.next().filter(|_| error.is_transient()) else {
                return Err(error.into());
            };
            attempt += 1;
            self.announce_retry(attempt, delay, &error)?;
            tokio::time::sleep(delay).await;
        }
    }

    fn announce_retry(
        &self,
        attempt: u32,
        delay: Duration,
        error: &HttpError,
    ) -> Result<(), NodeError> {
        Ok(self.run.emit(|timestamp| NodeRetry {
            timestamp,
            execution_id: self.run.info().execution_id.clone(),
            node_id: self.node.id.clone(),
            attempt: Number::from(attempt),
            next_retry_in: Number::from_integer(delay.as_millis().try_into().unwrap_or(u64::MAX)),
            error: error.to_string(),
            extra: Extra::default(),
        })?)
    }
}

/// A URL that leads to this machine. Names are refused, `localhost` too: a name may resolve to
/// anything.
fn loopback_url(text: &str) -> Result<Url, HttpError> {
    let url = Url::parse(text).ok().filter(|url| {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        url.scheme() == "http"
            && host
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback())
    });
    url.ok_or_else(|| HttpError::NotLoopback(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::response::{IntoResponse, Redirect};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn only_this_machine_is_called() {
        for url in [
            "http://127.0.0.1:3001/x",
            "http://127.1/x",
            "http://[::1]:80/",
        ] {
            assert!(loopback_url(url).is_ok(), "{url}");
        }
        for url in [
            "https://127.0.0.1/",
            "http://localhost/",
            "http://127.0.0.1@example.com/",
            "http://127.0.0.1.example.com/",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
            "http://169.254.169.254/",
            "http://[::ffff:127.0.0.1]/",
            "file:///etc/passwd",
            "127.0.0.1",
            "",
        ] {
            assert!(loopback_url(url).is_err(), "{url}");
        }
    }

    /// One attempt at a server whose every answer is `answer`.
    async fn attempt(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> HttpError {
        let router = Router::new().fallback(async move || answer);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let url = loopback_url(&url).unwrap();
        HttpClient::new()
            .unwrap()
            .attempt(&url, 10_000)
            .await
            .unwrap_err()
    }

    #[tokio::test]
    async fn bad_answers_are_told_apart() {
        let busy = attempt(StatusCode::SERVICE_UNAVAILABLE).await;
        assert!(
            busy.is_transient() && busy.to_string().contains("503"),
            "{busy}"
        );
        assert!(attempt(StatusCode::TOO_MANY_REQUESTS).await.is_transient());
        assert!(!attempt(StatusCode::NOT_FOUND).await.is_transient());
        // Followed, it would lead to an address that was not checked.
        let redirect = attempt(Redirect::temporary("http://example.com/")).await;
        assert!(matches!(
            redirect,
            HttpError::Status(StatusCode::TEMPORARY_REDIRECT)
        ));
        assert!(matches!(attempt("<p>").await, HttpError::NotJson(_)));
        let large = attempt("1".repeat(MAX_RESPONSE_BYTES + 1)).await;
        assert!(matches!(large, HttpError::TooLarge), "{large}");
    }

    #[tokio::test]
    async fn no_answer_is_transient() {
        let client = HttpClient::new().unwrap();
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = loopback_url(&format!("http://{}/", silent.local_addr().unwrap())).unwrap();
        let error = client.attempt(&url, 20).await.unwrap_err();
        assert!(
            matches!(error, HttpError::TimedOut(20)) && error.is_transient(),
            "{error}"
        );
        drop(silent);
        let error = client.attempt(&url, 10_000).await.unwrap_err();
        assert!(
            matches!(error, HttpError::Failed(_)) && error.is_transient(),
            "{error}"
        );
    }
}
