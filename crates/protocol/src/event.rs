//! The fifteen events, each declared once.
//!
//! Names, fields and units are those of FlowMaestro's WebSocket events reference ("Event Types
//! Reference"). `V` is the type of the fields that the reference calls `any`: checked raw JSON
//! (`Json`) natively, a JavaScript value in the browser.

use alloc::string::String;

use serde::Serialize;

#[cfg(feature = "json")]
use crate::DecodeError;
#[cfg(feature = "json")]
use crate::Json;
use crate::field::{AnyPayload, Described};
#[cfg(feature = "json")]
use crate::object::Object;
use crate::{Completed, Failed, Field, Number};

/// The payload that is meant where none is named.
#[cfg(feature = "json")]
pub type DefaultPayload = Json;
/// The payload that is meant where none is named.
#[cfg(not(feature = "json"))]
pub type DefaultPayload = ();

/// The fields of an event that its declaration does not name. They are kept and handed on.
pub type Extra<V> = Record<V>;

/// Values by name, in the order in which they were written: a JSON object, and the reference's
/// `Record<string, any>`.
#[cfg(feature = "json")]
pub type Record<V> = indexmap::IndexMap<String, V>;
/// Values by name. The client reads only what is declared of an event, and makes none.
#[cfg(not(feature = "json"))]
pub type Record<V> = alloc::collections::BTreeMap<String, V>;

/// Who gets an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The one connection that it is about.
    Connection,
    /// The connections subscribed to its `executionId`.
    Execution,
    /// Every connection of the user who owns the document.
    User,
}

