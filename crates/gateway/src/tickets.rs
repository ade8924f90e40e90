//! One-time tickets: a page that cannot set headers on a WebSocket puts one of them in the URL instead
//! of its token. Who finds it in a log later can do nothing with it.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use uuid::Uuid;

use crate::auth::Claims;

/// What a ticket begins with: no token in JWT form does.
const PREFIX: &str = "ticket_";

/// The tickets that were issued and not used yet.
#[derive(Debug)]
pub(crate) struct Tickets {
    lifetime: Duration,
    max: usize,
    max_per_user: usize,
    issued: Mutex<Issued>,
}

#[derive(Debug, Default)]
struct Issued {
    claims: HashMap<String, Claims>,
    /// All of the same lifetime, so the oldest end first. Used ones are among them until then.
    ends: VecDeque<(Instant, String)>,
    per_user: HashMap<String, usize>,
}

/// As many tickets wait to be used as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyTickets;

impl Tickets {
    pub(crate) fn new(lifetime: Duration, max: usize, max_per_user: usize) -> Self {
        Self {
            lifetime,
            max,
            max_per_user,
            issued: Mutex::default(),
        }
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Whether a text that came as a token is meant as a ticket.
    pub(crate) fn is_ticket(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// A new ticket, which stands for these claims once.
    pub(crate) fn issue(&self, now: Instant, claims: Claims) -> Result<String, TooManyTickets> {
        let mut issued = self.issued.lock();
        issued.drop_ended(now);
        let of_user = issued.per_user.get(&claims.user_id).copied().unwrap_or(0);
        if issued.ends.len() >= self.max || of_user >= self.max_per_user {
            return Err(TooManyTickets);
        }
        // 244 random bits, from the system's generator.
        let (first, second) = (Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let ticket = format!("{PREFIX}{first}{second}");
        issued.per_user.insert(claims.user_id.clone(), of_user + 1);
        issued.claims.insert(ticket.clone(), claims);
        issued.ends.push_back((now + self.lifetime, ticket.clone()));
        Ok(ticket)
    }

    /// What a ticket stands for, if it was issued, has not been used, and has not ended. From then on
    /// it is used.
    pub(crate) fn redeem(&self, now: Instant, ticket: &str) -> Option<Claims> {
        let mut issued = self.issued.lock();
        issued.drop_ended(now);
        issued.take(ticket)
    }
}

impl Issued {
    fn drop_ended(&mut self, now: Instant) {
        while let Some((_, ticket)) = self.ends.pop_front_if(|(end, _)| *end <= now) {
            self.take(&ticket);
        }
    }

    fn take(&mut self, ticket: &str) -> Option<Claims> {
        let claims = self.claims.remove(ticket)?;
        if let Some(count) = self.per_user.get_mut(&claims.user_id) {
            *count -= 1;
            if *count == 0 {
                self.per_user.remove(&claims.user_id);
            }
        }
        Some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(30);

    fn claims(user_id: &str) -> Claims {
        Claims {
            user_id: user_id.to_owned(),
            exp: 1,
            issued_at: None,
            workspace_ids: vec!["w".to_owned()],
        }
    }

    #[test]
    fn a_ticket_stands_for_its_claims_once() {
        let tickets = Tickets::new(LIFETIME, 10, 10);
        let now = Instant::now();
        let ticket = tickets.issue(now, claims("alice")).unwrap();
        assert!(Tickets::is_ticket(&ticket));
        assert_ne!(tickets.issue(now, claims("alice")), Ok(ticket.clone()));
        assert_eq!(tickets.redeem(now, "ticket_"), None);
        assert_eq!(tickets.redeem(now, &ticket), Some(claims("alice")));
        assert_eq!(tickets.redeem(now, &ticket), None);
    }

    #[test]
    fn a_ticket_ends() {
        let tickets = Tickets::new(LIFETIME, 10, 10);
        let start = Instant::now();
        let [first, second] = [(); 2].map(|()| tickets.issue(start, claims("alice")).unwrap());
        let last_moment = start + LIFETIME - Duration::from_millis(1);
        assert!(tickets.redeem(last_moment, &first).is_some());
        assert!(tickets.redeem(start + LIFETIME, &second).is_none());
    }

    #[test]
    fn a_user_and_all_together_have_so_many() {
        let tickets = Tickets::new(LIFETIME, 3, 2);
        let now = Instant::now();
        let mut last = String::new();
        for _ in 0..2 {
            last = tickets.issue(now, claims("alice")).unwrap();
        }
        assert_eq!(tickets.issue(now, claims("alice")), Err(TooManyTickets));
        assert!(tickets.issue(now, claims("bob")).is_ok());
        assert_eq!(tickets.issue(now, claims("eve")), Err(TooManyTickets));
        // A used one makes room for its user, and time for everybody.
        assert!(tickets.redeem(now, &last).is_some());
        let later = now + LIFETIME;
        assert!(tickets.issue(later, claims("eve")).is_ok());
        let issued = tickets.issued.lock();
        assert_eq!((issued.claims.len(), issued.ends.len()), (1, 1));
        assert_eq!(issued.per_user.len(), 1);
    }
}
