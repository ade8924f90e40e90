//! Texts that a client may receive, most of them damaged, and what the native codec makes of each.
//!
//! `decoder_cases SEED COUNT` prints a line with the events' declarations, then one for each text: the
//! verdict and the text, as JSON. `scripts/lib/decoder-differential.mjs` shows the same texts to the
//! browser's decoder.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a program for tests"
)]

use std::io::{self, BufWriter, Write};

use flowmaestro_protocol::{
    DecodeError, DecodeErrorKind, Event, EventType, Feature, FieldKind, Scope, ServerMessage,
};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

/// At least one message of each type, and of each of its forms.
const MESSAGES: &[&str] = &[
    r#"{"type":"connected","connectionId":"c-1","message":"Welcome"}"#,
    r#"{"type":"connected","connectionId":"c-1","message":"Welcome","features":["replay","ack","gzip","news"],"heartbeatMs":25000}"#,
    r#"{"type":"execution:started","timestamp":1700000000000,"executionId":"exec_1","workflowName":"Na\u0069ve \"ünïcödé\"","totalNodes":8}"#,
    r#"{"type":"execution:progress","timestamp":1.5,"executionId":"exec_2","completed":1,"total":3,"percentage":33.33333333333333}"#,
    r#"{"type":"execution:completed","timestamp":1,"executionId":"exec_1","status":"completed","outputs":{"a":[1,{"b":null}],"__proto__":{"c":true}},"duration":18000,"seq":9,"eventId":"e.exec_1.9","ack":true}"#,
    r#"{"type":"execution:failed","timestamp":1,"executionId":"exec_1","status":"failed","error":"no","failedNodeId":"n"}"#,
    r#"{"type":"node:started","timestamp":1,"executionId":"exec_3","nodeId":"n","nodeName":"N","nodeType":"llm"}"#,
    r#"{"type":"node:completed","timestamp":1,"executionId":"exec_1","nodeId":"n","output":null,"duration":0.1,"metadata":{"tokens":12}}"#,
    r#"{"type":"node:failed","timestamp":1,"executionId":"exec_1","nodeId":"n","error":"no","seq":3}"#,
    r#"{"type":"node:retry","timestamp":1,"executionId":"exec_1","nodeId":"n","attempt":2,"nextRetryIn":1000,"error":"no"}"#,
    r#"{"type":"node:stream","timestamp":1,"executionId":"exec_1","nodeId":"n","chunk":"\ud83d\ude00 text","seq":12,"eventId":"e"}"#,
    r#"{"type":"user:input:required","timestamp":1,"executionId":"exec_1","nodeId":"n","prompt":"?","inputType":"text","validation":{"min":1},"ack":true,"seq":2}"#,
    r#"{"type":"user:input:response","timestamp":1,"executionId":"exec_1","nodeId":"n","value":[false]}"#,
    r#"{"type":"kb:document:processing","timestamp":1,"knowledgeBaseId":"kb","documentId":"d","documentName":"D"}"#,
    r#"{"type":"kb:document:completed","timestamp":1,"knowledgeBaseId":"kb","documentId":"d","chunkCount":4}"#,
    r#"{"type":"kb:document:failed","timestamp":1,"knowledgeBaseId":"kb","documentId":"d","error":"no"}"#,
    r#"{"type":"subscribed","executionId":"exec_1"}"#,
    r#"{"type":"subscribed","executionId":"exec_1","epoch":"e","head":41,"recovered":true}"#,
    r#"{"type":"subscribed","executionId":"exec_2","epoch":"e","head":0,"recovered":false}"#,
    r#"{"type":"subscribed","room":"workspace:w"}"#,
    r#"{"type":"unsubscribed","executionId":"exec_1"}"#,
    r#"{"type":"unsubscribed","room":"workspace:w"}"#,
    r#"{"type":"replayed","executionId":"exec_1","since":1700000000000,"count":4,"complete":true}"#,
    r#"{"type":"ack","messageId":"c.7"}"#,
    r#"{"type":"pong","id":3,"heads":{"exec_1":12,"exec_3":1}}"#,
    r#"{"type":"pong","id":3}"#,
    r#"{"type":"presence","executionId":"exec_1","viewers":[{"userId":"u","connections":2,"since":1}]}"#,
    r#"{"type":"authenticated","expiresAt":1700000000000}"#,
    r#"{"type":"auth:expiring","expiresAt":1700000000000}"#,
    r#"{"type":"error","code":"forbidden","message":"no","executionId":"exec_1"}"#,
    r#"{"type":"error","code":"rate_limited","message":"no","messageId":"c.7"}"#,
    r#"{"type":"error","code":"too_many_subscriptions","message":"no","room":"workspace:w"}"#,
    r#"{"type":"batch","events":[{"type":"node:stream","timestamp":1,"executionId":"exec_1","nodeId":"n","chunk":"a","seq":1},{"type":"node:stream","timestamp":1,"executionId":"exec_1","nodeId":"n","chunk":"b","seq":2}]}"#,
    r#"{"type":"something:new","executionId":"exec_1","x":[1]}"#,
];

