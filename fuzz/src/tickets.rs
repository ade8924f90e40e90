//! One-time tickets beside a list of those that should count.

use std::time::{Duration, Instant};

use arbitrary::{Result, Unstructured};
use flowmaestro_gateway::fuzzing::Tickets;

const LIFETIME: Duration = Duration::from_secs(30);
const MAX: usize = 40;
const MAX_PER_USER: usize = 32;
const USERS: [&str; 3] = ["alice", "bob", "eve"];

/// Reads the bytes as tickets that are issued, used and forged, while time passes.
pub fn tickets(data: &[u8]) {
    // Where the bytes end, so does the run.
    let _ = run(&mut Unstructured::new(data));
}

/// A ticket that was issued and has not ended.
struct Issued {
    ticket: String,
    user: &'static str,
    ends: Instant,
    used: bool,
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let tickets = Tickets::new(LIFETIME, MAX, MAX_PER_USER);
    let mut now = Instant::now();
    let mut model: Vec<Issued> = Vec::new();
    while !u.is_empty() {
        match u.int_in_range(0..=7)? {
            0..=2 => issue(&tickets, &mut model, now, u.choose(&USERS)?),
            3 | 4 => redeem(&tickets, &mut model, now, u.arbitrary()?),
            5 => {
                let forged = forged(&model, u)?;
                assert_eq!(tickets.redeem(now, &forged), None, "{forged}");
            }
            6 => now += Duration::from_millis(u64::from(u.arbitrary::<u8>()?)),
            _ => now += Duration::from_millis(u.int_in_range(0..=40_000)?),
        }
        model.retain(|it| it.ends > now);
    }
    Ok(())
}

fn issue(tickets: &Tickets, model: &mut Vec<Issued>, now: Instant, user: &'static str) {
    let of_user = model.iter().filter(|it| it.user == user && !it.used);
    let has_room = model.len() < MAX && of_user.count() < MAX_PER_USER;
    let ticket = tickets.issue(now, user);
    assert_eq!(ticket.is_some(), has_room, "{} of {MAX}", model.len());
    if let Some(ticket) = ticket {
        assert!(model.iter().all(|it| it.ticket != ticket), "issued twice");
        model.push(Issued {
            ticket,
            user,
            ends: now + LIFETIME,
            used: false,
        });
    }
}

fn redeem(tickets: &Tickets, model: &mut [Issued], now: Instant, number: u8) {
    let count = model.len().max(1);
    let Some(issued) = model.get_mut(usize::from(number) % count) else {
        return;
    };
    let expected = (!issued.used).then(|| issued.user.to_owned());
    assert_eq!(tickets.redeem(now, &issued.ticket), expected);
    issued.used = true;
}

/// A text that was never issued: any, or a ticket with one byte changed.
fn forged(model: &[Issued], u: &mut Unstructured<'_>) -> Result<String> {
    let Some(issued) = model.last().filter(|_| u.ratio(3, 4).unwrap_or(false)) else {
        return u.arbitrary::<&str>().map(str::to_owned);
    };
    let mut bytes = issued.ticket.clone().into_bytes();
    let at = u.choose_index(bytes.len())?;
    bytes[at] ^= u.int_in_range(1..=15)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
