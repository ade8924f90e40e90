//! `POST /api/executions {"executionId":"…","userId":"…"}`: a backend says who owns an execution, and
//! with `"rooms":["workspace:…","project:…"]` in which rooms it is watched.
//!
//! Answered with the same object. Registering again for the same owner replaces the rooms; for
//! another owner it is refused with 409.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::StringRejection;
use axum::http::StatusCode;
use flowmaestro_hub::{Owner, RegisterError};
use flowmaestro_protocol::Room;
use serde::{Deserialize, Serialize};

use super::service::{ApiError, Service};
use crate::gateway::Gateway;

/// Every event of an execution is looked up in each of its rooms.
const MAX_ROOMS: usize = 16;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Registration {
    execution_id: String,
    user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<Vec<String>>,
}

pub(super) async fn register(
    State(gateway): State<Gateway>,
    _: Service,
    body: Result<String, StringRejection>,
) -> Result<Json<Registration>, ApiError> {
    let registration: Registration =
        serde_json::from_str(&body?).map_err(|error| invalid(error.to_string()))?;
    if registration.user_id.is_empty() {
        return Err(invalid("userId is empty"));
    }
    let owner = Owner::user(registration.user_id.as_str());
    let rooms = rooms(registration.rooms.as_deref().unwrap_or_default())?;
    gateway
        .executions()
        .register_in_rooms(&registration.execution_id, owner, &rooms)?;
    Ok(Json(registration))
}

fn rooms(names: &[String]) -> Result<Vec<Room>, ApiError> {
    if names.len() > MAX_ROOMS {
        return Err(invalid(format!("rooms: more than {MAX_ROOMS}")));
    }
    let room = |(index, name): (usize, &String)| {
        let error = || {
            invalid(format!(
                "rooms[{index}]: expected workspace:<id> or project:<id>"
            ))
        };
        Room::new(name.as_str()).ok_or_else(error)
    };
    names.iter().enumerate().map(room).collect()
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_execution", message)
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        let (status, code) = match error {
            RegisterError::OwnedByAnother => (StatusCode::CONFLICT, "owned_by_another"),
            RegisterError::InvalidId => (StatusCode::BAD_REQUEST, "invalid_execution"),
            RegisterError::Full { .. } => (StatusCode::SERVICE_UNAVAILABLE, "full"),
            RegisterError::NotKept => (StatusCode::SERVICE_UNAVAILABLE, "history_unavailable"),
        };
        Self::new(status, code, error.to_string())
    }
}
