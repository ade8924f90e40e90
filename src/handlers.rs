//! Who listens to what, in numbers; the functions themselves are in `handlers.js`.

use alloc::vec::Vec;

use flowmaestro_protocol::{EventType, Scope};
use flowmaestro_session::ExecutionKey;
use wasm_bindgen::prelude::*;

use crate::declarations;

#[wasm_bindgen(module = "/src/handlers.js")]
extern "C" {
    /// The functions, by the numbers of their registrations.
    #[wasm_bindgen(js_name = Handlers)]
    pub(crate) type Functions;

    #[wasm_bindgen(constructor, js_class = Handlers)]
    pub(crate) fn new() -> Functions;

    #[wasm_bindgen(method, js_name = defineAll)]
    fn define_all(this: &Functions, event_types: &str);

    #[wasm_bindgen(method)]
    fn define(this: &Functions, event_type: &JsValue) -> u32;

    #[wasm_bindgen(method, js_name = topic)]
    fn find(this: &Functions, event_type: &JsValue) -> i32;

    #[wasm_bindgen(method, js_name = topicOf)]
    fn find_of(this: &Functions, message: &JsValue) -> i32;

    #[wasm_bindgen(method)]
    fn forget(this: &Functions, topic: u32);

    #[wasm_bindgen(method)]
    fn add(this: &Functions, id: u32, handler: &JsValue, on_removed: &JsValue);

    #[wasm_bindgen(method)]
    fn has(this: &Functions, id: u32, handler: &JsValue) -> bool;

    /// Forgets a function, and tells whoever wants to know.
    #[wasm_bindgen(method)]
    pub(crate) fn remove(this: &Functions, id: u32);

    /// Calls a function, which is forgotten before that where it is to be called once. Its exception
    /// is reported, and stops nothing.
    #[wasm_bindgen(method)]
    pub(crate) fn call(this: &Functions, id: u32, event: &JsValue, once: bool);
}

/// A name that handlers are registered under, as a number: an index of [`EventType::ALL`], one of the
/// client's own, or one given to another name while anything is registered under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Topic(u32);

/// One registration. Later ones have larger numbers, and handlers run in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HandlerId(pub(crate) u32);

/// Every registration.
#[derive(Default)]
pub(crate) struct Handlers {
    /// By topic, and then by scope, each list in the order of its numbers: so an event costs the same
    /// however many handlers other executions have. No list of scopes ends with an empty one.
    topics: Vec<Vec<Vec<Registration>>>,
    last_id: u32,
    /// Counts what came and went, so that a walk knows whether it has to look for its place again.
    changes: u32,
}

#[derive(Clone, Copy)]
pub(crate) struct Registration {
    list: List,
    pub(crate) id: HandlerId,
    pub(crate) once: bool,
}

/// A topic, and the execution whose events alone are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
struct List {
    topic: Topic,
    /// 0 for all events, and one more than its number for an execution.
    scope: u32,
}

/// A walk over the handlers of one event. It borrows nothing between two handlers, so each may
/// register and remove as it likes: handlers that came later are left out, removed ones too.
pub(crate) struct Walk {
    unscoped: Place,
    scoped: Place,
    after: HandlerId,
    until: HandlerId,
    /// What the places are good for.
    changes: u32,
}

/// Where in the registrations a list goes on.
#[derive(Clone, Copy)]
struct Place {
    list: List,
    at: usize,
}

impl Topic {
    /// `"*"`: the handlers of every event.
    pub(crate) const ANY: Self = Self(EventType::ALL.len() as u32);
    pub(crate) const STATE: Self = Self(Self::ANY.0 + 1);
    pub(crate) const SUBSCRIBED: Self = Self(Self::ANY.0 + 2);
    pub(crate) const GAP: Self = Self(Self::ANY.0 + 3);
    pub(crate) const ERROR: Self = Self(Self::ANY.0 + 4);

    const OWN: &str = "* connection:state connection:subscribed connection:gap connection:error";
}

impl List {
    fn new(topic: Topic, scope: Option<ExecutionKey>) -> Self {
        let scope = scope.map_or(0, |key| key.0.saturating_add(1));
        Self { topic, scope }
    }
}

impl Registration {
    /// The execution whose events alone are meant.
    pub(crate) fn scope(&self) -> Option<ExecutionKey> {
        self.list.scope.checked_sub(1).map(ExecutionKey)
    }
}

impl Functions {
    /// Tells the numbers of the topics that there always are.
    pub(crate) fn define_topics(&self) {
        self.define_all(declarations::EVENT_NAMES);
        self.define_all(Topic::OWN);
    }

    /// The topic of an event type, if anything is registered under it or it is one of the protocol's.
    pub(crate) fn topic(&self, event_type: &JsValue) -> Option<Topic> {
        u32::try_from(self.find(event_type)).ok().map(Topic)
    }

    /// The topic of a message by its type, likewise.
    pub(crate) fn topic_of(&self, message: &JsValue) -> Option<Topic> {
        u32::try_from(self.find_of(message)).ok().map(Topic)
    }
}

impl Handlers {
    /// Registers a handler, unless the same function is registered for the same events already:
    /// then its registration is the answer, and nothing changed.
    pub(crate) fn add(
        &mut self,
        functions: &Functions,
        event_type: &JsValue,
        handler: &JsValue,
        scope: Option<ExecutionKey>,
        once: bool,
        on_removed: &JsValue,
    ) -> (HandlerId, bool) {
        let list = List::new(Topic(functions.define(event_type)), scope);
        let same = |other: &&Registration| functions.has(other.id.0, handler);
        if let Some(other) = self.list(list).iter().find(same) {
            return (other.id, false);
        }
        self.last_id += 1;
        self.changes = self.changes.wrapping_add(1);
        let id = HandlerId(self.last_id);
        functions.add(id.0, handler, on_removed);
        let scopes = entry(&mut self.topics, list.topic.0);
        if let Some(list_of_scope) = scopes.and_then(|scopes| entry(scopes, list.scope)) {
            list_of_scope.push(Registration { list, id, once });
        }
        (id, true)
    }

