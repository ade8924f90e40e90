//! Flags and environment, and what is refused at the start.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use flowmaestro_protocol::{Feature, Features};
use secrecy::{ExposeSecret, SecretString};

use crate::auth::LEEWAY_SECS;
use crate::history::HistoryKind;
use crate::origin::AllowedOrigin;

/// The signing secret of `--dev`: known to everyone, and therefore for this machine only.
const DEVELOPMENT_SECRET: &str = "flowmaestro development secret: not for production";

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// An HMAC-SHA-256 key has at least the size of its hash (RFC 7518 section 3.2), in bytes.
const MIN_SECRET_BYTES: usize = 32;

const DEFAULT_HISTORY_FILE: &str = "flowmaestro-history.redb";

/// How often a client may expect to hear something, in ms, where it may ask for it with pings.
const HEARTBEAT_MS: u64 = 25_000;

/// How the gateway is set up: command line flags, each with its environment variable.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// IP address to listen on
    #[arg(long, env = "HOST", value_name = "ADDRESS", default_value_t = LOCALHOST)]
    pub host: IpAddr,

    /// Port to listen on; 0 takes a free one
    #[arg(long, env = "PORT", default_value_t = 3001)]
    pub port: u16,

    /// Secret that signs the users' tokens (HS256), at least 32 bytes outside --dev
    #[arg(
        long,
        env = "JWT_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub jwt_secret: Option<SecretString>,

    /// Issuer (`iss`) that every token must carry
    #[arg(long, env = "JWT_ISSUER", value_name = "ISSUER")]
    pub jwt_issuer: Option<String>,

    /// Audience (`aud`) that every token must carry; without it a token that names one is refused
    #[arg(long, env = "JWT_AUDIENCE", value_name = "AUDIENCE")]
    pub jwt_audience: Option<String>,

    /// Token of the backends that call /api, at least 32 bytes outside --dev; without it that is off
    #[arg(
        long,
        env = "SERVICE_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub service_token: Option<SecretString>,

    /// Origin of a page that may connect, such as `https://app.example.com`; repeat or separate by
    /// commas. Pages served under the address that they connect to need none, except under a domain
    /// name
    #[arg(
        long = "allowed-origin",
        env = "ALLOWED_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub allowed_origins: Vec<AllowedOrigin>,

    /// Development on this machine: any page of this machine may connect, secrets may be short, and
    /// without --jwt-secret a well-known one is used. Refused on an address that others reach
    #[arg(long, env = "FLOWMAESTRO_DEV", value_parser = BoolishValueParser::new())]
    pub dev: bool,

    /// What clients may switch on beyond the baseline protocol: all, none, or some of replay, ack,
    /// batch, gzip, presence, rooms, ping and auth, separated by commas. Without any no history is
    /// kept
    #[arg(
        long,
        env = "FEATURES",
        value_name = "NAMES",
        default_value = "all",
        value_parser = parse_features
    )]
    pub features: Features,

    /// Where events are kept for those who missed them. In memory a restart loses them; on disk an
    /// event and its execution's owner are in a file before the emitter goes on, and survive a crash
    #[arg(long, env = "HISTORY", value_enum, default_value_t)]
    pub history: HistoryKind,

    /// File of --history disk, created where it is missing; one process at a time may have it
    #[arg(
        long,
        env = "HISTORY_FILE",
        value_name = "FILE",
        default_value = DEFAULT_HISTORY_FILE
    )]
    pub history_file: PathBuf,

    /// What a connection, and the gateway as a whole, may take.
    #[command(flatten)]
    pub limits: Limits,
}

