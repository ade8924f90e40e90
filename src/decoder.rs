//! The Rust side of `decoder.js`: what it is asked for, and the numbers that it answers.

use flowmaestro_protocol::{EventType, Features};
use flowmaestro_session::{
    ExecutionKey, Frame, FrameKind, Gap, Generation, Input, PlainEvent, Position, Problem, SendId,
    Token, TokenRequest,
};
use wasm_bindgen::prelude::*;

use crate::declarations;

#[wasm_bindgen(module = "/src/decoder.js")]
extern "C" {
    /// Reads received frames; see `decoder.js`.
    pub(crate) type Decoder;

    #[wasm_bindgen(constructor)]
    fn create() -> Decoder;

    #[wasm_bindgen(method, js_name = setLimit)]
    pub(crate) fn set_limit(this: &Decoder, characters: f64);

    /// Says which events somebody listens to, by the bits of their indexes.
    #[wasm_bindgen(method, js_name = setHeard)]
    pub(crate) fn set_heard(this: &Decoder, bits: i32);

    #[wasm_bindgen(method)]
    fn declare(this: &Decoder, events: &str, features: &str);

    #[wasm_bindgen(method, js_name = key)]
    fn find(this: &Decoder, execution_id: &JsValue) -> i32;

    #[wasm_bindgen(method, js_name = keyOf)]
    fn find_of(this: &Decoder, event: &JsValue) -> i32;

    #[wasm_bindgen(method)]
    pub(crate) fn intern(this: &Decoder, execution_id: &JsValue, key: u32);

    #[wasm_bindgen(method)]
    pub(crate) fn forget(this: &Decoder, key: u32);

    /// Everything up to this event was handed over by another instance.
    #[wasm_bindgen(method, js_name = goOnFrom)]
    pub(crate) fn go_on_from(this: &Decoder, key: u32, seq: f64, epoch: &JsValue);

    /// The index of an event of this execution that somebody else has read, or -1 for any other.
    #[wasm_bindgen(method, catch, js_name = checkEvent)]
    pub(crate) fn check_event(
        this: &Decoder,
        event: &JsValue,
        execution_id: &JsValue,
    ) -> Result<i32, JsValue>;

    /// The name under which a room is known, which no execution has.
    #[wasm_bindgen(method)]
    pub(crate) fn room(this: &Decoder, room: &JsValue) -> JsValue;

    /// The server's id of the last connection.
    #[wasm_bindgen(method, getter, js_name = connectionId)]
    pub(crate) fn connection_id(this: &Decoder) -> JsValue;

    /// A message with a number, under which the server acknowledges it.
    #[wasm_bindgen(method)]
    pub(crate) fn numbered(this: &Decoder, text: &JsValue, number: u32) -> JsValue;

    /// `subscribe`, to an execution or a room.
    #[wasm_bindgen(method)]
    pub(crate) fn subscribe(
        this: &Decoder,
        key: u32,
        after: Option<f64>,
        presence: bool,
    ) -> JsValue;

    /// `unsubscribe`, from an execution or a room.
    #[wasm_bindgen(method)]
    pub(crate) fn unsubscribe(this: &Decoder, key: u32) -> JsValue;

    /// `replay`, of an execution since a time in ms since the Unix epoch.
    #[wasm_bindgen(method)]
    pub(crate) fn replay(this: &Decoder, key: u32, since: f64) -> JsValue;

    /// The answer to a welcome that offers features.
    #[wasm_bindgen(method)]
    pub(crate) fn hello(this: &Decoder, bits: u8) -> JsValue;

    /// `connection:subscribed`, as handlers see it.
    #[wasm_bindgen(method, js_name = subscribedEvent)]
    pub(crate) fn subscribed_event(
        this: &Decoder,
        key: u32,
        resumed: bool,
        recovered: bool,
    ) -> JsValue;

    #[wasm_bindgen(method, js_name = gapEvent)]
    fn make_gap_event(
        this: &Decoder,
        key: u32,
        from: Option<f64>,
        to: Option<f64>,
        reason: u8,
    ) -> JsValue;

    #[wasm_bindgen(method, js_name = errorEvent)]
    fn make_error_event(this: &Decoder, problem: u8, payload: &JsValue, key: i32) -> JsValue;
}

impl Decoder {
    /// A decoder that knows every event of the protocol.
    pub(crate) fn new() -> Self {
        let decoder = Self::create();
        decoder.declare(declarations::EVENTS, declarations::FEATURES);
        decoder
    }

    /// The number of an execution, if anybody holds on to it.
    pub(crate) fn key(&self, execution_id: &JsValue) -> Option<ExecutionKey> {
        key(self.find(execution_id))
    }

    /// The number of the execution that an event belongs to, likewise.
    pub(crate) fn key_of(&self, event: &JsValue) -> Option<ExecutionKey> {
        key(self.find_of(event))
    }

    /// `connection:gap`, as handlers see it.
    pub(crate) fn gap_event(&self, execution: ExecutionKey, gap: Gap) -> JsValue {
        let number = |seq: Option<u64>| seq.map(|seq| seq as f64);
        let reason = gap.reason as u8;
        self.make_gap_event(execution.0, number(gap.from), number(gap.to), reason)
    }

