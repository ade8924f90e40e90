//! The model of a server's history: numbered events, sent again to those who ask, and critical ones
//! until they are acknowledged.

use std::collections::BTreeSet;

use flowmaestro_protocol::{Feature, Features};
use flowmaestro_session::{FrameKind, Generation};

use super::{Coming, TERMINAL, World, key};

/// What becomes of a frame on its way to the client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    Arrives,
    Lost,
    Doubled,
    /// This many milliseconds after its time, and so behind others.
    Late(f64),
}

/// The events of an execution in one epoch.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The number of the last event.
    pub head: u64,
    /// Events up to this number are gone.
    pub trimmed: u64,
    /// The number of the terminal event.
    pub terminal: Option<u64>,
    /// Events that are to be acknowledged.
    pub critical: BTreeSet<u64>,
    /// Events that the server has numbered and cannot send.
    pub holes: BTreeSet<u64>,
}

impl World {
    /// The next event of an execution, sent to those who are subscribed.
    pub fn publish(&mut self, execution: u32) {
        self.publish_many(execution, 1);
    }

    pub fn publish_many(&mut self, execution: u32, count: u64) {
        for _ in 0..count {
            let history = self.server.histories.entry(execution).or_default();
            history.head += 1;
            self.send_live(execution);
        }
    }

    /// The next event, which the server wants to know to be handled.
    pub fn publish_critical(&mut self, execution: u32) {
        let history = self.server.histories.entry(execution).or_default();
        history.head += 1;
        let seq = history.head;
        history.critical.insert(seq);
        self.server.unacknowledged.insert((execution, seq));
        self.send_live(execution);
    }

    /// The last event of an execution.
    pub fn publish_terminal(&mut self, execution: u32) {
        let history = self.server.histories.entry(execution).or_default();
        history.head += 1;
        history.terminal = Some(history.head);
        self.send_live(execution);
    }

    /// Forgets events up to this number.
    pub fn trim(&mut self, execution: u32, up_to: u64) {
        let history = self.server.histories.entry(execution).or_default();
        history.trimmed = history.trimmed.max(up_to.min(history.head));
    }

    /// The server restarts, and has lost its history.
    pub fn restart(&mut self) {
        self.server.epoch += 1;
        self.server.histories.clear();
        self.server.unacknowledged.clear();
        self.cut(1012, "restart");
    }

    pub fn head(&self, execution: u32) -> u64 {
        self.server
            .histories
            .get(&execution)
            .map_or(0, |history| history.head)
    }

    pub(super) fn speaks(&self, generation: Generation, feature: Feature) -> bool {
        self.server
            .spoken
            .get(&generation)
            .is_some_and(|features| features.contains(feature))
    }

    fn send_live(&mut self, execution: u32) {
        let seq = self.head(execution);
        for (generation, subscriptions) in self.server.connections.clone() {
            if subscriptions.contains(&execution) {
                self.send_event(generation, execution, seq);
            }
        }
    }

    fn send_event(&mut self, generation: Generation, execution: u32, seq: u64) {
        let epoch = self.server.epoch;
        let history = self.server.histories.get(&execution);
        if history.is_none_or(|history| history.holes.contains(&seq)) {
            return;
        }
        let coming = if self.speaks(generation, Feature::Replay) || self.server.numbers_anyway {
            Coming::Event {
                generation,
                execution,
                epoch,
                seq,
            }
        } else {
            let kind = self.event_frame(execution, seq, false);
            Coming::ToClient { generation, kind }
        };
        self.later(self.latency, coming);
    }

    fn event_frame(&self, execution: u32, seq: u64, numbered: bool) -> FrameKind {
        let history = self.server.histories.get(&execution);
        let terminal = history.is_some_and(|history| history.terminal == Some(seq));
        FrameKind::Event {
            event: if terminal { TERMINAL } else { 1 },
            execution: Some(key(execution)),
            terminal,
            seq: numbered.then_some(seq),
            ack: history.is_some_and(|history| history.critical.contains(&seq)),
        }
    }

    /// A numbered event arrives at the client. Its payload says which it is.
    pub(super) fn numbered_event(
        &mut self,
        generation: Generation,
        execution: u32,
        epoch: u32,
        seq: u64,
    ) {
        let kind = self.event_frame(execution, seq, true);
        self.deliver_frame(generation, kind, format!("#{epoch}.{seq}"));
    }

    /// Answers a subscription with where it stands, and all that came after what the client has.
    pub(super) fn recover(
        &mut self,
        generation: Generation,
        execution: u32,
        after: Option<u64>,
        epoch: Option<u32>,
    ) {
        let History { head, trimmed, .. } = *self.server.histories.entry(execution).or_default();
        // As the gateway does: who names no history is believed to mean this one.
        let ours = epoch.is_none_or(|epoch| epoch == self.server.epoch);
        let from = after.filter(|after| ours && *after <= head).unwrap_or(0);
        let recovered = from >= trimmed && (after.is_none() || ours && after == Some(from));
        let epoch = self.server.epoch;
        let answer = Coming::Positioned {
            generation,
            execution,
            epoch,
            head,
            recovered,
        };
        self.later(self.latency, answer);
        for seq in from.max(trimmed) + 1..=head {
            self.send_event(generation, execution, seq);
        }
    }

    /// Answers a replay, or leaves it until the server has thought about it.
    pub(super) fn asked_for_the_past(
        &mut self,
        generation: Generation,
        execution: u32,
        since: u64,
    ) {
        assert!(
            self.speaks(generation, Feature::Replay),
            "to a baseline server"
        );
        let busy = self.server.busy.get_mut(&execution).filter(|n| **n > 0);
        let forbidden = self.server.forbidden.contains(&execution);
        if forbidden || busy.is_some() {
            busy.into_iter().for_each(|n| *n -= 1);
            let kind = FrameKind::Error {
                execution: Some(key(execution)),
                message: None,
                forbidden,
            };
            return self.later(self.latency, Coming::ToClient { generation, kind });
        }
        if self.server.mute.contains(&execution) {
            return;
        }
        self.server.replays.push((generation, execution, since));
        if !self.server.thinks {
            self.answer_replays();
        }
    }

    /// Sends what the replays that wait have asked for.
    pub fn answer_replays(&mut self) {
        for (generation, execution, since) in std::mem::take(&mut self.server.replays) {
            if !self.server.connections.contains_key(&generation) {
                continue;
            }
            let History { head, trimmed, .. } =
                *self.server.histories.entry(execution).or_default();
            let first = since.max(trimmed + 1);
            for seq in first..=head {
                self.send_event(generation, execution, seq);
            }
            let kind = FrameKind::Replayed {
                execution: key(execution),
                count: (head + 1).saturating_sub(first),
                complete: first == since.max(1),
            };
            self.later(self.latency, Coming::ToClient { generation, kind });
        }
    }

    /// What was not acknowledged comes again on each connection, before anything else.
    pub(super) fn greet(&mut self, generation: Generation, features: Features) {
        self.server.spoken.insert(generation, features);
        if !features.contains(Feature::Ack) {
            return;
        }
        for (execution, seq) in self.server.unacknowledged.clone() {
            self.send_event(generation, execution, seq);
        }
    }

    pub(super) fn event_acknowledged(&mut self, generation: Generation, execution: u32, seq: u64) {
        if self.server.connections.contains_key(&generation) {
            self.server.event_acks.push((execution, seq));
            self.server.unacknowledged.remove(&(execution, seq));
        }
    }
}
