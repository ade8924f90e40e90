use std::borrow::Cow;

use indexmap::IndexMap;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::field::Described;
use crate::{
    Completed, DecodeError, DecodeErrorKind, Extra, Failed, FieldKind, Json, MAX_ID_BYTES,
    MAX_SAFE_INTEGER, MAX_TEXT_BYTES, Number, Record, Room,
};

/// The fields of one message, taken out one by one as the declaration names them.
pub(crate) struct Object<'a> {
    /// In their order, each name once. A message has few, so one is found by looking at all of them.
    fields: Vec<(Name<'a>, &'a RawValue)>,
}

/// A field's name, as it stands in the text unless it was escaped.
type Name<'a> = Cow<'a, str>;

impl<'a> Object<'a> {
    /// Splits a message into its fields, leaving each value as text.
    pub(crate) fn parse(text: &'a str) -> Result<Self, DecodeError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(DecodeErrorKind::TooLarge { bytes: text.len() }.into());
        }
        let found = kind_of(text);
        if found != "object" && found != "nothing" {
            return Err(unexpected("an object", found).into());
        }
        let Entries(fields) = serde_json::from_str(text).map_err(DecodeErrorKind::from)?;
        if let Some(name) = duplicate(&fields) {
            let name = name.to_owned();
            return Err(DecodeError::in_field(name, DecodeErrorKind::Duplicate));
        }
        Ok(Self { fields })
    }

    /// Takes the message's `type`.
    pub(crate) fn take_type(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let field = self.take_raw("type");
        let Text(text) = present(field)
            .and_then(|raw| read(raw, FieldKind::String))
            .map_err(|kind| DecodeError::in_field("type", kind))?;
        Ok(text)
    }

    /// Takes a declared field.
    pub(crate) fn take<T: FromField>(&mut self, name: &'static str) -> Result<T, DecodeError> {
        T::from_field(self.take_raw(name)).map_err(|kind| DecodeError::in_field(name, kind))
    }

    /// Takes an id, which a client message may carry up to [`MAX_ID_BYTES`] long.
    pub(crate) fn take_id(&mut self, name: &'static str) -> Result<String, DecodeError> {
        let id: String = self.take(name)?;
        check_id(name, &id)?;
        Ok(id)
    }

    /// Takes everything that no declaration named, in its order.
    pub(crate) fn take_rest(&mut self) -> Result<Extra<Json>, DecodeError> {
        std::mem::take(&mut self.fields)
            .into_iter()
            .map(|(name, raw)| match Json::from_raw(raw) {
                Ok(json) => Ok((name.into_owned(), json)),
                Err(kind) => Err(DecodeError::in_field(name.into_owned(), kind)),
            })
            .collect()
    }

    fn take_raw(&mut self, name: &str) -> Option<&'a RawValue> {
        let index = self.fields.iter().position(|(field, _)| field == name)?;
        Some(self.fields.remove(index).1)
    }
}

