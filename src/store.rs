//! What the executions and knowledge bases that somebody watches look like: their state is here, the
//! snapshots that the page gets are made in `store.js`.

use core::cell::Cell;

pub(crate) use flowmaestro_execution::Gap;
use flowmaestro_execution::{
    Arrival, Change, Changes, DocumentChanges, DocumentStatus, Fact, NodeStatus, Options, Run,
    RunStatus, Store,
};
use flowmaestro_protocol::{EventType, Scope};
use flowmaestro_session::ExecutionKey;
use wasm_bindgen::prelude::*;

use crate::decoder::Decoder;
use crate::slot::Slot;

#[wasm_bindgen(module = "/src/store.js")]
extern "C" {
    /// All that is watched, by its numbers.
    type Watch;

    #[wasm_bindgen(constructor)]
    fn create(decoder: &Decoder, report: &JsValue) -> Watch;

    #[wasm_bindgen(method, js_name = setExecution)]
    fn set_execution(this: &Watch, key: u32, execution: &JsValue);

    #[wasm_bindgen(method)]
    fn execution(this: &Watch, key: u32) -> Execution;

    #[wasm_bindgen(method, js_name = openBase)]
    fn open_base(this: &Watch, knowledge_base_id: &JsValue, base: &JsValue) -> u32;

    #[wasm_bindgen(method, js_name = closeBase)]
    fn close_base(this: &Watch, knowledge_base_id: &JsValue) -> i32;

    #[wasm_bindgen(method, js_name = baseOf)]
    fn base_of(this: &Watch, event: &JsValue) -> i32;

    #[wasm_bindgen(method, js_name = base)]
    fn base(this: &Watch, key: u32) -> Base;

    /// Reads what [`Arrival`] has of an event; see `store.js` for the order of the numbers.
    #[wasm_bindgen(method)]
    fn read(
        this: &Watch,
        event: &JsValue,
        watched: &JsValue,
        max: u32,
        numbers: &mut [f64],
    ) -> JsValue;

    /// Has the next animation frame reported.
    #[wasm_bindgen(method)]
    fn schedule(this: &Watch);

    #[wasm_bindgen(method)]
    fn cancel(this: &Watch);

    /// An execution's snapshots, and who gets them.
    #[wasm_bindgen(js_name = WatchedExecution)]
    type Execution;

    #[wasm_bindgen(method)]
    fn header(this: &Execution, numbers: &[f64], started: &JsValue, ended: &JsValue);

    #[wasm_bindgen(method, js_name = cutText)]
    fn cut_text(this: &Execution, number: u32, start: f64, end: f64);

    #[wasm_bindgen(method, js_name = appendText)]
    fn append_text(this: &Execution, number: u32, chunk: &JsValue);

    #[wasm_bindgen(method)]
    fn node(
        this: &Execution,
        number: u32,
        numbers: &[f64],
        started: &JsValue,
        ended: &JsValue,
        retry: &JsValue,
        question: &JsValue,
    );

    #[wasm_bindgen(method, js_name = setPending)]
    fn set_pending(this: &Execution, numbers: &[u32]);

    #[wasm_bindgen(method, js_name = cutLog)]
    fn cut_log(this: &Execution, start: f64, end: f64);

    #[wasm_bindgen(method, js_name = appendLog)]
    fn append_log(this: &Execution, event_type: &str, timestamp: f64, number: u32, event: &JsValue);

    #[wasm_bindgen(method)]
    fn publish(this: &Execution);

    #[wasm_bindgen(method)]
    fn tell(this: &Execution);

    /// A knowledge base's snapshots, likewise.
    #[wasm_bindgen(js_name = WatchedKnowledgeBase)]
    type Base;

    #[wasm_bindgen(method, js_name = header)]
    fn base_header(this: &Base, is_complete: bool, documents: f64, payloads: f64);

    #[wasm_bindgen(method)]
    fn document(this: &Base, number: u32, numbers: &[f64], started: &JsValue, ended: &JsValue);

    #[wasm_bindgen(method, js_name = publish)]
    fn publish_base(this: &Base);

    #[wasm_bindgen(method, js_name = tell)]
    fn tell_base(this: &Base);
}

/// Reported in place of a kind of frame: the page is to be told.
pub(crate) const FRAME: u32 = 31;

/// What is watched, and what of it the page was not told yet.
pub(crate) struct Watching {
    store: Slot<Store<JsValue>>,
    options: Cell<Options>,
    page: Watch,
    due: Cell<Change>,
}

impl Watching {
    pub(crate) fn new(decoder: &Decoder, report: &JsValue) -> Self {
        let options = Options::default();
        Self {
            store: Slot::new(Store::new(options)),
            options: Cell::new(options),
            page: Watch::create(decoder, report),
            due: Cell::default(),
        }
    }

    /// Changes the limits of what is watched from now on.
    pub(crate) fn configure(&self, options: Options) {
        self.options.set(options);
        self.store.borrow_mut().configure(options);
    }

    // --- what is watched -----------------------------------------------------------------------

