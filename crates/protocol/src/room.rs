use alloc::string::String;

use serde::Serialize;

use crate::MAX_ID_BYTES;

/// A room: a workspace or a project, whose executions are watched together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Room(String);

impl Room {
    /// The room of this name: `workspace:<id>` or `project:<id>`, the id at most
    /// [`MAX_ID_BYTES`] long.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let id = name
            .strip_prefix("workspace:")
            .or_else(|| name.strip_prefix("project:"))?;
        let fits = !id.is_empty() && id.len() <= MAX_ID_BYTES;
        fits.then_some(Self(name))
    }

    /// The room's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
