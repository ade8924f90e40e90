//! `POST /api/revocations {"userId":"…"}`: a backend ends all tokens that a user got up to now, as when
//! they sign out or lose their rights.
//!
//! The user's connections are closed with 4401 at once, and tokens issued until then (`iat`; those
//! that do not say when as well) open none. Answered with
//! `{"userId":"…","disconnected":<count>}`. It is remembered in memory: after a restart of the gateway
//! a backend says it again.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::StringRejection;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::service::{ApiError, Service};
use crate::gateway::Gateway;
use crate::revocations::TooManyRevocations;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Request {
    user_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Revoked {
    user_id: String,
    disconnected: usize,
}

pub(super) async fn revoke(
    State(gateway): State<Gateway>,
    _: Service,
    body: Result<String, StringRejection>,
) -> Result<Json<Revoked>, ApiError> {
    let Request { user_id } =
        serde_json::from_str(&body?).map_err(|error| invalid(error.to_string()))?;
    if user_id.is_empty() {
        return Err(invalid("userId is empty"));
    }
    let disconnected = gateway.revoke_user(&user_id)?;
    Ok(Json(Revoked {
        user_id,
        disconnected,
    }))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_revocation", message)
}

impl From<TooManyRevocations> for ApiError {
    fn from(error: TooManyRevocations) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", error.to_string())
    }
}