/// What a connection, and the gateway as a whole, may take.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections to /ws; one more is closed with 1013, and its client tries again later
    #[arg(
        long,
        env = "MAX_CONNECTIONS",
        value_name = "COUNT",
        default_value_t = 20_000
    )]
    pub max_connections: usize,

    /// Most connections of one user; one more is closed with 1013, unless one of theirs should have
    /// sent pings and has been silent for 50 s
    #[arg(
        long,
        env = "MAX_USER_CONNECTIONS",
        value_name = "COUNT",
        default_value_t = 20
    )]
    pub max_user_connections: usize,

    /// Most messages of one connection in a second. What comes faster waits; after 10 s of it without
    /// a pause the socket is closed with 1013
    #[arg(
        long,
        env = "MESSAGES_PER_SECOND",
        value_name = "COUNT",
        default_value_t = 50
    )]
    pub messages_per_second: u32,

    /// Most messages of one connection at once, after a pause
    #[arg(
        long,
        env = "MESSAGE_BURST",
        value_name = "COUNT",
        default_value_t = 100
    )]
    pub message_burst: u32,

    /// So many messages within 10 s that are none of the protocol close their socket with 1008
    #[arg(
        long,
        env = "MAX_INVALID_MESSAGES",
        value_name = "COUNT",
        default_value_t = 100
    )]
    pub max_invalid_messages: usize,

    /// Largest message from a client, in bytes; a larger one closes its socket with 1009
    #[arg(long, env = "MAX_MESSAGE_BYTES", value_name = "BYTES", default_value_t = 64 * 1024)]
    pub max_message_bytes: usize,

    /// Most subscriptions of one connection
    #[arg(
        long,
        env = "MAX_SUBSCRIPTIONS",
        value_name = "COUNT",
        default_value_t = 128
    )]
    pub max_subscriptions: usize,

    /// Most frames that wait for one reader; one more closes its socket with 4408. Bounds what many
    /// tiny frames cost beside their text
    #[arg(
        long,
        env = "QUEUE_FRAMES",
        value_name = "COUNT",
        default_value_t = 10_000
    )]
    pub queue_frames: usize,

    /// Most bytes of text that wait for one reader; one more closes its socket with 4408. A single
    /// larger frame may wait alone
    #[arg(long, env = "QUEUE_BYTES", value_name = "BYTES", default_value_t = 1024 * 1024)]
    pub queue_bytes: usize,

    /// Most executions known at once; over it the earliest ended one is forgotten
    #[arg(
        long,
        env = "MAX_EXECUTIONS",
        value_name = "COUNT",
        default_value_t = 100_000
    )]
    pub max_executions: usize,

    /// Most events of one execution that are kept for those who missed them
    #[arg(
        long,
        env = "HISTORY_EVENTS",
        value_name = "COUNT",
        default_value_t = 10_000
    )]
    pub history_events: usize,

    /// Most bytes of one execution's events that are kept
    #[arg(long, env = "HISTORY_BYTES", value_name = "BYTES", default_value_t = 8 * 1024 * 1024)]
    pub history_bytes: usize,

    /// Most bytes of all executions' events that are kept
    #[arg(
        long,
        env = "HISTORY_TOTAL_BYTES",
        value_name = "BYTES",
        default_value_t = 256 * 1024 * 1024
    )]
    pub history_total_bytes: usize,

    /// How long an execution and its history are kept after its end, in seconds
    #[arg(
        long,
        env = "EXECUTION_RETENTION_SECS",
        value_name = "SECONDS",
        default_value_t = 60 * 60
    )]
    pub execution_retention_secs: u64,

    /// How long a one-time ticket of POST /ws/ticket may wait to be used, in seconds
    #[arg(
        long,
        env = "TICKET_SECS",
        value_name = "SECONDS",
        default_value_t = 30
    )]
    pub ticket_secs: u64,

    /// Most tickets that were issued at once and have not ended
    #[arg(
        long,
        env = "MAX_TICKETS",
        value_name = "COUNT",
        default_value_t = 100_000
    )]
    pub max_tickets: usize,

    /// Most tickets of one user that wait to be used
    #[arg(
        long,
        env = "MAX_USER_TICKETS",
        value_name = "COUNT",
        default_value_t = 32
    )]
    pub max_user_tickets: usize,

    /// How long a revocation of POST /api/revocations is remembered, in seconds: as long as the
    /// longest token lasts
    #[arg(
        long,
        env = "REVOCATION_SECS",
        value_name = "SECONDS",
        default_value_t = 24 * 60 * 60
    )]
    pub revocation_secs: u64,

    /// Most users whose tokens are revoked at once; one more is refused with 503
    #[arg(
        long,
        env = "MAX_REVOCATIONS",
        value_name = "COUNT",
        default_value_t = 100_000
    )]
    pub max_revocations: usize,

    /// Largest body of a request to /api, in bytes; a larger one is refused with 413
    #[arg(long, env = "MAX_BODY_BYTES", value_name = "BYTES", default_value_t = 1024 * 1024)]
    pub max_body_bytes: usize,

    /// How long a client may take for the head of a request, that of an upgrade among them, and how
    /// long a connection may wait for its next one, in seconds; then it is cut
    #[arg(
        long,
        env = "HEADER_TIMEOUT_SECS",
        value_name = "SECONDS",
        default_value_t = 10
    )]
    pub header_timeout_secs: u64,

    /// How long sockets and requests have to end at a shutdown, in seconds; then they are cut
    #[arg(
        long,
        env = "DRAIN_TIMEOUT_SECS",
        value_name = "SECONDS",
        default_value_t = 10
    )]
    pub drain_timeout_secs: u64,
}

