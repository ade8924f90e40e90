//! What must hold when all is calm again.

use flowmaestro_hub::{ConnectionId, Counts, History};
use flowmaestro_protocol::Feature;
use flowmaestro_session::{GapReason, Input, State};

use crate::Check;
use crate::client::execution_name;
use crate::network::ServerEnd;
use crate::plan::{MAX_EXECUTIONS, Plan};
use crate::world::World;

impl Plan {
    /// Whether a user can be left out: nobody changes sides.
    pub(crate) fn is_separable(&self) -> bool {
        let users = |user| self.clients.iter().any(|client| client.user == user);
        let switches = self.clients.iter().any(|it| it.habits.switch_user > 0);
        users(0) && users(1) && !switches
    }
}

impl World {
    /// I5 and I6, and that no critical event and no message was forgotten.
    pub(crate) fn check_recovery(&mut self) {
        for client in 0..self.clients.len() {
            if self.violation.is_some() || !self.takes_part(self.clients[client].plan.user) {
                continue;
            }
            let it = &self.clients[client];
            if *it.session.state() != State::Connected {
                let message = format!("client {client} is {:?}", it.session.state());
                return self.fail(Check::Liveness, message);
            }
            if it.session.queued_messages() > 0 {
                return self.fail(Check::Messages, "a message still waits".to_owned());
            }
            let unsettled = |(key, message): (&(usize, u32), &crate::world::Message)| {
                key.0 == client && !message.settled
            };
            if self.messages.iter().any(unsettled) {
                return self.fail(Check::Messages, "a message was never settled".to_owned());
            }
            for execution in 0..MAX_EXECUTIONS {
                self.check_subscription(client, execution);
            }
        }
    }

    fn check_subscription(&mut self, client: usize, execution: usize) {
        let it = &self.clients[client];
        let tracker = &it.trackers[execution];
        let visible = self.may_see(it.user, execution);
        if tracker.holders == 0 || tracker.finished || tracker.unanswered || !visible {
            return;
        }
        if tracker.refused {
            return self.fail(Check::Liveness, format!("{execution} stays refused"));
        }
        let (Some(hub), Some(socket)) = (&self.server.hub, it.socket) else {
            return self.fail(Check::Liveness, "no connection".to_owned());
        };
        let spoken = self.connections[socket].spoken;
        let name = execution_name(execution);
        if hub.execution_subscriber_count(&name) == 0 {
            let message = format!("the server sends nobody {execution}");
            return self.fail(Check::Liveness, message);
        }
        let emissions = &self.emissions[execution];
        if spoken.contains(Feature::Replay) {
            let head = hub.history().head(&name);
            let at_head = tracker.cursor == head
                && (head == 0 || tracker.history == Some(self.server.history));
            // What may be missing never had a number, and nothing has come since.
            let is_vague =
                tracker.open_gap == Some(GapReason::Baseline) && tracker.history.is_none();
            if tracker.open_gap.is_some() && head > 0 && !is_vague
                || tracker.open_gap.is_none() && head > 0 && !at_head
            {
                let check = if tracker.cursor + 1 == head {
                    Check::LastEvent
                } else {
                    Check::Liveness
                };
                let message = format!(
                    "client {client} has {} of {head} of {execution}",
                    tracker.cursor
                );
                return self.fail(check, message);
            }
            let reconnected = !self.plan.faults.mangles() || self.plan.faults.cut_at_the_end;
            let kept_all = hub.counters().unacknowledged_dropped == 0;
            let user = it.user;
            let forgotten = self.server.unacknowledged.values().find(|event| {
                event.user == user && event.execution == execution && event.seq <= head
            });
            if spoken.contains(Feature::Ack)
                && reconnected
                && kept_all
                && let Some(event) = forgotten
            {
                let message = format!("seq {} of {execution} was never handled", event.seq);
                self.fail(Check::Acknowledgement, message);
            }
        } else if !self.plan.executions[execution].falls_silent
            && let Some(last) = emissions.len().checked_sub(1)
            && !emissions[last].terminal
            && tracker.last != Some(last as u32)
            && !tracker.may_skip
            && emissions[last].at > tracker.subscribed_at + 1_000
            && tracker.open_gap.is_none()
        {
            let message = format!(
                "client {client} has {:?}, and {execution} is at {last}",
                tracker.last
            );
            self.fail(Check::LastEvent, message);
        }
    }

    /// I7: the last disconnect leaves nothing.
    pub(crate) fn check_nothing_left(&mut self) {
        if self.violation.is_some() {
            return;
        }
        for client in 0..self.clients.len() {
            self.clients[client].wished = false;
            self.input(client, Input::Disconnect);
            if self.clients[client].session.next_deadline().is_some() {
                self.fail(Check::Bounds, "a timer is left in the client".to_owned());
            }
        }
        let now = self.server_now();
        let Some(hub) = &mut self.server.hub else {
            return;
        };
        for (connection, it) in self.connections.iter().enumerate() {
            if it.server != ServerEnd::Pending {
                hub.disconnect(now, ConnectionId(connection as u64));
            }
        }
        let counts = hub.counts();
        // The numbers of messages are kept for an hour, with a timer for each user.
        let timers = if counts.message_ids > 0 { 2 } else { 0 };
        let left = Counts {
            executions: 0,
            unacknowledged: 0,
            message_ids: 0,
            timers: counts.timers.saturating_sub(timers),
            ..counts
        };
        if left != Counts::default() {
            self.fail(Check::Bounds, format!("left on the server: {left:?}"));
        }
    }
}
