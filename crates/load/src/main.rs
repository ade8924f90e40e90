//! Puts a load on the gateway and says what it bore.
//!
//! Three scenarios, each against a gateway process of its own, on the loopback interface only:
//!
//! - `crowd`: very many connections, one event to all of them, the gateway's death and their return;
//! - `non_readers`: readers who never read, beside one who does;
//! - `isolation`: users who do what they like, and what reaches them of each other.
//!
//! Every figure is printed beside its goal. Figures of time and memory depend on the machine and are
//! only printed; a wrong figure of correctness (foreign bytes, lost events, entries left) fails.

mod backend;
mod clock;
mod crowd;
mod frame;
mod gateway;
mod isolation;
mod memory;
mod non_readers;
mod report;
mod socket;
mod tokens;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::report::Report;

/// What went wrong with the load itself, for whoever started it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Files that a process has open besides its sockets, and to spare.
const OTHER_FILES: usize = 200;

/// Puts a load on the gateway: prints each figure beside its goal, and fails when one of correctness
/// is wrong.
#[derive(Parser)]
#[command(name = "flowmaestro-load")]
struct Cli {
    /// The gateway's program, started for each scenario; or the address of a running one
    /// (http://127.0.0.1:3001), whose JWT_SECRET and SERVICE_TOKEN the environment then holds. A
    /// running one is not killed, and its memory is not measured
    #[arg(long, value_name = "PROGRAM|URL")]
    gateway: String,

    /// Connections of the crowd
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    connections: usize,

    /// Connections of one user
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    connections_per_user: usize,

    /// Events, one after the other, each to all connections
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    rounds: usize,

    /// Events emitted at once to all connections
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    burst: usize,

    /// Connections that never read
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    non_readers: usize,

    /// What each of them is offered, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 16)]
    offered_mib: usize,

    /// Users whose isolation is watched
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    users: usize,

    /// Executions of each of them
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    executions: usize,

    /// Random messages of each of them
    #[arg(long, value_name = "COUNT", default_value_t = 60)]
    messages: usize,

    /// What the random choices come from: the same seed, the same choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Cli::parse()).await {
        Ok(report) => report.finish(),
        Err(error) => {
            eprintln!("flowmaestro-load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> Result<Report, Failure> {
    allow_sockets(cli.connections.max(cli.non_readers).max(cli.users))?;
    fastrand::seed(cli.seed);
    let mut report = Report::default();
    crowd::run(cli, &mut report).await?;
    non_readers::run(cli, &mut report).await?;
    isolation::run(cli, &mut report).await?;
    Ok(report)
}

/// Raises the limit of open files as far as this process may; the gateway inherits it.
fn allow_sockets(sockets: usize) -> Result<(), Failure> {
    let wanted = u64::try_from(sockets + OTHER_FILES)?;
    let allowed = rlimit::increase_nofile_limit(u64::MAX)?;
    if allowed < wanted {
        return Err(format!(
            "{sockets} connections need {wanted} open files and {allowed} are allowed: raise \
             `ulimit -n`, or ask for fewer --connections"
        )
        .into());
    }
    Ok(())
}

/// Where a scenario's gateway comes from.
enum Source {
    Program(PathBuf),
    Running(String),
}

impl Cli {
    fn source(&self) -> Source {
        if self.gateway.starts_with("http://") {
            Source::Running(self.gateway.clone())
        } else {
            Source::Program(self.gateway.clone().into())
        }
    }
}
