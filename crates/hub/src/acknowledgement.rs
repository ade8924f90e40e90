use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::{Config, Millis};

/// The critical events that users have not acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Unacknowledged {
    /// In the order of their emission.
    by_user: BTreeMap<Arc<str>, VecDeque<CriticalEvent>>,
    /// The users who have some of an execution.
    by_execution: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

#[derive(Clone, Debug)]
pub(crate) struct CriticalEvent {
    pub(crate) execution_id: Arc<str>,
    pub(crate) event_id: Arc<str>,
    pub(crate) seq: u64,
    pub(crate) text: Arc<str>,
}

impl Unacknowledged {
    /// Keeps an event for a user, and says whether their oldest had to make room.
    pub(crate) fn add(&mut self, user_id: &Arc<str>, event: CriticalEvent, max: usize) -> bool {
        let events = self.by_user.entry(Arc::clone(user_id)).or_default();
        let users = self.by_execution.entry(Arc::clone(&event.execution_id));
        users.or_default().insert(Arc::clone(user_id));
        events.push_back(event);
        if events.len() <= max {
            return false;
        }
        if let Some(oldest) = events.pop_front() {
            self.tidy(user_id, &oldest.execution_id);
        }
        true
    }

    /// Drops what a user has acknowledged, and returns it.
    pub(crate) fn acknowledge(&mut self, user_id: &str, event_id: &str) -> Option<CriticalEvent> {
        let events = self.by_user.get_mut(user_id)?;
        let position = events.iter().position(|kept| &*kept.event_id == event_id)?;
        let event = events.remove(position)?;
        self.tidy(user_id, &event.execution_id);
        Some(event)
    }

    /// What a user has not acknowledged, in the order of emission.
    pub(crate) fn of_user(&self, user_id: &str) -> impl Iterator<Item = &CriticalEvent> {
        self.by_user.get(user_id).into_iter().flatten()
    }

    pub(crate) fn forget_execution(&mut self, execution_id: &str) {
        for user_id in self.by_execution.remove(execution_id).unwrap_or_default() {
            if let Some(events) = self.by_user.get_mut(&user_id) {
                events.retain(|event| &*event.execution_id != execution_id);
                if events.is_empty() {
                    self.by_user.remove(&user_id);
                }
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_user.values().map(VecDeque::len).sum()
    }

    /// Removes the entries that an event has left empty.
    fn tidy(&mut self, user_id: &str, execution_id: &str) {
        let events = self.by_user.get(user_id);
        let is_empty = events.is_none_or(VecDeque::is_empty);
        let none_of_execution = events
            .into_iter()
            .flatten()
            .all(|event| &*event.execution_id != execution_id);
        if is_empty {
            self.by_user.remove(user_id);
        }
        if none_of_execution && let Some(users) = self.by_execution.get_mut(execution_id) {
            users.remove(user_id);
            if users.is_empty() {
                self.by_execution.remove(execution_id);
            }
        }
    }
}

/// The numbers of the messages that users sent, so that one that comes twice is acted on once.
#[derive(Debug, Default)]
pub(crate) struct MessageIds {
    by_user: BTreeMap<Arc<str>, Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    ids: BTreeSet<Arc<str>>,
    /// The same, the oldest first, and when each is forgotten.
    by_age: VecDeque<(Millis, Arc<str>)>,
}

impl MessageIds {
    pub(crate) fn contains(&self, user_id: &str, message_id: &str) -> bool {
        let remembered = self.by_user.get(user_id);
        remembered.is_some_and(|remembered| remembered.ids.contains(message_id))
    }

    /// Remembers a number. The user's oldest makes room for it.
    pub(crate) fn add(
        &mut self,
        now: Millis,
        user_id: &Arc<str>,
        message_id: &str,
        config: &Config,
    ) {
        let remembered = self.by_user.entry(Arc::clone(user_id)).or_default();
        let message_id: Arc<str> = message_id.into();
        if remembered.ids.insert(Arc::clone(&message_id)) {
            let until = now.plus(config.message_id_retention_ms);
            remembered.by_age.push_back((until, message_id));
        }
        if remembered.ids.len() > config.max_message_ids {
            remembered.forget_oldest();
        }
    }

    /// Forgets what was kept long enough, and says when there is more to forget.
    pub(crate) fn forget_due(&mut self, now: Millis, user_id: &str) -> Option<Millis> {
        let remembered = self.by_user.get_mut(user_id)?;
        while remembered.next_deadline().is_some_and(|until| until <= now) {
            remembered.forget_oldest();
        }
        let next = remembered.next_deadline();
        if next.is_none() {
            self.by_user.remove(user_id);
        }
        next
    }

    pub(crate) fn len(&self) -> usize {
        self.by_user.values().map(|user| user.ids.len()).sum()
    }
}

impl Remembered {
    fn next_deadline(&self) -> Option<Millis> {
        self.by_age.front().map(|(until, _)| *until)
    }

    fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.by_age.pop_front() {
            self.ids.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(execution_id: &str, event_id: &str) -> CriticalEvent {
        CriticalEvent {
            execution_id: execution_id.into(),
            event_id: event_id.into(),
            seq: 1,
            text: "{}".into(),
        }
    }

    fn entries(events: &Unacknowledged) -> (usize, usize) {
        (events.by_user.len(), events.by_execution.len())
    }

    #[test]
    fn no_entry_outlives_its_events() {
        let mut events = Unacknowledged::default();
        let alice: Arc<str> = "alice".into();
        for (execution_id, event_id) in [("exec_1", "1"), ("exec_1", "2"), ("exec_2", "3")] {
            assert!(!events.add(&alice, event(execution_id, event_id), 3));
        }
        assert!(events.add(&alice, event("exec_3", "4"), 3));
        assert_eq!(entries(&events), (1, 3));
        events.acknowledge("alice", "2");
        assert_eq!(entries(&events), (1, 2));
        events.acknowledge("alice", "3");
        events.acknowledge("bob", "4");
        assert_eq!(entries(&events), (1, 1));
        events.forget_execution("exec_3");
        assert_eq!(entries(&events), (0, 0));
    }
}
