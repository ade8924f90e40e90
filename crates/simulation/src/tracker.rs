//! What one client was told of one execution, against what was emitted.

use flowmaestro_protocol::Feature;
use flowmaestro_session::{ExecutionKey, Gap, GapReason};

use crate::Check;
use crate::client::Received;
use crate::plan::MAX_EXECUTIONS;
use crate::world::World;

/// From the first subscription until the session has released the execution.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracker {
    pub(crate) holders: u32,
    /// The connection on which it is on, as was told.
    pub(crate) live_on: Option<usize>,
    /// When the server acknowledged it.
    pub(crate) subscribed_at: u64,
    /// The last number that was delivered, or told to be missing.
    pub(crate) cursor: u64,
    /// Whose number that is.
    pub(crate) history: Option<u32>,
    /// A gap was told whose end the next event tells.
    pub(crate) open_gap: Option<GapReason>,
    /// Something may be missing before the next event: it was told, or nobody wanted it.
    pub(crate) may_skip: bool,
    /// The last emission that was delivered.
    pub(crate) last: Option<u32>,
    /// The last number that was told to be missing.
    pub(crate) told_until: u64,
    pub(crate) finished: bool,
    pub(crate) refused: bool,
    /// Every answer was lost, which was told.
    pub(crate) unanswered: bool,
}

impl Tracker {
    pub(crate) fn subscribe(&mut self, numbered: bool) {
        // Without numbers nobody knows what was missed while nobody wanted it.
        if (self.holders == 0 || self.finished) && !numbered {
            self.may_skip = true;
        }
        self.holders += 1;
        self.finished = false;
    }

    pub(crate) fn unsubscribe(&mut self) {
        self.holders = self.holders.saturating_sub(1);
    }
}

impl World {
    pub(crate) fn track_subscribed(&mut self, client: usize, key: ExecutionKey) {
        let Some(execution) = self.clients[client].name(key) else {
            return self.fail(Check::Bounds, "a nameless key".to_owned());
        };
        let socket = self.clients[client].socket;
        let tracker = &mut self.clients[client].trackers[execution];
        tracker.subscribed_at = self.now;
        tracker.live_on = socket;
        if self.clients[client].trackers[execution].holders == 0 {
            self.fail(Check::Unsubscribed, "acknowledged to nobody".to_owned());
        }
    }

    /// An event was handed to the handlers.
    pub(crate) fn track_event(
        &mut self,
        client: usize,
        key: Option<ExecutionKey>,
        event: &Received,
    ) {
        let connection = &self.connections[event.connection];
        let numbered = connection.spoken.contains(Feature::Replay);
        let signed_in = self.clients[client].user;
        if connection.user != signed_in {
            return self.fail(Check::Credentials, "an event of the last user's".to_owned());
        }
        let Some(execution) = event.execution else {
            return self.track_document(client, event);
        };
        let named = key.and_then(|key| self.clients[client].name(key));
        if named != Some(execution) {
            return self.fail(
                Check::Isolation,
                format!("an event of execution {execution} goes to {named:?}"),
            );
        }
        if !self.may_see(signed_in, execution) {
            return self.fail(
                Check::Isolation,
                format!("client {client} sees {execution}"),
            );
        }
        let index = event.index;
        let Some(emission) = self.emissions[execution].get(index as usize).cloned() else {
            return self.fail(Check::Order, "nobody emitted this".to_owned());
        };
        let mangles = self.plan.faults.mangles();
        let history = self.server.history;
        let first = {
            let hub = self
                .server
                .hub
                .as_ref()
                .filter(|_| emission.history == history);
            hub.map(|hub| {
                let name = crate::client::execution_name(execution);
                flowmaestro_hub::History::first(hub.history(), &name)
            })
        };
        let tracker = &mut self.clients[client].trackers[execution];
        let before = tracker.clone();
        let told = tracker.open_gap.take().is_some();
        let skips = std::mem::take(&mut tracker.may_skip) || told;
        tracker.last = Some(index);
        tracker.finished |= emission.terminal;
        if numbered {
            tracker.cursor = emission.seq;
            tracker.history = Some(emission.history);
        }
        if before.holders == 0 {
            return self.fail(
                Check::Unsubscribed,
                format!("client {client} is handed {index} of {execution}"),
            );
        }
        if let Some(last) = before.last {
            if index == last {
                return self.fail(Check::OnceOrTold, format!("{index} of {execution} twice"));
            }
            if index < last {
                let message = format!("{index} of {execution} after {last}");
                return self.fail(Check::Order, message);
            }
            if index > last + 1 && !skips {
                let message = format!("{index} of {execution} after {last}, and nothing told");
                return self.fail(Check::OnceOrTold, message);
            }
        }
        if !numbered {
            return;
        }
        let tracker = &mut self.clients[client].trackers[execution];
        if told {
            tracker.told_until = tracker.told_until.max(emission.seq - 1);
        }
        let same = before
            .history
            .map_or(before.cursor == 0, |history| history == emission.history);
        if same && emission.seq <= before.cursor && !(told && before.cursor == 0) {
            let message = format!("seq {} of {execution} again", emission.seq);
            return self.fail(Check::OnceOrTold, message);
        }
        let follows = same && emission.seq == before.cursor + 1;
        if !follows && !told {
            let message = format!(
                "seq {} of {execution} after {}, and no gap told",
                emission.seq, before.cursor
            );
            return self.fail(Check::OnceOrTold, message);
        }
        // What was told to be gone is gone.
        if let (true, Some(first)) = (same && told && !mangles, first)
            && before.open_gap == Some(GapReason::Evicted)
            && emission.seq > first
            && emission.seq > before.cursor + 1
        {
            let message = format!(
                "{} to {} of {execution} count as gone, and {first} is there",
                before.cursor + 1,
                emission.seq - 1
            );
            self.fail(Check::OnceOrTold, message);
        }
    }

