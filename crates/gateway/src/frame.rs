//! One frame on its way to a socket, as text or compressed.

use std::io::Write;
use std::sync::{Arc, OnceLock};

use axum::extract::ws::Message;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A text message, in the form in which one socket gets it.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    Text(Arc<str>),
    Gzip(Arc<Gzip>),
}

/// A text that is compressed by the first writer that sends it, for all of them.
#[derive(Debug)]
pub(crate) struct Gzip {
    text: Arc<str>,
    message: OnceLock<Message>,
}

/// What a socket sends, frame by frame, to those of its connections that negotiated compression.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    last: Option<Arc<Gzip>>,
}

impl Frames {
    /// The frame of a text. The same text, shared by several connections in a row, is compressed
    /// once.
    pub(crate) fn frame(&mut self, text: Arc<str>, compress: bool) -> Frame {
        if !compress {
            return Frame::Text(text);
        }
        if let Some(last) = &self.last
            && Arc::ptr_eq(&last.text, &text)
        {
            return Frame::Gzip(Arc::clone(last));
        }
        let gzip = Arc::new(Gzip {
            text,
            message: OnceLock::new(),
        });
        self.last = Some(Arc::clone(&gzip));
        Frame::Gzip(gzip)
    }
}

impl Frame {
    /// The message for the socket, and the size of its payload in bytes.
    pub(crate) fn message(&self) -> (Message, usize) {
        let message = match self {
            Self::Text(text) => Message::Text(text[..].into()),
            Self::Gzip(gzip) => gzip.message.get_or_init(|| compress(&gzip.text)).clone(),
        };
        let bytes = match &message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) => bytes.len(),
            _ => 0,
        };
        (message, bytes)
    }
}

/// The gzip of a text, where that is smaller.
fn compress(text: &str) -> Message {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let compressed = encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish());
    match compressed {
        Ok(bytes) if bytes.len() < text.len() => Message::Binary(bytes.into()),
        _ => Message::Text(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_text_is_compressed_once() {
        let mut frames = Frames::default();
        let text: Arc<str> = "x".repeat(1_000).into();
        let first = frames.frame(Arc::clone(&text), true);
        let second = frames.frame(text, true);
        let (Frame::Gzip(first), Frame::Gzip(second)) = (&first, &second) else {
            panic!("both are compressed");
        };
        assert!(Arc::ptr_eq(first, second));
        let other = frames.frame("y".repeat(1_000).into(), true);
        assert!(matches!(other, Frame::Gzip(other) if !Arc::ptr_eq(&other, first)));
    }

    #[test]
    fn what_does_not_get_smaller_stays_text() {
        let mut frames = Frames::default();
        let (message, bytes) = frames.frame("x".into(), true).message();
        assert_eq!((message, bytes), (Message::Text("x".into()), 1));
    }
}
