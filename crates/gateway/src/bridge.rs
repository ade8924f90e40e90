//! From the emitter to the sockets.

use std::sync::Arc;

use flowmaestro_protocol::{EventType, Scope};

use crate::emitter::{Emission, WorkflowEventEmitter};
use crate::executions::ExecutionRegistry;
use crate::manager::WebSocketManager;
use crate::metrics::{Metrics, Refusal};

/// Listens to every event type and forwards what clients get to the [`WebSocketManager`].
///
/// Execution-scoped events go to the execution's subscribers, events of documents to their owner's
/// connections. `user:input:response` travels from clients to backends only: none is sent back.
/// Events of an execution that nobody registered go nowhere: it has no owner who could see them.
pub struct EventBridge {
    executions: ExecutionRegistry,
    manager: Arc<WebSocketManager>,
    metrics: Arc<Metrics>,
}

impl EventBridge {
    pub(crate) fn new(
        executions: ExecutionRegistry,
        manager: Arc<WebSocketManager>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            executions,
            manager,
            metrics,
        }
    }

    /// Starts to listen.
    pub(crate) fn attach(self, emitter: &WorkflowEventEmitter) {
        let bridge = Arc::new(self);
        for event_type in EventType::ALL {
            let bridge = Arc::clone(&bridge);
            emitter.attach(*event_type, move |emission| bridge.forward(emission));
        }
    }

    /// Forwards an event to the connections that get it, and returns how many those are.
    pub fn forward(&self, emission: &Emission) -> usize {
        let event_type = emission.event().event_type();
        self.metrics.emitted(event_type);
        match event_type.scope() {
            _ if event_type == EventType::UserInputResponse => 0,
            Scope::Execution => self.forward_to_execution(emission),
            Scope::User => emission.user_id().map_or(0, |user_id| {
                self.manager.broadcast_to_user(user_id, emission.event())
            }),
            Scope::Connection => 0,
        }
    }

    fn forward_to_execution(&self, emission: &Emission) -> usize {
        let event = emission.event();
        let execution_id = event.execution_id().unwrap_or_default();
        if self.executions.owner(execution_id).is_none() {
            self.metrics.refused(Refusal::UnregisteredExecution);
            tracing::debug!(
                ?execution_id,
                "event of an execution that nobody registered"
            );
            return 0;
        }
        let receivers = self.manager.broadcast_to_execution(execution_id, event);
        tracing::debug!(
            r#type = event.event_type().as_str(),
            ?execution_id,
            receivers,
            "event"
        );
        if event.event_type().is_terminal() {
            self.executions.mark_ended(execution_id);
        }
        receivers
    }
}
