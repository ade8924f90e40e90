//! `POST /api/executions {"executionId":"…","userId":"…"}`: a backend says who owns an execution.
//!
//! Answered with the same object. Registering again for the same owner changes nothing; for another
//! owner it is refused with 409.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::StringRejection;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::service::{ApiError, Service};
use crate::executions::{Owner, RegisterError};
use crate::gateway::Gateway;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Registration {
    execution_id: String,
    user_id: String,
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
    gateway
        .executions()
        .register(&registration.execution_id, owner)?;
    Ok(Json(registration))
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
        };
        Self::new(status, code, error.to_string())
    }
}
