//! `user.approval`: a question to the owner of the run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flowmaestro_gateway::Emission;
use flowmaestro_protocol::{Event, Extra, Json, UserInputRequired, UserInputResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::mpsc;

use super::{Job, NodeError};
use crate::node::UserApproval;

/// The longest text that is put up for review, and that an edit may bring, in bytes. Escaped as JSON
/// it fits into a message.
pub const MAX_REVIEW_BYTES: usize = 20_000;

/// How many answers are looked at: each invalid one is asked about again, and journaled.
pub const MAX_ANSWERS: usize = 20;

/// How many answers may wait to be looked at; more are dropped.
const QUEUED_ANSWERS: usize = 8;

/// The nodes that wait for an answer. Cheap to clone.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<HashMap<Question, mpsc::Sender<Json>>>>);

/// Which node of which run waits.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    execution_id: String,
    node_id: String,
}

/// A node's place among those that wait, given back on drop.
struct Waiting {
    answers: Answers,
    question: Question,
    receiver: mpsc::Receiver<Json>,
}

/// A valid answer.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Approve,
    Reject,
    Edit(String),
}

/// Why an answer is not taken.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AnswerError {
    /// It has another shape.
    #[error(
        "the answer has to be \"approve\", \"reject\" or \
         {{\"decision\": \"edit\", \"text\": \"…\"}}"
    )]
    Shape,
    /// The edited text is empty.
    #[error("the edited text is empty")]
    Empty,
    /// The edited text is too long.
    #[error("the edited text has {0} bytes, at most {MAX_REVIEW_BYTES} are taken")]
    TooLong(usize),
}

impl Answers {
    /// Hands an answer that arrived at the gateway to the node that waits for it. One that nobody
    /// waits for is dropped: the question was answered already, or never asked.
    pub fn arrived(&self, emission: &Emission) {
        let Event::UserInputResponse(response) = emission.event() else {
            return;
        };
        let question = Question {
            execution_id: response.execution_id.clone(),
            node_id: response.node_id.clone(),
        };
        let taken = self
            .waiting()
            .get(&question)
            .is_some_and(|waiting| waiting.try_send(response.value.clone()).is_ok());
        if !taken {
            tracing::debug!("an answer that no node waits for was dropped");
        }
    }

    fn wait(&self, question: Question) -> Waiting {
        let (sender, receiver) = mpsc::channel(QUEUED_ANSWERS);
        self.waiting().insert(question.clone(), sender);
        Waiting {
            answers: self.clone(),
            question,
            receiver,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Question, mpsc::Sender<Json>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.answers.waiting().remove(&self.question);
    }
}

impl Job<'_> {
    /// After a restart the question is asked again, unless the answer was journaled already.
    pub(super) async fn ask(&self, config: &UserApproval) -> Result<Value, NodeError> {
        let text: String = self.input(&config.text)?;
        if text.len() > MAX_REVIEW_BYTES {
            return Err(NodeError::TooLong {
                bytes: text.len(),
                max: MAX_REVIEW_BYTES,
            });
        }
        let answered = self
            .progress()
            .answer
            .and_then(|value| Answer::parse(&value).ok());
        let answer = match answered {
            Some(answer) => answer,
            None => self.answer(config, &text).await?,
        };
        match answer {
            Answer::Approve => Ok(json!({ "decision": "approve", "text": text })),
            Answer::Edit(text) => Ok(json!({ "decision": "edit", "text": text })),
            Answer::Reject if self.workflow.continues_when_rejected(&self.node.id) => {
                Ok(json!({ "decision": "reject", "text": text }))
            }
            Answer::Reject => Err(NodeError::Rejected),
        }
    }

    /// Asks until a valid answer comes.
    async fn answer(&self, config: &UserApproval, text: &str) -> Result<Answer, NodeError> {
        // Before the question is out: its answer may come at once.
        let mut waiting = self.services.answers.wait(Question {
            execution_id: self.run.info().execution_id.clone(),
            node_id: self.node.id.clone(),
        });
        let mut prompt = config.prompt.clone();
        for _ in 0..MAX_ANSWERS {
            self.ask_for_approval(prompt, text)?;
            let Some(value) = waiting.receiver.recv().await else {
                break;
            };
            match Answer::parse(&value) {
                Ok(answer) => {
                    self.note_answer(value)?;
                    return Ok(answer);
                }
                Err(error) => prompt = format!("{} (Not taken: {error}.)", config.prompt),
            }
        }
        Err(NodeError::NoValidAnswer)
    }

    fn ask_for_approval(&self, prompt: String, text: &str) -> Result<(), NodeError> {
        let validation = json!({
            "options": ["approve", "reject", "edit"],
            "text": text,
            "maxBytes": MAX_REVIEW_BYTES,
        });
        let validation = Json::from_serialize(&validation).ok();
        Ok(self.run.emit(|timestamp| UserInputRequired {
            timestamp,
            execution_id: self.run.info().execution_id.clone(),
            node_id: self.node.id.clone(),
            prompt,
            input_type: "approval".to_owned(),
            validation,
            extra: Extra::default(),
        })?)
    }

    fn note_answer(&self, value: Json) -> Result<(), NodeError> {
        Ok(self.run.note(|timestamp| UserInputResponse {
            timestamp,
            execution_id: self.run.info().execution_id.clone(),
            node_id: self.node.id.clone(),
            value,
            extra: Extra::default(),
        })?)
    }
}

impl Answer {
    fn parse(value: &Json) -> Result<Self, AnswerError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Choice(Choice),
            Edit { decision: Edit, text: String },
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Choice {
            Approve,
            Reject,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Edit {
            Edit,
        }
        match value.deserialize().map_err(|_| AnswerError::Shape)? {
            Raw::Choice(Choice::Approve) => Ok(Self::Approve),
            Raw::Choice(Choice::Reject) => Ok(Self::Reject),
            Raw::Edit {
                decision: Edit::Edit,
                text,
            } if text.trim().is_empty() => Err(AnswerError::Empty),
            Raw::Edit { text, .. } if text.len() > MAX_REVIEW_BYTES => {
                Err(AnswerError::TooLong(text.len()))
            }
            Raw::Edit { text, .. } => Ok(Self::Edit(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Answer, AnswerError> {
        Answer::parse(&Json::parse(text).unwrap())
    }

    #[test]
    fn valid_answers() {
        assert_eq!(parse(r#""approve""#), Ok(Answer::Approve));
        assert_eq!(parse(r#""reject""#), Ok(Answer::Reject));
        let edit = parse(r#"{"decision":"edit","text":"Better."}"#);
        assert_eq!(edit, Ok(Answer::Edit("Better.".into())));
    }

    #[test]
    fn other_answers_are_refused() {
        for text in [
            r#""edit""#,
            r#""Approve""#,
            r#"{"decision":"approve","text":"x"}"#,
            r#"{"decision":"edit"}"#,
            r#"{"decision":"edit","text":1}"#,
            "true",
            "null",
            "[]",
        ] {
            assert_eq!(parse(text), Err(AnswerError::Shape), "{text}");
        }
        assert_eq!(
            parse(r#"{"decision":"edit","text":" \n"}"#),
            Err(AnswerError::Empty)
        );
        let long = json!({ "decision": "edit", "text": "x".repeat(MAX_REVIEW_BYTES + 1) });
        assert_eq!(
            parse(&long.to_string()),
            Err(AnswerError::TooLong(MAX_REVIEW_BYTES + 1))
        );
    }
}
