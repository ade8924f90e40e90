//! Drives a run from where its journal leaves off to its end.
//!
//! There is no state besides the journal's: what is to be done next follows from the events so far,
//! so a run that is taken up after a crash goes the same way as one that was never interrupted.

use std::collections::HashSet;

use flowmaestro_protocol::{
    ExecutionCompleted, ExecutionFailed, ExecutionProgress, ExecutionStarted, Extra, Json,
    NodeCompleted, NodeFailed, NodeStarted, Number, Record,
};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use crate::journal::JournalError;
use crate::nodes::{Job, NodeError, Services};
use crate::run::Run;
use crate::workflow::{Node, Stand, Workflow};

/// How much of an output an event shows: events are frames to browsers, not a store.
const MAX_SHOWN_CHARS: usize = 2_000;
const MAX_SHOWN_ITEMS: usize = 20;

/// Drives a run to its end.
///
/// # Errors
///
/// [`JournalError`]: the run stays as it is, and is taken up at the next start.
pub async fn drive(
    run: &Run,
    workflow: &Workflow,
    services: &Services,
) -> Result<(), JournalError> {
    if run.state(|state| state.started_at.is_none()) {
        start(run, workflow)?;
    }
    let mut launched = HashSet::new();
    let mut working = FuturesUnordered::new();
    loop {
        if let Some((node_id, error)) = run.state(|state| state.failure.clone()) {
            return fail(run, error, Some(node_id));
        }
        let stands = run.state(|state| workflow.stands(&state.outputs));
        report_progress(run, &stands)?;
        for (node, stand) in stands {
            if stand == Stand::Ready && launched.insert(&node.id) {
                working.push(execute(Job {
                    run,
                    workflow,
                    node,
                    services,
                }));
            }
        }
        match working.next().await {
            Some(executed) => executed?,
            None => return complete(run, workflow),
        }
    }
}

/// Ends a run whose workflow is not there any more.
///
/// # Errors
///
/// [`JournalError`] when the end cannot be journaled.
pub fn abandon(run: &Run) -> Result<(), JournalError> {
    let workflow = &run.info().workflow_id;
    fail(
        run,
        format!("the workflow {workflow:?} does not exist any more"),
        None,
    )
}

/// Works on one node, and journals how that ended.
async fn execute(job: Job<'_>) -> Result<(), JournalError> {
    let (run, node) = (job.run, job.node);
    if run.state(|state| !state.nodes.contains_key(&node.id)) {
        start_node(run, node)?;
    }
    match job
        .work()
        .await
        .and_then(|output| finished(run, node, output))
    {
        Ok(()) => Ok(()),
        Err(NodeError::Journal(error)) => Err(error),
        Err(error) => run.emit(|timestamp| NodeFailed {
            timestamp,
            execution_id: execution_id(run),
            node_id: node.id.clone(),
            error: error.to_string(),
            extra: Extra::default(),
        }),
    }
}

fn start(run: &Run, workflow: &Workflow) -> Result<(), JournalError> {
    run.emit(|timestamp| ExecutionStarted {
        timestamp,
        execution_id: execution_id(run),
        workflow_name: workflow.name.clone(),
        total_nodes: number(workflow.nodes.len()),
        extra: Extra::default(),
    })
}

fn start_node(run: &Run, node: &Node) -> Result<(), JournalError> {
    run.emit(|timestamp| NodeStarted {
        timestamp,
        execution_id: execution_id(run),
        node_id: node.id.clone(),
        node_name: node.name.clone(),
        node_type: node.type_name.clone(),
        extra: Extra::default(),
    })
}

fn finished(run: &Run, node: &Node, output: Value) -> Result<(), NodeError> {
    let mut shown = output.clone();
    let shortened = shorten(&mut shown);
    let shown = Json::from_serialize(&shown)?;
    let metadata = if shortened {
        Some(Json::from_serialize(&json!({ "shortened": true }))?)
    } else {
        None
    };
    let started_at = run.state(|state| state.nodes.get(&node.id).map(|node| node.started_at));
    let event = |timestamp: Number| NodeCompleted {
        timestamp,
        execution_id: execution_id(run),
        node_id: node.id.clone(),
        output: shown,
        duration: since(started_at, timestamp),
        metadata,
        extra: Extra::default(),
    };
    if shortened {
        run.emit_with_output(event, output)?
    } else {
        run.emit(event)?
    }
    Ok(())
}

