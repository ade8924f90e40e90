//! The parts of the gateway, put together.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use flowmaestro_hub::{Authorizer, OwnerAndWorkspaces};
use flowmaestro_protocol::EventType;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::{AuthError, Claims, SignError, TokenVerifier};
use crate::bridge::EventBridge;
use crate::config::{Config, ConfigError};
use crate::emitter::{DEFAULT_MAX_LISTENERS, WorkflowEventEmitter};
use crate::executions::ExecutionRegistry;
use crate::history;
use crate::manager::WebSocketManager;
use crate::metrics::Metrics;
use crate::origin::{self, OriginPolicy};
use crate::revocations::{Revocations, TooManyRevocations};
use crate::routes;
use crate::throttle::Throttle;
use crate::tickets::Tickets;
use crate::user_input::UserInputLog;

/// How many lines about strangers who were refused, and about connections that come and go, are
/// logged in 10 s.
const REFUSAL_LINES: u32 = 20;
const CONNECTION_LINES: u32 = 1_000;

/// How many listeners of one event type are the gateway's own: the bridge, and the log of answers.
const OWN_LISTENERS: usize = 2;

/// A gateway: the emitter, the bridge, the connections and the routes. Clones share everything.
#[derive(Clone)]
pub struct Gateway {
    parts: Arc<Parts>,
}

struct Parts {
    config: Config,
    emitter: WorkflowEventEmitter,
    executions: ExecutionRegistry,
    manager: Arc<WebSocketManager>,
    verifier: TokenVerifier,
    origins: OriginPolicy,
    tickets: Tickets,
    revocations: Revocations,
    refusal_lines: Throttle,
    connection_lines: Throttle,
    metrics: Arc<Metrics>,
    user_input: Arc<UserInputLog>,
    /// Cancelled once the gateway shuts down.
    shutdown: CancellationToken,
    /// The tasks of the sockets.
    sockets: TaskTracker,
}

