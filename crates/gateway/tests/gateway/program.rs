//! The program `flowmaestro-gateway`.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::within;

const SECRET: &str = "the secret of the program's tests, long enough";
pub const SERVICE_TOKEN: &str = "the service token of the program's tests";

pub fn gateway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowmaestro-gateway"));
    command
        .args(arguments)
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Starts the program on a free port and returns its address, too.
pub async fn start(mut command: Command) -> (Child, Lines<BufReader<ChildStdout>>, String) {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = within(lines.next_line())
        .await
        .unwrap()
        .expect("it says where it listens");
    let address = line
        .strip_prefix("listening on http://")
        .expect(&line)
        .to_owned();
    (child, lines, address)
}

async fn stderr(mut child: Child) -> String {
    let mut text = String::new();
    within(child.stderr.take().unwrap().read_to_string(&mut text))
        .await
        .unwrap();
    text
}

#[tokio::test]
async fn help_documents_every_flag_with_its_variable() {
    let output = within(gateway(&["--help"]).output()).await.unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for (flag, variable) in [
        ("--host", "HOST"),
        ("--port", "PORT"),
        ("--jwt-secret", "JWT_SECRET"),
        ("--jwt-issuer", "JWT_ISSUER"),
        ("--jwt-audience", "JWT_AUDIENCE"),
        ("--service-token", "SERVICE_TOKEN"),
        ("--allowed-origin", "ALLOWED_ORIGINS"),
        ("--dev", "FLOWMAESTRO_DEV"),
        ("--features", "FEATURES"),
        ("--history", "HISTORY"),
        ("--history-file", "HISTORY_FILE"),
        ("--max-connections", "MAX_CONNECTIONS"),
        ("--max-user-connections", "MAX_USER_CONNECTIONS"),
        ("--messages-per-second", "MESSAGES_PER_SECOND"),
        ("--message-burst", "MESSAGE_BURST"),
        ("--max-invalid-messages", "MAX_INVALID_MESSAGES"),
        ("--max-message-bytes", "MAX_MESSAGE_BYTES"),
        ("--max-subscriptions", "MAX_SUBSCRIPTIONS"),
        ("--queue-frames", "QUEUE_FRAMES"),
        ("--queue-bytes", "QUEUE_BYTES"),
        ("--max-executions", "MAX_EXECUTIONS"),
        ("--history-events", "HISTORY_EVENTS"),
        ("--history-bytes", "HISTORY_BYTES"),
        ("--history-total-bytes", "HISTORY_TOTAL_BYTES"),
        ("--execution-retention-secs", "EXECUTION_RETENTION_SECS"),
        ("--ticket-secs", "TICKET_SECS"),
        ("--max-tickets", "MAX_TICKETS"),
        ("--max-user-tickets", "MAX_USER_TICKETS"),
        ("--revocation-secs", "REVOCATION_SECS"),
        ("--max-revocations", "MAX_REVOCATIONS"),
        ("--max-body-bytes", "MAX_BODY_BYTES"),
        ("--header-timeout-secs", "HEADER_TIMEOUT_SECS"),
        ("--drain-timeout-secs", "DRAIN_TIMEOUT_SECS"),
        ("--log-level", "LOG_LEVEL"),
    ] {
        assert!(
            help.contains(flag) && help.contains(&format!("[env: {variable}")),
            "{flag}"
        );
    }
}

#[tokio::test]
async fn help_does_not_print_secrets_of_the_environment() {
    let mut command = gateway(&["--help"]);
    command
        .env("JWT_SECRET", SECRET)
        .env("SERVICE_TOKEN", SERVICE_TOKEN);
    let output = within(command.output()).await.unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(
        !help.contains(SECRET) && !help.contains(SERVICE_TOKEN),
        "{help}"
    );
}