/// Why the gateway does not start with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No secret was given.
    #[error("--jwt-secret (JWT_SECRET) is required; --dev brings one for this machine")]
    SecretMissing,
    /// A secret is too short to be safe.
    #[error(
        "{name} has {bytes} bytes: at least {MIN_SECRET_BYTES} are required outside --dev \
         (try `openssl rand -hex 32`)"
    )]
    SecretTooShort {
        /// The flag.
        name: &'static str,
        /// The length given, in bytes.
        bytes: usize,
    },
    /// The service token is empty, so that anyone could guess it.
    #[error("--service-token (SERVICE_TOKEN) is empty: leave it out to turn /api off")]
    ServiceTokenEmpty,
    /// Development mode would be reachable from other machines.
    #[error("--dev is for this machine only: {0} can be reached by others")]
    DevelopmentExposed(IpAddr),
    /// The file of the history cannot be used.
    #[error("--history-file {}: {reason}", file.display())]
    History {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A limit of zero would refuse everything.
    #[error("{0} must be at least 1")]
    LimitZero(&'static str),
}

impl Config {
    /// Where to listen.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// Checks what the types cannot say. [`Gateway::new`](crate::Gateway::new) does so as well.
    ///
    /// # Errors
    /// [`ConfigError`] names the flag and says what to do.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.dev && !self.host.is_loopback() {
            return Err(ConfigError::DevelopmentExposed(self.host));
        }
        if self.jwt_secret.is_none() && !self.dev {
            return Err(ConfigError::SecretMissing);
        }
        self.check_length("--jwt-secret (JWT_SECRET)", self.jwt_secret.as_ref())?;
        if self
            .service_token
            .as_ref()
            .is_some_and(|token| token.expose_secret().is_empty())
        {
            return Err(ConfigError::ServiceTokenEmpty);
        }
        self.check_length(
            "--service-token (SERVICE_TOKEN)",
            self.service_token.as_ref(),
        )?;
        self.limits.validate()
    }

    fn check_length(
        &self,
        name: &'static str,
        secret: Option<&SecretString>,
    ) -> Result<(), ConfigError> {
        match secret.map(|secret| secret.expose_secret().len()) {
            Some(bytes) if bytes < MIN_SECRET_BYTES && !self.dev => {
                Err(ConfigError::SecretTooShort { name, bytes })
            }
            _ => Ok(()),
        }
    }

    /// The hub's part.
    pub(crate) fn hub(&self) -> flowmaestro_hub::Config {
        let offers_pings = self.features.contains(Feature::Ping);
        flowmaestro_hub::Config {
            features: self.features,
            heartbeat_ms: offers_pings.then_some(HEARTBEAT_MS),
            max_connections: self.limits.max_connections,
            max_user_connections: self.limits.max_user_connections,
            messages_per_second: self.limits.messages_per_second,
            message_burst: self.limits.message_burst,
            max_invalid_messages: self.limits.max_invalid_messages,
            max_message_bytes: self.limits.max_message_bytes,
            max_subscriptions: self.limits.max_subscriptions,
            queue_frames: self.limits.queue_frames,
            queue_bytes: self.limits.queue_bytes,
            max_executions: self.limits.max_executions,
            execution_retention_ms: self.limits.execution_retention_secs.saturating_mul(1_000),
            token_leeway_ms: LEEWAY_SECS * 1_000,
            ..flowmaestro_hub::Config::default()
        }
    }

    /// The secret that signs tokens.
    pub(crate) fn signing_secret(&self) -> Result<SecretString, ConfigError> {
        match (&self.jwt_secret, self.dev) {
            (Some(secret), _) => Ok(secret.clone()),
            (None, true) => Ok(DEVELOPMENT_SECRET.into()),
            (None, false) => Err(ConfigError::SecretMissing),
        }
    }
}

impl Default for Config {
    /// The defaults of the flags. Not enough to start: set `jwt_secret` or `dev`.
    fn default() -> Self {
        Self {
            host: LOCALHOST,
            port: 3001,
            jwt_secret: None,
            jwt_issuer: None,
            jwt_audience: None,
            service_token: None,
            allowed_origins: Vec::new(),
            dev: false,
            features: Features::ALL,
            history: HistoryKind::default(),
            history_file: DEFAULT_HISTORY_FILE.into(),
            limits: Limits::default(),
        }
    }
}

