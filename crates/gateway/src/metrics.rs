//! What Prometheus scrapes. No label holds an id of a user or an execution.

use flowmaestro_hub::{Counters, Counts};
use flowmaestro_protocol::EventType;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::auth::AuthError;

type Labelled = Family<[(&'static str, &'static str); 1], Counter>;

/// What the shell counts; the hub has figures of its own.
#[derive(Debug)]
pub(crate) struct Metrics {
    frames_delivered: Counter,
    bytes_delivered: Counter,
    pub(crate) origins_refused: Counter,
    pub(crate) tickets_refused: Counter,
    pub(crate) service_tokens_refused: Counter,
    /// Connections cut because no head of a request came in time.
    pub(crate) header_timeouts: Counter,
    /// Events that a backend was told about; the hub counts those that were emitted all the same.
    pub(crate) unregistered_executions: Counter,
    /// By type, in the order of [`EventType::ALL`]: to look a label up takes longer than to count.
    events_emitted: Vec<Counter>,
    auth_failures: Labelled,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            frames_delivered: Counter::default(),
            bytes_delivered: Counter::default(),
            origins_refused: Counter::default(),
            tickets_refused: Counter::default(),
            service_tokens_refused: Counter::default(),
            header_timeouts: Counter::default(),
            unregistered_executions: Counter::default(),
            events_emitted: EventType::ALL.iter().map(|_| Counter::default()).collect(),
            auth_failures: Labelled::default(),
        }
    }

    pub(crate) fn emitted(&self, event_type: EventType) {
        if let Some(counter) = self.events_emitted.get(event_type as usize) {
            counter.inc();
        }
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
    pub(crate) fn encode(
        &self,
        counters: &Counters,
        counts: &Counts,
    ) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("flowmaestro");
        self.register(&mut registry);
        self.register_refusals(&mut registry, counters);
        register_counters(&mut registry, counters);
        register_counts(&mut registry, counts);
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "frames_delivered",
            "Frames handed to sockets",
            self.frames_delivered.clone(),
        );
        registry.register_with_unit(
            "delivered",
            "Payload of the frames handed to sockets",
            Unit::Bytes,
            self.bytes_delivered.clone(),
        );
        let emitted = Labelled::default();
        for (event_type, counter) in EventType::ALL.iter().zip(&self.events_emitted) {
            let count = counter.get();
            emitted
                .get_or_create(&[("type", event_type.as_str())])
                .inc_by(count);
        }
        registry.register("events_emitted", "Events emitted, by type", emitted);
        registry.register(
            "auth_failures",
            "Tokens refused, by reason",
            self.auth_failures.clone(),
        );
    }

    fn register_refusals(&self, registry: &mut Registry, counters: &Counters) {
        let refusals = Labelled::default();
        let unregistered = counters.unregistered_executions + self.unregistered_executions.get();
        for (reason, count) in [
            ("origin", self.origins_refused.get()),
            ("too_many_tickets", self.tickets_refused.get()),
            ("service_token", self.service_tokens_refused.get()),
            ("header_timeout", self.header_timeouts.get()),
            ("too_many_connections", counters.too_many_connections),
            (
                "too_many_user_connections",
                counters.too_many_user_connections,
            ),
            ("too_many_messages", counters.too_many_messages),
            (
                "too_many_invalid_messages",
                counters.too_many_invalid_messages,
            ),
            ("too_many_replays", counters.too_many_replays),
            ("forbidden", counters.forbidden),
            ("invalid_message", counters.invalid_messages),
            ("too_large", counters.too_large),
            ("too_many_subscriptions", counters.too_many_subscriptions),
            ("unregistered_execution", unregistered),
        ] {
            refusals.get_or_create(&[("reason", reason)]).inc_by(count);
        }
        let help = "Connections, requests, messages and events refused, by reason";
        registry.register("refusals", help, refusals);
    }
}

fn register_counters(registry: &mut Registry, counters: &Counters) {
    for (name, help, value) in [
        (
            "slow_consumers_closed",
            "Connections closed because they read too slowly",
            counters.slow_consumers,
        ),
        (
            "silent_connections_closed",
            "Connections closed without a sign of life, for another of their user",
            counters.silent_connections,
        ),
        (
            "disconnected_users_closed",
            "Connections closed because their user was disconnected",
            counters.disconnected,
        ),
        (
            "expired_tokens_closed",
            "Connections closed because their token ended",
            counters.expired_tokens,
        ),
        (
            "subscriptions_recovered",
            "Subscriptions that got everything they had missed",
            counters.recovered,
        ),
        (
            "gaps_told",
            "Subscriptions that were told that events are gone",
            counters.unrecovered,
        ),
        (
            "events_replayed",
            "Events sent from the history",
            counters.replayed_events,
        ),
        (
            "unacknowledged_dropped",
            "Unacknowledged events dropped for newer ones",
            counters.unacknowledged_dropped,
        ),
        (
            "messages_repeated",
            "Client messages that came twice and were acted on once",
            counters.repeated_messages,
        ),
        (
            "history_errors",
            "Events that the history did not take or give",
            counters.history_errors,
        ),
    ] {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
}

fn register_counts(registry: &mut Registry, counts: &Counts) {
    for (name, help, value) in [
        ("connections", "Open connections", counts.connections),
        (
            "subscriptions",
            "Subscriptions of all open connections to executions",
            counts.subscriptions,
        ),
        (
            "room_subscriptions",
            "Subscriptions of all open connections to rooms",
            counts.room_subscriptions,
        ),
        ("executions", "Known executions", counts.executions),
        (
            "unacknowledged",
            "Events that wait for their user's acknowledgement",
            counts.unacknowledged,
        ),
    ] {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    }
    let queued = Gauge::<i64>::default();
    queued.set(i64::try_from(counts.queued_bytes).unwrap_or(i64::MAX));
    let help = "Text that waits for sockets";
    registry.register_with_unit("queued", help, Unit::Bytes, queued);
}
