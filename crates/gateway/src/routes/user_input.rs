//! `GET /api/user-input`: the answers of users as Server-Sent Events (WHATWG HTML, section 9.2), so
//! that a backend in any language can go on.
//!
//! Each answer is an event `user:input:response` whose data is the client's message with `userId`
//! added. A reader that reconnects with `Last-Event-ID`, as every SSE client does by itself, first
//! gets the answers it missed; an event `gap` (`{"missed":<count or null>}`) says that some are
//! gone.

use std::convert::Infallible;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use flowmaestro_protocol::EventType;
use futures_util::StreamExt;

use super::service::Service;
use crate::gateway::Gateway;
use crate::user_input::Item;

pub(super) async fn stream(
    State(gateway): State<Gateway>,
    _: Service,
    headers: HeaderMap,
) -> impl IntoResponse {
    let last_id = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok());
    let events = gateway
        .user_input()
        .read(last_id)
        .map(|item| Ok::<_, Infallible>(event(item)))
        .take_until(gateway.shutdown().clone().cancelled_owned());
    Sse::new(events).keep_alive(KeepAlive::default())
}

fn event(item: Item) -> Event {
    match item {
        Item::Answer { id, text } => Event::default()
            .event(EventType::UserInputResponse.as_str())
            .id(id)
            .data(text),
        Item::Gap { missed } => {
            let missed = missed.map_or_else(|| "null".to_owned(), |missed| missed.to_string());
            Event::default()
                .event("gap")
                .data(format!(r#"{{"missed":{missed}}}"#))
        }
    }
}
