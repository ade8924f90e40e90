use std::collections::BTreeSet;
use std::sync::Arc;

use crate::Millis;

/// Who speaks on a connection, as its token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user_id: Arc<str>,
    /// The workspaces that the user is a member of.
    pub workspaces: BTreeSet<String>,
    /// When the token ends. The connection ends with it, save for
    /// [`Config::token_leeway_ms`](crate::Config::token_leeway_ms).
    pub expires_at: Millis,
}

impl Identity {
    /// A user who is a member of no workspace.
    pub fn user(user_id: impl Into<Arc<str>>, expires_at: Millis) -> Self {
        Self {
            user_id: user_id.into(),
            workspaces: BTreeSet::new(),
            expires_at,
        }
    }
}