/// A name that stands twice.
fn duplicate<'n>(fields: &'n [(Name<'_>, &RawValue)]) -> Option<&'n str> {
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    let mut pairs = names.iter().zip(names.iter().skip(1));
    pairs.find(|(a, b)| a == b).map(|(name, _)| *name)
}

/// Refuses an id that is empty or too long.
pub(crate) fn check_id(name: &'static str, id: &str) -> Result<(), DecodeError> {
    if id.is_empty() || id.len() > MAX_ID_BYTES {
        return Err(DecodeError::in_field(
            name,
            DecodeErrorKind::BadId { bytes: id.len() },
        ));
    }
    Ok(())
}

/// The decoder's side of a field type.
pub(crate) trait FromField: Sized {
    fn from_field(raw: Option<&RawValue>) -> Result<Self, DecodeErrorKind>;
}

impl FromField for String {
    fn from_field(raw: Option<&RawValue>) -> Result<Self, DecodeErrorKind> {
        required::<Self>(raw)
    }
}

impl FromField for Number {
    fn from_field(raw: Option<&RawValue>) -> Result<Self, DecodeErrorKind> {
        let value: f64 = read(present(raw)?, FieldKind::Number)?;
        Self::try_from(value).map_err(|_| unexpected("a finite number", "number"))
    }
}

/// An integer that JavaScript can tell from its neighbours.
impl FromField for u64 {
    fn from_field(raw: Option<&RawValue>) -> Result<Self, DecodeErrorKind> {
        let value = Number::from_field(raw)?.get();
        if value.fract() == 0.0 && (0.0..=MAX_SAFE_INTEGER as f64).contains(&value) {
            return Ok(value as Self);
        }
        Err(unexpected(
            "an integer from 0 to 2^53 - 1",
            "another number",
        ))
    }
}

impl FromField for bool {
    fn from_field(raw: Option<&RawValue>) -> Result<Self, DecodeErrorKind> {
        let raw = present(raw)?;
        match raw.get() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(unexpected("boolean", kind_of(raw.get()))),
        }
    }
}

impl FromField for Json {
    fn from_field(raw: Option<&RawValue>) -> Result<Self, DecodeErrorKind> {
        Json::from_raw(present(raw)?)
    }
}

impl FromField for Completed {
    fn from_field(raw: Option<&RawValue>) -> Result<Self, DecodeErrorKind> {
        literal(raw, Self::TEXT).map(|()| Self)
    }
}

impl FromField for Failed {
    fn from_field(raw: Option<&RawValue>) -> Result<Self, DecodeErrorKind> {
        literal(raw, Self::TEXT).map(|()| Self)
    }
}

impl FromField for Record<Json> {
    fn from_field(raw: Option<&RawValue>) -> Result<Self, DecodeErrorKind> {
        let raw = present(raw)?;
        Json::from_raw(raw)?;
        let entries: IndexMap<String, &RawValue> = read(raw, FieldKind::Record)?;
        entries
            .into_iter()
            .map(|(name, value)| Ok((name, Json::from_raw(value)?)))
            .collect()
    }
}

impl FromField for Room {
    fn from_field(raw: Option<&RawValue>) -> Result<Self, DecodeErrorKind> {
        Self::new(String::from_field(raw)?).ok_or(DecodeErrorKind::Unexpected {
            expected: "workspace:<id> or project:<id>".into(),
            found: "another string",
        })
    }
}

/// Absent optionals are absent, never `null`; but a backend that says `null` means the same.
impl<T: FromField> FromField for Option<T> {
    fn from_field(raw: Option<&RawValue>) -> Result<Self, DecodeErrorKind> {
        match raw {
            None => Ok(None),
            Some(raw) if raw.get() == "null" => Ok(None),
            Some(raw) => T::from_field(Some(raw)).map(Some),
        }
    }
}

fn required<T: DeserializeOwned + Described>(raw: Option<&RawValue>) -> Result<T, DecodeErrorKind> {
    read(present(raw)?, T::KIND)
}

fn present(raw: Option<&RawValue>) -> Result<&RawValue, DecodeErrorKind> {
    raw.ok_or(DecodeErrorKind::Missing)
}

/// Reads a value of a known kind; another kind is told apart from a malformed one.
fn read<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
    expected: FieldKind,
) -> Result<T, DecodeErrorKind> {
    let expected = kind_name(expected);
    let found = kind_of(raw.get());
    if found != expected {
        return Err(unexpected(expected, found));
    }
    Ok(serde_json::from_str(raw.get())?)
}

fn literal(raw: Option<&RawValue>, text: &'static str) -> Result<(), DecodeErrorKind> {
    let found: String = required(raw)?;
    if found == text {
        return Ok(());
    }
    let expected = format!("\"{text}\"").into();
    Err(DecodeErrorKind::Unexpected {
        expected,
        found: "another string",
    })
}

fn unexpected(expected: &'static str, found: &'static str) -> DecodeErrorKind {
    DecodeErrorKind::Unexpected {
        expected: expected.into(),
        found,
    }
}

const fn kind_name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::String | FieldKind::Literal(_) => "string",
        FieldKind::Number => "number",
        FieldKind::Record => "object",
        FieldKind::Any => "any value",
    }
}

/// The kind of a JSON value, by its first character.
fn kind_of(text: &str) -> &'static str {
    match text
        .trim_start_matches([' ', '\t', '\n', '\r'])
        .chars()
        .next()
    {
        None => "nothing",
        Some('{') => "object",
        Some('[') => "array",
        Some('"') => "string",
        Some('t' | 'f') => "boolean",
        Some('n') => "null",
        Some('-' | '0'..='9') => "number",
        Some(_) => "something that is not JSON",
    }
}

/// The entries of an object in their order, so that a name that stands twice is noticed.
struct Entries<'a>(Vec<(Name<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor).map(Entries)
    }
}

struct EntriesVisitor;

/// As many fields as most messages have.
const USUAL_FIELDS: usize = 8;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Vec<(Name<'de>, &'de RawValue)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::with_capacity(USUAL_FIELDS);
        while let Some((Text(name), value)) = map.next_entry()? {
            entries.push((name, value));
        }
        Ok(entries)
    }
}

/// A string, borrowed from the message unless it was escaped.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
