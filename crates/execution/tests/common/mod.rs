//! Events by hand, and a page that knows nothing but what it is told.

#![allow(dead_code, reason = "no test uses all of it")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

use std::collections::BTreeMap;
use std::rc::Rc;

use flowmaestro_execution::{
    Arrival, Changes, Fact, LogChange, NodeStatus, NodeView, Options, Progress, Run, RunStatus,
    Splice, TextChange, Truncated,
};
use flowmaestro_protocol::EventType;

pub type Payload = Rc<str>;
pub type Event = Arrival<Payload>;

/// An event of a server that does not number them.
pub fn event(event: EventType, at: f64) -> Event {
    Arrival {
        event,
        at,
        seq: None,
        subject: None,
        numbers: [0.0; 3],
        payload: format!("{}@{at}", event.as_str()).into(),
        size: 1,
    }
}

/// One of a node, or a document.
pub fn of(event_type: EventType, at: f64, subject: u32) -> Event {
    Arrival {
        subject: Some(subject),
        ..event(event_type, at)
    }
}

pub fn with(numbers: [f64; 3], event: Event) -> Event {
    Arrival { numbers, ..event }
}

pub fn saying(payload: &str, event: Event) -> Event {
    Arrival {
        payload: payload.into(),
        size: payload.len() as u32,
        ..event
    }
}

pub fn chunk(at: f64, node: u32, text: &str) -> Event {
    saying(text, of(EventType::NodeStream, at, node))
}

pub fn numbered(seq: u64, event: Event) -> Event {
    Arrival {
        seq: Some(seq),
        ..event
    }
}

pub fn run_of(events: impl IntoIterator<Item = Event>) -> Run<Payload> {
    let mut run = Run::new(Options::default());
    for event in events {
        run.apply(event);
    }
    run
}

/// What a page shows of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub event: EventType,
    pub subject: Option<u32>,
    pub numbers: [f64; 3],
    pub at: f64,
    pub seq: Option<u64>,
    pub payload: Option<Payload>,
}

impl From<&Fact<Payload>> for Line {
    fn from(fact: &Fact<Payload>) -> Self {
        Self {
            event: fact.event,
            subject: fact.subject,
            numbers: fact.numbers,
            at: fact.at(),
            seq: fact.seq(),
            payload: fact.payload.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub status: RunStatus,
    pub progress: Progress,
    pub started: Option<Line>,
    pub ended: Option<Line>,
    pub duration: Option<f64>,
    pub is_complete: bool,
    pub truncated: Truncated,
}

impl Header {
    pub fn of(run: &Run<Payload>) -> Self {
        Self {
            status: run.status(),
            progress: run.progress(),
            started: run.started().map(Line::from),
            ended: run.ended().map(Line::from),
            duration: run.duration(),
            is_complete: run.is_complete(),
            truncated: run.truncated(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub status: NodeStatus,
    pub attempt: f64,
    pub started: Option<Line>,
    pub ended: Option<Line>,
    pub retry: Option<Line>,
    pub question: Option<Line>,
    pub duration: Option<f64>,
    pub text: String,
    pub text_dropped: u64,
}

impl Node {
    fn of(view: &NodeView<'_, Payload>, text: String) -> Self {
        assert_eq!(view.text_length(), text.len() as u64, "as the run says");
        Self {
            status: view.status(),
            attempt: view.attempt(),
            started: view.started().map(Line::from),
            ended: view.ended().map(Line::from),
            retry: view.retry().map(Line::from),
            question: view.question().map(Line::from),
            duration: view.duration(),
            text,
            text_dropped: view.text_dropped(),
        }
    }
}

/// A page: what it has of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub header: Header,
    pub nodes: BTreeMap<u32, Node>,
    /// Who waits, and what for.
    pub pending: Vec<(u32, Line)>,
    pub log: Vec<Line>,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            header: Header::of(&Run::new(Options::default())),
            nodes: BTreeMap::new(),
            pending: Vec::new(),
            log: Vec::new(),
        }
    }
}

impl Page {
    /// What a page has that was told everything at once.
    pub fn told_all(run: &mut Run<Payload>) -> Self {
        let mut page = Self::default();
        page.tell(&run.take_changes());
        page
    }

    pub fn tell(&mut self, changes: &Changes<'_, Payload>) {
        if changes.everything() {
            *self = Self::default();
        }
        let run = changes.run();
        if changes.header() {
            self.header = Header::of(run);
        }
        if changes.pending() {
            let question = |id: u32| Some(Line::from(run.node(id)?.question()?));
            let pending = run.pending().iter();
            self.pending = pending
                .map(|id| (*id, question(*id).expect("it asks")))
                .collect();
        }
        for id in changes.nodes() {
            let before = self.nodes.remove(id).map(|node| node.text);
            let mut text = before.unwrap_or_default();
            if let Some(change) = changes.text(*id) {
                text = splice_text(&text, &change);
            }
            let view = run.node(*id).expect("a node that has changed");
            if view.status() != NodeStatus::Pending {
                self.nodes.insert(*id, Node::of(&view, text));
            }
        }
        if let Some(change) = changes.log() {
            self.log = splice_log(&self.log, &change);
        }
    }

    /// The same with counters that a repetition may raise reduced to whether there is something.
    pub fn uncounted(mut self) -> Self {
        let Truncated {
            subjects,
            log,
            payloads,
        } = self.header.truncated;
        self.header.truncated = Truncated {
            subjects: subjects.min(1),
            log: log.min(1),
            payloads: payloads.min(1),
        };
        self
    }

    pub fn text(&self, node: u32) -> &str {
        &self.nodes[&node].text
    }
}

fn splice_text(text: &str, change: &TextChange<'_, Payload>) -> String {
    let appended: String = change.chunks().map(AsRef::as_ref).collect();
    let appended = &appended[change.skip as usize..];
    kept(&change.splice, text.len(), |range| text[range].to_owned()) + appended
}

fn splice_log(log: &[Line], change: &LogChange<'_, Payload>) -> Vec<Line> {
    let mut lines = kept(&change.splice, log.len(), |range| log[range].to_vec());
    lines.extend(change.entries.iter().map(Line::from));
    lines
}

fn kept<T>(splice: &Splice, length: usize, cut: impl Fn(std::ops::Range<usize>) -> T) -> T {
    let keep = splice.keep.start as usize..splice.keep.end as usize;
    if splice.is_append {
        assert_eq!(keep, 0..length, "all of it stays");
    }
    cut(keep)
}