    /// Ends a registration; none that exists is no error. Its function is still to be forgotten.
    pub(crate) fn remove(&mut self, functions: &Functions, id: HandlerId) -> Option<Registration> {
        let removed = self.take(id)?;
        self.changes = self.changes.wrapping_add(1);
        let topic = removed.list.topic;
        if topic > Topic::ERROR && !self.has_any(topic) {
            functions.forget(topic.0);
        }
        Some(removed)
    }

    fn take(&mut self, id: HandlerId) -> Option<Registration> {
        for scopes in &mut self.topics {
            for list in scopes.iter_mut() {
                if let Ok(at) = list.binary_search_by_key(&id, |other| other.id) {
                    let removed = list.remove(at);
                    while scopes.last().is_some_and(Vec::is_empty) {
                        scopes.pop();
                    }
                    return Some(removed);
                }
            }
        }
        None
    }

    /// The registrations of a topic: of one function, or of all.
    pub(crate) fn registered(
        &self,
        functions: &Functions,
        topic: Topic,
        handler: &JsValue,
    ) -> Vec<HandlerId> {
        self.of_topic(topic)
            .filter(|id| handler.is_undefined() || functions.has(id.0, handler))
            .collect()
    }

    /// Whether anything is registered for a topic.
    pub(crate) fn has_any(&self, topic: Topic) -> bool {
        !self.scopes(topic).is_empty()
    }

    /// Which events have handlers, by the bits of their indexes in [`EventType::ALL`]. Those that have
    /// another meaning than for their handlers always count.
    pub(crate) fn heard(&self) -> i32 {
        if self.has_any(Topic::ANY) {
            return -1;
        }
        let is_heard = |event: &&EventType| {
            let is_plain = event.scope() == Scope::Execution && !event.is_terminal();
            !is_plain || self.has_any(Topic::from(**event as u8))
        };
        let heard = EventType::ALL.iter().filter(is_heard);
        heard.fold(0, |bits, event| bits | 1 << *event as u8)
    }

    /// How many registrations there are.
    pub(crate) fn len(&self) -> usize {
        self.topics.iter().flatten().map(Vec::len).sum()
    }

    /// Starts a walk over the handlers of an event.
    pub(crate) fn walk(&self, topic: Topic, scope: Option<ExecutionKey>) -> Walk {
        let at_the_first = |list| Place { list, at: 0 };
        Walk {
            unscoped: at_the_first(List::new(topic, None)),
            scoped: at_the_first(List::new(topic, scope)),
            after: HandlerId(0),
            until: HandlerId(self.last_id),
            changes: self.changes,
        }
    }

    /// The next handler of a walk. A `once` handler's registration is removed before it is called.
    pub(crate) fn next(&mut self, functions: &Functions, walk: &mut Walk) -> Option<Registration> {
        if walk.changes != self.changes {
            walk.unscoped = self.place(walk.unscoped.list, walk.after);
            walk.scoped = self.place(walk.scoped.list, walk.after);
            walk.changes = self.changes;
        }
        let unscoped = self.at(walk.unscoped);
        let scoped = self.at(walk.scoped);
        let next = match (unscoped, scoped) {
            (Some(a), Some(b)) => {
                if a.id <= b.id {
                    a
                } else {
                    b
                }
            }
            (a, b) => a.or(b)?,
        };
        if next.id > walk.until {
            return None;
        }
        walk.after = next.id;
        // Without a scope both are the same place.
        for place in [&mut walk.unscoped, &mut walk.scoped] {
            place.at += usize::from(place.list == next.list);
        }
        if next.once {
            self.remove(functions, next.id);
        }
        Some(next)
    }

    /// Where a list goes on behind this number.
    fn place(&self, list: List, after: HandlerId) -> Place {
        let at = self.list(list).partition_point(|other| other.id <= after);
        Place { list, at }
    }

    /// What is registered in a list at its place.
    fn at(&self, place: Place) -> Option<Registration> {
        self.list(place.list).get(place.at).copied()
    }

    fn list(&self, list: List) -> &[Registration] {
        let registrations = self.scopes(list.topic).get(list.scope as usize);
        registrations.map_or(&[], Vec::as_slice)
    }

    /// The lists of a topic, by their scopes.
    fn scopes(&self, topic: Topic) -> &[Vec<Registration>] {
        let scopes = self.topics.get(topic.0 as usize);
        scopes.map_or(&[], Vec::as_slice)
    }

    /// The registrations of a topic, whatever their scope.
    fn of_topic(&self, topic: Topic) -> impl Iterator<Item = HandlerId> {
        let registrations = self.scopes(topic).iter().flatten();
        registrations.map(|registration| registration.id)
    }
}

/// What is at this index, which there is from now on.
fn entry<T>(entries: &mut Vec<Vec<T>>, index: u32) -> Option<&mut Vec<T>> {
    while entries.len() <= index as usize {
        entries.push(Vec::new());
    }
    entries.get_mut(index as usize)
}

impl From<u8> for Topic {
    /// The topic of an event, by its index in [`EventType::ALL`].
    fn from(index: u8) -> Self {
        Self(u32::from(index))
    }
}