macro_rules! events {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident = $type_name:literal on the wire $wire:literal to $scope:ident {
            $(
                $(#[doc = $field_doc:literal])*
                $(#[serde($($serde:tt)*)])?
                $field_wire:literal $field:ident: $field_type:ty,
            )*
        }
    )*) => {
        /// The type of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType {
            $( $(#[doc = $doc])* $name, )*
        }

        impl EventType {
            /// Every event type, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name that handlers are registered under, such as `node:completed`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $type_name),* }
            }

            /// The `type` of its messages. It differs from [`as_str`](Self::as_str) for
            /// `connection:established`, which the server sends as `connected`.
            pub const fn wire_type(self) -> &'static str {
                match self { $(Self::$name => $wire),* }
            }

            /// Who gets it.
            pub const fn scope(self) -> Scope {
                match self { $(Self::$name => Scope::$scope),* }
            }

            /// Its declared fields, `type` left out.
            pub const fn fields(self) -> &'static [Field] {
                match self { $(Self::$name => $name::<AnyPayload>::FIELDS),* }
            }

            /// The name of its struct, and of its TypeScript interface.
            #[cfg(feature = "json")]
            pub const fn struct_name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// The documentation of its declaration, a line each.
            #[cfg(feature = "json")]
            pub const fn doc(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($doc),*]),* }
            }
        }

        /// An event of any type.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged, bound = "V: Serialize")]
        pub enum Event<V = DefaultPayload> {
            $( $(#[doc = $doc])* $name($name<V>), )*
        }

        impl<V> Event<V> {
            /// Its type.
            pub const fn event_type(&self) -> EventType {
                match self { $(Self::$name(_) => EventType::$name),* }
            }

            /// The fields that its declaration does not name.
            pub const fn extra(&self) -> &Extra<V> {
                match self { $(Self::$name(event) => &event.extra),* }
            }

            /// The fields that its declaration does not name, to be changed.
            pub const fn extra_mut(&mut self) -> &mut Extra<V> {
                match self { $(Self::$name(event) => &mut event.extra),* }
            }
        }

        #[cfg(feature = "json")]
        impl Event {
            pub(crate) fn from_object(
                event_type: EventType,
                object: &mut Object<'_>,
            ) -> Result<Self, DecodeError> {
                match event_type {
                    $(EventType::$name => $name::from_object(object).map(Self::$name)),*
                }
            }
        }

        $(
            $(#[doc = $doc])*
            #[derive(Clone, Debug, PartialEq, Serialize)]
            #[serde(tag = "type", rename = $wire, bound = "V: Serialize")]
            pub struct $name<V = DefaultPayload> {
                $(
                    $(#[doc = $field_doc])*
                    #[serde(rename = $field_wire)]
                    $(#[serde($($serde)*)])?
                    pub $field: $field_type,
                )*
                /// The fields that this declaration does not name.
                #[serde(flatten)]
                pub extra: Extra<V>,
            }

            impl $name<AnyPayload> {
                const FIELDS: &'static [Field] = {
                    #[allow(dead_code, reason = "only some events have a field of type V")]
                    type V = AnyPayload;
                    &[$(Field {
                        name: $field_wire,
                        kind: <$field_type as Described>::KIND,
                        optional: <$field_type as Described>::OPTIONAL,
                        #[cfg(feature = "json")]
                        doc: &[$($field_doc),*],
                    }),*]
                };
            }

            #[cfg(feature = "json")]
            impl $name {
                pub(crate) fn from_object(object: &mut Object<'_>) -> Result<Self, DecodeError> {
                    Ok(Self {
                        $($field: object.take($field_wire)?,)*
                        extra: object.take_rest()?,
                    })
                }
            }

            impl<V> From<$name<V>> for Event<V> {
                fn from(event: $name<V>) -> Self {
                    Self::$name(event)
                }
            }
        )*
    };
}

events! {
    /// The server's welcome: the connection is authenticated and registered. Sent once, first.
    ConnectionEstablished = "connection:established" on the wire "connected" to Connection {
        /// The server's id of this connection, a UUID v4. New at every reconnect.
        "connectionId" connection_id: String,
        /// A sentence for people.
        "message" message: String,
    }

    /// A workflow execution has started.
    ExecutionStarted = "execution:started" on the wire "execution:started" to Execution {
        /// When it was emitted, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The execution.
        "executionId" execution_id: String,
        /// The workflow's name, for people.
        "workflowName" workflow_name: String,
        /// How many nodes will run.
        "totalNodes" total_nodes: Number,
    }

    /// An execution has come further.
    ExecutionProgress = "execution:progress" on the wire "execution:progress" to Execution {
        /// When it was emitted, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The execution.
        "executionId" execution_id: String,
        /// How many nodes are done.
        "completed" completed: Number,
        /// How many nodes there are.
        "total" total: Number,
        /// The part that is done, in percent: 0 to 100, with a fraction.
        "percentage" percentage: Number,
    }

    /// An execution has ended well. Nothing follows it.
    ExecutionCompleted = "execution:completed" on the wire "execution:completed" to Execution {
        /// When it was emitted, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The execution.
        "executionId" execution_id: String,
        /// Always `"completed"`.
        "status" status: Completed,
        /// What the workflow produced, by name.
        "outputs" outputs: Record<V>,
        /// How long it ran, in ms.
        "duration" duration: Number,
    }

    /// An execution has failed. Nothing follows it.
    ExecutionFailed = "execution:failed" on the wire "execution:failed" to Execution {
        /// When it was emitted, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The execution.
        "executionId" execution_id: String,
        /// Always `"failed"`.
        "status" status: Failed,
        /// What went wrong, for people.
        "error" error: String,
        /// The node that failed, where it was one.
        #[serde(skip_serializing_if = "Option::is_none")]
        "failedNodeId" failed_node_id: Option<String>,
    }

    /// A node has started to run.
    NodeStarted = "node:started" on the wire "node:started" to Execution {
        /// When it was emitted, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The execution.
        "executionId" execution_id: String,
        /// The node.
        "nodeId" node_id: String,
        /// The node's name, for people.
        "nodeName" node_name: String,
        /// The kind of node, such as `email` or `llm`.
        "nodeType" node_type: String,
    }

    /// A node has ended well.
    NodeCompleted = "node:completed" on the wire "node:completed" to Execution {
        /// When it was emitted, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The execution.
        "executionId" execution_id: String,
        /// The node.
        "nodeId" node_id: String,
        /// What the node produced.
        "output" output: V,
        /// How long it ran, in ms.
        "duration" duration: Number,
        /// What else the node tells about its run.
        #[serde(skip_serializing_if = "Option::is_none")]
        "metadata" metadata: Option<V>,
    }

    /// A node has failed.
    NodeFailed = "node:failed" on the wire "node:failed" to Execution {
        /// When it was emitted, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The execution.
        "executionId" execution_id: String,
        /// The node.
        "nodeId" node_id: String,
        /// What went wrong, for people.
        "error" error: String,
    }

    /// A node has failed and will be tried again.
    NodeRetry = "node:retry" on the wire "node:retry" to Execution {
        /// When it was emitted, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The execution.
        "executionId" execution_id: String,
        /// The node.
        "nodeId" node_id: String,
        /// Which attempt comes next; the first retry is attempt 2.
        "attempt" attempt: Number,
        /// How long until that attempt, in ms.
        "nextRetryIn" next_retry_in: Number,
        /// Why the last attempt failed, for people.
        "error" error: String,
    }

    /// A piece of a node's output while it is being made, such as the tokens of a language model.
    NodeStream = "node:stream" on the wire "node:stream" to Execution {
        /// When it was emitted, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The execution.
        "executionId" execution_id: String,
        /// The node.
        "nodeId" node_id: String,
        /// The text to append to what came before.
        "chunk" chunk: String,
    }

    /// The execution waits for a person. Answer with `user:input:response`.
    UserInputRequired = "user:input:required" on the wire "user:input:required" to Execution {
        /// When it was emitted, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The execution.
        "executionId" execution_id: String,
        /// The node that waits.
        "nodeId" node_id: String,
        /// What the person is asked.
        "prompt" prompt: String,
        /// The kind of input, such as `approval` or `text`.
        "inputType" input_type: String,
        /// What makes an answer valid, such as the options to choose from.
        #[serde(skip_serializing_if = "Option::is_none")]
        "validation" validation: Option<V>,
    }

    /// A person's answer to `user:input:required`: the one event that the client sends. Local
    /// handlers see it once it was handed to the connection.
    UserInputResponse = "user:input:response" on the wire "user:input:response" to Execution {
        /// When it was given, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The execution.
        "executionId" execution_id: String,
        /// The node that waits.
        "nodeId" node_id: String,
        /// The answer.
        "value" value: V,
    }

    /// A document of a knowledge base is being processed.
    DocumentProcessing = "kb:document:processing" on the wire "kb:document:processing" to User {
        /// When it was emitted, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The knowledge base.
        "knowledgeBaseId" knowledge_base_id: String,
        /// The document.
        "documentId" document_id: String,
        /// The document's name, for people.
        "documentName" document_name: String,
    }

    /// A document has been processed.
    DocumentCompleted = "kb:document:completed" on the wire "kb:document:completed" to User {
        /// When it was emitted, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The knowledge base.
        "knowledgeBaseId" knowledge_base_id: String,
        /// The document.
        "documentId" document_id: String,
        /// Into how many pieces the document was split.
        "chunkCount" chunk_count: Number,
    }

    /// A document could not be processed.
    DocumentFailed = "kb:document:failed" on the wire "kb:document:failed" to User {
        /// When it was emitted, in ms since the Unix epoch.
        "timestamp" timestamp: Number,
        /// The knowledge base.
        "knowledgeBaseId" knowledge_base_id: String,
        /// The document.
        "documentId" document_id: String,
        /// What went wrong, for people.
        "error" error: String,
    }
}

impl EventType {
    /// The event type of a message's `type`, where there is one.
    pub fn from_wire(wire_type: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|event_type| event_type.wire_type() == wire_type)
    }

    /// Whether nothing follows it in its execution.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::ExecutionCompleted | Self::ExecutionFailed)
    }
}

