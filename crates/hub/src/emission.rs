use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use flowmaestro_protocol::{Event, EventType, Feature, Scope};

use crate::acknowledgement::CriticalEvent;
use crate::event_text::{EventId, EventText, is_critical};
use crate::hub::Hub;
use crate::{ConnectionId, Execution, History, HistoryError, KeptExecution, Millis, Record};

/// What became of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emitted {
    /// Its id, where it is numbered: execution-scoped, and the hub offers features.
    pub event_id: Option<EventId>,
    /// Its number in its execution, likewise.
    pub seq: Option<u64>,
    /// How many connections get it.
    pub receivers: usize,
}

/// Why an event was not emitted. Nobody gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmitError {
    /// A user-scoped event came without its owner.
    OwnerRequired(EventType),
    /// A connection-scoped event is the hub's own to send.
    ConnectionScoped(EventType),
    /// Nobody registered the execution, or it ended too long ago.
    UnregisteredExecution,
    /// The history did not take it.
    History(HistoryError),
}

impl<H: History> Hub<H> {
    /// Sends an event to those who get it: an execution-scoped one to the subscribers of its
    /// execution and rooms, a user-scoped one to the connections of `user_id`, to whom it belongs. A
    /// `user:input:response` goes to nobody: it travels from clients to backends.
    ///
    /// # Errors
    /// [`EmitError`]; nobody gets the event then.
    pub fn emit(
        &mut self,
        now: Millis,
        event: &Event,
        user_id: Option<&str>,
    ) -> Result<Emitted, EmitError> {
        self.advance(now);
        let prepared = self.prepare(event, user_id)?;
        self.commit()?;
        Ok(self.send(prepared))
    }

    /// Emits several events in order, with one commit of the history for all of them.
    pub fn emit_all(
        &mut self,
        now: Millis,
        events: impl IntoIterator<Item = (Event, Option<Arc<str>>)>,
    ) -> Vec<Result<Emitted, EmitError>> {
        self.advance(now);
        let prepare =
            |(event, user_id): (_, Option<Arc<str>>)| self.prepare(&event, user_id.as_deref());
        let prepared: Vec<_> = events.into_iter().map(prepare).collect();
        let committed = self.commit();
        let send = |prepared: Result<Prepared, EmitError>| match (prepared?, &committed) {
            (Prepared::ForExecution { .. }, Err(error)) => Err(error.clone()),
            (prepared, _) => Ok(self.send(prepared)),
        };
        prepared.into_iter().map(send).collect()
    }

    /// Whether anyone who gets this event is behind with reading what came before: a backend that
    /// emits a lot then waits a little. It need not wait for those who have stopped reading.
    pub fn is_crowded(&self, now: Millis, event: &Event, user_id: Option<&str>) -> bool {
        let execution = event.execution_id().and_then(|id| self.executions.get(id));
        let is_crowded = |id: ConnectionId| {
            let connection = self.connections.get(&id);
            connection.is_some_and(|it| !it.has_room(&self.cx) && it.has_read_lately(now))
        };
        match (execution, user_id) {
            (Some(execution), _) => self.receivers(execution).any(is_crowded),
            (None, Some(user_id)) => self.by_user.get(user_id).any(is_crowded),
            (None, None) => false,
        }
    }

    /// Checks an event, and puts one of an execution into the history.
    fn prepare(&mut self, event: &Event, user_id: Option<&str>) -> Result<Prepared, EmitError> {
        let event_type = event.event_type();
        match event_type.scope() {
            Scope::Connection => Err(EmitError::ConnectionScoped(event_type)),
            Scope::User => match user_id {
                Some(user_id) => Ok(Prepared::ForUser {
                    user_id: user_id.into(),
                    text: event.encode().into(),
                }),
                None => Err(EmitError::OwnerRequired(event_type)),
            },
            Scope::Execution if event_type == EventType::UserInputResponse => Ok(Prepared::Nothing),
            Scope::Execution => self.prepare_for_execution(event),
        }
    }

    fn prepare_for_execution(&mut self, event: &Event) -> Result<Prepared, EmitError> {
        let event_type = event.event_type();
        let execution_id = event.execution_id().unwrap_or_default();
        let Some(execution) = self.executions.get(execution_id) else {
            self.cx.counters.unregistered_executions += 1;
            return Err(EmitError::UnregisteredExecution);
        };
        let execution_id = Arc::clone(execution.shared_id());
        let ended = (event_type.is_terminal() && !execution.has_ended()).then(|| KeptExecution {
            id: Arc::clone(&execution_id),
            owner: execution.owner().clone(),
            rooms: execution.rooms().to_vec(),
            ended_at: Some(self.cx.now),
        });
        let text = self.append(&execution_id, event)?;
        if let Some(ended) = ended {
            self.history.keep_execution(ended);
        }
        Ok(Prepared::ForExecution {
            execution_id,
            event_type,
            text,
        })
    }

    fn commit(&mut self) -> Result<(), EmitError> {
        self.history.commit().map_err(|error| {
            self.cx.counters.history_errors += 1;
            EmitError::History(error)
        })
    }

    /// Sends what was checked, and is in the history.
    fn send(&mut self, prepared: Prepared) -> Emitted {
        let emitted = match prepared {
            Prepared::Nothing => Emitted::default(),
            Prepared::ForUser { user_id, text } => self.emit_to_user(&user_id, &text),
            Prepared::ForExecution {
                execution_id,
                event_type,
                text,
            } => self.emit_to_execution(&execution_id, event_type, text),
        };
        self.finish();
        emitted
    }

