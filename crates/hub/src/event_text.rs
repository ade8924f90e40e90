use std::sync::Arc;

use flowmaestro_protocol::{Event, EventType};

/// The fields that the hub adds to an event. What a backend wrote there is not handed on to those
/// who get the hub's.
const RESERVED: [&str; 4] = ["ack", "eventId", "redelivered", "seq"];

/// What an event ends with that is sent again because nobody acknowledged it.
const REDELIVERED: &str = r#","redelivered":true}"#;

/// One event as the text that each kind of connection gets.
pub(crate) struct EventText {
    pub(crate) event_id: String,
    pub(crate) seq: u64,
    /// Without the hub's fields, for those who negotiated nothing.
    pub(crate) baseline: Arc<str>,
    /// With them.
    pub(crate) numbered: Arc<str>,
}

impl EventText {
    pub(crate) fn new(mut event: Event, epoch: &str, seq: u64, ack: bool) -> Self {
        let event_id = event_id(epoch, event.execution_id().unwrap_or_default(), seq);
        let baseline = event.encode();
        let mut numbered = baseline.clone();
        if RESERVED
            .iter()
            .any(|name| event.extra().contains_key(*name))
        {
            event
                .extra_mut()
                .retain(|name, _| !RESERVED.contains(&name.as_str()));
            numbered = event.encode();
        }
        // An object, and never an empty one: it has a type.
        numbered.pop();
        numbered.push_str(&format!(r#","eventId":"{event_id}","seq":{seq}"#));
        numbered.push_str(if ack { r#","ack":true}"# } else { "}" });
        Self {
            event_id,
            seq,
            baseline: baseline.into(),
            numbered: numbered.into(),
        }
    }
}

/// The text of an event that is sent again because nobody acknowledged it. Its `seq` is not the next
/// one of the subscription, and without the mark it would look like a hole.
pub(crate) fn redelivered(text: &str) -> Arc<str> {
    let fields = text.strip_suffix('}').unwrap_or(text);
    format!("{fields}{REDELIVERED}").into()
}

/// Whether the event is sent until it is acknowledged.
pub(crate) fn is_critical(event_type: EventType) -> bool {
    event_type.is_terminal() || event_type == EventType::UserInputRequired
}

/// The id of an event: unique, and the same after a restart that the history survived. It depends
/// on nothing but its own execution, or it would tell of the activity of others.
pub(crate) fn event_id(epoch: &str, execution_id: &str, seq: u64) -> String {
    let execution = fnv1a(&[epoch.as_bytes(), &[0xff], execution_id.as_bytes()]);
    format!("{execution:016x}-{seq}")
}

/// The 64-bit FNV-1a hash of the parts: short, and the same everywhere.
fn fnv1a(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().copied().flatten();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
