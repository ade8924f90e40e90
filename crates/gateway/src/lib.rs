//! FlowMaestro's real-time gateway: events of workflow executions in, WebSocket frames out.
//!
//! ```text
//!  a backend in Rust ──▶ WorkflowEventEmitter ──▶ EventBridge ──▶ WebSocketManager: the hub
//!  POST /api/events  ──▶        ▲    │                                  │ an outbox per socket
//!                               │    └──▶ GET /api/user-input           ▼
//!                               └──────── user:input:response ◀── /ws: one task per socket
//! ```
//!
//! One file per concern:
//!
//! - `config`: flags and environment, and what is refused at the start;
//! - `gateway`: the parts, put together;
//! - `emitter`: where backends emit events and listen to them;
//! - `executions`: who owns which execution;
//! - `bridge`: from the emitter to the sockets;
//! - `manager`: the hub, and what it decides carried out: it knows the connections, their
//!   subscriptions and what they missed (`flowmaestro-hub`);
//! - `history`: where events are kept for those who missed them;
//! - `connection`: the task of one socket; `outbox`: its queue of outgoing frames; `frame`: one of
//!   them, compressed or not;
//! - `auth`, `origin`, `tickets`: who may connect, from which pages, and without a token in the URL;
//!   `revocations`: whose tokens ended before their time;
//! - `user_input`: the answers of users, kept for backends that read them over HTTP;
//! - `routes`: the HTTP surface; `metrics`: what Prometheus scrapes; `server`: start and shutdown;
//! - `logging`: what a program may log without giving users' data away; `throttle`: how much of it;
//! - `sync`: the locks of the connections, which a test exchanges.
//!
//! A gateway inside another server:
//!
//! ```no_run
//! use flowmaestro_gateway::{Config, Gateway, Owner, serve, shutdown_signal};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let gateway = Gateway::new(Config { dev: true, ..Config::default() })?;
//! let listener = flowmaestro_gateway::listen(gateway.config().address())?;
//! let router = gateway.router(); // .merge(your own routes)
//!
//! gateway.executions().register("exec_abc123", Owner::user("user_1"))?;
//! gateway.emitter().emit_execution_started("exec_abc123", "Customer Onboarding", 8);
//!
//! serve(listener, gateway, router, shutdown_signal()?).await;
//! # Ok(())
//! # }
//! ```

mod auth;
mod bridge;
mod config;
mod connection;
#[cfg(feature = "echo")]
#[doc(hidden)]
pub mod echo;
mod emitter;
mod executions;
mod frame;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod gateway;
mod history;
mod logging;
mod manager;
mod metrics;
mod origin;
mod outbox;
mod revocations;
mod routes;
mod server;
mod sync;
mod throttle;
mod tickets;
mod user_input;

pub use auth::{AuthError, Claims, SignError, TokenVerifier};
pub use bridge::EventBridge;
pub use config::{Config, ConfigError, Limits};
pub use emitter::{
    DEFAULT_MAX_LISTENERS, Emission, EmitError, ListenerId, TooManyListeners, WorkflowEventEmitter,
};
pub use executions::ExecutionRegistry;
pub use flowmaestro_hub::{
    Authorizer, Execution, Identity, Millis, Owner, OwnerAndWorkspaces, RegisterError,
};
pub use flowmaestro_protocol::{Feature, Features, Room};
pub use gateway::Gateway;
pub use history::HistoryKind;
pub use logging::{log_targets, log_to_stderr};
pub use manager::WebSocketManager;
pub use origin::{AllowedOrigin, InvalidOrigin};
pub use revocations::TooManyRevocations;
pub use server::{listen, serve, shutdown_signal};
