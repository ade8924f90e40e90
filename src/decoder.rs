//! The Rust side of `decoder.js`: the tables that it checks by, and the numbers that it answers.

use flowmaestro_protocol::{EventType, Field, FieldKind, Scope};
use flowmaestro_session::{ExecutionKey, FrameKind};
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

    #[wasm_bindgen(method)]
    pub(crate) fn listener(this: &Decoder, sink: &JsValue) -> Function;
}

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

/// Reads the packed number of `decoder.js`.
pub(crate) fn unpack(frame: u32) -> FrameKind {
    let event = (frame >> 4 & 31) as u8;
    let execution = (frame >> 9).checked_sub(1).map(ExecutionKey);
    match (frame & 15, execution) {
        (1, _) => FrameKind::Welcome { features: false },
        (2, _) => FrameKind::Welcome { features: true },
        (3, Some(key)) => FrameKind::Subscribed(key),
        (4, Some(key)) => FrameKind::Unsubscribed(key),
        (5, execution) => FrameKind::Error {
            execution,
            forbidden: false,
        },
        (6, execution) => FrameKind::Error {
            execution,
            forbidden: true,
        },
        (7, execution) => FrameKind::Event {
            event,
            execution,
            terminal: is_terminal(event),
        },
        (8, _) => FrameKind::ForeignEvent,
        (9, _) => FrameKind::Unknown,
        _ => FrameKind::Invalid,
    }
}

fn is_terminal(event: u8) -> bool {
    EventType::ALL
        .get(usize::from(event))
        .is_some_and(|event_type| event_type.is_terminal())
}
