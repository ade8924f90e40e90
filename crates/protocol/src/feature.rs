//! What two ends may agree on beyond the baseline protocol.

use core::fmt;

/// A part of the protocol that is spoken only when both ends said that they know it: the server in
/// its welcome, the client in its `hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Events are numbered, and what was missed is sent again.
    Replay,
    /// Both ends say which messages they have taken.
    Ack,
    /// Several events travel in one frame.
    Batch,
    /// Large messages travel as binary frames, each the gzip of one text message.
    Gzip,
    /// Who else watches an execution.
    Presence,
    /// Subscriptions to all executions of a workspace or project.
    Rooms,
    /// Round trips that find a dead connection.
    Ping,
    /// A new token without a new connection.
    Auth,
}

/// A set of features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features(u8);

impl Feature {
    /// Every feature.
    pub const ALL: [Self; 8] = [
        Self::Replay,
        Self::Ack,
        Self::Batch,
        Self::Gzip,
        Self::Presence,
        Self::Rooms,
        Self::Ping,
        Self::Auth,
    ];

    /// The feature's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Ack => "ack",
            Self::Batch => "batch",
            Self::Gzip => "gzip",
            Self::Presence => "presence",
            Self::Rooms => "rooms",
            Self::Ping => "ping",
            Self::Auth => "auth",
        }
    }

    /// The feature of this name, if this version knows it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|feature| feature.as_str() == name)
    }
}

impl Features {
    /// No feature: the baseline protocol.
    pub const NONE: Self = Self(0);
    /// Every feature.
    pub const ALL: Self = Self(u8::MAX);

    /// The set with these bits, one for each of [`Feature::ALL`], the first the lowest.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// One bit for each feature, as [`Features::from_bits`] reads them.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The known ones of these names.
    pub fn from_names<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        names
            .into_iter()
            .filter_map(|name| Feature::from_name(name.as_ref()))
            .collect()
    }

    /// Whether the feature is in the set.
    pub const fn contains(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u8) != 0
    }

    /// The features that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The set without a feature.
    #[must_use]
    pub const fn without(self, feature: Feature) -> Self {
        Self(self.0 & !(1 << feature as u8))
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The features of the set, in the order of [`Feature::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL
            .into_iter()
            .filter(move |feature| self.contains(*feature))
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        features
            .into_iter()
            .fold(Self::NONE, |set, feature| Self(set.0 | 1 << feature as u8))
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
