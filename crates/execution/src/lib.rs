//! The state of a FlowMaestro run, from its events.
//!
//! A [`Run`] takes the events of one execution and says how it is: status, progress, times, nodes,
//! log, and which nodes wait for a person. A [`KnowledgeBase`] does the same for documents, and a
//! [`Store`] holds those that somebody watches. No I/O, no clock, no JavaScript: the same code runs
//! in a browser and in tests.
//!
//! ```
//! use flowmaestro_execution::{Arrival, Change, NodeStatus, Options, Store};
//! use flowmaestro_protocol::EventType;
//!
//! let mut store: Store<String> = Store::new(Options::default());
//! store.open_run(7);
//! let change = store.apply(7, Arrival {
//!     event: EventType::NodeCompleted,
//!     at: 1_698_765_435_000.0,        // its timestamp
//!     seq: None,                      // its number, where the server numbers its events
//!     subject: Some(0),               // its nodeId, as a number
//!     numbers: [2500.0, 0.0, 0.0],    // its duration
//!     payload: "the event".to_owned(),
//!     size: 9,
//! });
//! assert_eq!(change, Change::Frame);  // tell the page at the next animation frame
//!
//! // In that frame, for each run of which there is something to tell:
//! let key = store.next_changed_run().expect("one has changed");
//! let changes = store.run_mut(key).expect("it is watched").take_changes();
//! for id in changes.nodes() {
//!     let node = changes.run().node(*id).expect("it is among the nodes");
//!     assert_eq!(node.status(), NodeStatus::Completed);
//! }
//! drop(changes); // now the page has them
//! assert_eq!(store.next_changed_run(), None);
//! ```
//!
//! # Payloads and numbers
//!
//! What an event says for people (outputs, errors, prompts, names, chunks) is a payload of a type
//! `V` of the caller's, in the browser the object that `JSON.parse` made. It is stored and handed
//! over, and never looked into: how large it is comes with it. What decides something comes as
//! numbers ([`Arrival`]), in the order in which the field table of the event declares them, so that
//! the browser's decoder can collect them without knowing any event. Nodes and documents are
//! numbered by the caller, per run or knowledge base, from 0 on as they first appear: the page
//! needs their names anyway, and a name never has to be copied here.
//!
//! An event costs no allocation beyond what is kept of it, and lists grow as a `Vec` does.
//!
//! # The page
//!
//! [`Run::apply`] answers whether the page is to be told, and [when](Change): at the next animation
//! frame, or at once when the run has ended or waits for a person. Then [`Run::take_changes`] names
//! what is different: the header, the nodes, the pending questions, from where on the log. From
//! that the page makes its next snapshot, in which everything else is the same object as before. Of
//! a streamed text it gets the new chunks alone ([`TextChange`]), and keeps the text itself: here a
//! chunk is forgotten once it was handed over and no other may come before it any more.
//!
//! # Which event counts
//!
//! Events may come in any order, and more than once. Two that the server has numbered (`seq`) are
//! ordered by their numbers, any others by `timestamp`. From the events of one kind, the latest is
//! kept; of a run's start and end, the earliest, since nothing precedes the one and nothing follows
//! the other. Everything else is worked out from what is kept:
//!
//! - **A run** runs from whatever event tells of it first. Its end is final: what ends it a second
//!   time, or starts it, changes nothing. Events of its nodes still do, since they may be late.
//! - **A node** that has ended has ended. A `node:started` that happened earlier, or in the same
//!   millisecond, only fills in when; one that happened later begins anew (a loop, or a
//!   backend that came back), and so does a `node:retry` (also one of the millisecond of the
//!   failure). Nothing else does: a late chunk adds to the text of a node that stays completed.
//! - **A node of a run that has ended** has [stopped](NodeStatus::Stopped), or has failed if
//!   `execution:failed` names it, until its own end is known.
//! - **Streamed text** is that of the present attempt: it begins anew with each `node:retry` and
//!   with each `node:started` but the first. How many attempts there were stays
//!   ([`NodeView::attempt`]).
//! - **A question** is pending until the node has its answer, or ends, or begins anew, or the run
//!   ends.
//! - **The log** has every event but `node:stream`, each once.
//! - **Progress** is that of the latest `execution:progress`.
//!
//! # What the order cannot change
//!
//! The same events, in any order and any number of times, give the same state. The exceptions:
//!
//! - *Chunks without `seq`*: of one millisecond, they are appended as they come; and one that comes
//!   twice is appended twice, since nothing tells it from the same word said twice. A server that
//!   does not number its events never sends one again.
//! - *Chunks that come very late*: once [`Options::reorder_window`] further chunks of a node were
//!   handed over, earlier ones are settled. Then a numbered chunk from before counts as a
//!   repetition, another goes to where the settled text ends, and a retry from before drops what is
//!   settled.
//! - *Answers without `seq`*, which is how this browser's own come: they bear its clock and not the
//!   server's. So they answer what was asked when they come; the times are compared only where
//!   nothing was.
//! - *Events without `seq` of the same kind, node and millisecond*, with the same first number, are
//!   one event, and the first to come is kept. Different ones of one millisecond are logged as they
//!   come. The same goes for an event that comes once with a number and once without.
//! - *Numbers against times*: events with and without `seq` are only ordered among each other if
//!   the times of the numbered ones grow with their numbers.
//! - *Gaps*, and events that the limits refuse: which nodes have numbers below the limit is the
//!   caller's choice, and what an old entry of the log would have been a repetition of is not known
//!   any more (it is counted as dropped once more).
//!
//! # What is bounded, and what is missing
//!
//! [`Options`] limit everything that events can make grow. What was cut is said: [`Truncated`],
//! [`NodeView::text_dropped`], a [`Fact`] without its payload. Of a text and of the log the latest
//! part is kept.
//!
//! After a [gap](Run::gap) a run [is not complete](Run::is_complete) until its caller has fetched
//! what is missing: either it applies that on top and says [`restored`](Run::restored), or it
//! [resets](Run::reset) the run and applies everything, in any order with what goes on arriving. An
//! end alone does not make a run complete.

// The browser client does without the standard library, which would be most of its download.
#![no_std]

extern crate alloc;

mod changes;
mod documents;
mod fact;
mod log;
mod node;
mod options;
mod run;
mod stamp;
mod store;
mod table;
mod text;

pub use changes::{Change, Splice};
pub use documents::{Document, DocumentChanges, DocumentStatus, KnowledgeBase};
pub use fact::{Arrival, Fact};
pub use log::LogChange;
pub use node::{NodeStatus, NodeView};
pub use options::Options;
pub use run::{Changes, Gap, Progress, Run, RunStatus, Truncated};
pub use store::Store;
pub use text::TextChange;
