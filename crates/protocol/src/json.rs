use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::{DecodeError, DecodeErrorKind, EncodeError};

/// How deep arrays and objects may be nested inside one another.
pub const MAX_DEPTH: usize = 127;

/// A JSON value as text, checked: well-formed, nested no deeper than [`MAX_DEPTH`], every number
/// finite as an `f64`, every string well-formed Unicode, no name that serde_json keeps for itself. So
/// JavaScript and Rust read it alike.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Checks a text and keeps it as it is.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Malformed`] when the text breaks one of the rules above.
    pub fn parse(text: &str) -> Result<Self, DecodeError> {
        let raw = serde_json::from_str(text).map_err(DecodeErrorKind::from)?;
        Ok(Self::from_raw(raw)?)
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// When the value has no JSON form (a map with keys that are not strings, say) or breaks one
    /// of the rules above.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        let raw = serde_json::value::to_raw_value(value).map_err(EncodeError)?;
        check(&raw).map_err(EncodeError)?;
        Ok(Self(raw))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Reads the value into a type of your own.
    ///
    /// # Errors
    /// When the value is not of that type's shape.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        Ok(serde_json::from_str(self.as_str()).map_err(DecodeErrorKind::from)?)
    }

    pub(crate) fn raw(&self) -> &RawValue {
        &self.0
    }

    pub(crate) fn from_raw(raw: &RawValue) -> Result<Self, DecodeErrorKind> {
        check(raw)?;
        Ok(Self(raw.to_owned()))
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// Reads everything with the parser's own limits on, since raw text is only skipped over.
fn check(raw: &RawValue) -> Result<(), serde_json::Error> {
    serde_json::from_str::<Checked>(raw.get()).map(|Checked| ())
}

struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CheckedVisitor)
    }
}

struct CheckedVisitor;

/// A name in an object, checked: not the one behind which serde_json reads a string as JSON once more
/// (for its `RawValue`), as JavaScript does not.
struct Name;

const RESERVED_NAME: &str = "$serde_json::private::RawValue";

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Name, E> {
        if name == RESERVED_NAME {
            return Err(E::custom("a name that is reserved"));
        }
        Ok(Name)
    }
}

impl<'de> Visitor<'de> for CheckedVisitor {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Checked, E> {
        if value.is_finite() {
            Ok(Checked)
        } else {
            Err(E::custom("number out of range"))
        }
    }

    fn visit_str<E>(self, _: &str) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Checked, A::Error> {
        while let Some(Checked) = items.next_element()? {}
        Ok(Checked)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Checked, A::Error> {
        while let Some((Name, Checked)) = entries.next_entry()? {}
        Ok(Checked)
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Checked, E> {
        Err(E::custom("lone surrogate in a string"))
    }
}
