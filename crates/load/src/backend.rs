//! What a backend does: registers executions, emits events, and looks at the metrics.

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::Failure;

/// A backend of a gateway.
#[derive(Clone)]
pub(crate) struct Backend {
    http: Client,
    url: String,
    service_token: String,
}

impl Backend {
    pub(crate) fn new(address: &str, service_token: &str) -> Result<Self, Failure> {
        Ok(Self {
            http: Client::builder().no_proxy().build()?,
            url: format!("http://{address}"),
            service_token: service_token.to_owned(),
        })
    }

    /// Registers an execution of a user, watched in these rooms.
    pub(crate) async fn register(
        &self,
        execution_id: &str,
        user_id: &str,
        rooms: &[&str],
    ) -> Result<(), Failure> {
        let body = json!({ "executionId": execution_id, "userId": user_id, "rooms": rooms });
        self.post("/api/executions", &body).await
    }

    /// Emits events, in order.
    pub(crate) async fn emit(&self, events: &[Value]) -> Result<(), Failure> {
        self.post("/api/events", events).await
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> Result<u64, Failure> {
        let text = self.http.get(format!("{}/metrics", self.url)).send();
        let text = text.await?.error_for_status()?.text().await?;
        let value = text.lines().find_map(|line| {
            line.strip_prefix("flowmaestro_")?
                .strip_prefix(name)?
                .strip_prefix(' ')
        });
        let value = value.ok_or_else(|| format!("/metrics has no {name}"))?;
        Ok(value.trim().parse()?)
    }

    async fn post(
        &self,
        path: &str,
        body: &(impl serde::Serialize + ?Sized),
    ) -> Result<(), Failure> {
        let request = self.http.post(format!("{}{path}", self.url)).json(body);
        let answer = self.authorized(request).send().await?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(format!("{path}: {} {}", answer.status(), answer.text().await?).into())
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(&self.service_token)
    }
}