impl<V> Event<V> {
    /// The execution that it belongs to, where its type is scoped to one.
    pub fn execution_id(&self) -> Option<&str> {
        match self {
            Self::ConnectionEstablished(_)
            | Self::DocumentProcessing(_)
            | Self::DocumentCompleted(_)
            | Self::DocumentFailed(_) => None,
            Self::ExecutionStarted(event) => Some(&event.execution_id),
            Self::ExecutionProgress(event) => Some(&event.execution_id),
            Self::ExecutionCompleted(event) => Some(&event.execution_id),
            Self::ExecutionFailed(event) => Some(&event.execution_id),
            Self::NodeStarted(event) => Some(&event.execution_id),
            Self::NodeCompleted(event) => Some(&event.execution_id),
            Self::NodeFailed(event) => Some(&event.execution_id),
            Self::NodeRetry(event) => Some(&event.execution_id),
            Self::NodeStream(event) => Some(&event.execution_id),
            Self::UserInputRequired(event) => Some(&event.execution_id),
            Self::UserInputResponse(event) => Some(&event.execution_id),
        }
    }

    /// When it was emitted, in ms since the Unix epoch; the welcome does not say.
    pub const fn timestamp(&self) -> Option<Number> {
        match self {
            Self::ConnectionEstablished(_) => None,
            Self::ExecutionStarted(event) => Some(event.timestamp),
            Self::ExecutionProgress(event) => Some(event.timestamp),
            Self::ExecutionCompleted(event) => Some(event.timestamp),
            Self::ExecutionFailed(event) => Some(event.timestamp),
            Self::NodeStarted(event) => Some(event.timestamp),
            Self::NodeCompleted(event) => Some(event.timestamp),
            Self::NodeFailed(event) => Some(event.timestamp),
            Self::NodeRetry(event) => Some(event.timestamp),
            Self::NodeStream(event) => Some(event.timestamp),
            Self::UserInputRequired(event) => Some(event.timestamp),
            Self::UserInputResponse(event) => Some(event.timestamp),
            Self::DocumentProcessing(event) => Some(event.timestamp),
            Self::DocumentCompleted(event) => Some(event.timestamp),
            Self::DocumentFailed(event) => Some(event.timestamp),
        }
    }
}