/// What takes the place of a part of a message, or comes beside it.
const PARTS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "1.0",
    "1e3",
    "-1.5e-7",
    "0.1",
    "1e400",
    "-1e400",
    "1e308",
    "5e-324",
    "2.2250738585072011e-308",
    "9007199254740991",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "0.30000000000000004",
    "33.333333333333336",
    "66.66666666666667",
    "123456789.12345678901234567890",
    "4294967295",
    "4294967296",
    "01",
    "1.",
    ".5",
    "+1",
    "NaN",
    "Infinity",
    "nul",
    "''",
    "\"\"",
    "\"completed\"",
    "\"failed\"",
    "\"forbidden\"",
    "\"exec_1\"",
    "\"exec_2\"",
    "\"type\"",
    "\"executionId\"",
    "\"seq\"",
    "\"ack\"",
    "\"room\"",
    "\"__proto__\"",
    "\"constructor\"",
    "\"toString\"",
    "\"hasOwnProperty\"",
    "\"connected\"",
    "\"batch\"",
    "\"pong\"",
    "\"node:stream\"",
    "\"\\ud800\"",
    "\"\\udc00x\"",
    "\"\\ud83d\\ude00\"",
    "\"\\u0000\"",
    "\"\\u0000room:workspace:w\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"tab\there\"",
    "\"\u{2028}\"",
    "\"\u{feff}\"",
    "\u{feff}",
    "\u{a0}",
    " ",
    "\n",
    "\t",
    "\r",
    "\u{b}",
    "{}",
    "[]",
    "[[]]",
    "{\"a\":1}",
    "{\"a\":1,\"a\":2}",
    "{\"\":{}}",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "//",
    "{\"$serde_json::private::RawValue\":\"[1]\"}",
    "\"$serde_json::private::RawValue\"",
    "\"workspace:\"",
    "\"workspace:w\"",
    "\"c.07\"",
    "\"c.4294967296\"",
];

