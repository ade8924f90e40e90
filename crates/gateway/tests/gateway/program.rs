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

/// At the finest level, and with tokens good and bad in every place where one may stand.
#[cfg(unix)]
#[tokio::test]
async fn sigterm_ends_it_with_1012_and_status_0_and_no_token_is_logged() {
    use flowmaestro_gateway::{Config, Gateway};
    use futures_util::StreamExt;
    use tokio_tungstenite::tungstenite::Message;

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
    let signer = Gateway::new(config).unwrap();
    let token = signer
        .sign_token("alice", std::time::Duration::from_secs(60))
        .unwrap();

    let bad = "badtokenbadtoken";
    let origin = format!("http://{address}");
    for (query, name, value) in [
        (format!("?token={token}"), "origin", origin.clone()),
        (format!("?token={bad}"), "origin", origin.clone()),
        (
            format!("?token={token}"),
            "origin",
            "https://evil.test".into(),
        ),
        (String::new(), "authorization", format!("Bearer {token}")),
        (String::new(), "authorization", format!("Bearer {bad}")),
    ] {
        let url = format!("ws://{address}/ws{query}");
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        if let Ok((mut socket, _)) = within(connect_async(request)).await {
            assert!(within(socket.next()).await.unwrap().is_ok());
        }
    }
    let post = reqwest::Client::new().post(format!("http://{address}/api/events"));
    for token in [SERVICE_TOKEN, bad] {
        let request = post.try_clone().unwrap().bearer_auth(token).body("[]");
        within(request.send()).await.unwrap();
    }

    let protocols = format!("flowmaestro.v1, bearer.{token}");
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    request
        .headers_mut()
        .insert("origin", origin.parse().unwrap());
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocols.parse().unwrap());
    let (mut socket, _) = within(connect_async(request)).await.unwrap();
    let welcome = within(socket.next()).await.unwrap().unwrap();
    assert!(welcome.is_text());

    let id = child.id().unwrap().to_string();
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

    let mut child = child;
    assert_eq!(within(child.wait()).await.unwrap().code(), Some(0));
    let log = stderr(child).await;
    assert!(
        log.contains("connected") && log.contains("shutting down"),
        "{log}"
    );
    assert!(
        !log.contains('\x1b'),
        "colours are for terminals only: {log}"
    );
    assert!(
        !log.contains("tungstenite"),
        "its finer lines print whole frames: {log}"
    );
    let signature = token.rsplit('.').next().unwrap();
    for secret in [SECRET, SERVICE_TOKEN, bad, &token, signature, "token="] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
