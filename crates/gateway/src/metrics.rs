//! What Prometheus scrapes. No label holds an id of a user or an execution.

use flowmaestro_protocol::EventType;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::auth::AuthError;

type Labelled = Family<[(&'static str, &'static str); 1], Counter>;

/// Why a request, a message or an event was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Origin,
    Forbidden,
    InvalidMessage,
    TooLarge,
    TooManySubscriptions,
    RateLimited,
    UnregisteredExecution,
}

#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) connections: Gauge,
    pub(crate) subscriptions: Gauge,
    pub(crate) frames_delivered: Counter,
    pub(crate) bytes_delivered: Counter,
    pub(crate) slow_consumers: Counter,
    events_emitted: Labelled,
    refusals: Labelled,
    auth_failures: Labelled,
}

impl Refusal {
    fn label(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Forbidden => "forbidden",
            Self::InvalidMessage => "invalid_message",
            Self::TooLarge => "too_large",
            Self::TooManySubscriptions => "too_many_subscriptions",
            Self::RateLimited => "rate_limited",
            Self::UnregisteredExecution => "unregistered_execution",
        }
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("flowmaestro"),
            connections: Gauge::default(),
            subscriptions: Gauge::default(),
            frames_delivered: Counter::default(),
            bytes_delivered: Counter::default(),
            slow_consumers: Counter::default(),
            events_emitted: Labelled::default(),
            refusals: Labelled::default(),
            auth_failures: Labelled::default(),
        };
        metrics.register();
        metrics
    }

    pub(crate) fn emitted(&self, event_type: EventType) {
        self.events_emitted
            .get_or_create(&[("type", event_type.as_str())])
            .inc();
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        self.refusals
            .get_or_create(&[("reason", refusal.label())])
            .inc();
    }

    pub(crate) fn auth_failed(&self, error: AuthError) {
        self.auth_failures
            .get_or_create(&[("reason", error.label())])
            .inc();
    }

    pub(crate) fn delivered(&self, bytes: usize) {
        self.frames_delivered.inc();
        self.bytes_delivered
            .inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// The metrics in the OpenMetrics text format, which Prometheus reads.
    pub(crate) fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register(
            "subscriptions",
            "Subscriptions of all open connections",
            self.subscriptions.clone(),
        );
        registry.register(
            "frames_delivered",
            "Text frames handed to sockets",
            self.frames_delivered.clone(),
        );
        registry.register_with_unit(
            "delivered",
            "Payload of the text frames handed to sockets",
            Unit::Bytes,
            self.bytes_delivered.clone(),
        );
        registry.register(
            "slow_consumers_closed",
            "Connections closed because they read too slowly",
            self.slow_consumers.clone(),
        );
        registry.register(
            "events_emitted",
            "Events emitted, by type",
            self.events_emitted.clone(),
        );
        registry.register(
            "refusals",
            "Requests, messages and events refused, by reason",
            self.refusals.clone(),
        );
        registry.register(
            "auth_failures",
            "Connections refused for their token, by reason",
            self.auth_failures.clone(),
        );
    }
}
