//! Which execution is which number: only the two ends (the caller, the wire) know them by name, and
//! the names stay in JavaScript.

use alloc::vec::Vec;

use flowmaestro_session::ExecutionKey;
use wasm_bindgen::JsValue;

use crate::decoder::Decoder;

/// The executions that somebody holds on to, by their numbers.
#[derive(Default)]
pub(crate) struct Executions {
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    handlers: u32,
    replays: u32,
    in_session: bool,
    watched: bool,
}

/// Who holds on to an execution.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// One handler that is scoped to it.
    Handler,
    /// One request for its past.
    Replay,
    /// The session, from a subscription until it has released it.
    Session,
    /// Somebody watches what it looks like.
    Watch,
}

impl Slot {
    fn is_free(self) -> bool {
        self.handlers == 0 && self.replays == 0 && !self.in_session && !self.watched
    }
}

impl Executions {
    pub(crate) fn is_held_by_session(&self, key: ExecutionKey) -> bool {
        let slot = self.slots.get(key.0 as usize);
        slot.is_some_and(|slot| slot.in_session)
    }

    /// How many executions the session holds.
    pub(crate) fn held_by_session(&self) -> usize {
        self.slots.iter().filter(|slot| slot.in_session).count()
    }

    /// The execution's key, kept until every holder has let go.
    pub(crate) fn retain(
        &mut self,
        name: &JsValue,
        holder: Holder,
        decoder: &Decoder,
    ) -> ExecutionKey {
        let key = decoder
            .key(name)
            .unwrap_or_else(|| self.insert(name, decoder));
        if let Some(slot) = self.slots.get_mut(key.0 as usize) {
            match holder {
                Holder::Handler => slot.handlers += 1,
                Holder::Replay => slot.replays += 1,
                Holder::Session => slot.in_session = true,
                Holder::Watch => slot.watched = true,
            }
        }
        key
    }

    /// One holder has let go.
    pub(crate) fn release(&mut self, key: ExecutionKey, holder: Holder, decoder: &Decoder) {
        let Some(slot) = self.slots.get_mut(key.0 as usize) else {
            return;
        };
        match holder {
            Holder::Handler => slot.handlers = slot.handlers.saturating_sub(1),
            Holder::Replay => slot.replays = slot.replays.saturating_sub(1),
            Holder::Session => slot.in_session = false,
            Holder::Watch => slot.watched = false,
        }
        if slot.is_free() {
            decoder.forget(key.0);
        }
    }

    fn insert(&mut self, name: &JsValue, decoder: &Decoder) -> ExecutionKey {
        let free = self.slots.iter().position(|slot| slot.is_free());
        let index = free.unwrap_or(self.slots.len());
        if free.is_none() {
            self.slots.push(Slot::default());
        }
        let key = ExecutionKey(index as u32);
        decoder.intern(name, key.0);
        key
    }
}
