//! What `decoder.js` and `handlers.js` are told of the protocol: texts that are made of its declarations
//! when the package is compiled, so that a page's first use need not make them.

use flowmaestro_protocol::{EventType, Feature, Field, FieldKind, Scope};

/// The events, as `declare` in `decoder.js` reads them.
pub(crate) const EVENTS: &str = EVENT_TEXT.as_str();
/// The names of the features, in the order of their bits.
pub(crate) const FEATURES: &str = FEATURE_TEXT.as_str();
/// The names of the events, in the order of their indexes.
pub(crate) const EVENT_NAMES: &str = EVENT_NAME_TEXT.as_str();

/// Added to a field's kind where the field may be absent.
const OPTIONAL: u8 = 4;

// Added to the kind of a field that the state of an execution or a document depends on.
/// It names the node or document.
const SUBJECT: u8 = 8;
/// It says when.
const TIME: u8 = 16;
/// It is what an event appends to a text.
const TEXT: u8 = 32;

const EVENT_TEXT: Text = {
    let mut text = Text::new();
    let mut events = EventType::ALL;
    while let [event_type, rest @ ..] = events {
        text.push_event(*event_type);
        if !rest.is_empty() {
            text.push("\n");
        }
        events = rest;
    }
    text
};

const EVENT_NAME_TEXT: Text = {
    let mut text = Text::new();
    let mut events = EventType::ALL;
    while let [event_type, rest @ ..] = events {
        text.push_word(event_type.as_str());
        events = rest;
    }
    text
};

const FEATURE_TEXT: Text = {
    let mut text = Text::new();
    let mut features = Feature::ALL.as_slice();
    while let [feature, rest @ ..] = features {
        text.push_word(feature.as_str());
        features = rest;
    }
    text
};

/// A text that is being made. One that is too long does not compile.
struct Text {
    bytes: [u8; 4096],
    length: usize,
}

impl Text {
    const fn new() -> Self {
        Self {
            bytes: [0; 4096],
            length: 0,
        }
    }

    #[expect(clippy::indexing_slicing, reason = "it happens while compiling")]
    const fn push(&mut self, text: &str) {
        let mut bytes = text.as_bytes();
        while let [byte, rest @ ..] = bytes {
            self.bytes[self.length] = *byte;
            self.length += 1;
            bytes = rest;
        }
    }

    /// Appends a word, with a space before it unless it is the first.
    const fn push_word(&mut self, word: &str) {
        if self.length > 0 {
            self.push(" ");
        }
        self.push(word);
    }

    const fn push_event(&mut self, event_type: EventType) {
        self.push(event_type.wire_type());
        self.push_word(event_type.as_str());
        let is_scoped = matches!(event_type.scope(), Scope::Execution);
        self.push_word(if is_scoped { "1" } else { "0" });
        let mut fields = event_type.fields();
        while let [field, rest @ ..] = fields {
            self.push_word(field.name);
            self.push_word(digit(&kind_number(field)));
            self.push_word(literal(field));
            fields = rest;
        }
    }

    const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

const fn kind_number(field: &Field) -> u8 {
    let kind = match field.kind {
        FieldKind::String | FieldKind::Literal(_) => 0,
        FieldKind::Number => 1,
        FieldKind::Record => 2,
        FieldKind::Any => 3,
    };
    let optional = if field.optional { OPTIONAL } else { 0 };
    b'0' + (kind | optional | role_number(field.name.as_bytes()))
}

const fn role_number(name: &[u8]) -> u8 {
    match name {
        b"nodeId" | b"failedNodeId" | b"documentId" => SUBJECT,
        b"timestamp" => TIME,
        b"chunk" => TEXT,
        _ => 0,
    }
}

/// A number as one character, that many places behind `0`.
const fn digit(number: &u8) -> &str {
    match core::str::from_utf8(core::slice::from_ref(number)) {
        Ok(digit) => digit,
        Err(_) => "",
    }
}

const fn literal(field: &Field) -> &'static str {
    match field.kind {
        FieldKind::Literal(text) => text,
        _ => "",
    }
}
