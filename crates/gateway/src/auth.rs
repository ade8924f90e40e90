//! Who may connect: the users' tokens (JWT, RFC 7519) and the backends' service token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowmaestro_hub::{Identity, Millis};
use flowmaestro_protocol::MAX_SAFE_INTEGER;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// How far the clocks of the token's issuer and of the gateway may differ, in seconds.
pub(crate) const LEEWAY_SECS: u64 = 5;

/// The largest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// What a valid token says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// The user: claim `userId`, else `sub`.
    pub user_id: String,
    /// When the token expires, in seconds since 1970.
    pub exp: u64,
    /// When it was issued (`iat`), likewise, where it says so.
    pub issued_at: Option<u64>,
    /// The workspaces of the user; empty when the token names none.
    pub workspace_ids: Vec<String>,
}

/// Why a token is refused. It never holds any of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no token.
    #[error("no token: send it as ?token=, as an Authorization header or as a subprotocol")]
    Missing,
    /// It is a one-time ticket that was never issued, was used before, or has ended.
    #[error("the ticket was used, has ended, or was never issued: get a new one")]
    UnknownTicket,
    /// It is longer than 8 KiB.
    #[error("the token is larger than {MAX_TOKEN_BYTES} bytes")]
    TooLarge,
    /// It is not a JWT, or its claims are not what they should be.
    #[error("the token cannot be read")]
    Malformed,
    /// It is signed with another algorithm than HS256, or not at all.
    #[error("the token is not signed with HS256")]
    WrongAlgorithm,
    /// The signature is not of this gateway's secret.
    #[error("the token's signature does not match")]
    BadSignature,
    /// It has expired.
    #[error("the token has expired: get a new one")]
    Expired,
    /// It is not valid yet (`nbf`).
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Its issuer is missing or another one.
    #[error("the token comes from another issuer")]
    WrongIssuer,
    /// Its audience is missing or another one.
    #[error("the token is meant for another audience")]
    WrongAudience,
    /// The user's tokens up to some moment were revoked, and this one is older or does not say when
    /// it was issued (`iat`).
    #[error("the token was revoked: get a new one")]
    Revoked,
    /// A required claim is missing: `exp`, or both `userId` and `sub`.
    #[error("the token lacks a claim: exp and userId (or sub) are required")]
    MissingClaim,
}

/// A token could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token could not be signed")]
pub struct SignError;

/// Verifies and signs the users' tokens: HS256 only, `exp` required, `nbf` checked, `iss` and `aud`
/// required when configured.
pub struct TokenVerifier {
    decoding_key: DecodingKey,
    encoding_key: EncodingKey,
    validation: Validation,
    issuer: Option<String>,
    audience: Option<String>,
}

/// The claims as they stand in a token.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawClaims {
    user_id: Option<String>,
    sub: Option<String>,
    /// RFC 7519 allows a fraction. Where it is missing, the validation says so.
    #[serde(default)]
    exp: f64,
    iat: Option<f64>,
    #[serde(default)]
    workspace_ids: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignedClaims<'a> {
    user_id: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

impl Claims {
    /// Who speaks with this token.
    pub(crate) fn identity(&self) -> Identity {
        let expires_at = self.exp.saturating_mul(1_000).min(MAX_SAFE_INTEGER);
        Identity {
            user_id: self.user_id.as_str().into(),
            workspaces: self.workspace_ids.iter().cloned().collect(),
            expires_at: Millis(expires_at),
        }
    }
}

impl AuthError {
    /// The reason that the closing frame carries. The three texts are the protocol's; which of a
    /// token's faults was found is for the gateway's log alone.
    pub(crate) fn close_reason(self) -> &'static str {
        match self {
            Self::Missing => "Authentication required",
            Self::UnknownTicket
            | Self::TooLarge
            | Self::Malformed
            | Self::WrongAlgorithm
            | Self::BadSignature => "Invalid token",
            Self::Expired
            | Self::NotYetValid
            | Self::WrongIssuer
            | Self::WrongAudience
            | Self::Revoked
            | Self::MissingClaim => "Authentication failed",
        }
    }

    /// The label of the metric.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::UnknownTicket => "unknown_ticket",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Revoked => "revoked",
            Self::MissingClaim => "missing_claim",
        }
    }
}

impl TokenVerifier {
    pub(crate) fn new(
        secret: &SecretString,
        issuer: Option<String>,
        audience: Option<String>,
    ) -> Self {
        let secret = secret.expose_secret().as_bytes();
        let validation = validation(issuer.as_deref(), audience.as_deref());
        Self {
            decoding_key: DecodingKey::from_secret(secret),
            encoding_key: EncodingKey::from_secret(secret),
            validation,
            issuer,
            audience,
        }
    }

    /// Verifies a token.
    ///
    /// # Errors
    /// [`AuthError`] says what is wrong with it.
    pub fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        if token.is_empty() {
            return Err(AuthError::Missing);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::TooLarge);
        }
        let claims = decode::<RawClaims>(token, &self.decoding_key, &self.validation)
            .map_err(|error| auth_error(error.kind()))?
            .claims;
        let user_id = claims
            .user_id
            .or(claims.sub)
            .filter(|user_id| !user_id.is_empty());
        Ok(Claims {
            user_id: user_id.ok_or(AuthError::MissingClaim)?,
            exp: claims.exp as u64,
            issued_at: claims.iat.map(|at| at as u64),
            workspace_ids: claims.workspace_ids,
        })
    }

    /// Signs a token for a user that is valid for `ttl`, for development and demonstrations: users
    /// are signed in elsewhere.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, user_id: &str, ttl: Duration) -> Result<String, SignError> {
        let claims = SignedClaims {
            user_id,
            iat: since_epoch().as_secs(),
            exp: since_epoch().saturating_add(ttl).as_secs(),
            iss: self.issuer.as_deref(),
            aud: self.audience.as_deref(),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding_key).map_err(|_| SignError)
    }
}

/// Whether a presented service token is the right one, in a time that does not tell where they
/// differ.
pub(crate) fn is_service_token(expected: &SecretString, presented: &str) -> bool {
    expected
        .expose_secret()
        .as_bytes()
        .ct_eq(presented.as_bytes())
        .into()
}

/// The token of an `Authorization: Bearer` header value (RFC 6750: the scheme ignores case).
pub(crate) fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn validation(issuer: Option<&str>, audience: Option<&str>) -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = LEEWAY_SECS;
    validation.validate_nbf = true;
    let mut required = vec!["exp"];
    if let Some(issuer) = issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    if let Some(audience) = audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    validation.set_required_spec_claims(&required);
    validation
}

fn auth_error(kind: &ErrorKind) -> AuthError {
    match kind {
        ErrorKind::ExpiredSignature => AuthError::Expired,
        ErrorKind::ImmatureSignature => AuthError::NotYetValid,
        ErrorKind::InvalidSignature => AuthError::BadSignature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => AuthError::WrongAlgorithm,
        ErrorKind::InvalidIssuer => AuthError::WrongIssuer,
        ErrorKind::InvalidAudience => AuthError::WrongAudience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => AuthError::WrongIssuer,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => AuthError::WrongAudience,
        ErrorKind::MissingRequiredClaim(_) => AuthError::MissingClaim,
        _ => AuthError::Malformed,
    }
}

fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
