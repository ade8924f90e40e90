//! What a node of a workflow definition is: its type, its configuration, where its inputs come from.

use std::num::{NonZeroU32, NonZeroUsize};

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use thiserror::Error;

use crate::nodes::Outputs;
use crate::nodes::report::ScoreBand;
use crate::text::Statistics;

/// The reserved id under which a node reads facts about its own run: `executionId`, `workflowName`
/// and `scoreTableUrl`.
pub const RUN: &str = "run";

/// A node's type with its configuration, as `type` and `config` of a definition say.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", content = "config")]
pub enum NodeKind {
    /// Reads the text of the document that the run was started with.
    #[serde(rename = "document.read")]
    DocumentRead(DocumentRead),
    /// Reads a text that comes with the demo.
    #[serde(rename = "text.sample")]
    TextSample(TextSample),
    /// Splits a text into chunks.
    #[serde(rename = "text.split")]
    TextSplit(TextSplit),
    /// Counts a text.
    #[serde(rename = "text.statistics")]
    TextStatistics(TextStatistics),
    /// Chooses the sentences that say most of a text.
    #[serde(rename = "text.summarize")]
    TextSummarize(TextSummarize),
    /// Calls a loopback HTTP endpoint, with retries.
    #[serde(rename = "http.request")]
    HttpRequest(HttpRequest),
    /// Writes a report from what other nodes found.
    #[serde(rename = "report.compose")]
    ReportCompose(Box<ReportCompose>),
    /// Streams a text token by token.
    #[serde(rename = "text.stream")]
    TextStream(TextStream),
    /// Asks the owner of the run to approve, reject or edit a text.
    #[serde(rename = "user.approval")]
    UserApproval(UserApproval),
    /// Writes a text as a file into the data directory.
    #[serde(rename = "report.publish")]
    ReportPublish(ReportPublish),
    /// Fails.
    #[serde(rename = "fail")]
    Fail(Fail),
}

/// `document.read` has nothing to configure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentRead {}

/// Configuration of `text.sample`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSample {
    /// Which text.
    pub sample: Sample,
}

/// The texts that come with the demo.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sample {
    /// How a lighthouse was kept.
    Lighthouse,
    /// How a town fought a flood.
    River,
}

/// Configuration of `text.split`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSplit {
    /// The text.
    pub text: Input<String>,
    /// The most characters of a chunk.
    pub size: NonZeroUsize,
}

/// Configuration of `text.statistics`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextStatistics {
    /// The text.
    pub text: Input<String>,
}

/// Configuration of `text.summarize`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSummarize {
    /// The text.
    pub text: Input<String>,
    /// The most sentences of the summary.
    pub sentences: NonZeroUsize,
}

/// Configuration of `http.request`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HttpRequest {
    /// A plain-HTTP URL of a loopback address; others are refused.
    pub url: Input<String>,
    /// How often the request is made at most, the first time included.
    pub attempts: NonZeroU32,
    /// How long one attempt may take, in ms.
    pub timeout_ms: u32,
}

/// Configuration of `report.compose`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportCompose {
    /// What the report is about.
    pub title: Input<String>,
    /// The summary of the text.
    pub summary: Input<String>,
    /// The statistics of the text: the whole output of a `text.statistics` node.
    pub statistics: Input<Statistics>,
    /// Into how many chunks the text was split.
    pub chunks: Option<Input<usize>>,
    /// What reading-ease scores mean.
    pub bands: Option<Input<Vec<ScoreBand>>>,
}

/// Configuration of `text.stream`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextStream {
    /// The text.
    pub text: Input<String>,
}

/// Configuration of `user.approval`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserApproval {
    /// What the person is asked.
    pub prompt: String,
    /// The text to decide on.
    pub text: Input<String>,
}

/// Configuration of `report.publish`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportPublish {
    /// The text.
    pub text: Input<String>,
}

/// Configuration of `fail`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    /// The error that the node fails with.
    pub message: String,
}

/// A typed input of a node: a value in the definition, or a part of an earlier node's output.
#[derive(Debug)]
pub enum Input<T> {
    /// The value itself.
    Literal(T),
    /// Where the value comes from.
    Reference(Reference),
}

/// A part of a node's output.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The node's id, or [`RUN`].
    pub from: String,
    /// Field names with dots between them; absent for the whole output.
    pub path: Option<String>,
}

