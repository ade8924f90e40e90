//! `flowmaestro-demo`: the gateway with a small workflow runner, and the page that shows it.

use std::process::ExitCode;

use clap::Parser;
use flowmaestro_demo::{Demo, DemoConfig};
use flowmaestro_gateway::{log_targets, log_to_stderr, shutdown_signal};
use tracing::level_filters::LevelFilter;

/// Workflows that really run, on FlowMaestro's real-time gateway, with a page to watch them.
///
/// A JWT secret and a service token that are not given are made once and kept in the data directory.
/// The page is at /, the socket at /ws, the page's API under /api/demo. Anyone who can reach the
/// address can sign in: by default that is this machine only.
#[derive(Parser)]
#[command(name = "flowmaestro-demo", version)]
struct Cli {
    #[command(flatten)]
    config: DemoConfig,

    /// How much to log, to standard error: off, error, warn, info, debug or trace
    #[arg(long, env = "LOG_LEVEL", value_name = "LEVEL", default_value_t = LevelFilter::INFO)]
    log_level: LevelFilter,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(log_targets(cli.log_level).with_target("flowmaestro_demo", cli.log_level));
    match run(cli.config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flowmaestro-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: DemoConfig) -> Result<(), Box<dyn std::error::Error>> {
    let shutdown = shutdown_signal()?;
    let demo = Demo::start(config).await?;
    println!("listening on http://{}", demo.local_addr()?);
    demo.run(shutdown).await;
    Ok(())
}
