//! The users' tokens: JWTs signed with HS256, as the gateway wants them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use crate::Failure;

const TTL: Duration = Duration::from_secs(60 * 60);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims<'a> {
    user_id: &'a str,
    exp: u64,
    workspace_ids: &'a [&'a str],
}

/// A token of a user who is a member of these workspaces, valid for an hour.
pub(crate) fn sign(secret: &str, user_id: &str, workspaces: &[&str]) -> Result<String, Failure> {
    let exp = (SystemTime::now().duration_since(UNIX_EPOCH)? + TTL).as_secs();
    let claims = Claims {
        user_id,
        exp,
        workspace_ids: workspaces,
    };
    let key = EncodingKey::from_secret(secret.as_bytes());
    Ok(encode(&Header::new(Algorithm::HS256), &claims, &key)?)
}
