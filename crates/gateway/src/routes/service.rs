//! What the routes for backends share: their authentication and their errors.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::extract::rejection::StringRejection;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::auth::{bearer, is_service_token};
use crate::gateway::Gateway;

/// A request that carries the service token. Extracted before the body is read.
pub(super) struct Service;

/// An error as every route answers it: `{"error":{"code":"…","message":"…"}}`.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorDetails<'a>,
}

#[derive(Serialize)]
struct ErrorDetails<'a> {
    code: &'a str,
    message: &'a str,
}

impl FromRequestParts<Gateway> for Service {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let expected = gateway.config().service_token.as_ref().ok_or_else(|| {
            ApiError::unauthorized("this gateway has no service token: set SERVICE_TOKEN")
        })?;
        let presented = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(bearer);
        match presented {
            Some(presented) if is_service_token(expected, presented) => Ok(Self),
            _ => {
                gateway.metrics().service_tokens_refused.inc();
                let message = "send Authorization: Bearer <service token>";
                Err(ApiError::unauthorized(message))
            }
        }
    }
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// Names the item of an array that the error is about.
    pub(super) fn at(self, index: usize) -> Self {
        Self {
            message: format!("[{index}] {}", self.message),
            ..self
        }
    }

    fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }
}

impl From<StringRejection> for ApiError {
    /// The body is too large, is not UTF-8, or did not arrive whole.
    fn from(rejection: StringRejection) -> Self {
        let status = rejection.status();
        let code = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "too_large",
            _ => "invalid_body",
        };
        Self::new(status, code, rejection.body_text())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = ErrorDetails {
            code: self.code,
            message: &self.message,
        };
        let mut response = (self.status, Json(ErrorBody { error })).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