impl Gateway {
    /// A gateway in which an execution is seen by its owner and the members of its workspaces.
    ///
    /// # Errors
    /// [`ConfigError`] for what [`Config::validate`] refuses.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Self::with_authorizer(config, Box::new(OwnerAndWorkspaces))
    }

    /// A gateway with its own rule of who may see an execution.
    ///
    /// # Errors
    /// [`ConfigError`] for what [`Config::validate`] refuses.
    pub fn with_authorizer(
        config: Config,
        authorizer: Box<dyn Authorizer + Send + Sync>,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let metrics = Arc::new(Metrics::new());
        let history = history::open(&config).map_err(|error| ConfigError::History {
            file: config.history_file.clone(),
            reason: error.reason,
        })?;
        let manager = WebSocketManager::new(config.hub(), history, authorizer);
        let manager = Arc::new(manager);
        let user_input = Arc::new(UserInputLog::new());
        let bridge = EventBridge::new(Arc::clone(&manager), Arc::clone(&metrics));
        let emitter = emitter(bridge, &user_input);
        let verifier = TokenVerifier::new(
            &config.signing_secret()?,
            config.jwt_issuer.clone(),
            config.jwt_audience.clone(),
        );
        let origins = OriginPolicy::new(config.allowed_origins.clone(), config.dev);
        let tickets = Tickets::new(
            Duration::from_secs(config.limits.ticket_secs),
            config.limits.max_tickets,
            config.limits.max_user_tickets,
        );
        let revocations = Revocations::new(
            Duration::from_secs(config.limits.revocation_secs),
            config.limits.max_revocations,
        );
        let parts = Parts {
            config,
            emitter,
            executions: ExecutionRegistry::new(Arc::clone(&manager)),
            manager,
            verifier,
            origins,
            tickets,
            revocations,
            refusal_lines: Throttle::new(REFUSAL_LINES),
            connection_lines: Throttle::new(CONNECTION_LINES),
            metrics,
            user_input,
            shutdown: CancellationToken::new(),
            sockets: TaskTracker::new(),
        };
        Ok(Self {
            parts: Arc::new(parts),
        })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.parts.config
    }

    /// Where backends emit events, and listen to the users' answers.
    pub fn emitter(&self) -> &WorkflowEventEmitter {
        &self.parts.emitter
    }

    /// Who owns which execution.
    pub fn executions(&self) -> &ExecutionRegistry {
        &self.parts.executions
    }

    /// The connections.
    pub fn manager(&self) -> &WebSocketManager {
        &self.parts.manager
    }

    /// Verifies users' tokens.
    pub fn verifier(&self) -> &TokenVerifier {
        &self.parts.verifier
    }

    /// Signs a token for a user that is valid for `ttl`, for development and demonstrations.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign_token(&self, user_id: &str, ttl: Duration) -> Result<String, SignError> {
        self.parts.verifier.sign(user_id, ttl)
    }

    /// Ends all tokens that a user got up to now, as when they sign out: their connections are closed
    /// with 4401, and no such token opens another one. Tells how many connections there were.
    ///
    /// It is remembered for as long as [`Limits::revocation_secs`](crate::Limits) says, and not beyond
    /// a restart.
    ///
    /// # Errors
    /// [`TooManyRevocations`]; nothing has changed then.
    pub fn revoke_user(&self, user_id: &str) -> Result<usize, TooManyRevocations> {
        self.parts.revocations.revoke(user_id)?;
        Ok(self.parts.manager.disconnect_user(user_id))
    }

    /// The routes: `/ws`, `/ws/ticket`, `/api/events`, `/api/executions`, `/api/user-input`,
    /// `/api/revocations`, `/health` and `/metrics`. Others can be merged in.
    pub fn router(&self) -> Router {
        routes::router(self.clone())
    }

    /// Who a token belongs to, unless it is refused.
    pub(crate) fn authenticate(&self, token: &str) -> Result<Claims, AuthError> {
        let claims = self.parts.verifier.verify(token)?;
        self.check_revoked(claims)
    }

    /// The same claims, unless their token was revoked in the meantime.
    pub(crate) fn check_revoked(&self, claims: Claims) -> Result<Claims, AuthError> {
        if self.parts.revocations.cover(&claims) {
            return Err(AuthError::Revoked);
        }
        Ok(claims)
    }

    /// Counts a token that was refused, and logs why.
    pub(crate) fn token_refused(&self, error: AuthError) {
        self.metrics().auth_failed(error);
        if let Some(left_out) = self.parts.refusal_lines.admit() {
            tracing::warn!(%error, left_out, "token refused");
        }
    }

    /// Counts a page that may not connect, and logs the start of its origin: it is anyone's text.
    pub(crate) fn origin_refused(&self, headers: &HeaderMap) {
        self.metrics().origins_refused.inc();
        if let Some(left_out) = self.parts.refusal_lines.admit() {
            let origin = origin::to_log(headers);
            tracing::warn!(?origin, left_out, "origin refused");
        }
    }

    /// Whether a line about a connection may be logged.
    pub(crate) fn logs_connection(&self) -> bool {
        self.parts.connection_lines.admit().is_some()
    }

    pub(crate) fn shared_manager(&self) -> &Arc<WebSocketManager> {
        &self.parts.manager
    }

    pub(crate) fn origins(&self) -> &OriginPolicy {
        &self.parts.origins
    }

    pub(crate) fn tickets(&self) -> &Tickets {
        &self.parts.tickets
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.parts.metrics
    }

    pub(crate) fn user_input(&self) -> Arc<UserInputLog> {
        Arc::clone(&self.parts.user_input)
    }

    pub(crate) fn shutdown(&self) -> &CancellationToken {
        &self.parts.shutdown
    }

    pub(crate) fn sockets(&self) -> &TaskTracker {
        &self.parts.sockets
    }
}

/// An emitter to which the gateway's own listeners listen first, so that sockets get events in the
/// order of their emission even when a backend's listener emits as well.
fn emitter(bridge: EventBridge, user_input: &Arc<UserInputLog>) -> WorkflowEventEmitter {
    let emitter = WorkflowEventEmitter::new();
    emitter.set_max_listeners(DEFAULT_MAX_LISTENERS + OWN_LISTENERS);
    bridge.attach(&emitter);
    let user_input = Arc::clone(user_input);
    emitter.attach(EventType::UserInputResponse, move |emission| {
        user_input.record(emission.event().encode());
        Ok(())
    });
    emitter
}
