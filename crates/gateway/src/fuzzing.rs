//! What the fuzz targets drive directly. No part of the API.

use std::time::{Duration, Instant};

use crate::auth::Claims;

/// One-time tickets, in the caller's time.
pub struct Tickets(crate::tickets::Tickets);

impl Tickets {
    /// Tickets of such a lifetime, at most so many, and so many of one user.
    pub fn new(lifetime: Duration, max: usize, max_per_user: usize) -> Self {
        Self(crate::tickets::Tickets::new(lifetime, max, max_per_user))
    }

    /// A ticket for a user, if there is room for one.
    pub fn issue(&self, now: Instant, user_id: &str) -> Option<String> {
        let claims = Claims {
            user_id: user_id.to_owned(),
            exp: 0,
            issued_at: None,
            workspace_ids: Vec::new(),
        };
        self.0.issue(now, claims).ok()
    }

    /// The user that a ticket stands for, if it counts.
    pub fn redeem(&self, now: Instant, ticket: &str) -> Option<String> {
        let claims = self.0.redeem(now, ticket)?;
        Some(claims.user_id)
    }
}