    pub(crate) fn open_run(&self, key: ExecutionKey, execution: &JsValue) {
        self.page.set_execution(key.0, execution);
        self.store.borrow_mut().open_run(key.0);
    }

    pub(crate) fn close_run(&self, key: ExecutionKey) {
        self.page.set_execution(key.0, &JsValue::UNDEFINED);
        self.store.borrow_mut().close_run(key.0);
    }

    pub(crate) fn open_base(&self, knowledge_base_id: &JsValue, base: &JsValue) {
        let key = self.page.open_base(knowledge_base_id, base);
        self.store.borrow_mut().open_knowledge_base(key);
    }

    pub(crate) fn close_base(&self, knowledge_base_id: &JsValue) {
        if let Ok(key) = u32::try_from(self.page.close_base(knowledge_base_id)) {
            self.store.borrow_mut().close_knowledge_base(key);
        }
    }

    // --- what happens --------------------------------------------------------------------------

    /// Whether nothing is watched.
    pub(crate) fn is_empty(&self) -> bool {
        self.store.borrow().is_empty()
    }

    /// Takes note of an event, if what it is about is watched.
    pub(crate) fn take(
        &self,
        event: EventType,
        execution: Option<ExecutionKey>,
        is_numbered: bool,
        message: &JsValue,
    ) {
        if let Some((key, watched)) = self.watched(event, execution, message) {
            let arrival = self.read(event, is_numbered, message, &watched);
            let change = self.store.borrow_mut().apply(key, arrival);
            self.note(change);
        }
    }

    fn watched(
        &self,
        event: EventType,
        execution: Option<ExecutionKey>,
        message: &JsValue,
    ) -> Option<(u32, JsValue)> {
        let store = self.store.borrow();
        if store.is_empty() {
            return None;
        }
        match event.scope() {
            Scope::Execution => {
                let key = execution?.0;
                store.run(key)?;
                Some((key, self.page.execution(key).into()))
            }
            Scope::User => {
                let key = u32::try_from(self.page.base_of(message)).ok()?;
                Some((key, self.page.base(key).into()))
            }
            Scope::Connection => None,
        }
    }

    fn read(
        &self,
        event: EventType,
        is_numbered: bool,
        message: &JsValue,
        watched: &JsValue,
    ) -> Arrival<JsValue> {
        let Options {
            max_nodes,
            max_documents,
            ..
        } = self.options.get();
        let max = match event.scope() {
            Scope::User => max_documents,
            _ => max_nodes,
        };
        let mut read = [0.0; 7];
        let payload = self.page.read(message, watched, max, &mut read);
        let [at, seq, subject, size, numbers @ ..] = read;
        Arrival {
            event,
            at,
            seq: (is_numbered && seq > 0.0).then_some(seq as u64),
            subject: (subject >= 0.0).then_some(subject as u32),
            numbers,
            payload,
            size: size as u32,
        }
    }

    /// Events of an execution are missing, if it is watched.
    pub(crate) fn gap(&self, execution: ExecutionKey, gap: Gap) {
        self.change_run(execution, |run| run.gap(gap));
    }

    /// Nothing of an execution is missing any more.
    pub(crate) fn restored(&self, execution: ExecutionKey) {
        self.change_run(execution, Run::restored);
    }

    /// Takes note of all that has happened in an execution, if it is watched.
    ///
    /// Of chunks without numbers nobody knows which have come already: they take their place.
    pub(crate) fn restore(&self, execution: ExecutionKey, events: &[(EventType, &JsValue)]) {
        if self.store.borrow().run(execution.0).is_none() {
            return;
        }
        let watched = self.page.execution(execution.0).into();
        let mut has_texts = true;
        for (event, message) in events {
            let arrival = self.read(*event, true, message, &watched);
            if has_texts && *event == EventType::NodeStream && arrival.seq.is_none() {
                has_texts = false;
                self.change_run(execution, Run::forget_texts);
            }
            self.change_run(execution, |run| run.apply(arrival));
        }
        self.restored(execution);
    }

    /// Events of documents may be missing.
    pub(crate) fn gap_of_knowledge_bases(&self) {
        let change = self.store.borrow_mut().gap_of_knowledge_bases();
        self.note(change);
    }

    fn change_run(&self, key: ExecutionKey, work: impl FnOnce(&mut Run<JsValue>) -> Change) {
        let change = self.store.borrow_mut().run_mut(key.0).map(work);
        self.note(change.unwrap_or_default());
    }

    // --- telling the page ----------------------------------------------------------------------

    fn note(&self, change: Change) {
        self.due.set(self.due.get().max(change));
    }

    /// Has the page told when that is due. It may call anything.
    pub(crate) fn settle(&self) {
        match self.due.get() {
            Change::None => {}
            Change::Frame => self.page.schedule(),
            Change::Now => self.publish(),
        }
    }

