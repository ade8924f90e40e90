//! `GET /ws`: the upgrade to a WebSocket, and who may.

use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::auth::{AuthError, Claims, bearer};
use crate::connection;
use crate::gateway::Gateway;
use crate::tickets::Tickets;

/// The one subprotocol that is ever answered.
const SUBPROTOCOL: &str = "flowmaestro.v1";
/// A client hides its token in a second one: browsers cannot set headers.
const TOKEN_SUBPROTOCOL_PREFIX: &str = "bearer.";

/// What the library refuses by itself, in bytes. Well above the gateway's own limit, since past a
/// frame that the library refused nothing can be read and the closing handshake is cut short.
const LIBRARY_MAX_BYTES: usize = 1024 * 1024;
/// The library's buffers of one socket, in bytes. Its defaults are 128 KiB each. That for reading is
/// there from the beginning, and clients say little; that for writing grows with a burst.
const LIBRARY_READ_BUFFER_BYTES: usize = 1024;
const LIBRARY_WRITE_BUFFER_BYTES: usize = 8 * 1024;

#[derive(Default, Deserialize)]
pub(super) struct TokenQuery {
    token: Option<String>,
}

pub(super) async fn upgrade(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    query: Result<Query<TokenQuery>, QueryRejection>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !gateway.origins().allows(&headers) {
        gateway.origin_refused(&headers);
        return (StatusCode::FORBIDDEN, "origin not allowed\n").into_response();
    }
    let query = query.map(|Query(query)| query).unwrap_or_default();
    let claims = authenticate(&gateway, &headers, &query);
    let limit = LIBRARY_MAX_BYTES.max(gateway.config().limits.max_message_bytes);
    // Held from here on, so that a shutdown waits for a socket that is just being upgraded.
    let task = gateway.sockets().token();
    set_up(upgrade, limit).on_upgrade(async move |socket| {
        match claims {
            Ok(claims) => connection::run(socket, gateway, claims).await,
            Err(error) => connection::refuse(socket, error).await,
        }
        drop(task);
    })
}

/// A socket that takes messages of so many bytes.
pub(crate) fn set_up(upgrade: WebSocketUpgrade, limit: usize) -> WebSocketUpgrade {
    upgrade
        .protocols([SUBPROTOCOL])
        .max_frame_size(limit)
        .max_message_size(limit)
        .read_buffer_size(LIBRARY_READ_BUFFER_BYTES)
        .write_buffer_size(LIBRARY_WRITE_BUFFER_BYTES)
}

fn authenticate(
    gateway: &Gateway,
    headers: &HeaderMap,
    query: &TokenQuery,
) -> Result<Claims, AuthError> {
    let token = token(headers, query).unwrap_or_default();
    let claims = if Tickets::is_ticket(token) {
        let claims = gateway.tickets().redeem(Instant::now(), token);
        let claims = claims.ok_or(AuthError::UnknownTicket);
        claims.and_then(|claims| gateway.check_revoked(claims))
    } else {
        gateway.authenticate(token)
    };
    claims.inspect_err(|error| gateway.token_refused(*error))
}

/// The token, from where a client is most likely to have meant it.
fn token<'a>(headers: &'a HeaderMap, query: &'a TokenQuery) -> Option<&'a str> {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    authorization
        .and_then(bearer)
        .or_else(|| token_of_subprotocol(headers))
        .or(query.token.as_deref())
}

fn token_of_subprotocol(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(TOKEN_SUBPROTOCOL_PREFIX))
}
