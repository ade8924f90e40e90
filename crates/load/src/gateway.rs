//! The gateway under load: a process of ours, or one that runs already.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::backend::Backend;
use crate::{Failure, Source, tokens};

/// How long a gateway may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(30);

const LISTENING: &str = "listening on http://";

/// A gateway, its secrets, and its process if it is ours. That is killed with it.
pub(crate) struct Gateway {
    address: String,
    jwt_secret: String,
    service_token: String,
    process: Option<Process>,
}

struct Process {
    program: std::path::PathBuf,
    flags: Vec<String>,
    child: Child,
    /// Where its history is, as long as it runs.
    _folder: TempDir,
}

impl Gateway {
    /// Starts the program on a free port, with these flags besides; or takes the running one as it
    /// is.
    pub(crate) async fn start(source: Source, flags: &[&str]) -> Result<Self, Failure> {
        match source {
            Source::Running(url) => Ok(Self {
                address: url.trim_start_matches("http://").to_owned(),
                jwt_secret: secret("JWT_SECRET")?,
                service_token: secret("SERVICE_TOKEN")?,
                process: None,
            }),
            Source::Program(program) => Self::spawn(&program, flags).await,
        }
    }

    async fn spawn(program: &Path, flags: &[&str]) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("history.redb").display().to_string();
        let fixed = ["--dev", "--log-level", "error", "--history-file", &file];
        let flags: Vec<String> = fixed
            .iter()
            .chain(flags)
            .map(|flag| (*flag).into())
            .collect();
        let (jwt_secret, service_token) = (random_secret(), random_secret());
        let (child, address) = launch(program, &flags, "0", &jwt_secret, &service_token).await?;
        Ok(Self {
            address,
            jwt_secret,
            service_token,
            process: Some(Process {
                program: program.to_owned(),
                flags,
                child,
                _folder: folder,
            }),
        })
    }

    /// Kills the process without warning and starts it anew, at the same address and with what its
    /// history kept. Says whether it could: a gateway that is not ours goes on.
    pub(crate) async fn crash(&mut self) -> Result<bool, Failure> {
        let Some(process) = &mut self.process else {
            return Ok(false);
        };
        process.child.kill().await?;
        let (_, port) = self.address.rsplit_once(':').ok_or("no port")?;
        let (child, _) = launch(
            &process.program,
            &process.flags,
            port,
            &self.jwt_secret,
            &self.service_token,
        )
        .await?;
        process.child = child;
        Ok(true)
    }

    /// Where it listens: `127.0.0.1:<port>`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The number of its process, if that is ours and runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref()?.child.id()
    }

    /// A backend of it.
    pub(crate) fn backend(&self) -> Result<Backend, Failure> {
        Backend::new(&self.address, &self.service_token)
    }

    /// A token of a user who is a member of these workspaces.
    pub(crate) fn sign(&self, user_id: &str, workspaces: &[&str]) -> Result<String, Failure> {
        tokens::sign(&self.jwt_secret, user_id, workspaces)
    }
}

async fn launch(
    program: &Path,
    flags: &[String],
    port: &str,
    jwt_secret: &str,
    service_token: &str,
) -> Result<(Child, String), Failure> {
    let mut child = Command::new(program)
        .args(flags)
        .args(["--port", port])
        // Nothing of our own environment, which may hold settings meant for another gateway.
        .env_clear()
        .env("JWT_SECRET", jwt_secret)
        .env("SERVICE_TOKEN", service_token)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let output = child.stdout.take().ok_or("the gateway has no output")?;
    let mut lines = BufReader::new(output).lines();
    let line = timeout(START_TIMEOUT, lines.next_line()).await??;
    let address = line
        .as_deref()
        .and_then(|line| line.strip_prefix(LISTENING))
        .ok_or("the gateway does not say where it listens")?;
    Ok((child, address.to_owned()))
}

fn secret(variable: &str) -> Result<String, Failure> {
    std::env::var(variable)
        .map_err(|_| format!("a running gateway's {variable} has to be in the environment").into())
}

/// For one run on the loopback interface.
fn random_secret() -> String {
    std::iter::repeat_with(fastrand::alphanumeric)
        .take(48)
        .collect()
}
