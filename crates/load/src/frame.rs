//! What the load reads of the gateway's messages.

use std::borrow::Cow;

use serde::Deserialize;

/// A message of the gateway: an event, or an answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Frame<'a> {
    /// Its type.
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    /// The execution that it is about.
    #[serde(borrow)]
    pub(crate) execution_id: Option<Cow<'a, str>>,
    /// The event's number in its execution.
    pub(crate) seq: Option<u64>,
    /// A critical event asks for an acknowledgement by this name.
    #[serde(borrow)]
    pub(crate) event_id: Option<Cow<'a, str>>,
    /// Whether it does.
    #[serde(default)]
    pub(crate) ack: bool,
    /// The text of a `node:stream`.
    #[serde(borrow)]
    pub(crate) chunk: Option<Cow<'a, str>>,
    /// Of a `subscribed`: which history the numbers belong to.
    #[serde(borrow)]
    pub(crate) epoch: Option<Cow<'a, str>>,
    /// Of a `subscribed`: the last number that was given.
    pub(crate) head: Option<u64>,
    /// The events of a `batch`.
    #[serde(borrow, default)]
    pub(crate) events: Vec<Frame<'a>>,
}

impl<'a> Frame<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}
