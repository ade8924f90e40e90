use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Api;
use super::error::ApiError;

/// The longest name, in characters.
const MAX_NAME_CHARS: usize = 64;

/// How long a sign-in lasts.
const SIGN_IN: Duration = Duration::from_secs(12 * 60 * 60);

#[derive(Deserialize)]
pub struct Request {
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn {
    token: String,
    user_id: String,
    name: String,
    /// In ms since the Unix epoch.
    expires_at: u64,
}

/// Signs in whoever says a name: a demonstration of users, not of passwords.
pub async fn login(
    State(api): State<Api>,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<Json<SignedIn>, ApiError> {
    let Json(request) = request?;
    let name = request.name.trim();
    if name.is_empty()
        || name.chars().count() > MAX_NAME_CHARS
        || name.chars().any(char::is_control)
    {
        let message =
            format!("a name has 1 to {MAX_NAME_CHARS} characters, none of them a control");
        return Err(ApiError::invalid(message));
    }
    let user_id = user_id(name);
    let token = api.gateway.sign_token(&user_id, SIGN_IN);
    let token = token.map_err(|error| ApiError::internal(&error))?;
    let claims = api.gateway.verifier().verify(&token);
    let claims = claims.map_err(|error| ApiError::internal(&error))?;
    let expires_at = claims.exp.saturating_mul(1000);
    Ok(Json(SignedIn {
        token,
        user_id,
        name: name.to_owned(),
        expires_at,
    }))
}

/// One user for each name, however it is capitalised.
fn user_id(name: &str) -> String {
    format!(
        "user_{}",
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.to_lowercase().as_bytes())
    )
}