    /// Tells the page of all that has changed.
    pub(crate) fn publish(&self) {
        self.page.cancel();
        self.due.set(Change::None);
        while let Some(key) = self.next_changed_run() {
            let page = self.page.execution(key);
            if let Some(run) = self.store.borrow_mut().run_mut(key) {
                describe_run(&run.take_changes(), &page);
            }
            page.publish();
            page.tell();
        }
        while let Some(key) = self.next_changed_base() {
            let page = self.page.base(key);
            if let Some(base) = self.store.borrow_mut().knowledge_base_mut(key) {
                describe_base(&base.take_changes(), &page);
            }
            page.publish_base();
            page.tell_base();
        }
    }

    fn next_changed_run(&self) -> Option<u32> {
        self.store.borrow().next_changed_run()
    }

    fn next_changed_base(&self) -> Option<u32> {
        self.store.borrow().next_changed_knowledge_base()
    }

    /// Nobody is there any more to be told.
    pub(crate) fn stop(&self) {
        self.page.cancel();
    }
}

fn describe_run(changes: &Changes<'_, JsValue>, page: &Execution) {
    let run = changes.run();
    if changes.header() {
        describe_header(run, page);
    }
    for number in changes.nodes() {
        describe_text(changes, *number, page);
        describe_node(run, *number, page);
    }
    if changes.pending() {
        page.set_pending(run.pending());
    }
    if let Some(log) = changes.log() {
        page.cut_log(log.splice.keep.start as f64, log.splice.keep.end as f64);
        for entry in log.entries {
            let node = entry.subject.unwrap_or(u32::MAX);
            page.append_log(
                entry.event.as_str(),
                entry.at(),
                node,
                &payload(Some(entry)),
            );
        }
    }
}

fn describe_header(run: &Run<JsValue>, page: &Execution) {
    let status = match run.status() {
        RunStatus::Pending => 0.0,
        RunStatus::Running => 1.0,
        RunStatus::Completed => 2.0,
        RunStatus::Failed => 3.0,
    };
    let progress = run.progress();
    let truncated = run.truncated();
    let numbers = [
        status,
        f64::from(u8::from(run.is_complete())),
        progress.completed,
        progress.total,
        progress.percentage,
        number(run.started_at()),
        number(run.ended_at()),
        number(run.duration()),
        truncated.subjects as f64,
        truncated.log as f64,
        truncated.payloads as f64,
    ];
    page.header(&numbers, &payload(run.started()), &payload(run.ended()));
}

fn describe_text(changes: &Changes<'_, JsValue>, number: u32, page: &Execution) {
    let Some(text) = changes.text(number) else {
        return;
    };
    let keep = &text.splice.keep;
    if !text.splice.is_append {
        page.cut_text(number, keep.start as f64, keep.end as f64);
    }
    for chunk in text.chunks() {
        page.append_text(number, chunk);
    }
    if text.skip > 0 {
        page.cut_text(number, text.skip as f64, f64::INFINITY);
    }
}

fn describe_node(run: &Run<JsValue>, id: u32, page: &Execution) {
    let Some(node) = run.node(id) else { return };
    let status = match node.status() {
        NodeStatus::Pending => 0.0,
        NodeStatus::Running => 1.0,
        NodeStatus::Retrying => 2.0,
        NodeStatus::Waiting => 3.0,
        NodeStatus::Completed => 4.0,
        NodeStatus::Failed => 5.0,
        NodeStatus::Stopped => 6.0,
    };
    let is_retrying = node.status() == NodeStatus::Retrying;
    let retry = node.retry().filter(|_| is_retrying);
    let retry_at = retry.map(|retry| {
        let [_attempt, next_retry_in, _] = retry.numbers;
        retry.at() + next_retry_in
    });
    let numbers = [
        status,
        node.attempt(),
        number(node.started_at()),
        number(node.ended_at()),
        number(node.duration()),
        number(retry_at),
        node.text_dropped() as f64,
    ];
    page.node(
        id,
        &numbers,
        &payload(node.started()),
        &payload(node.ended()),
        &payload(retry),
        &payload(node.question()),
    );
}

fn describe_base(changes: &DocumentChanges<'_, JsValue>, page: &Base) {
    let base = changes.knowledge_base();
    if changes.header() {
        let truncated = base.truncated();
        page.base_header(
            base.is_complete(),
            truncated.subjects as f64,
            truncated.payloads as f64,
        );
    }
    for id in changes.documents() {
        let Some(document) = base.document(*id) else {
            continue;
        };
        let status = match document.status() {
            DocumentStatus::Pending => 0.0,
            DocumentStatus::Processing => 1.0,
            DocumentStatus::Completed => 2.0,
            DocumentStatus::Failed => 3.0,
        };
        let numbers = [
            status,
            number(document.started_at()),
            number(document.ended_at()),
            number(document.chunk_count()),
        ];
        let (started, ended) = (document.started(), document.ended());
        page.document(*id, &numbers, &payload(started), &payload(ended));
    }
}

/// Not a number, where there is none.
fn number(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

/// What is kept of an event: nothing, where it was too large.
fn payload(fact: Option<&Fact<JsValue>>) -> JsValue {
    let payload = fact.and_then(|fact| fact.payload.clone());
    payload.unwrap_or(JsValue::UNDEFINED)
}
