//! `POST /ws/ticket`: a one-time ticket for a token, and the preflight of a page that asks for one.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::service::ApiError;
use crate::auth::{AuthError, bearer};
use crate::gateway::Gateway;
use crate::tickets::TooManyTickets;

/// How long a browser need not ask again whether it may, in seconds.
const PREFLIGHT_SECS: &str = "600";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ticket {
    ticket: String,
    /// When it ends if nobody uses it, in ms since the Unix epoch.
    expires_at: u64,
}

/// The answer to a page that may ask (WHATWG Fetch, CORS preflight).
pub(super) async fn preflight(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    if !gateway.origins().allows(&headers) {
        return forbidden(&gateway, &headers).into_response();
    }
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization"),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECS),
    ];
    let response = (StatusCode::NO_CONTENT, allowed).into_response();
    for_page(&headers, response)
}

pub(super) async fn issue(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    if !gateway.origins().allows(&headers) {
        return forbidden(&gateway, &headers).into_response();
    }
    let response = match ticket(&gateway, &headers) {
        Ok(ticket) => ([(header::CACHE_CONTROL, "no-store")], Json(ticket)).into_response(),
        Err(error) => error.into_response(),
    };
    for_page(&headers, response)
}

fn ticket(gateway: &Gateway, headers: &HeaderMap) -> Result<Ticket, ApiError> {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = authorization.and_then(bearer).unwrap_or_default();
    let claims = gateway.authenticate(token).map_err(|error| {
        gateway.token_refused(error);
        refused(error)
    })?;
    let tickets = gateway.tickets();
    let ticket = tickets
        .issue(Instant::now(), claims)
        .map_err(|TooManyTickets| {
            gateway.metrics().tickets_refused.inc();
            let message = "too many tickets wait to be used: connect with one first";
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message)
        })?;
    let ends = SystemTime::now() + tickets.lifetime();
    let expires_at = ends.duration_since(UNIX_EPOCH).unwrap_or_default();
    let expires_at = u64::try_from(expires_at.as_millis()).unwrap_or(u64::MAX);
    Ok(Ticket { ticket, expires_at })
}

fn refused(error: AuthError) -> ApiError {
    let message = match error {
        AuthError::Missing => "send Authorization: Bearer <token>".to_owned(),
        error => error.to_string(),
    };
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
}

fn forbidden(gateway: &Gateway, headers: &HeaderMap) -> ApiError {
    gateway.origin_refused(headers);
    ApiError::new(StatusCode::FORBIDDEN, "forbidden", "origin not allowed")
}

/// The page that asked, which may, gets to read the answer.
fn for_page(headers: &HeaderMap, mut response: Response) -> Response {
    let added = response.headers_mut();
    added.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = headers.get(header::ORIGIN) {
        added.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    response
}
