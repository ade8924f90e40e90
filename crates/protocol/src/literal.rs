use serde::{Serialize, Serializer};

/// The `status` of a completed execution: always the string `"completed"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Completed;

/// The `status` of a failed execution: always the string `"failed"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failed;

impl Completed {
    pub(crate) const TEXT: &'static str = "completed";
}

impl Failed {
    pub(crate) const TEXT: &'static str = "failed";
}

impl Serialize for Completed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Self::TEXT)
    }
}

impl Serialize for Failed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Self::TEXT)
    }
}
