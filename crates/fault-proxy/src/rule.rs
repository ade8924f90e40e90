use serde::Deserialize;

/// What happens to one connection. By default it is handed on as it is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Rule {
    /// What happens to the bytes on their way to the client.
    pub to_client: Direction,
    /// What happens to the bytes on their way to the server.
    pub to_server: Direction,
    /// How the connection ends when it is cut.
    pub end: End,
    /// Said to the client instead of asking the server: a status line of somebody else's, or
    /// garbage. Then the connection ends.
    pub answer: Option<String>,
    /// Accept the connection, and never say or do anything.
    pub stall: bool,
}

/// What happens to the bytes in one direction.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Direction {
    /// Cut the connection, both ways, after so many bytes.
    pub cut_after: Option<u64>,
    /// Swallow what comes after so many bytes: the connection is dead in this direction, and neither
    /// end can know.
    pub silent_after: Option<u64>,
    /// Hand on at most so many bytes at a time, each in a segment of its own.
    pub segment: Option<usize>,
}

/// How a connection is cut.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum End {
    /// An orderly end of the stream.
    #[default]
    Fin,
    /// A reset.
    Rst,
}

/// What happens to the connections for which no rule was written.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(
    tag = "kind",
    deny_unknown_fields,
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Plan {
    /// Nothing.
    #[default]
    Pass,
    /// Each is cut after a random number of bytes towards the client, some earlier for what they say
    /// to the server.
    RandomCuts {
        /// Decides all of it.
        seed: u64,
        /// The fewest bytes.
        min_bytes: u64,
        /// The most bytes.
        max_bytes: u64,
    },
    /// No connection is accepted: it is reset at once.
    Refuse,
}

/// Within how many bytes from a client a random cut falls.
const CLIENT_BYTES: u64 = 1200;

impl Rule {
    /// A cut at a random place.
    pub(crate) fn random_cut(
        random: &mut fastrand::Rng,
        bytes: std::ops::RangeInclusive<u64>,
    ) -> Self {
        let to_client = Direction {
            cut_after: Some(random.u64(bytes)),
            segment: random.bool().then(|| random.usize(1..100)),
            ..Direction::default()
        };
        // A client says little, and most of it at the beginning.
        let to_server = Direction {
            cut_after: (random.u8(0..8) == 0).then(|| random.u64(0..=CLIENT_BYTES)),
            ..Direction::default()
        };
        let end = if random.bool() { End::Fin } else { End::Rst };
        Self {
            to_client,
            to_server,
            end,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_every_cut() {
        let draw = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            let rules = std::iter::repeat_with(|| Rule::random_cut(&mut random, 10..=1000));
            rules.take(100).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        for rule in draw(1) {
            let bytes = rule.to_client.cut_after;
            assert!(bytes.is_some_and(|bytes| (10..=1000).contains(&bytes)));
        }
    }
}
