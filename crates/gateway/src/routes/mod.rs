//! The HTTP surface.

mod events;
mod executions;
mod health;
mod metrics;
mod revocations;
mod service;
mod ticket;
mod user_input;
pub(crate) mod ws;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::gateway::Gateway;

pub(crate) fn router(gateway: Gateway) -> Router {
    let max_body_bytes = gateway.config().limits.max_body_bytes;
    Router::new()
        .route("/ws", get(ws::upgrade))
        .route("/ws/ticket", post(ticket::issue).options(ticket::preflight))
        .route("/api/events", post(events::emit))
        .route("/api/executions", post(executions::register))
        .route("/api/revocations", post(revocations::revoke))
        .route("/api/user-input", get(user_input::stream))
        .route("/health", get(health::health))
        .route("/metrics", get(metrics::metrics))
        .layer(DefaultBodyLimit::max(max_body_bytes))
        .with_state(gateway)
}
