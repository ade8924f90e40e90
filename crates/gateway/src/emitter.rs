//! Where backends emit the events of their workflows, and listen to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use flowmaestro_protocol::{
    DocumentCompleted, DocumentFailed, DocumentProcessing, Event, EventType, ExecutionCompleted,
    ExecutionFailed, ExecutionProgress, ExecutionStarted, Extra, Json, NodeCompleted, NodeFailed,
    NodeRetry, NodeStarted, NodeStream, Number, Record, Scope, UserInputRequired,
};
use parking_lot::RwLock;

/// How many listeners an event type may have unless
/// [`set_max_listeners`](WorkflowEventEmitter::set_max_listeners) says otherwise (the events
/// reference, "Connection Limits").
pub const DEFAULT_MAX_LISTENERS: usize = 100;

type Listener = Arc<dyn Fn(&Emission) -> Result<(), EmitError> + Send + Sync>;
type Listeners = Arc<Vec<(ListenerId, Listener)>>;

/// An event together with the user whom it belongs to, where the event itself does not say so.
#[derive(Clone, Debug)]
pub struct Emission {
    event: Event,
    user_id: Option<Arc<str>>,
}

/// Why an event was not emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// A user-scoped event came without its owner.
    #[error("{} needs the user who owns the document", .0.as_str())]
    OwnerRequired(EventType),
    /// A connection-scoped event is the gateway's own to send.
    #[error("{} is sent by the gateway itself and cannot be emitted", .0.as_str())]
    ConnectionScoped(EventType),
    /// The gateway's history did not take the event, for a reason that its log has: nobody got it.
    #[error("the history failed, and nobody got the event: emit it again")]
    NotKept,
}

/// An event type has as many listeners as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} has {max} listeners already: remove some, or raise the limit with set_max_listeners",
    event_type.as_str()
)]
pub struct TooManyListeners {
    /// The event type.
    pub event_type: EventType,
    /// The limit, in listeners.
    pub max: usize,
}

/// Names a registered listener, for [`off`](WorkflowEventEmitter::off).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(u64);

/// The emitter of workflow events: 13 convenience methods, one per event that a backend emits.
///
/// Emitting is synchronous: when a method returns, every listener has run, in the order in which
/// they were registered, the event is in the history, and it is queued to every socket that gets it.
/// Nothing blocks on a socket. A connection's queue takes a burst of thousands of small events and is
/// bounded ([`Limits::queue_bytes`](crate::Limits::queue_bytes)): an async task that emits more than
/// that in a row yields in between (`tokio::task::yield_now`), so that sockets are written to
/// meanwhile.
///
/// An event that a history on disk could not take is lost. [`emit`](Self::emit) says so; the
/// convenience methods leave it to the log.
pub struct WorkflowEventEmitter {
    listeners: RwLock<BTreeMap<EventType, Listeners>>,
    next_id: AtomicU64,
    max_listeners: AtomicUsize,
}

impl Emission {
    /// Pairs an event with its owner.
    ///
    /// # Errors
    /// [`EmitError::OwnerRequired`] for a user-scoped event (`kb:document:*`) without `user_id`;
    /// [`EmitError::ConnectionScoped`] for `connection:established`.
    pub fn new(event: Event, user_id: Option<&str>) -> Result<Self, EmitError> {
        match event.event_type().scope() {
            Scope::Connection => Err(EmitError::ConnectionScoped(event.event_type())),
            Scope::User if user_id.is_none() => Err(EmitError::OwnerRequired(event.event_type())),
            Scope::User | Scope::Execution => Ok(Self {
                event,
                user_id: user_id.map(Arc::from),
            }),
        }
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The owner of the document for `kb:document:*`, the answering user for an answer that came
    /// over a socket, otherwise `None`: there the owner of the execution counts.
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// Whether both are of the same execution, and the same user if one is named.
    pub(crate) fn is_of_same(&self, other: &Self) -> bool {
        self.event.execution_id() == other.event.execution_id() && self.user_id == other.user_id
    }
}

impl WorkflowEventEmitter {
    /// An emitter without listeners.
    pub fn new() -> Self {
        Self {
            listeners: RwLock::default(),
            next_id: AtomicU64::new(0),
            max_listeners: AtomicUsize::new(DEFAULT_MAX_LISTENERS),
        }
    }

