//! Tokens that ended before their time: those that a user got before some moment.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::auth::Claims;

/// The users whose older tokens do not count any more.
#[derive(Debug)]
pub(crate) struct Revocations {
    lifetime: Duration,
    max: usize,
    revoked: Mutex<Revoked>,
}

/// As many revocations are remembered as may be: this one is not, and nobody was disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as many revocations are remembered as may be: raise --max-revocations")]
pub struct TooManyRevocations;

#[derive(Debug, Default)]
struct Revoked {
    users: HashMap<String, Revocation>,
    /// Those that end first come first, save for one that was renewed: it may stay longer.
    ends: VecDeque<(Instant, String)>,
}

#[derive(Clone, Copy, Debug)]
struct Revocation {
    /// Tokens issued by then do not count, in seconds since 1970.
    issued_by: u64,
    end: Instant,
}

impl Revocations {
    pub(crate) fn new(lifetime: Duration, max: usize) -> Self {
        Self {
            lifetime,
            max,
            revoked: Mutex::default(),
        }
    }

    /// Revokes all tokens of a user that were issued up to now.
    pub(crate) fn revoke(&self, user_id: &str) -> Result<(), TooManyRevocations> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let issued_by = since_epoch.unwrap_or_default().as_secs();
        self.revoke_at(Instant::now(), issued_by, user_id)
    }

    /// Whether the token with these claims was revoked. One that does not say when it was issued may
    /// be older than the revocation.
    pub(crate) fn cover(&self, claims: &Claims) -> bool {
        let revoked = self.revoked.lock();
        let revocation = revoked.users.get(&claims.user_id);
        revocation.is_some_and(|it| claims.issued_at.is_none_or(|at| at <= it.issued_by))
    }

    fn revoke_at(
        &self,
        now: Instant,
        issued_by: u64,
        user_id: &str,
    ) -> Result<(), TooManyRevocations> {
        let mut revoked = self.revoked.lock();
        revoked.drop_ended(now);
        let end = now + self.lifetime;
        let revocation = Revocation { issued_by, end };
        if let Some(earlier) = revoked.users.get_mut(user_id) {
            *earlier = revocation;
            return Ok(());
        }
        if revoked.users.len() >= self.max {
            return Err(TooManyRevocations);
        }
        revoked.users.insert(user_id.to_owned(), revocation);
        revoked.ends.push_back((end, user_id.to_owned()));
        Ok(())
    }
}

impl Revoked {
    fn drop_ended(&mut self, now: Instant) {
        while let Some((_, user_id)) = self.ends.pop_front_if(|(end, _)| *end <= now) {
            match self.users.get(&user_id) {
                Some(renewed) if renewed.end > now => self.ends.push_back((renewed.end, user_id)),
                _ => drop(self.users.remove(&user_id)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(60);

    fn claims(user_id: &str, issued_at: Option<u64>) -> Claims {
        Claims {
            user_id: user_id.to_owned(),
            exp: 1,
            issued_at,
            workspace_ids: Vec::new(),
        }
    }

    #[test]
    fn older_tokens_of_the_user_are_covered() {
        let revocations = Revocations::new(LIFETIME, 10);
        revocations
            .revoke_at(Instant::now(), 1_000, "alice")
            .unwrap();
        for (user_id, issued_at, covered) in [
            ("alice", Some(999), true),
            ("alice", Some(1_000), true),
            ("alice", Some(1_001), false),
            ("alice", None, true),
            ("bob", Some(1), false),
            ("bob", None, false),
        ] {
            let claims = claims(user_id, issued_at);
            assert_eq!(revocations.cover(&claims), covered, "{claims:?}");
        }
    }

    #[test]
    fn they_are_bounded_and_end() {
        let revocations = Revocations::new(LIFETIME, 2);
        let start = Instant::now();
        let half = start + LIFETIME / 2;
        revocations.revoke_at(start, 1, "alice").unwrap();
        revocations.revoke_at(start, 1, "bob").unwrap();
        assert_eq!(
            revocations.revoke_at(start, 1, "eve"),
            Err(TooManyRevocations)
        );
        revocations.revoke_at(half, 2, "alice").unwrap();
        revocations.revoke_at(start + LIFETIME, 1, "eve").unwrap();
        assert!(!revocations.cover(&claims("bob", None)), "its end came");
        assert!(revocations.cover(&claims("alice", Some(2))), "renewed");
        revocations.revoke_at(half + LIFETIME, 1, "bob").unwrap();
        assert!(!revocations.cover(&claims("alice", None)));
        let revoked = revocations.revoked.lock();
        assert_eq!((revoked.users.len(), revoked.ends.len()), (2, 2));
    }
}
