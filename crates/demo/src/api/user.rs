use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use super::Api;
use super::error::ApiError;

/// The signed-in user of a request. Extracted before the body is read.
pub struct User {
    pub id: String,
}

impl FromRequestParts<Api> for User {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let authorization = parts.headers.get(header::AUTHORIZATION);
        let token = authorization
            .and_then(|value| value.to_str().ok()?.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| {
                ApiError::unauthorized("sign in, and send Authorization: Bearer <token>")
            })?;
        match api.gateway.verifier().verify(token) {
            Ok(claims) => Ok(Self { id: claims.user_id }),
            Err(error) => Err(ApiError::unauthorized(format!("sign in again: {error}"))),
        }
    }
}