    /// Calls `listener` with every later event of a type, on the thread that emits it: a listener
    /// is quick, and hands long work to a task. It may call anything on the emitter; one that is
    /// added or removed while an event is being emitted counts from the next event on.
    ///
    /// # Errors
    /// [`TooManyListeners`] over the limit, rather than growing silently.
    pub fn on(
        &self,
        event_type: EventType,
        listener: impl Fn(&Emission) + Send + Sync + 'static,
    ) -> Result<ListenerId, TooManyListeners> {
        let max = self.max_listeners();
        let mut listeners = self.listeners.write();
        let of_type = listeners.entry(event_type).or_default();
        if of_type.len() >= max {
            return Err(TooManyListeners { event_type, max });
        }
        let listener = move |emission: &Emission| {
            listener(emission);
            Ok(())
        };
        Ok(self.add(of_type, Arc::new(listener)))
    }

    /// Removes a listener and says whether it was there.
    pub fn off(&self, id: ListenerId) -> bool {
        self.listeners.write().values_mut().any(|of_type| {
            let position = of_type.iter().position(|(other, _)| *other == id);
            position
                .map(|index| Arc::make_mut(of_type).remove(index))
                .is_some()
        })
    }

    /// How many listeners each event type may have; those already there stay. The gateway's own
    /// listeners count.
    pub fn set_max_listeners(&self, max: usize) {
        self.max_listeners.store(max, Ordering::Relaxed);
    }

    /// How many listeners each event type may have.
    pub fn max_listeners(&self) -> usize {
        self.max_listeners.load(Ordering::Relaxed)
    }

    /// How many listeners an event type has.
    pub fn listener_count(&self, event_type: EventType) -> usize {
        self.listeners
            .read()
            .get(&event_type)
            .map_or(0, |of_type| of_type.len())
    }

    /// Emits an execution-scoped event exactly as it is given.
    ///
    /// # Errors
    /// [`EmitError`] for an event of another scope, and when it was not kept.
    pub fn emit(&self, event: impl Into<Event>) -> Result<(), EmitError> {
        self.dispatch(&Emission::new(event.into(), None)?)
    }

    /// Emits an event that belongs to a user, exactly as it is given.
    ///
    /// # Errors
    /// [`EmitError::ConnectionScoped`] for `connection:established`, [`EmitError::NotKept`].
    pub fn emit_to_user(&self, user_id: &str, event: impl Into<Event>) -> Result<(), EmitError> {
        self.dispatch(&Emission::new(event.into(), Some(user_id))?)
    }

    /// Calls the listeners. No lock is held meanwhile, so that a listener may emit as well.
    ///
    /// # Errors
    /// [`EmitError::NotKept`], and the later listeners are not called.
    pub fn dispatch(&self, emission: &Emission) -> Result<(), EmitError> {
        let listeners = self
            .listeners
            .read()
            .get(&emission.event.event_type())
            .cloned();
        for (_, listener) in listeners.iter().flat_map(|of_type| of_type.iter()) {
            listener(emission)?;
        }
        Ok(())
    }

    /// `execution:started`: a workflow execution of `total_nodes` nodes has started.
    pub fn emit_execution_started(
        &self,
        execution_id: &str,
        workflow_name: &str,
        total_nodes: u32,
    ) {
        self.dispatch_execution(ExecutionStarted {
            timestamp: now(),
            execution_id: execution_id.to_owned(),
            workflow_name: workflow_name.to_owned(),
            total_nodes: total_nodes.into(),
            extra: Extra::default(),
        });
    }

