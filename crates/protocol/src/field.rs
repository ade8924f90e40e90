use alloc::string::String;

use crate::{Completed, Failed, Number, Record};

/// One declared field of an event, as the client's validation and the TypeScript printer read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The field's name on the wire.
    pub name: &'static str,
    /// What its value must be.
    pub kind: FieldKind,
    /// Whether it may be absent (or `null`, which counts as absent).
    pub optional: bool,
    /// The declaration's documentation, a line each.
    #[cfg(feature = "json")]
    pub doc: &'static [&'static str],
}

/// What the value of a field must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A string.
    String,
    /// A finite number.
    Number,
    /// An object of any content.
    Record,
    /// Any JSON value.
    Any,
    /// Exactly this string.
    Literal(&'static str),
}

/// The table's side of a field type: its kind, and whether it may be absent.
pub(crate) trait Described {
    const KIND: FieldKind;
    const OPTIONAL: bool = false;
}

/// Stands for the event's payload type in the field table, which is the same for every payload type.
pub(crate) enum AnyPayload {}

impl Described for AnyPayload {
    const KIND: FieldKind = FieldKind::Any;
}

impl Described for String {
    const KIND: FieldKind = FieldKind::String;
}

impl Described for Number {
    const KIND: FieldKind = FieldKind::Number;
}

impl Described for Completed {
    const KIND: FieldKind = FieldKind::Literal(Completed::TEXT);
}

impl Described for Failed {
    const KIND: FieldKind = FieldKind::Literal(Failed::TEXT);
}

impl<V> Described for Record<V> {
    const KIND: FieldKind = FieldKind::Record;
}

impl<T: Described> Described for Option<T> {
    const KIND: FieldKind = T::KIND;
    const OPTIONAL: bool = true;
}