fn main() -> io::Result<()> {
    let mut numbers = std::env::args()
        .skip(1)
        .map(|number| number.parse().unwrap());
    let mut random = Random(numbers.next().unwrap());
    let count: u64 = numbers.next().unwrap();
    let messages: Vec<Vec<&str>> = MESSAGES.iter().map(|text| tokens(text)).collect();
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    writeln!(out, "{}", declarations())?;
    for _ in 0..count {
        let text = text(&messages, &mut random);
        serde_json::to_writer(&mut out, &[verdict(&text), text])?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// What `src/declarations.rs` tells the browser's decoder.
fn declarations() -> serde_json::Value {
    let events: Vec<_> = EventType::ALL
        .iter()
        .map(|event| {
            let fields = event.fields().iter().map(|field| {
                let (kind, literal) = match field.kind {
                    FieldKind::String => ("string", ""),
                    FieldKind::Literal(text) => ("string", text),
                    FieldKind::Number => ("number", ""),
                    FieldKind::Record => ("record", ""),
                    FieldKind::Any => ("any", ""),
                };
                let optional = field.optional;
                json!({ "name": field.name, "kind": kind, "optional": optional, "literal": literal })
            });
            json!({
                "wireType": event.wire_type(),
                "name": event.as_str(),
                "scoped": event.scope() == Scope::Execution,
                "fields": fields.collect::<Vec<_>>(),
            })
        })
        .collect();
    let features = Feature::ALL.map(Feature::as_str);
    json!({ "events": events, "features": features })
}

/// What the codec makes of a text: a letter and what was read, or why it was refused.
fn verdict(text: &str) -> String {
    match ServerMessage::decode(text) {
        Ok(ServerMessage::Event(event)) => format!("E{}", event.encode()),
        Ok(ServerMessage::Unknown(json)) => match batch(json.as_str()) {
            Some(batch) => batch,
            None => format!("U{}", json.as_str()),
        },
        Ok(message) => format!("M{}", message.encode()),
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &DecodeError) -> String {
    let kind = match error.kind() {
        DecodeErrorKind::Malformed { .. } => "malformed",
        DecodeErrorKind::Duplicate => "duplicate",
        DecodeErrorKind::Unexpected { .. } => "unexpected",
        DecodeErrorKind::Missing => "missing",
        _ => "other",
    };
    let message_type = error.message_type().unwrap_or_default();
    format!("R{}", json!({ "kind": kind, "type": message_type }))
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    message_type: String,
    #[serde(borrow)]
    events: Option<&'a RawValue>,
}

/// The events of a batch, each as it was read or why it was refused; `None` for another message.
fn batch(text: &str) -> Option<String> {
    let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
    if envelope.message_type != "batch" {
        return None;
    }
    let events = envelope.events.map(RawValue::get).unwrap_or_default();
    let Ok(events) = serde_json::from_str::<Vec<&RawValue>>(events) else {
        return Some(r#"R{"kind":"unexpected","type":"batch"}"#.to_owned());
    };
    let verdicts = events.iter().map(|event| match Event::decode(event.get()) {
        Ok(event) => json!(format!("E{}", event.encode())),
        Err(error) => json!(refusal(&error)),
    });
    Some(format!("B{}", json!(verdicts.collect::<Vec<_>>())))
}

/// A message as it is, or with some of its parts exchanged, missing or twice there.
fn text(messages: &[Vec<&'static str>], random: &mut Random) -> String {
    let mut tokens = messages[random.below(messages.len())].clone();
    if random.below(16) == 0 {
        return tokens.concat();
    }
    for _ in 0..=random.below(2) {
        damage(&mut tokens, random);
    }
    let mut text = tokens.concat();
    if random.below(8) == 0 {
        damage_text(&mut text, random);
    }
    text
}

fn damage(tokens: &mut Vec<&'static str>, random: &mut Random) {
    let part = PARTS[random.below(PARTS.len())];
    let at = random.below(tokens.len());
    match random.below(16) {
        // A value for a value is what is most often still JSON.
        0..=8 => {
            let values: Vec<usize> = (0..tokens.len())
                .filter(|at| is_value(tokens, *at))
                .collect();
            if !values.is_empty() {
                tokens[values[random.below(values.len())]] = part;
            }
        }
        9 => tokens[at] = part,
        10 => tokens.insert(at, part),
        11 if tokens.len() > 1 => drop(tokens.remove(at)),
        // A field twice, or another one beside.
        12 | 13 => {
            let name = PARTS[random.below(PARTS.len())];
            tokens.splice(1..1, [name, ":", part, ","]);
        }
        14 => {
            let length = random.below(8).min(tokens.len() - at);
            let again = tokens[at..at + length].to_vec();
            tokens.splice(at..at, again);
        }
        _ => {
            let other = random.below(tokens.len());
            tokens.swap(at, other);
        }
    }
}

/// Whether a token stands after a colon.
fn is_value(tokens: &[&str], at: usize) -> bool {
    at > 0 && tokens[at - 1] == ":"
}

fn damage_text(text: &mut String, random: &mut Random) {
    let mut chars: Vec<char> = text.chars().collect();
    let at = random.below(chars.len().max(1)).min(chars.len());
    let any = char::from_u32(random.below(0x180) as u32).unwrap_or('x');
    match random.below(4) {
        0 => chars.insert(at, any),
        1 if at < chars.len() => chars[at] = any,
        2 => chars.truncate(at),
        _ => {
            let depth = random.below(260);
            let (opening, closing) = ("[".repeat(depth), "]".repeat(depth));
            let (before, after): (String, String) =
                (chars[..at].iter().collect(), chars[at..].iter().collect());
            *text = format!("{before}{opening}{closing}{after}");
            return;
        }
    }
    *text = chars.into_iter().collect();
}

/// The parts of a JSON text, strings as one.
fn tokens(text: &'static str) -> Vec<&'static str> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        let mut end = start + 1;
        match bytes[start] {
            b'"' => {
                while bytes[end] != b'"' {
                    end += if bytes[end] == b'\\' { 2 } else { 1 };
                }
                end += 1;
            }
            b'{' | b'}' | b'[' | b']' | b':' | b',' => {}
            _ => {
                while !b"{}[]:,\"".contains(&bytes[end]) {
                    end += 1;
                }
            }
        }
        tokens.push(&text[start..end]);
        start = end;
    }
    tokens
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
