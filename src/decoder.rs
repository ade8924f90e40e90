//! The Rust side of `decoder.js`: the tables that it checks by, and the numbers that it answers.

use flowmaestro_protocol::{EventType, Feature, Features, Field, FieldKind, Scope};
use flowmaestro_session::{ExecutionKey, Frame, FrameKind, Generation, Input, Position, SendId};
use js_sys::{Function, JsString};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/decoder.js")]
extern "C" {
    /// Reads received frames; see `decoder.js`.
    pub(crate) type Decoder;

    #[wasm_bindgen(constructor)]
    fn create() -> Decoder;

    #[wasm_bindgen(method, js_name = setLimit)]
    pub(crate) fn set_limit(this: &Decoder, characters: f64);

    #[wasm_bindgen(method)]
    fn define(
        this: &Decoder,
        index: u8,
        wire_type: &str,
        name: &str,
        scoped: bool,
        names: Vec<JsString>,
        kinds: &[u8],
        literals: Vec<JsString>,
    );

    #[wasm_bindgen(method)]
    pub(crate) fn intern(this: &Decoder, execution_id: &str, key: u32);

    #[wasm_bindgen(method)]
    pub(crate) fn forget(this: &Decoder, execution_id: &str);

    #[wasm_bindgen(method, js_name = defineFeature)]
    fn define_feature(this: &Decoder, name: &str, bit: u8);

    #[wasm_bindgen(method)]
    pub(crate) fn listener(this: &Decoder, sink: &JsValue) -> Listener;

    /// A message with a number, under which the server acknowledges it.
    #[wasm_bindgen(method)]
    pub(crate) fn numbered(this: &Decoder, text: &JsValue, number: u32) -> JsValue;

    /// `subscribe`, to an execution or a room.
    #[wasm_bindgen(method)]
    pub(crate) fn subscribe(
        this: &Decoder,
        name: &str,
        after: Option<f64>,
        presence: bool,
    ) -> String;

    /// `unsubscribe`, from an execution or a room.
    #[wasm_bindgen(method)]
    pub(crate) fn unsubscribe(this: &Decoder, name: &str) -> String;

    /// The messages of one socket.
    pub(crate) type Listener;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn onmessage(this: &Listener) -> Function;

    #[wasm_bindgen(method)]
    pub(crate) fn stop(this: &Listener);
}

/// Stands before the name of a room: no execution's id has it.
pub(crate) const ROOM: &str = "\0room:";

/// Added to a field's kind where the field may be absent.
const OPTIONAL: u8 = 4;

impl Decoder {
    /// A decoder that knows every event of the protocol.
    pub(crate) fn new() -> Self {
        let decoder = Self::create();
        for (index, event_type) in (0..).zip(EventType::ALL) {
            let fields = event_type.fields();
            decoder.define(
                index,
                event_type.wire_type(),
                event_type.as_str(),
                event_type.scope() == Scope::Execution,
                fields.iter().map(|field| field.name.into()).collect(),
                &fields.iter().map(kind_number).collect::<Vec<_>>(),
                fields.iter().map(|field| literal(field).into()).collect(),
            );
        }
        for feature in Feature::ALL {
            let bit = Features::from_iter([feature]).bits();
            decoder.define_feature(feature.as_str(), bit);
        }
        decoder
    }
}

fn kind_number(field: &Field) -> u8 {
    let kind = match field.kind {
        FieldKind::String | FieldKind::Literal(_) => 0,
        FieldKind::Number => 1,
        FieldKind::Record => 2,
        FieldKind::Any => 3,
    };
    if field.optional {
        kind | OPTIONAL
    } else {
        kind
    }
}

fn literal(field: &Field) -> &'static str {
    match field.kind {
        FieldKind::Literal(text) => text,
        _ => "",
    }
}

/// Reads what `decoder.js` found a frame to be.
pub(crate) fn unpack(
    generation: Generation,
    frame: u32,
    payload: JsValue,
    detail: f64,
) -> Input<JsValue> {
    let kind = frame & 31;
    let key = (frame >> 11).checked_sub(1).map(ExecutionKey);
    if let (HEAD, Some(execution)) = (kind, key) {
        return Input::Head {
            generation,
            execution,
            seq: detail as u64,
        };
    }
    let kind = frame_kind(kind, key, frame, detail);
    let frame = Frame { kind, payload };
    Input::SocketFrame { generation, frame }
}

const HEAD: u32 = 14;

fn frame_kind(kind: u32, key: Option<ExecutionKey>, frame: u32, detail: f64) -> FrameKind {
    let event = (frame >> 5 & 31) as u8;
    let number = (detail > 0.0).then_some(detail as u64);
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
        (7, execution) => FrameKind::Event {
            event,
            execution,
            terminal: is_terminal(event),
            seq: number,
            ack: frame >> 10 & 1 == 1,
        },
        (8, _) => FrameKind::ForeignEvent { event },
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
        _ => FrameKind::Invalid,
    }
}

fn is_terminal(event: u8) -> bool {
    EventType::ALL
        .get(usize::from(event))
        .is_some_and(|event_type| event_type.is_terminal())
}
