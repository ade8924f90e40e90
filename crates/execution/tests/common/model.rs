//! What a run is, told by somebody with all the time and memory in the world: sort the events, then
//! go through them once.

use std::collections::BTreeMap;

use flowmaestro_execution::{NodeStatus, Options, Progress, RunStatus, Truncated};
use flowmaestro_protocol::EventType;

use crate::common::{Event, Header, Line, Node, Page};

/// What a page has to show in the end. `events` are in order, each once.
pub fn page(events: &[Event], options: Options) -> Page {
    let logged: Vec<&Event> = events
        .iter()
        .filter(|event| event.event != EventType::NodeStream)
        .collect();
    let limit = options.max_log as usize;
    let ended = logged.iter().find(|event| is_end(event));
    let mut nodes = nodes(events, options);
    for (id, node) in &mut nodes {
        let is_blamed = ended.is_some_and(|ended| ended.subject == Some(*id));
        end(node, ended.is_some(), is_blamed);
    }
    nodes.retain(|_, node| node.status != NodeStatus::Pending);
    let asked = |node: &Node| {
        events
            .iter()
            .position(|event| Some(line(event, options)) == node.question)
    };
    let waiting = nodes
        .iter()
        .filter_map(|(id, node)| Some((*id, node.question.clone()?)));
    let mut pending: Vec<(u32, Line)> = waiting.collect();
    pending.sort_by_key(|(id, _)| asked(&nodes[id]));
    Page {
        header: header(events, &logged, options),
        nodes,
        pending,
        log: logged
            .iter()
            .skip(logged.len().saturating_sub(limit))
            .map(|event| log_line(event, options))
            .collect(),
    }
    .uncounted()
}

fn is_end(event: &Event) -> bool {
    matches!(
        event.event,
        EventType::ExecutionCompleted | EventType::ExecutionFailed
    )
}

fn line(event: &Event, options: Options) -> Line {
    let is_kept = event.size <= options.max_payload;
    Line {
        event: event.event,
        subject: event.subject,
        numbers: event.numbers,
        at: event.at,
        seq: event.seq,
        payload: is_kept.then(|| event.payload.clone()),
    }
}

fn log_line(event: &Event, options: Options) -> Line {
    let mut line = line(event, options);
    line.payload = line
        .payload
        .filter(|_| event.size <= options.max_log_payload);
    line
}

fn header(events: &[Event], logged: &[&Event], options: Options) -> Header {
    let first = |wanted: EventType| logged.iter().find(|event| event.event == wanted);
    let started = first(EventType::ExecutionStarted);
    let ended = logged.iter().find(|event| is_end(event));
    let status = match ended {
        Some(ended) if ended.event == EventType::ExecutionCompleted => RunStatus::Completed,
        Some(_) => RunStatus::Failed,
        None if events.is_empty() => RunStatus::Pending,
        None => RunStatus::Running,
    };
    let total = started.map_or(0.0, |started| started.numbers[0]);
    let progress = logged
        .iter()
        .rfind(|event| event.event == EventType::ExecutionProgress);
    let [completed, total, percentage] = progress.map_or([0.0, total, 0.0], |event| event.numbers);
    let is_done = status == RunStatus::Completed;
    let is_beyond = |event: &Event| event.subject.is_some_and(|id| id >= options.max_nodes);
    Header {
        status,
        progress: Progress {
            completed,
            total,
            percentage: if is_done { 100.0 } else { percentage },
        },
        started: started.map(|event| line(event, options)),
        ended: ended.map(|event| line(event, options)),
        duration: ended.and_then(|ended| match status {
            RunStatus::Completed => Some(ended.numbers[0]),
            _ => started
                .map(|started| ended.at - started.at)
                .filter(|duration| *duration >= 0.0),
        }),
        is_complete: true,
        truncated: Truncated {
            subjects: events.iter().any(is_beyond).into(),
            log: (logged.len() > options.max_log as usize).into(),
            payloads: logged
                .iter()
                .any(|event| event.size > options.max_payload)
                .into(),
        },
    }
}

fn nodes(events: &[Event], options: Options) -> BTreeMap<u32, Node> {
    let mut nodes: BTreeMap<u32, Node> = BTreeMap::new();
    for event in events {
        let Some(id) = event.subject.filter(|id| *id < options.max_nodes) else {
            continue;
        };
        let node = nodes.entry(id).or_insert_with(|| Node {
            status: NodeStatus::Pending,
            attempt: 0.0,
            started: None,
            ended: None,
            retry: None,
            question: None,
            duration: None,
            text: String::new(),
            text_dropped: 0,
        });
        live(node, event, options);
    }
    for node in nodes.values_mut() {
        let dropped = node.text.len().saturating_sub(options.max_text as usize);
        node.text = node.text.split_off(dropped);
        node.text_dropped = dropped as u64;
    }
    nodes
}

fn live(node: &mut Node, event: &Event, options: Options) {
    let line = Some(line(event, options));
    match event.event {
        EventType::NodeStarted => {
            if node.started.is_some() {
                node.text.clear();
            }
            begin(node, NodeStatus::Running);
            node.started = line;
        }
        EventType::NodeRetry => {
            node.text.clear();
            begin(node, NodeStatus::Retrying);
            node.retry = line;
            node.attempt = event.numbers[0];
        }
        EventType::NodeCompleted | EventType::NodeFailed => {
            let is_completed = event.event == EventType::NodeCompleted;
            node.status = if is_completed {
                NodeStatus::Completed
            } else {
                NodeStatus::Failed
            };
            let started = node.started.as_ref();
            let since = started.map(|started| event.at - started.at);
            node.duration = if is_completed {
                Some(event.numbers[0])
            } else {
                since.filter(|duration| *duration >= 0.0)
            };
            node.ended = line;
            node.question = None;
        }
        EventType::UserInputRequired if node.ended.is_none() => {
            node.status = NodeStatus::Waiting;
            node.question = line;
        }
        EventType::UserInputResponse => {
            if matches!(node.status, NodeStatus::Waiting | NodeStatus::Pending) {
                node.status = NodeStatus::Running;
                node.question = None;
            }
        }
        EventType::NodeStream => {
            if matches!(node.status, NodeStatus::Pending | NodeStatus::Retrying) {
                node.status = NodeStatus::Running;
            }
            node.text.push_str(&event.payload);
        }
        _ => {}
    }
    if node.attempt == 0.0 && node.status != NodeStatus::Pending {
        node.attempt = 1.0;
    }
}

fn begin(node: &mut Node, status: NodeStatus) {
    node.status = status;
    node.ended = None;
    node.duration = None;
    node.question = None;
}

/// What the end of the run does to a node.
fn end(node: &mut Node, is_over: bool, is_blamed: bool) {
    if !is_over || node.ended.is_some() {
        return;
    }
    node.question = None;
    if is_blamed {
        node.status = NodeStatus::Failed;
        node.attempt = node.attempt.max(1.0);
    } else if node.status != NodeStatus::Pending {
        node.status = NodeStatus::Stopped;
    }
}