    /// `connection:error`, likewise, and the execution that it is about.
    pub(crate) fn error_event(&self, problem: Problem<JsValue>) -> (JsValue, Option<ExecutionKey>) {
        let (kind, payload, execution) = match problem {
            Problem::SubscriptionRefused {
                execution, payload, ..
            } => (0, payload, Some(execution)),
            Problem::ServerError { execution, payload } => (0, payload, execution),
            Problem::SubscriptionUnanswered { execution } => {
                (1, JsValue::UNDEFINED, Some(execution))
            }
            Problem::UnreadableFrame { payload } => (2, payload, None),
            Problem::TokenUnavailable => (3, JsValue::UNDEFINED, None),
            Problem::TokenExpiring => (4, JsValue::UNDEFINED, None),
            Problem::RenewalFailed => (5, JsValue::UNDEFINED, None),
        };
        let key = execution.map_or(-1, |key| key.0 as i32);
        (self.make_error_event(kind, &payload, key), execution)
    }
}

fn key(number: i32) -> Option<ExecutionKey> {
    u32::try_from(number).ok().map(ExecutionKey)
}

/// An event that may be the next of its execution, of which then there is nothing to decide.
pub(crate) struct NextEvent {
    pub(crate) generation: Generation,
    pub(crate) event: PlainEvent,
    /// Nobody listens to it, so it was not read.
    pub(crate) is_unread: bool,
}

/// Reads such an event, as `decoder.js` reports it.
pub(crate) fn next_event(number: u32, frame: u32, detail: f64) -> Option<NextEvent> {
    let is_unread = frame & 31 == 27;
    if frame & 31 != 7 && !is_unread {
        return None;
    }
    Some(NextEvent {
        generation: Generation(number),
        event: event(frame, detail).plain_event()?,
        is_unread,
    })
}

fn event(frame: u32, detail: f64) -> FrameKind {
    let event = (frame >> 5 & 31) as u8;
    FrameKind::Event {
        event,
        execution: execution(frame),
        terminal: is_terminal(event),
        seq: sequence(detail),
        ack: frame >> 10 & 1 == 1,
    }
}

fn execution(frame: u32) -> Option<ExecutionKey> {
    (frame >> 11).checked_sub(1).map(ExecutionKey)
}

/// An event's number in its execution, if it has one.
fn sequence(detail: f64) -> Option<u64> {
    (detail > 0.0).then_some(detail as u64)
}

/// Reads what is reported: a frame as `decoder.js` found it to be, or one of the rest.
pub(crate) fn unpack(number: u32, frame: u32, payload: JsValue, detail: f64) -> Input<JsValue> {
    let generation = Generation(number);
    let kind = frame & 31;
    let key = execution(frame);
    match (kind, key) {
        (14, Some(execution)) => Input::Head {
            generation,
            execution,
            seq: detail as u64,
        },
        (19, _) => Input::SocketClosed {
            generation,
            code: detail as u16,
            reason: payload.as_string().unwrap_or_default(),
        },
        (20, _) => Input::Wake,
        (21, _) => Input::Tick,
        (22, _) => Input::TokenReady {
            request: TokenRequest(number),
            token: payload
                .as_string()
                .filter(|token| !token.is_empty())
                .map(|token| Token::expiring(token, Some(detail))),
        },
        (25, _) => Input::SocketFailed { generation },
        (26, _) => Input::Network {
            online: detail > 0.0,
        },
        _ => Input::SocketFrame {
            generation,
            frame: Frame {
                kind: frame_kind(kind, key, frame, detail),
                payload,
            },
        },
    }
}

fn frame_kind(kind: u32, key: Option<ExecutionKey>, frame: u32, detail: f64) -> FrameKind {
    let number = sequence(detail);
    match (kind, key) {
        (1, _) => FrameKind::Welcome { features: None },
        (2, _) => FrameKind::Welcome {
            features: Some(Features::from_bits(detail as u8)),
        },
        (3, Some(execution)) => FrameKind::Subscribed {
            execution,
            position: None,
        },
        (4, Some(execution)) => FrameKind::Unsubscribed(execution),
        (5 | 6, execution) => FrameKind::Error {
            execution,
            message: number.map(|number| SendId(number as u32)),
            forbidden: kind == 6,
        },
        (7, _) => event(frame, detail),
        (8, _) => FrameKind::ForeignEvent {
            event: (frame >> 5 & 31) as u8,
        },
        (9, _) => FrameKind::Unknown,
        (10..=12, Some(execution)) => FrameKind::Subscribed {
            execution,
            position: Some(Position {
                head: number.unwrap_or_default(),
                recovered: kind == 10,
                restarted: kind == 12,
            }),
        },
        (13, _) => FrameKind::Acknowledged(SendId(detail as u32)),
        (15, _) => FrameKind::Pong(detail as u32),
        (16, _) => FrameKind::TokenExpiring,
        (17, _) => FrameKind::Authenticated,
        (18, _) => FrameKind::StrayAnswer,
        (23 | 24, Some(execution)) => FrameKind::Replayed {
            execution,
            count: number.unwrap_or_default(),
            complete: kind == 23,
        },
        _ => FrameKind::Invalid,
    }
}

fn is_terminal(event: u8) -> bool {
    EventType::ALL
        .get(usize::from(event))
        .is_some_and(|event_type| event_type.is_terminal())
}
