//! `text.stream`: a text, token by token.

use flowmaestro_protocol::{Extra, NodeStream};
use serde_json::{Value, json};

use super::{Job, NodeError};
use crate::node::TextStream;
use crate::text::tokens;

/// The longest text that is streamed, in bytes: each token is an event of its own.
const MAX_STREAM_BYTES: usize = 32 * 1024;

impl Job<'_> {
    /// After a restart it goes on behind the last token that was journaled.
    pub(super) async fn stream(&self, config: &TextStream) -> Result<Value, NodeError> {
        let text: String = self.input(&config.text)?;
        if text.len() > MAX_STREAM_BYTES {
            return Err(NodeError::TooLong {
                bytes: text.len(),
                max: MAX_STREAM_BYTES,
            });
        }
        let tokens = tokens(&text);
        let count = tokens.len();
        for chunk in tokens.into_iter().skip(self.progress().streamed) {
            self.run.emit(|timestamp| NodeStream {
                timestamp,
                execution_id: self.run.info().execution_id.clone(),
                node_id: self.node.id.clone(),
                chunk,
                extra: Extra::default(),
            })?;
            tokio::time::sleep(self.services.paces.token_delay).await;
        }
        Ok(json!({ "tokens": count, "text": text }))
    }
}