/// Counts the nodes that are done with, those that no edge leads to any more included.
fn report_progress(run: &Run, stands: &[(&Node, Stand)]) -> Result<(), JournalError> {
    let done = stands
        .iter()
        .filter(|(_, stand)| matches!(stand, Stand::Completed | Stand::Skipped))
        .count();
    let (completed, total) = (number(done), number(stands.len()));
    if done == 0 || run.state(|state| state.reported == Some(completed)) {
        return Ok(());
    }
    let percentage = Number::try_from(100.0 * completed.get() / total.get()).unwrap_or_default();
    run.emit(|timestamp| ExecutionProgress {
        timestamp,
        execution_id: execution_id(run),
        completed,
        total,
        percentage,
        extra: Extra::default(),
    })
}

fn complete(run: &Run, workflow: &Workflow) -> Result<(), JournalError> {
    let (outputs, started_at) = run.state(|state| {
        let outputs: Record<Json> = workflow
            .outputs
            .iter()
            .filter_map(|(name, reference)| {
                let mut value = reference.find(&state.outputs)?.clone();
                shorten(&mut value);
                Some((name.clone(), Json::from_serialize(&value).ok()?))
            })
            .collect();
        (outputs, state.started_at)
    });
    run.emit(|timestamp| ExecutionCompleted {
        timestamp,
        execution_id: execution_id(run),
        status: Default::default(),
        outputs,
        duration: since(started_at, timestamp),
        extra: Extra::default(),
    })
}

fn fail(run: &Run, error: String, failed_node_id: Option<String>) -> Result<(), JournalError> {
    run.emit(|timestamp| ExecutionFailed {
        timestamp,
        execution_id: execution_id(run),
        status: Default::default(),
        error,
        failed_node_id,
        extra: Extra::default(),
    })
}

