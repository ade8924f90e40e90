//! A small workflow runner on the gateway: the backend of the demo page.
//!
//! ```text
//! POST /api/demo/runs ──▶ runs ──▶ runner ──▶ nodes ──▶ text, documents, http, …
//!                                    │ events
//!                                    ▼
//!                                   run ──▶ journal (first), then the gateway's emitter ──▶ /ws
//! ```
//!
//! - `workflow`, `node`: definitions, checked when they are loaded;
//! - `runs`: which runs there are, and their bounds; `runner`: drives one of them;
//! - `run`: a run's journal and what follows from it; `journal`: the file;
//! - `nodes`: what each node type does; `text`: what they compute over text;
//! - `documents`: uploads, and their processing into a knowledge base;
//! - `api`, `page`: the HTTP surface; `server`, `config`, `data_dir`, `tasks`: start and shutdown.
//!
//! A run has no state of its own: everything follows from the events in its journal, which are
//! written before they are emitted. So a run goes on after `kill -9` as if nothing had happened:
//! nodes that have completed do not run again, a stream goes on behind its last token, and a
//! question that was not answered is asked again.

mod api;
mod clock;
mod config;
mod data_dir;
mod documents;
mod journal;
mod node;
mod nodes;
mod page;
mod run;
mod runner;
mod runs;
mod server;
mod tasks;
mod text;
mod workflow;

pub use config::DemoConfig;
pub use data_dir::DataDirError;
pub use server::{Demo, StartError};
pub use workflow::WorkflowError;