impl Limits {
    fn validate(&self) -> Result<(), ConfigError> {
        let limits = [
            ("--max-connections", self.max_connections),
            ("--max-user-connections", self.max_user_connections),
            ("--max-invalid-messages", self.max_invalid_messages),
            ("--max-message-bytes", self.max_message_bytes),
            ("--max-subscriptions", self.max_subscriptions),
            ("--queue-frames", self.queue_frames),
            ("--queue-bytes", self.queue_bytes),
            ("--max-executions", self.max_executions),
            ("--history-events", self.history_events),
            ("--history-bytes", self.history_bytes),
            ("--history-total-bytes", self.history_total_bytes),
            ("--max-tickets", self.max_tickets),
            ("--max-user-tickets", self.max_user_tickets),
            ("--max-revocations", self.max_revocations),
            ("--max-body-bytes", self.max_body_bytes),
        ];
        let rates = [
            ("--messages-per-second", u64::from(self.messages_per_second)),
            ("--message-burst", u64::from(self.message_burst)),
            ("--header-timeout-secs", self.header_timeout_secs),
        ];
        let rates = rates.map(|(name, limit)| (name, usize::try_from(limit).unwrap_or(usize::MAX)));
        match limits
            .into_iter()
            .chain(rates)
            .find(|(_, limit)| *limit == 0)
        {
            Some((name, _)) => Err(ConfigError::LimitZero(name)),
            None => Ok(()),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            max_user_connections: 20,
            messages_per_second: 50,
            message_burst: 100,
            max_invalid_messages: 100,
            max_message_bytes: 64 * 1024,
            max_subscriptions: 128,
            queue_frames: 10_000,
            queue_bytes: 1024 * 1024,
            max_executions: 100_000,
            history_events: 10_000,
            history_bytes: 8 * 1024 * 1024,
            history_total_bytes: 256 * 1024 * 1024,
            execution_retention_secs: 60 * 60,
            ticket_secs: 30,
            max_tickets: 100_000,
            max_user_tickets: 32,
            revocation_secs: 24 * 60 * 60,
            max_revocations: 100_000,
            max_body_bytes: 1024 * 1024,
            header_timeout_secs: 10,
            drain_timeout_secs: 10,
        }
    }
}

fn parse_features(text: &str) -> Result<Features, String> {
    match text {
        "all" => return Ok(Features::ALL),
        "none" => return Ok(Features::NONE),
        _ => {}
    }
    let features = text.split(',').map(|name| {
        let known = || Feature::ALL.map(Feature::as_str).join(", ");
        Feature::from_name(name.trim())
            .ok_or_else(|| format!("expected all, none, or some of {}: {name:?}", known()))
    });
    features.collect()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        config: Config,
    }

    /// What these flags alone give: no variable of the environment that the tests run in counts.
    fn parse<'a>(flags: impl IntoIterator<Item = &'a str>) -> Config {
        let command = Cli::command().mut_args(|arg| arg.env(None::<&str>));
        let matches = command.get_matches_from(flags);
        Cli::from_arg_matches(&matches).unwrap().config
    }

    fn production() -> Config {
        Config {
            jwt_secret: Some("s".repeat(32).into()),
            ..Config::default()
        }
    }

    #[test]
    fn flags_and_default_agree() {
        let parsed = parse(["gateway"]);
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn origins_are_repeated_or_separated_by_commas() {
        let flags = [
            "gateway",
            "--allowed-origin",
            "https://a.test,https://b.test",
        ];
        let more = ["--allowed-origin", "https://c.test"];
        let config = parse(flags.into_iter().chain(more));
        assert_eq!(config.allowed_origins.len(), 3);
    }

    #[test]
    fn secrets_are_required_and_long() {
        let missing = Config::default().validate();
        assert_eq!(missing, Err(ConfigError::SecretMissing));

        let short = Config {
            jwt_secret: Some("s".repeat(31).into()),
            ..Config::default()
        };
        assert!(matches!(
            short.validate(),
            Err(ConfigError::SecretTooShort { bytes: 31, .. })
        ));
        assert_eq!(Config { dev: true, ..short }.validate(), Ok(()));

        let service = Config {
            service_token: Some("short".into()),
            ..production()
        };
        assert!(matches!(
            service.validate(),
            Err(ConfigError::SecretTooShort { bytes: 5, .. })
        ));
        assert_eq!(production().validate(), Ok(()));
    }

    #[test]
    fn an_empty_service_token_is_refused_even_in_development() {
        let config = Config {
            dev: true,
            service_token: Some("".into()),
            ..Config::default()
        };
        assert_eq!(config.validate(), Err(ConfigError::ServiceTokenEmpty));
    }

    #[test]
    fn development_stays_on_this_machine() {
        let host = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let config = Config {
            dev: true,
            host,
            ..Config::default()
        };
        assert_eq!(
            config.validate(),
            Err(ConfigError::DevelopmentExposed(host))
        );
    }

    #[test]
    fn zero_limits_are_refused() {
        let limits = Limits {
            queue_frames: 0,
            ..Limits::default()
        };
        let config = Config {
            limits,
            ..production()
        };
        assert_eq!(
            config.validate(),
            Err(ConfigError::LimitZero("--queue-frames"))
        );
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let config = Config {
            jwt_secret: Some("correct horse battery staple".into()),
            service_token: Some("open sesame".into()),
            ..Config::default()
        };
        let text = format!("{config:?}");
        assert!(
            !text.contains("horse") && !text.contains("sesame"),
            "{text}"
        );
    }
}