/// Cuts long texts and lists in a value; says whether it cut any.
fn shorten(value: &mut Value) -> bool {
    match value {
        Value::String(text) => match text.char_indices().nth(MAX_SHOWN_CHARS) {
            Some((end, _)) => {
                text.truncate(end);
                text.push('…');
                true
            }
            None => false,
        },
        Value::Array(items) => {
            let cut = items.len() > MAX_SHOWN_ITEMS;
            items.truncate(MAX_SHOWN_ITEMS);
            items.iter_mut().fold(cut, |cut, item| shorten(item) | cut)
        }
        Value::Object(fields) => fields
            .values_mut()
            .fold(false, |cut, field| shorten(field) | cut),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn execution_id(run: &Run) -> String {
    run.info().execution_id.clone()
}

fn since(start: Option<Number>, end: Number) -> Number {
    Number::try_from(end.get() - start.unwrap_or(end).get()).unwrap_or_default()
}

fn number(count: usize) -> Number {
    Number::from_integer(count as u64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use flowmaestro_gateway::{Emission, Gateway};
    use flowmaestro_protocol::EventType;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::data_dir::DataDir;
    use crate::documents::Documents;
    use crate::journal::RunInfo;
    use crate::nodes::{Answers, HttpClient, Paces};
    use crate::run::RunStatus;
    use crate::tasks::Tasks;

    #[test]
    fn long_parts_of_outputs_are_cut_and_short_ones_are_not() {
        let mut short = json!({ "text": "é".repeat(MAX_SHOWN_CHARS), "n": [1, null, true] });
        let before = short.clone();
        assert!(!shorten(&mut short));
        assert_eq!(short, before);

        let mut long = json!({ "a": ["é".repeat(MAX_SHOWN_CHARS + 1)], "b": vec![1; 21] });
        assert!(shorten(&mut long));
        assert_eq!(
            long["a"][0].as_str().unwrap().chars().count(),
            MAX_SHOWN_CHARS + 1
        );
        assert_eq!(long["b"].as_array().unwrap().len(), MAX_SHOWN_ITEMS);
    }

    /// Drives a run of a definition until it asks `questions` questions or ends; returns the run.
    async fn drive_until_asked(definition: Value, questions: usize) -> Run {
        let folder = tempfile::tempdir().unwrap();
        let workflow = Workflow::parse(&definition.to_string()).unwrap();
        let config = flowmaestro_gateway::Config {
            dev: true,
            ..Default::default()
        };
        let gateway = Gateway::new(config).unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let tasks = Tasks::default();
        let documents = Documents::open(data.clone(), gateway.clone(), tasks)
            .await
            .unwrap();
        let paces = Paces {
            token_delay: Duration::ZERO,
            retry_delay: Duration::ZERO,
        };
        let (http, answers) = (HttpClient::new().unwrap(), Answers::default());
        let services = Services {
            http,
            documents,
            answers,
            data: data.clone(),
            paces,
        };
        let info = RunInfo {
            execution_id: "exec_1".into(),
            workflow_id: workflow.id.clone(),
            workflow_name: workflow.name.clone(),
            owner: "user_1".into(),
            document_id: None,
            started_at: 1,
        };
        let asked = Arc::new(Semaphore::new(0));
        let ask = Arc::clone(&asked);
        let listener = move |_: &Emission| ask.add_permits(1);
        gateway
            .emitter()
            .on(EventType::UserInputRequired, listener)
            .unwrap();
        let run = Run::create(data.journal("exec_1"), info, gateway).unwrap();
        let driven = async {
            tokio::select! {
                driven = drive(&run, &workflow, &services) => driven.unwrap(),
                asked = asked.acquire_many(questions as u32) => drop(asked.unwrap()),
            }
        };
        tokio::time::timeout(Duration::from_secs(30), driven)
            .await
            .unwrap();
        run
    }

    fn definition(nodes: Value, edges: Value) -> Value {
        let with_texts = |mut node: Value| {
            node["name"] = node["id"].clone();
            node["description"] = json!("");
            node
        };
        let nodes: Vec<Value> = nodes
            .as_array()
            .unwrap()
            .iter()
            .cloned()
            .map(with_texts)
            .collect();
        let outputs = json!({});
        json!({
            "id": "w", "name": "W", "description": "",
            "nodes": nodes, "edges": edges, "outputs": outputs,
        })
    }

    fn ask(id: &str) -> Value {
        json!({ "id": id, "type": "user.approval", "config": { "prompt": "?", "text": "x" } })
    }

    #[tokio::test]
    async fn independent_branches_run_side_by_side() {
        let run = drive_until_asked(definition(json!([ask("a"), ask("b")]), json!([])), 2).await;
        assert!(run.state(|state| state.nodes.len() == 2 && state.failure.is_none()));
    }

    #[tokio::test]
    async fn a_failure_does_not_wait_for_other_branches() {
        let fail = json!({ "id": "b", "type": "fail", "config": { "message": "no" } });
        // The question is there, and nobody answers it.
        let run = drive_until_asked(definition(json!([ask("a"), fail]), json!([])), 2).await;
        assert_eq!(run.status(), RunStatus::Failed);
    }

    #[tokio::test]
    async fn what_a_node_refuses_fails_the_run_with_its_reason() {
        for (node, reason) in [
            (
                json!({ "type": "http.request", "config": {
                    "url": "http://192.0.2.1/", "attempts": 3, "timeoutMs": 1000
                }}),
                "only http:// URLs of loopback addresses",
            ),
            (json!({ "type": "document.read" }), "no document was chosen"),
            (
                json!({ "type": "text.statistics", "config": { "text": "…" } }),
                "has no words",
            ),
            (
                json!({ "type": "text.stream", "config": { "text": "x".repeat(40_000) } }),
                "the text has 40000 bytes",
            ),
            (
                json!({ "type": "user.approval", "config": {
                    "prompt": "?", "text": "x".repeat(20_001)
                }}),
                "the text has 20001 bytes",
            ),
        ] {
            let mut node = node;
            node["id"] = json!("a");
            let run = drive_until_asked(definition(json!([node]), json!([])), 1).await;
            let (failed, error) = run.state(|state| state.failure.clone()).unwrap();
            assert_eq!(failed, "a");
            assert!(error.contains(reason), "{error}");
        }
    }
}
