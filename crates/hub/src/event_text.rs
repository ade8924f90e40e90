use std::cell::OnceCell;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use flowmaestro_protocol::{Event, EventType};

/// The fields that the hub adds to an event. What a backend wrote there is not handed on to those
/// who get the hub's.
const RESERVED: [&str; 4] = ["ack", "eventId", "redelivered", "seq"];

/// What an event ends with that is sent again because nobody acknowledged it.
const REDELIVERED: &str = r#","redelivered":true}"#;

/// One event as the text that each kind of connection gets.
pub(crate) struct EventText {
    pub(crate) event_id: EventId,
    pub(crate) seq: u64,
    /// With the hub's fields.
    pub(crate) numbered: Arc<str>,
    /// Without them. Few connections negotiate nothing: it is made for the first of them.
    baseline: OnceCell<Arc<str>>,
    /// Where in the numbered text the hub's fields begin.
    end: usize,
}

/// The id of an event: unique, and the same after a restart that the history survived. It depends
/// on nothing but its own execution, or it would tell of the activity of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    execution: u64,
    seq: u64,
}

impl EventText {
    pub(crate) fn new(event: &Event, epoch: &str, seq: u64, ack: bool) -> Self {
        let event_id = EventId::new(epoch, event.execution_id().unwrap_or_default(), seq);
        let mut text = event.encode();
        let baseline = OnceCell::new();
        if RESERVED
            .iter()
            .any(|name| event.extra().contains_key(*name))
        {
            let _ = baseline.set(text.into());
            text = without_reserved(event.clone()).encode();
        }
        // An object, and never an empty one: it has a type.
        text.pop();
        let end = text.len();
        // A string takes everything.
        let _ = write!(text, r#","eventId":"{event_id}","seq":{seq}"#);
        text.push_str(if ack { r#","ack":true}"# } else { "}" });
        Self {
            event_id,
            seq,
            numbered: text.into(),
            baseline,
            end,
        }
    }

    /// The event without the hub's fields, for those who negotiated nothing.
    pub(crate) fn baseline(&self) -> &Arc<str> {
        self.baseline.get_or_init(|| {
            let fields = self.numbered.get(..self.end).unwrap_or_default();
            [fields, "}"].concat().into()
        })
    }
}

impl EventId {
    pub(crate) fn new(epoch: &str, execution_id: &str, seq: u64) -> Self {
        let execution = fnv1a(&[epoch.as_bytes(), &[0xff], execution_id.as_bytes()]);
        Self { execution, seq }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.execution, self.seq)
    }
}

fn without_reserved(mut event: Event) -> Event {
    event
        .extra_mut()
        .retain(|name, _| !RESERVED.contains(&name.as_str()));
    event
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

/// The 64-bit FNV-1a hash of the parts: short, and the same everywhere.
fn fnv1a(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().copied().flatten();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
