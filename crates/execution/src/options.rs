//! How much is kept.

/// The limits of what is kept. What they cut is counted, and said.
///
/// A value of 0 keeps nothing of that kind. Together they bound a run to `max_nodes` texts and four
/// times as many payloads, the log, and three payloads of its own. With the defaults that is far
/// more than any run needs; whoever does not trust the server, and has little memory, lowers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many nodes of a run are kept: those with numbers below this.
    pub max_nodes: u32,
    /// How many documents of a knowledge base are kept, likewise.
    pub max_documents: u32,
    /// How many entries of a run's log are kept: the latest.
    pub max_log: u32,
    /// How much of a node's streamed text is kept, in units of [`Arrival::size`]: its end.
    ///
    /// [`Arrival::size`]: crate::Arrival::size
    pub max_text: u32,
    /// How large a payload may be that is kept for a run, a node or a document.
    pub max_payload: u32,
    /// How large a payload may be that is kept for an entry of the log.
    pub max_log_payload: u32,
    /// By how many chunks of its node's text a chunk may come too late and still find its place.
    pub reorder_window: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_nodes: 1000,
            max_documents: 1000,
            max_log: 1000,
            max_text: 256 * 1024,
            max_payload: 1024 * 1024,
            max_log_payload: 4 * 1024,
            reorder_window: 128,
        }
    }
}