    fn emit_to_user(&mut self, user_id: &str, text: &Arc<str>) -> Emitted {
        let mut emitted = Emitted::default();
        for id in self.by_user.get(user_id) {
            if let Some(connection) = self.connections.get_mut(&id) {
                let delivered = connection.send_event(&mut self.cx, Arc::clone(text));
                emitted.receivers += usize::from(delivered);
            }
        }
        emitted
    }

    fn emit_to_execution(
        &mut self,
        execution_id: &Arc<str>,
        event_type: EventType,
        text: EventText,
    ) -> Emitted {
        let delivered = self.deliver(execution_id, event_type, &text);
        let keeps = self.offers(Feature::Ack) && !planted!(CriticalEventNotKept);
        if is_critical(event_type) && keeps {
            self.keep_until_acknowledged(execution_id, &text, delivered.acknowledging);
        }
        if event_type.is_terminal() {
            self.executions.mark_ended(self.cx.now, execution_id);
        }
        let is_numbered = !self.cx.config.features.is_empty();
        Emitted {
            receivers: delivered.receivers,
            seq: is_numbered.then_some(text.seq),
            event_id: is_numbered.then_some(text.event_id),
        }
    }

    /// The connections that are subscribed to an execution or to one of its rooms. One that is
    /// subscribed to several of them comes several times.
    fn receivers(&self, execution: &Execution) -> impl Iterator<Item = ConnectionId> {
        let rooms = execution.rooms().iter();
        let in_rooms = rooms.flat_map(|room| self.by_room.get(room));
        self.by_execution.get(execution.id()).chain(in_rooms)
    }

    /// Numbers an event and keeps it. Where nobody could ask for it again, it is not kept.
    fn append(&mut self, execution_id: &str, event: &Event) -> Result<EventText, EmitError> {
        let timestamp = event.timestamp().unwrap_or_default().get();
        let critical = is_critical(event.event_type());
        let seq = self.history.head(execution_id) + 1;
        let ack = critical && self.offers(Feature::Ack);
        let text = EventText::new(event, self.history.epoch(), seq, ack);
        if self.cx.config.features.is_empty() {
            return Ok(text);
        }
        let record = Record {
            seq,
            timestamp,
            critical,
            text: Arc::clone(&text.numbered),
        };
        self.history.append(execution_id, record).map_err(|error| {
            self.cx.counters.history_errors += 1;
            EmitError::History(error)
        })?;
        Ok(text)
    }

    fn deliver(
        &mut self,
        execution_id: &Arc<str>,
        event_type: EventType,
        text: &EventText,
    ) -> Delivered {
        let first = self.history.first(execution_id);
        let mut delivered = Delivered::default();
        let Some(execution) = self.executions.get(execution_id) else {
            return delivered;
        };
        let mut ids: Vec<_> = self.receivers(execution).collect();
        if !execution.rooms().is_empty() {
            ids.sort_unstable();
            ids.dedup();
        }
        for id in ids {
            let Some(connection) = self.connections.get_mut(&id) else {
                continue;
            };
            if !self.authorizer.may_see(&connection.identity, execution) && !planted!(LeakedEvents)
            {
                continue;
            }
            let received = connection.deliver(&mut self.cx, execution_id, text, first);
            delivered.receivers += usize::from(received);
            if is_critical(event_type) && connection.has(Feature::Ack) {
                let user_id = &connection.identity.user_id;
                delivered.acknowledging.insert(Arc::clone(user_id));
            }
        }
        delivered
    }

    /// Keeps a critical event for the execution's owner, and for everybody else who can acknowledge
    /// it and was there.
    fn keep_until_acknowledged(
        &mut self,
        execution_id: &Arc<str>,
        text: &EventText,
        mut users: BTreeSet<Arc<str>>,
    ) {
        let owner = self.executions.get(execution_id).map(Execution::owner);
        users.extend(owner.map(|owner| Arc::clone(owner.shared_user_id())));
        let event_id: Arc<str> = text.event_id.to_string().into();
        let max = self.cx.config.max_unacknowledged;
        for user_id in users {
            let event = CriticalEvent {
                execution_id: Arc::clone(execution_id),
                event_id: Arc::clone(&event_id),
                seq: text.seq,
                text: Arc::clone(&text.numbered),
            };
            let dropped = self.unacknowledged.add(&user_id, event, max);
            self.cx.counters.unacknowledged_dropped += u64::from(dropped);
        }
    }

    fn offers(&self, feature: Feature) -> bool {
        self.cx.config.features.contains(feature)
    }
}

/// An event that may be sent once the history is committed.
enum Prepared {
    ForExecution {
        execution_id: Arc<str>,
        event_type: EventType,
        text: EventText,
    },
    ForUser {
        user_id: Arc<str>,
        text: Arc<str>,
    },
    /// It travels from clients to backends only.
    Nothing,
}

/// Who got an event.
#[derive(Default)]
struct Delivered {
    receivers: usize,
    /// The users who can acknowledge it, if it is critical.
    acknowledging: BTreeSet<Arc<str>>,
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnerRequired(event_type) => {
                write!(
                    f,
                    "{} needs the user who owns the document",
                    event_type.as_str()
                )
            }
            Self::ConnectionScoped(event_type) => write!(
                f,
                "{} is sent by the hub itself and cannot be emitted",
                event_type.as_str()
            ),
            Self::UnregisteredExecution => {
                f.write_str("nobody registered the execution, or it ended too long ago")
            }
            Self::History(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EmitError {}
