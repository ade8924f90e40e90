//! Who listens to what.

use std::collections::BTreeMap;
use std::rc::Rc;

use flowmaestro_protocol::EventType;
use flowmaestro_session::ExecutionKey;
use js_sys::Function;

/// A name that handlers are registered under, as a number: an index of [`EventType::ALL`],
/// [`Topic::ANY`], or one given to another name while anything is registered under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Topic(u32);

/// One registration. Later ones have larger numbers, and handlers run in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HandlerId(pub(crate) u32);

/// What `on` was given.
pub(crate) struct Registration {
    pub(crate) handler: Function,
    /// Only events of this execution.
    pub(crate) scope: Option<ExecutionKey>,
    pub(crate) once: bool,
    /// Called when the registration has ended, in whatever way.
    pub(crate) on_removed: Option<Function>,
}

/// Every registration.
#[derive(Default)]
pub(crate) struct Handlers {
    topics: BTreeMap<String, Topic>,
    entries: BTreeMap<HandlerId, Entry>,
    /// The registrations of a topic and a scope, in order, so that an event's cost does not grow
    /// with the handlers of other executions.
    lists: BTreeMap<(Topic, Option<ExecutionKey>), Vec<HandlerId>>,
    last_id: u32,
}

struct Entry {
    topic: Topic,
    scope: Option<ExecutionKey>,
    once: bool,
    handler: Rc<Function>,
    on_removed: Option<Function>,
}

/// What a caller must let go of, once nothing is borrowed any more.
pub(crate) struct Removed {
    pub(crate) scope: Option<ExecutionKey>,
    pub(crate) on_removed: Option<Function>,
}

/// A walk over the handlers of one event. It borrows nothing between two handlers, so each may
/// register and remove as it likes: handlers that came later are left out, removed ones too.
pub(crate) struct Walk {
    topic: Topic,
    scope: Option<ExecutionKey>,
    after: HandlerId,
    until: HandlerId,
}

impl Topic {
    /// `"*"`: the handlers of every event.
    pub(crate) const ANY: Self = Self(EventType::ALL.len() as u32);
}

impl Handlers {
    /// The topic of a name, if a handler was ever registered under it or it is an event's.
    pub(crate) fn topic(&self, name: &str) -> Option<Topic> {
        let index = EventType::ALL
            .iter()
            .position(|event_type| event_type.as_str() == name);
        match index {
            Some(index) => Some(Topic(index as u32)),
            None if name == "*" => Some(Topic::ANY),
            None => self.topics.get(name).copied(),
        }
    }

    /// Registers a handler, unless the same function is registered for the same events already:
    /// then its registration is the answer, and nothing changed.
    pub(crate) fn add(&mut self, name: &str, registration: Registration) -> (HandlerId, bool) {
        let topic = self.topic(name).unwrap_or_else(|| self.insert_topic(name));
        let Registration {
            handler,
            scope,
            once,
            on_removed,
        } = registration;
        if let Some(id) = self.find(topic, scope, &handler) {
            return (id, false);
        }
        self.last_id += 1;
        let id = HandlerId(self.last_id);
        let handler = Rc::new(handler);
        self.entries.insert(
            id,
            Entry {
                topic,
                scope,
                once,
                handler,
                on_removed,
            },
        );
        self.lists.entry((topic, scope)).or_default().push(id);
        (id, true)
    }

    /// Ends a registration; none that exists is no error.
    pub(crate) fn remove(&mut self, id: HandlerId) -> Option<Removed> {
        let entry = self.entries.remove(&id)?;
        let key = (entry.topic, entry.scope);
        if let Some(list) = self.lists.get_mut(&key) {
            list.retain(|other| *other != id);
            if list.is_empty() {
                self.lists.remove(&key);
                self.forget_unused(entry.topic);
            }
        }
        Some(Removed {
            scope: entry.scope,
            on_removed: entry.on_removed,
        })
    }

    /// The registrations of a name: of one function, or of all.
    pub(crate) fn registered(&self, name: &str, handler: Option<&Function>) -> Vec<HandlerId> {
        let topic = self.topic(name);
        topic
            .into_iter()
            .flat_map(|topic| self.of_topic(topic))
            .filter(|id| handler.is_none_or(|handler| self.is_function(*id, handler)))
            .collect()
    }

    /// Whether anything is registered under a name.
    pub(crate) fn has_any(&self, name: &str) -> bool {
        let topic = self.topic(name);
        topic.is_some_and(|topic| self.of_topic(topic).next().is_some())
    }

    /// How many registrations there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Starts a walk over the handlers of an event.
    pub(crate) fn walk(&self, topic: Topic, scope: Option<ExecutionKey>) -> Walk {
        Walk {
            topic,
            scope,
            after: HandlerId(0),
            until: HandlerId(self.last_id),
        }
    }

    /// The next handler of a walk. A `once` handler's registration is removed before it is called.
    pub(crate) fn next(&mut self, walk: &mut Walk) -> Option<(Rc<Function>, Option<Removed>)> {
        let unscoped = self.next_in(walk, None);
        let scoped = walk.scope.and_then(|_| self.next_in(walk, walk.scope));
        let id = match (unscoped, scoped) {
            (Some(a), Some(b)) => a.min(b),
            (a, b) => a.or(b)?,
        };
        walk.after = id;
        let entry = self.entries.get(&id)?;
        let handler = Rc::clone(&entry.handler);
        let removed = if entry.once { self.remove(id) } else { None };
        Some((handler, removed))
    }

    fn next_in(&self, walk: &Walk, scope: Option<ExecutionKey>) -> Option<HandlerId> {
        let list = self.lists.get(&(walk.topic, scope))?;
        let next = list.partition_point(|id| *id <= walk.after);
        list.get(next).copied().filter(|id| *id <= walk.until)
    }

    /// The registrations of a topic, whatever their scope, without a look at those of others.
    fn of_topic(&self, topic: Topic) -> impl Iterator<Item = HandlerId> {
        self.lists
            .range((topic, None)..=(topic, Some(ExecutionKey(u32::MAX))))
            .flat_map(|(_, list)| list.iter().copied())
    }

    fn find(
        &self,
        topic: Topic,
        scope: Option<ExecutionKey>,
        handler: &Function,
    ) -> Option<HandlerId> {
        let list = self.lists.get(&(topic, scope))?;
        list.iter()
            .copied()
            .find(|id| self.is_function(*id, handler))
    }

    fn is_function(&self, id: HandlerId, handler: &Function) -> bool {
        let entry = self.entries.get(&id);
        entry.is_some_and(|entry| *entry.handler == *handler)
    }

    fn insert_topic(&mut self, name: &str) -> Topic {
        let last = self.topics.values().max().copied();
        let topic = Topic(last.unwrap_or(Topic::ANY).0 + 1);
        self.topics.insert(name.to_owned(), topic);
        topic
    }

    /// A page may make up a name for each thing that it waits for.
    fn forget_unused(&mut self, topic: Topic) {
        if topic > Topic::ANY && self.of_topic(topic).next().is_none() {
            self.topics.retain(|_, used| *used != topic);
        }
    }
}

impl From<u8> for Topic {
    /// The topic of an event, by its index in [`EventType::ALL`].
    fn from(index: u8) -> Self {
        Self(u32::from(index))
    }
}
