//! The events as TypeScript types, printed from their declarations.
//!
//! A printer of our own, since a derive sees one struct at a time: here each field of any content
//! becomes a type parameter with a default (`NodeCompleted<TOutput = unknown>`), every line of
//! documentation is kept, and the unknown fields stay out of the way of the compiler's spelling
//! check.

use std::fmt::Write;

use crate::{EventType, Field, FieldKind};

/// The whole module: an interface per event, `EventMap`, `WebSocketEventType`, `WebSocketEvent`.
pub fn module() -> String {
    let mut out = String::from(HEADER);
    for event_type in EventType::ALL {
        out.push('\n');
        interface(&mut out, *event_type);
    }
    event_map(&mut out);
    out.push_str(FOOTER);
    out
}

const HEADER: &str = "\
// Generated from crates/protocol/src/event.rs by `npm run types`. Do not edit.
";

const FOOTER: &str = "
/** The name of an event, as handlers are registered for it. */
export type WebSocketEventType = keyof EventMap;

/** Any of the fifteen events, told apart by its `type`. */
export type WebSocketEvent = EventMap[WebSocketEventType];
";

fn interface(out: &mut String, event_type: EventType) {
    doc(out, "", event_type.doc());
    let parameters: Vec<String> = event_type.fields().iter().filter_map(parameter).collect();
    let _ = write!(out, "export interface {}", event_type.struct_name());
    if !parameters.is_empty() {
        let _ = write!(out, "<{}>", parameters.join(", "));
    }
    let _ = writeln!(out, " {{\n  type: \"{}\";", event_type.wire_type());
    for field in event_type.fields() {
        doc(out, "  ", field.doc);
        let optional = if field.optional { "?" } else { "" };
        let _ = writeln!(out, "  {}{optional}: {};", field.name, type_of(field));
    }
    out.push_str("}\n");
}

fn event_map(out: &mut String) {
    out.push_str("\n/** Each event's type by the name that handlers are registered under. */\n");
    out.push_str("export interface EventMap {\n");
    for event_type in EventType::ALL {
        let _ = writeln!(
            out,
            "  \"{}\": {};",
            event_type.as_str(),
            event_type.struct_name()
        );
    }
    out.push_str("}\n");
}

/// The type parameter that a field of any content asks for; an optional one stays `unknown`.
fn parameter(field: &Field) -> Option<String> {
    let name = parameter_name(field)?;
    Some(match field.kind {
        FieldKind::Record => {
            format!("{name} extends Record<string, unknown> = Record<string, unknown>")
        }
        _ => format!("{name} = unknown"),
    })
}

fn parameter_name(field: &Field) -> Option<String> {
    let open = matches!(field.kind, FieldKind::Any | FieldKind::Record) && !field.optional;
    let mut letters = field.name.chars();
    let first = letters.next().filter(|_| open)?;
    Some(format!(
        "T{}{}",
        first.to_ascii_uppercase(),
        letters.as_str()
    ))
}

fn type_of(field: &Field) -> String {
    if let Some(parameter) = parameter_name(field) {
        return parameter;
    }
    match field.kind {
        FieldKind::String => "string".into(),
        FieldKind::Number => "number".into(),
        FieldKind::Record => "Record<string, unknown>".into(),
        FieldKind::Any => "unknown".into(),
        FieldKind::Literal(text) => format!("\"{text}\""),
    }
}

fn doc(out: &mut String, indent: &str, lines: &[&str]) {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    match lines.as_slice() {
        [] => {}
        [line] => {
            let _ = writeln!(out, "{indent}/** {line} */");
        }
        lines => {
            let body = lines.join(&format!("\n{indent} * "));
            let _ = writeln!(out, "{indent}/**\n{indent} * {body}\n{indent} */");
        }
    }
}
