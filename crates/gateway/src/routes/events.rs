//! `POST /api/events`: a backend in any language emits events.
//!
//! The body is one item or an array of them, emitted in order. An item is
//!
//! - an execution-scoped event as it goes to clients: `{"type":"node:started","executionId":…}`, or
//! - `{"userId":"…","event":{…}}`, which `kb:document:*` events require since they do not say whose
//!   document it is. For an execution-scoped event `userId` is optional; it must then be the owner.
//!
//! All items are checked before the first is emitted: a request takes effect as a whole or not at
//! all. A long array is emitted no faster than its readers read, within reason. The answer is
//! `202 {"accepted":<count>}`, once the history has every event: a backend that got it need not
//! send them again, whatever happens to the gateway.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::StringRejection;
use axum::http::StatusCode;
use flowmaestro_hub::Owner;
use flowmaestro_protocol::{DecodeError, DecodeErrorKind, Event, EventType};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::service::{ApiError, Service};
use crate::emitter::{Emission, EmitError};
use crate::gateway::Gateway;
use crate::history::HistoryKind;

/// How long one request waits for slow readers in all, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(1);

#[derive(Serialize)]
pub(super) struct Accepted {
    accepted: usize,
}

/// An event with the user whom it belongs to. Told from a bare event by the absence of `type`.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, rename = "userId")]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event: &'a RawValue,
}

pub(super) async fn emit(
    State(gateway): State<Gateway>,
    _: Service,
    body: Result<String, StringRejection>,
) -> Result<(StatusCode, Json<Accepted>), ApiError> {
    let emissions = read(&gateway, &body?)?;
    let deadline = Instant::now() + PATIENCE;
    let accepted = emissions.len();
    for emission in emissions {
        pace(&gateway, &emission, deadline).await;
        dispatch(&gateway, emission).await?;
    }
    Ok((StatusCode::ACCEPTED, Json(Accepted { accepted })))
}

/// A disk makes its thread wait, so that is one for waiting; there the events of many requests come
/// together in one write.
async fn dispatch(gateway: &Gateway, emission: Emission) -> Result<(), EmitError> {
    if gateway.config().history == HistoryKind::Memory {
        return gateway.emitter().dispatch(&emission);
    }
    let gateway = gateway.clone();
    let dispatched =
        tokio::task::spawn_blocking(move || gateway.emitter().dispatch(&emission)).await;
    // A listener has panicked, or the runtime ends: nobody knows how far it came.
    dispatched.unwrap_or(Err(EmitError::NotKept))
}

/// Waits for those who get the event to read what came before, so that a long array does not cut
/// off readers who would keep up.
async fn pace(gateway: &Gateway, emission: &Emission, deadline: Instant) {
    while gateway.manager().is_crowded(emission) && Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
    }
}

fn read(gateway: &Gateway, body: &str) -> Result<Vec<Emission>, ApiError> {
    if !body.trim_start().starts_with('[') {
        return Ok(vec![read_item(gateway, body, None)?]);
    }
    let items: Vec<&RawValue> = serde_json::from_str(body).map_err(|error| invalid(&error))?;
    let mut emissions = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let emission = read_item(gateway, item.get(), emissions.last());
        emissions.push(emission.map_err(|error| error.at(index))?);
    }
    Ok(emissions)
}

/// Reads an item, and checks it, but not what is as in the one before.
fn read_item(
    gateway: &Gateway,
    text: &str,
    before: Option<&Emission>,
) -> Result<Emission, ApiError> {
    let (event, user_id) = decode(text).map_err(|error| invalid(&error))?;
    if event.event_type() == EventType::UserInputResponse {
        return Err(invalid(
            &"user:input:response comes from clients and cannot be emitted",
        ));
    }
    let emission = Emission::new(event, user_id.as_deref()).map_err(|error| {
        invalid(&format_args!(
            r#"{error}: send {{"userId":"…","event":{{…}}}}"#
        ))
    })?;
    if !before.is_some_and(|before| before.is_of_same(&emission)) {
        check_owner(gateway, &emission)?;
    }
    Ok(emission)
}

/// The event of an item, and the user who is named with it.
fn decode(text: &str) -> Result<(Event, Option<Cow<'_, str>>), DecodeError> {
    let error = match Event::decode(text) {
        Ok(event) => return Ok((event, None)),
        Err(error) => error,
    };
    let lacks_type = error.field() == Some("type") && *error.kind() == DecodeErrorKind::Missing;
    let item = serde_json::from_str(text).ok().filter(|_| lacks_type);
    let Some(Item { user_id, event }) = item else {
        return Err(error);
    };
    Ok((Event::decode(event.get())?, user_id))
}

/// An execution has to be registered, and to the user who is named, if one is.
fn check_owner(gateway: &Gateway, emission: &Emission) -> Result<(), ApiError> {
    let Some(execution_id) = emission.event().execution_id() else {
        return Ok(());
    };
    let named = emission.user_id();
    let is_owner = |owner: Owner| named.is_none_or(|user_id| owner.user_id() == user_id);
    if gateway
        .executions()
        .owner(execution_id)
        .is_some_and(is_owner)
    {
        return Ok(());
    }
    gateway.metrics().unregistered_executions.inc();
    Err(ApiError::new(
        StatusCode::NOT_FOUND,
        "unregistered_execution",
        "the execution is not registered to this user: POST /api/executions first",
    ))
}

impl From<EmitError> for ApiError {
    /// What was wrong with the events themselves was found before.
    fn from(error: EmitError) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "history_unavailable", error.to_string())
    }
}

fn invalid(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_event", error.to_string())
}