    /// `execution:progress`: `completed` of `total` nodes are done. The percentage follows from
    /// the two (0 of 0 is 0 %).
    pub fn emit_execution_progress(&self, execution_id: &str, completed: u32, total: u32) {
        self.dispatch_execution(ExecutionProgress {
            timestamp: now(),
            execution_id: execution_id.to_owned(),
            completed: completed.into(),
            total: total.into(),
            percentage: percentage(completed, total),
            extra: Extra::default(),
        });
    }

    /// `execution:completed`: the execution succeeded after `duration_ms` milliseconds.
    pub fn emit_execution_completed(
        &self,
        execution_id: &str,
        outputs: Record<Json>,
        duration_ms: u64,
    ) {
        self.dispatch_execution(ExecutionCompleted {
            timestamp: now(),
            execution_id: execution_id.to_owned(),
            status: Default::default(),
            outputs,
            duration: Number::from_integer(duration_ms),
            extra: Extra::default(),
        });
    }

    /// `execution:failed`: the execution failed, at a node where that is known.
    pub fn emit_execution_failed(
        &self,
        execution_id: &str,
        error: &str,
        failed_node_id: Option<&str>,
    ) {
        self.dispatch_execution(ExecutionFailed {
            timestamp: now(),
            execution_id: execution_id.to_owned(),
            status: Default::default(),
            error: error.to_owned(),
            failed_node_id: failed_node_id.map(str::to_owned),
            extra: Extra::default(),
        });
    }

    /// `node:started`: a node began to run.
    pub fn emit_node_started(
        &self,
        execution_id: &str,
        node_id: &str,
        node_name: &str,
        node_type: &str,
    ) {
        self.dispatch_execution(NodeStarted {
            timestamp: now(),
            execution_id: execution_id.to_owned(),
            node_id: node_id.to_owned(),
            node_name: node_name.to_owned(),
            node_type: node_type.to_owned(),
            extra: Extra::default(),
        });
    }

    /// `node:completed`: a node succeeded after `duration_ms` milliseconds.
    pub fn emit_node_completed(
        &self,
        execution_id: &str,
        node_id: &str,
        output: Json,
        duration_ms: u64,
        metadata: Option<Json>,
    ) {
        self.dispatch_execution(NodeCompleted {
            timestamp: now(),
            execution_id: execution_id.to_owned(),
            node_id: node_id.to_owned(),
            output,
            duration: Number::from_integer(duration_ms),
            metadata,
            extra: Extra::default(),
        });
    }

    /// `node:failed`: a node failed.
    pub fn emit_node_failed(&self, execution_id: &str, node_id: &str, error: &str) {
        self.dispatch_execution(NodeFailed {
            timestamp: now(),
            execution_id: execution_id.to_owned(),
            node_id: node_id.to_owned(),
            error: error.to_owned(),
            extra: Extra::default(),
        });
    }

    /// `node:retry`: a node failed and is tried again, as attempt number `attempt`, in
    /// `next_retry_in_ms` milliseconds.
    pub fn emit_node_retry(
        &self,
        execution_id: &str,
        node_id: &str,
        attempt: u32,
        next_retry_in_ms: u64,
        error: &str,
    ) {
        self.dispatch_execution(NodeRetry {
            timestamp: now(),
            execution_id: execution_id.to_owned(),
            node_id: node_id.to_owned(),
            attempt: attempt.into(),
            next_retry_in: Number::from_integer(next_retry_in_ms),
            error: error.to_owned(),
            extra: Extra::default(),
        });
    }

    /// `node:stream`: the next piece of a node's output, such as a token of a language model.
    pub fn emit_node_stream(&self, execution_id: &str, node_id: &str, chunk: &str) {
        self.dispatch_execution(NodeStream {
            timestamp: now(),
            execution_id: execution_id.to_owned(),
            node_id: node_id.to_owned(),
            chunk: chunk.to_owned(),
            extra: Extra::default(),
        });
    }

