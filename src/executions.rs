//! Which execution is which number: the session and the handlers know executions by small keys,
//! and only the two ends (the caller, the wire) know them by name.

use std::collections::BTreeMap;

use flowmaestro_session::ExecutionKey;

use crate::decoder::Decoder;

/// The names of the executions that somebody holds on to.
pub(crate) struct Executions {
    keys: BTreeMap<String, ExecutionKey>,
    slots: Vec<Option<Slot>>,
    decoder: Decoder,
}

struct Slot {
    name: String,
    handlers: u32,
    in_session: bool,
}

/// Who holds on to an execution.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// One handler that is scoped to it.
    Handler,
    /// The session, from a subscription until it has released it.
    Session,
}

impl Executions {
    pub(crate) fn new(decoder: Decoder) -> Self {
        Self {
            keys: BTreeMap::new(),
            slots: Vec::new(),
            decoder,
        }
    }

    pub(crate) fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    pub(crate) fn key(&self, name: &str) -> Option<ExecutionKey> {
        self.keys.get(name).copied()
    }

    pub(crate) fn is_held_by_session(&self, name: &str) -> bool {
        let slot = self
            .key(name)
            .and_then(|key| self.slots.get(key.0 as usize)?.as_ref());
        slot.is_some_and(|slot| slot.in_session)
    }

    pub(crate) fn name(&self, key: ExecutionKey) -> Option<&str> {
        self.slots
            .get(key.0 as usize)?
            .as_ref()
            .map(|slot| slot.name.as_str())
    }

    /// How many executions the session holds.
    pub(crate) fn held_by_session(&self) -> usize {
        self.slots
            .iter()
            .flatten()
            .filter(|slot| slot.in_session)
            .count()
    }

    /// The execution's key, kept until every holder has let go.
    pub(crate) fn retain(&mut self, name: &str, holder: Holder) -> ExecutionKey {
        let key = self.key(name).unwrap_or_else(|| self.insert(name));
        if let Some(Some(slot)) = self.slots.get_mut(key.0 as usize) {
            match holder {
                Holder::Handler => slot.handlers += 1,
                Holder::Session => slot.in_session = true,
            }
        }
        key
    }

    /// One holder has let go.
    pub(crate) fn release(&mut self, key: ExecutionKey, holder: Holder) {
        let Some(entry) = self.slots.get_mut(key.0 as usize) else {
            return;
        };
        let Some(slot) = entry else { return };
        match holder {
            Holder::Handler => slot.handlers = slot.handlers.saturating_sub(1),
            Holder::Session => slot.in_session = false,
        }
        if slot.handlers == 0 && !slot.in_session {
            self.decoder.forget(&slot.name);
            self.keys.remove(&slot.name);
            *entry = None;
        }
    }

    fn insert(&mut self, name: &str) -> ExecutionKey {
        let index = self
            .slots
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.slots.len());
        let slot = Slot {
            name: name.to_owned(),
            handlers: 0,
            in_session: false,
        };
        match self.slots.get_mut(index) {
            Some(free) => *free = Some(slot),
            None => self.slots.push(Some(slot)),
        }
        let key = ExecutionKey(index as u32);
        self.keys.insert(name.to_owned(), key);
        self.decoder.intern(name, key.0);
        key
    }
}