#[tokio::test]
async fn it_refuses_to_start_with_an_unsafe_configuration() {
    for (arguments, part) in [
        (&["--port", "0"][..], "--jwt-secret"),
        (&["--port", "0", "--jwt-secret", "short"], "at least 32"),
        (
            &["--port", "0", "--dev", "--host", "0.0.0.0"],
            "--dev is for this machine only",
        ),
        (
            &[
                "--port",
                "0",
                "--dev",
                "--allowed-origin",
                "https://a.test/x",
            ],
            "without a path",
        ),
    ] {
        let output = within(gateway(arguments).output()).await.unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
}

/// Were all of them written, anyone could fill a disk.
#[tokio::test]
async fn strangers_fill_no_log() {
    const STRANGERS: usize = 60;
    let (mut child, _lines, address) = start(gateway(&["--port", "0", "--dev"])).await;
    for _ in 0..STRANGERS {
        let url = format!("ws://{address}/ws?token=nonsense");
        let mut request = url.into_client_request().unwrap();
        let origin = format!("http://{address}").parse().unwrap();
        request.headers_mut().insert("origin", origin);
        within(connect_async(request)).await.unwrap();
    }
    child.start_kill().unwrap();
    let log = stderr(child).await;
    let lines = log.matches("token refused").count();
    // Twice as many where the test took longer than their ten seconds.
    assert!((20..=40).contains(&lines), "{lines} lines");
}

/// A run of the program at the finest level, and every secret that was used in it.
#[cfg(unix)]
struct LoggedRun {
    child: Child,
    _lines: Lines<BufReader<ChildStdout>>,
    address: String,
    signer: flowmaestro_gateway::Gateway,
    secrets: Vec<String>,
}

#[cfg(unix)]
impl LoggedRun {
    async fn start() -> Self {
        use flowmaestro_gateway::{Config, Gateway};

        let mut command = gateway(&["--port", "0", "--log-level", "trace"]);
        command
            .env("JWT_SECRET", SECRET)
            .env("SERVICE_TOKEN", SERVICE_TOKEN)
            .env("RUST_LOG", "trace");
        let (child, _lines, address) = start(command).await;
        let config = Config {
            jwt_secret: Some(SECRET.into()),
            ..Config::default()
        };
        Self {
            child,
            _lines,
            address,
            signer: Gateway::new(config).unwrap(),
            secrets: vec![SECRET.to_owned(), SERVICE_TOKEN.to_owned()],
        }
    }

    /// A good token, and one of someone else's making.
    fn tokens(&mut self, user_id: &str) -> [String; 2] {
        let minute = std::time::Duration::from_secs(60);
        let good = self.signer.sign_token(user_id, minute).unwrap();
        let (message, signature) = good.rsplit_once('.').unwrap();
        let bad = format!("{message}.{}", signature.chars().rev().collect::<String>());
        for token in [&good, &bad] {
            let signature = token.rsplit('.').next().unwrap();
            self.secrets.extend([token.clone(), signature.to_owned()]);
        }
        [good, bad]
    }

    /// Opens a socket, if that is allowed, and takes its first frame.
    async fn open(&self, query: &str, headers: &[(&'static str, &str)]) -> Option<Socket> {
        use futures_util::StreamExt;

        let url = format!("ws://{}/ws{query}", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (mut socket, _) = within(connect_async(request)).await.ok()?;
        assert!(within(socket.next()).await.unwrap().is_ok());
        Some(socket)
    }

    async fn post(&self, path: &str, token: &str, body: &'static str) -> String {
        let request = reqwest::Client::new()
            .post(format!("http://{}{path}", self.address))
            .header("origin", format!("http://{}", self.address))
            .bearer_auth(token)
            .body(body);
        let response = within(request.send()).await.unwrap();
        response.text().await.unwrap()
    }
}

#[cfg(unix)]
type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// At the finest level, and with tokens good and bad in every place where one may stand.
#[cfg(unix)]
#[tokio::test]
async fn sigterm_ends_it_with_1012_and_status_0_and_no_token_is_logged() {
    use futures_util::{SinkExt, StreamExt};
    use serde_json::Value;
    use tokio_tungstenite::tungstenite::Message;

    let mut run = LoggedRun::start().await;
    let origin = format!("http://{}", run.address);
    for (index, user_id) in ["alice", "bob"].into_iter().enumerate() {
        for token in run.tokens(user_id) {
            let query = format!("?token={token}");
            let protocols = format!("flowmaestro.v1, bearer.{token}");
            let bearer = format!("Bearer {token}");
            run.open(&query, &[("origin", &origin)]).await;
            run.open(&query, &[("origin", "https://evil.test")]).await;
            run.open("", &[("authorization", &bearer)]).await;
            let headers = [
                ("origin", origin.as_str()),
                ("sec-websocket-protocol", &protocols),
            ];
            run.open("", &headers).await;
            run.post("/api/events", &token, "[]").await;
            let answer = run.post("/ws/ticket", &token, "").await;
            let answer: Value = serde_json::from_str(&answer).unwrap();
            if let Some(ticket) = answer["ticket"].as_str() {
                run.secrets.push(ticket.to_owned());
                for _ in 0..2 {
                    let query = format!("?token={ticket}");
                    run.open(&query, &[("origin", &origin)]).await;
                }
            }
        }
        if index == 0 {
            let revoke = r#"{"userId":"alice"}"#;
            run.post("/api/revocations", SERVICE_TOKEN, revoke).await;
        }
    }
    let [first, _] = run.tokens("carol");
    let bearer = format!("Bearer {first}");
    let mut socket = run.open("", &[("authorization", &bearer)]).await.unwrap();
    let hello = r#"{"type":"hello","features":["auth"]}"#.to_owned();
    let auths = run
        .tokens("carol")
        .map(|token| format!(r#"{{"type":"auth","token":"{token}"}}"#));
    for text in [hello].into_iter().chain(auths) {
        within(socket.send(Message::text(text))).await.unwrap();
    }
    let mut answers = Vec::<String>::new();
    while !answers.concat().contains("forbidden") {
        let answer = within(socket.next()).await.unwrap().unwrap();
        answers.push(answer.into_text().unwrap().to_string());
    }
    assert!(answers.concat().contains("authenticated"), "{answers:?}");

    let id = run.child.id().unwrap().to_string();
    assert!(
        within(Command::new("kill").args(["-TERM", &id]).status())
            .await
            .unwrap()
            .success()
    );
    let Message::Close(Some(frame)) = within(socket.next()).await.unwrap().unwrap() else {
        panic!("expected a closing frame");
    };
    assert_eq!(u16::from(frame.code), 1012);
    drop(socket);

    assert_eq!(within(run.child.wait()).await.unwrap().code(), Some(0));
    let log = stderr(run.child).await;
    for line in [
        "connected",
        "shutting down",
        "token refused",
        "origin refused",
    ] {
        assert!(log.contains(line), "{line} in {log}");
    }
    assert!(
        !log.contains('\x1b'),
        "colours are for terminals only: {log}"
    );
    assert!(
        !log.contains("tungstenite"),
        "its finer lines print whole frames: {log}"
    );
    assert_eq!(run.secrets.len(), 2 + 4 * 4 + 2, "with two tickets");
    for secret in run.secrets.iter().map(String::as_str).chain(["token="]) {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
