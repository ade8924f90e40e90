//! What happened, step by step: always hashed, kept as text only for a replay.

use std::fmt;
use std::hash::{Hash, Hasher};

/// The steps of a run.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: Fold,
    steps: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(keep: bool) -> Self {
        Self {
            hash: Fold::default(),
            steps: 0,
            lines: keep.then(Vec::new),
        }
    }

    /// Notes a step at a time.
    pub(crate) fn step(&mut self, now: u64, step: &(impl Hash + fmt::Debug)) {
        self.steps += 1;
        now.hash(&mut self.hash);
        step.hash(&mut self.hash);
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{now:>7} {step:?}"));
        }
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.finish()
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

/// A hash that is the same on every machine, whatever the size of a pointer there.
#[derive(Clone, Debug)]
pub(crate) struct Fold(u64);

impl Default for Fold {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as i64 as u64);
    }
}
