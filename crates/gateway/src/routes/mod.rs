//! The HTTP surface.

mod events;
mod executions;
mod health;
mod metrics;
mod service;
mod ticket;
mod user_input;
mod ws;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::gateway::Gateway;

/// The largest request body, in bytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;

pub(crate) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/ws", get(ws::upgrade))
        .route("/ws/ticket", post(ticket::issue).options(ticket::preflight))
        .route("/api/events", post(events::emit))
        .route("/api/executions", post(executions::register))
        .route("/api/user-input", get(user_input::stream))
        .route("/health", get(health::health))
        .route("/metrics", get(metrics::metrics))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(gateway)
}