    /// A user's event: in order, and on one connection without doubles. It has no number, so that
    /// nobody can tell it apart on two.
    fn track_document(&mut self, client: usize, event: &Received) {
        let it = &mut self.clients[client];
        let next = event.index + 1;
        if next <= it.documents_seen && !self.plan.faults.mangles() && !it.has_renewed {
            return self.fail(Check::Order, format!("document {} again", event.index));
        }
        it.documents_seen = next;
        if self.documents[it.user] < next {
            self.fail(Check::Isolation, "a document of another's".to_owned());
        }
    }

    /// `connection:gap`.
    pub(crate) fn track_gap(&mut self, client: usize, key: ExecutionKey, gap: Gap) {
        let Some(execution) = self.clients[client].name(key) else {
            return self.fail(Check::Bounds, "a gap of a nameless key".to_owned());
        };
        let history = self.server.history;
        let socket = self.clients[client].socket;
        let sender = socket.map_or(history, |socket| self.connections[socket].history);
        let mangles = self.plan.faults.mangles();
        let name = crate::client::execution_name(execution);
        let (first, head) = match &self.server.hub {
            Some(hub) => (
                flowmaestro_hub::History::first(hub.history(), &name),
                flowmaestro_hub::History::head(hub.history(), &name),
            ),
            None => (u64::MAX, u64::MAX),
        };
        let tracker = &mut self.clients[client].trackers[execution];
        let before = tracker.clone();
        tracker.may_skip = true;
        if before.holders == 0 {
            return self.fail(Check::Unsubscribed, "a gap told to nobody".to_owned());
        }
        match (gap.from, gap.to) {
            // The numbers begin anew.
            (None, to) => {
                tracker.open_gap = to.is_none().then_some(gap.reason);
                tracker.cursor = to.unwrap_or_default();
                tracker.told_until = tracker.told_until.max(tracker.cursor);
                tracker.history = to.map(|_| sender);
            }
            (Some(from), to) => {
                if from != before.cursor + 1 && before.open_gap.is_none() {
                    let message = format!("a gap from {from} after {}", before.cursor);
                    return self.fail(Check::OnceOrTold, message);
                }
                match to {
                    None if before.open_gap.is_some() => {
                        // Nothing has said yet of which history the numbers are.
                        tracker.open_gap = Some(gap.reason);
                        tracker.cursor = from.saturating_sub(1);
                        tracker.history = None;
                    }
                    None => tracker.open_gap = Some(gap.reason),
                    Some(to) => {
                        tracker.open_gap = None;
                        tracker.cursor = to;
                        tracker.told_until = tracker.told_until.max(to);
                        tracker.history = Some(sender);
                        let same = tracker.history == Some(history);
                        if to < from || same && to > head {
                            let message = format!("a gap from {from} to {to} of {head}");
                            return self.fail(Check::OnceOrTold, message);
                        }
                        if gap.reason == GapReason::Evicted && same && !mangles && to >= first {
                            let message =
                                format!("{from} to {to} count as gone, and {first} is there");
                            self.fail(Check::OnceOrTold, message);
                        }
                    }
                }
            }
        }
    }

    /// What always holds of a client.
    pub(crate) fn check_client_bounds(&mut self, client: usize) {
        let it = &self.clients[client];
        let options = &it.plan.options;
        let session = &it.session;
        let problem = if session.queued_messages() > options.max_queued_messages {
            "queued messages"
        } else if session.queued_bytes() > options.max_queued_bytes {
            "queued bytes"
        } else if it.held() > options.max_subscriptions + usize::from(it.asking) {
            "subscriptions"
        } else if session.held_events() > 256 * MAX_EXECUTIONS {
            "held events"
        } else {
            return;
        };
        self.fail(
            Check::Bounds,
            format!("client {client}: too many {problem}"),
        );
    }
}