    /// `user:input:required`: a node waits for the user's answer, which arrives as
    /// `user:input:response` on this emitter.
    pub fn emit_user_input_required(
        &self,
        execution_id: &str,
        node_id: &str,
        prompt: &str,
        input_type: &str,
        validation: Option<Json>,
    ) {
        self.dispatch_execution(UserInputRequired {
            timestamp: now(),
            execution_id: execution_id.to_owned(),
            node_id: node_id.to_owned(),
            prompt: prompt.to_owned(),
            input_type: input_type.to_owned(),
            validation,
            extra: Extra::default(),
        });
    }

    /// `kb:document:processing`: a document of the user is being processed.
    pub fn emit_document_processing(
        &self,
        user_id: &str,
        knowledge_base_id: &str,
        document_id: &str,
        document_name: &str,
    ) {
        self.dispatch_user(
            user_id,
            DocumentProcessing {
                timestamp: now(),
                knowledge_base_id: knowledge_base_id.to_owned(),
                document_id: document_id.to_owned(),
                document_name: document_name.to_owned(),
                extra: Extra::default(),
            },
        );
    }

    /// `kb:document:completed`: a document of the user was processed into `chunk_count` chunks.
    pub fn emit_document_completed(
        &self,
        user_id: &str,
        knowledge_base_id: &str,
        document_id: &str,
        chunk_count: u32,
    ) {
        self.dispatch_user(
            user_id,
            DocumentCompleted {
                timestamp: now(),
                knowledge_base_id: knowledge_base_id.to_owned(),
                document_id: document_id.to_owned(),
                chunk_count: chunk_count.into(),
                extra: Extra::default(),
            },
        );
    }

    /// `kb:document:failed`: a document of the user could not be processed.
    pub fn emit_document_failed(
        &self,
        user_id: &str,
        knowledge_base_id: &str,
        document_id: &str,
        error: &str,
    ) {
        self.dispatch_user(
            user_id,
            DocumentFailed {
                timestamp: now(),
                knowledge_base_id: knowledge_base_id.to_owned(),
                document_id: document_id.to_owned(),
                error: error.to_owned(),
                extra: Extra::default(),
            },
        );
    }

    /// Adds one of the gateway's own listeners, for which there is always room.
    pub(crate) fn attach(
        &self,
        event_type: EventType,
        listener: impl Fn(&Emission) -> Result<(), EmitError> + Send + Sync + 'static,
    ) {
        let mut listeners = self.listeners.write();
        let of_type = listeners.entry(event_type).or_default();
        self.add(of_type, Arc::new(listener));
    }

    fn add(&self, of_type: &mut Listeners, listener: Listener) -> ListenerId {
        let id = ListenerId(self.next_id.fetch_add(1, Ordering::Relaxed));
        Arc::make_mut(of_type).push((id, listener));
        id
    }

    fn dispatch_execution(&self, event: impl Into<Event>) {
        // The gateway has logged what went wrong.
        let _ = self.dispatch(&Emission {
            event: event.into(),
            user_id: None,
        });
    }

    fn dispatch_user(&self, user_id: &str, event: impl Into<Event>) {
        let _ = self.dispatch(&Emission {
            event: event.into(),
            user_id: Some(user_id.into()),
        });
    }
}

impl Default for WorkflowEventEmitter {
    fn default() -> Self {
        Self::new()
    }
}

/// The wall clock in milliseconds since 1970, as every event's `timestamp` is.
fn now() -> Number {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Number::from_integer(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

fn percentage(completed: u32, total: u32) -> Number {
    if total == 0 {
        return Number::default();
    }
    Number::try_from(f64::from(completed) * 100.0 / f64::from(total)).unwrap_or_default()
}
