//! The HTTP API of the demo page, under `/api/demo`.
//!
//! All but the sign-in and the flaky endpoint need `Authorization: Bearer <token>`, and show a user
//! their own runs and documents only: another user's answer with the same bytes as unknown ones.

mod documents;
mod error;
mod flaky;
mod login;
mod runs;
mod user;
mod workflows;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use flowmaestro_gateway::Gateway;

use self::error::ApiError;
use self::flaky::Flaky;
use crate::runs::Runs;

/// The largest request body that is JSON, in bytes.
const MAX_JSON_BYTES: usize = 16 * 1024;

/// The largest document, in bytes.
const MAX_DOCUMENT_BYTES: usize = 2 * 1024 * 1024;

/// What the handlers work with.
#[derive(Clone)]
struct Api {
    gateway: Gateway,
    runs: Runs,
    flaky: Arc<Flaky>,
}

/// The routes.
pub fn router(gateway: Gateway, runs: Runs) -> Router {
    let documents = get(documents::list)
        .merge(post(documents::upload).layer(DefaultBodyLimit::max(MAX_DOCUMENT_BYTES)));
    let routes = Router::new()
        .route("/login", post(login::login))
        .route("/workflows", get(workflows::list))
        .route("/runs", get(runs::list).post(runs::start))
        .route("/runs/{execution_id}", get(runs::show))
        .route("/documents/{document_id}", get(documents::show))
        .route("/flaky/{key}", get(flaky::answer))
        .layer(DefaultBodyLimit::max(MAX_JSON_BYTES))
        .route("/documents", documents)
        .fallback(async || ApiError::not_found("there is nothing at this address"))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .with_state(Api {
            gateway,
            runs,
            flaky: Arc::default(),
        });
    Router::new().nest("/api/demo", routes)
}
