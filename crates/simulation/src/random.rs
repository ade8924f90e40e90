//! Randomness from a seed: one stream for each actor, so that what one does changes nothing for
//! another.

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of an actor.
    pub(crate) fn stream(seed: u64, actor: u32) -> Self {
        let mut random = Self(seed ^ u64::from(actor).wrapping_mul(0xA076_1D64_78BD_642F));
        // Neighbouring seeds differ in few bits: mixing twice parts them.
        random.0 = random.bits() ^ seed.rotate_left(32);
        random
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Evenly from `0..end`; 0 when that is empty.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// Evenly from `min..=max`.
    pub(crate) fn within(&mut self, min: u64, max: u64) -> u64 {
        min + self.below(max - min + 1)
    }

    /// True so many times in a thousand.
    pub(crate) fn permille(&mut self, times: u64) -> bool {
        times > 0 && self.below(1000) < times
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A pause with this mean. Evenly spread: a logarithm would not be the same on every machine.
    pub(crate) fn pause(&mut self, mean_ms: u64) -> u64 {
        1 + self.below(2 * mean_ms)
    }
}
