//! From the emitter to the sockets.

use std::sync::Arc;

use flowmaestro_protocol::EventType;

use crate::emitter::{Emission, EmitError, WorkflowEventEmitter};
use crate::manager::WebSocketManager;
use crate::metrics::Metrics;

/// Listens to every event type and forwards what clients get to the [`WebSocketManager`].
///
/// Execution-scoped events go to the execution's subscribers, events of documents to their owner's
/// connections. `user:input:response` travels from clients to backends only: none is sent back.
/// Events of an execution that nobody registered go nowhere: it has no owner who could see them.
pub struct EventBridge {
    manager: Arc<WebSocketManager>,
    metrics: Arc<Metrics>,
}

impl EventBridge {
    pub(crate) fn new(manager: Arc<WebSocketManager>, metrics: Arc<Metrics>) -> Self {
        Self { manager, metrics }
    }

    /// Starts to listen.
    pub(crate) fn attach(self, emitter: &WorkflowEventEmitter) {
        let bridge = Arc::new(self);
        for event_type in EventType::ALL {
            let bridge = Arc::clone(&bridge);
            emitter.attach(*event_type, move |emission| {
                bridge.forward(emission).map(|_receivers| ())
            });
        }
    }

    /// Forwards an event to the connections that get it, and returns how many those are.
    ///
    /// # Errors
    /// [`EmitError::NotKept`], and nobody gets it.
    pub fn forward(&self, emission: &Emission) -> Result<usize, EmitError> {
        let event = emission.event();
        let r#type = event.event_type();
        self.metrics.emitted(r#type);
        let execution_id = event.execution_id();
        match self.manager.emit(event, emission.user_id()) {
            Ok(receivers) => {
                tracing::debug!(r#type = r#type.as_str(), ?execution_id, receivers, "event");
                Ok(receivers)
            }
            Err(error @ flowmaestro_hub::EmitError::History(_)) => {
                tracing::error!(r#type = r#type.as_str(), ?execution_id, %error, "event lost");
                Err(EmitError::NotKept)
            }
            Err(error) => {
                tracing::debug!(r#type = r#type.as_str(), ?execution_id, %error, "event");
                Ok(0)
            }
        }
    }
}
