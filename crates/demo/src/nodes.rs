//! What each node type does.

mod approval;
mod http;
pub mod report;
mod stream;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use flowmaestro_protocol::EncodeError;
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

pub use approval::{Answers, MAX_ANSWERS};
pub use http::{HttpClient, HttpError};

use crate::data_dir::DataDir;
use crate::documents::{DocumentError, Documents};
use crate::journal::JournalError;
use crate::node::{
    HttpRequest, InputError, NodeKind, Sample, TextSample, TextSplit, TextStatistics, TextSummarize,
};
use crate::run::{NodeState, Run};
use crate::text::{self, NoWords};
use crate::workflow::{Node, Workflow};

/// The outputs of a run's nodes, by node.
pub type Outputs = BTreeMap<String, Value>;

/// What nodes work with besides their inputs.
pub struct Services {
    /// Makes HTTP requests.
    pub http: HttpClient,
    /// The users' documents.
    pub documents: Documents,
    /// Where the answers of users arrive.
    pub answers: Answers,
    /// Where published reports go.
    pub data: DataDir,
    /// How fast nodes go on.
    pub paces: Paces,
}

/// How fast nodes go on that could be too fast to watch, or too slow to test.
#[derive(Clone, Copy, Debug)]
pub struct Paces {
    /// Between two tokens of a stream.
    pub token_delay: Duration,
    /// Before the first retry of a request; each further one waits twice as long.
    pub retry_delay: Duration,
}

/// A node at work.
pub struct Job<'a> {
    /// The run it belongs to.
    pub run: &'a Run,
    /// The run's workflow.
    pub workflow: &'a Workflow,
    /// The node.
    pub node: &'a Node,
    /// What it works with.
    pub services: &'a Services,
}

/// Why a node failed. The text is for the person who watches.
#[derive(Debug, Error)]
pub enum NodeError {
    /// An input has no value of the right type.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The document cannot be read.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// There was no text to work on.
    #[error(transparent)]
    NoWords(#[from] NoWords),
    /// The request brought no result.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The text is too long to be streamed or reviewed.
    #[error("the text has {bytes} bytes, at most {max} are allowed here; shorten it")]
    TooLong {
        /// How long it is, in bytes.
        bytes: usize,
        /// How long it may be, in bytes.
        max: usize,
    },
    /// The person said no, and the workflow has no way on from there.
    #[error("the answer was \"reject\"")]
    Rejected,
    /// No valid answer came.
    #[error("no valid answer came in {MAX_ANSWERS} tries")]
    NoValidAnswer,
    /// The report cannot be written.
    #[error("the report cannot be written: {0}")]
    Report(io::Error),
    /// A `fail` node.
    #[error("{0}")]
    Configured(String),
    /// The output has no JSON form.
    #[error("the output has no JSON form: {0}")]
    Output(#[from] serde_json::Error),
    /// The output is JSON that no event carries, such as one nested too deep.
    #[error("the output {0}")]
    Encode(#[from] EncodeError),
    /// A computation was broken off.
    #[error("the computation was broken off: {0}")]
    Computation(#[from] tokio::task::JoinError),
    /// The run cannot go on: its journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Job<'_> {
    /// Does the node's work and returns its output.
    ///
    /// # Errors
    ///
    /// [`NodeError`] says what failed.
    pub async fn work(&self) -> Result<Value, NodeError> {
        match &self.node.kind {
            NodeKind::DocumentRead(_) => self.read_document().await,
            NodeKind::TextSample(config) => Ok(sample(config)),
            NodeKind::TextSplit(config) => self.split(config).await,
            NodeKind::TextStatistics(config) => self.count(config).await,
            NodeKind::TextSummarize(config) => self.summarize(config).await,
            NodeKind::HttpRequest(config) => self.request(config).await,
            NodeKind::ReportCompose(config) => self.compose(config),
            NodeKind::TextStream(config) => self.stream(config).await,
            NodeKind::UserApproval(config) => self.ask(config).await,
            NodeKind::ReportPublish(config) => self.publish(config).await,
            NodeKind::Fail(config) => Err(NodeError::Configured(config.message.clone())),
        }
    }

    /// The value of an input.
    fn input<T>(&self, input: &crate::node::Input<T>) -> Result<T, InputError>
    where
        T: serde::de::DeserializeOwned + Clone,
    {
        self.run.state(|state| input.resolve(&state.outputs))
    }

    /// What the node did before, in another life of the process.
    fn progress(&self) -> NodeState {
        self.run
            .state(|state| state.nodes.get(&self.node.id).cloned().unwrap_or_default())
    }

    async fn read_document(&self) -> Result<Value, NodeError> {
        let info = self.run.info();
        let document_id = info
            .document_id
            .as_deref()
            .ok_or(DocumentError::NoneChosen)?;
        let document = self
            .services
            .documents
            .content(&info.owner, document_id)
            .await?;
        Ok(json!({
            "documentId": document_id,
            "documentName": document.name,
            "characters": document.text.chars().count(),
            "text": document.text,
        }))
    }

    async fn split(&self, config: &TextSplit) -> Result<Value, NodeError> {
        let (text, size) = (self.input(&config.text)?, config.size);
        let chunks = compute(move || text::split(&text, size)).await?;
        let longest = chunks.iter().map(|chunk| chunk.chars().count()).max();
        Ok(json!({ "count": chunks.len(), "longest": longest, "chunks": chunks }))
    }

    async fn count(&self, config: &TextStatistics) -> Result<Value, NodeError> {
        let text = self.input(&config.text)?;
        output(&compute(move || text::statistics(&text)).await??)
    }

    async fn summarize(&self, config: &TextSummarize) -> Result<Value, NodeError> {
        let (text, sentences) = (self.input(&config.text)?, config.sentences);
        output(&compute(move || text::summarize(&text, sentences)).await?)
    }

    async fn request(&self, config: &HttpRequest) -> Result<Value, NodeError> {
        self.request_with_retries(config, &self.input(&config.url)?)
            .await
    }
}

/// Work that keeps a processor busy, off the threads that serve sockets.
async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    tokio::task::spawn_blocking(work).await
}

fn output(value: &impl Serialize) -> Result<Value, NodeError> {
    Ok(serde_json::to_value(value)?)
}

fn sample(config: &TextSample) -> Value {
    let (name, text) = match config.sample {
        Sample::Lighthouse => (
            "Keeping the light",
            include_str!("../samples/lighthouse.txt"),
        ),
        Sample::River => (
            "The night of the river",
            include_str!("../samples/river.txt"),
        ),
    };
    json!({ "name": name, "text": text })
}