/// Why an input has no value.
#[derive(Debug, Error)]
pub enum InputError {
    /// The node that the value comes from did not run, or its output has no such field.
    #[error("there is no {0} to work with: the node did not run or has no such output")]
    Missing(Reference),
    /// The value is of another type.
    #[error("{reference} is not what this node works with: {source}")]
    WrongType {
        /// Where the value comes from.
        reference: Reference,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl NodeKind {
    /// The inputs that come from other nodes.
    pub fn references(&self) -> Vec<&Reference> {
        let inputs = match self {
            Self::DocumentRead(_) | Self::TextSample(_) | Self::Fail(_) => vec![],
            Self::TextSplit(node) => vec![node.text.reference()],
            Self::TextStatistics(node) => vec![node.text.reference()],
            Self::TextSummarize(node) => vec![node.text.reference()],
            Self::HttpRequest(node) => vec![node.url.reference()],
            Self::ReportCompose(node) => vec![
                node.title.reference(),
                node.summary.reference(),
                node.statistics.reference(),
                node.chunks.as_ref().and_then(Input::reference),
                node.bands.as_ref().and_then(Input::reference),
            ],
            Self::TextStream(node) => vec![node.text.reference()],
            Self::UserApproval(node) => vec![node.text.reference()],
            Self::ReportPublish(node) => vec![node.text.reference()],
        };
        inputs.into_iter().flatten().collect()
    }

    /// The fields of the node's output.
    pub fn output_fields(&self) -> &'static [&'static str] {
        match self {
            Self::DocumentRead(_) => &["documentId", "documentName", "characters", "text"],
            Self::TextSample(_) => &["name", "text"],
            Self::TextSplit(_) => &["count", "longest", "chunks"],
            Self::TextStatistics(_) => &[
                "characters",
                "words",
                "uniqueWords",
                "sentences",
                "paragraphs",
                "wordsPerSentence",
                "readingEase",
                "readingMinutes",
                "frequentWords",
            ],
            Self::TextSummarize(_) => &["sentences", "text"],
            Self::HttpRequest(_) => &["status", "attempts", "body"],
            Self::ReportCompose(_) => &["text"],
            Self::TextStream(_) => &["tokens", "text"],
            Self::UserApproval(_) => &["decision", "text"],
            Self::ReportPublish(_) => &["file", "bytes"],
            Self::Fail(_) => &[],
        }
    }
}

impl<T: DeserializeOwned + Clone> Input<T> {
    /// The value, given the outputs so far.
    ///
    /// # Errors
    ///
    /// [`InputError`] when the output is not there or is of another type.
    pub fn resolve(&self, outputs: &Outputs) -> Result<T, InputError> {
        let reference = match self {
            Self::Literal(value) => return Ok(value.clone()),
            Self::Reference(reference) => reference,
        };
        let value = reference
            .find(outputs)
            .ok_or_else(|| InputError::Missing(reference.clone()))?;
        T::deserialize(value).map_err(|source| InputError::WrongType {
            reference: reference.clone(),
            source,
        })
    }
}

impl<T> Input<T> {
    fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Literal(_) => None,
            Self::Reference(reference) => Some(reference),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Input<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.get("from").is_some() {
            Reference::deserialize(value)
                .map(Self::Reference)
                .map_err(D::Error::custom)
        } else {
            T::deserialize(value)
                .map(Self::Literal)
                .map_err(D::Error::custom)
        }
    }
}

impl Reference {
    /// The first field of the path.
    pub fn field(&self) -> Option<&str> {
        self.path.as_deref()?.split('.').next()
    }

    /// The value that it points at, where there is one.
    pub fn find<'a>(&self, outputs: &'a Outputs) -> Option<&'a Value> {
        let output = outputs.get(&self.from)?;
        match &self.path {
            None => Some(output),
            Some(path) => path
                .split('.')
                .try_fold(output, |value, field| value.get(field)),
        }
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.path {
            Some(path) => write!(f, "\"{}.{path}\"", self.from),
            None => write!(f, "\"{}\"", self.from),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolve<T: DeserializeOwned + Clone>(input: Value) -> Result<T, String> {
        let outputs = Outputs::from([("a".to_owned(), json!({ "text": "hi", "n": { "m": 2 } }))]);
        let input: Input<T> = serde_json::from_value(input).unwrap();
        input.resolve(&outputs).map_err(|error| error.to_string())
    }

    #[test]
    fn inputs_are_values_or_parts_of_outputs() {
        assert_eq!(resolve::<String>(json!("as it is")).unwrap(), "as it is");
        assert_eq!(
            resolve::<String>(json!({ "from": "a", "path": "text" })).unwrap(),
            "hi"
        );
        assert_eq!(
            resolve::<usize>(json!({ "from": "a", "path": "n.m" })).unwrap(),
            2
        );
        assert_eq!(
            resolve::<Value>(json!({ "from": "a" })).unwrap()["text"],
            "hi"
        );
    }

    #[test]
    fn inputs_are_typed() {
        let wrong = resolve::<usize>(json!({ "from": "a", "path": "text" })).unwrap_err();
        assert!(
            wrong.contains("\"a.text\" is not what") && wrong.contains("expected usize"),
            "{wrong}"
        );
        for reference in [
            json!({ "from": "a", "path": "n.x" }),
            json!({ "from": "b" }),
        ] {
            let missing = resolve::<Value>(reference).unwrap_err();
            assert!(missing.contains("there is no"), "{missing}");
        }
    }

    #[test]
    fn the_fields_of_an_output_are_those_that_definitions_may_name() {
        let kind: NodeKind = serde_json::from_value(json!({
            "type": "text.statistics", "config": { "text": "x" }
        }))
        .unwrap();
        let output = serde_json::to_value(crate::text::statistics("Some words.").unwrap()).unwrap();
        let mut declared = kind.output_fields().to_vec();
        declared.sort_unstable();
        assert_eq!(
            output.as_object().unwrap().keys().collect::<Vec<_>>(),
            declared
        );
    }
}
