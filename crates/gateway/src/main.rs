//! `flowmaestro-gateway`: the gateway as a program of its own.

use std::process::ExitCode;

use clap::Parser;
use flowmaestro_gateway::{
    Config, Gateway, listen, log_targets, log_to_stderr, serve, shutdown_signal,
};
use tracing::level_filters::LevelFilter;

/// FlowMaestro's real-time gateway: workflow events from backends to WebSocket clients.
///
/// Clients connect to /ws with a JWT. Backends emit over POST /api/events, register executions over
/// POST /api/executions and read users' answers over GET /api/user-input, with the service token.
/// GET /health and GET /metrics are open.
#[derive(Parser)]
#[command(name = "flowmaestro-gateway", version)]
struct Cli {
    #[command(flatten)]
    config: Config,

    /// How much to log, to standard error: off, error, warn, info, debug or trace
    #[arg(long, env = "LOG_LEVEL", value_name = "LEVEL", default_value_t = LevelFilter::INFO)]
    log_level: LevelFilter,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(log_targets(cli.log_level));
    match run(cli.config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flowmaestro-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    let gateway = Gateway::new(config)?;
    let address = gateway.config().address();
    let listener =
        listen(address).map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let shutdown = shutdown_signal()?;
    println!("listening on http://{}", listener.local_addr()?);
    let router = gateway.router();
    serve(listener, gateway, router, shutdown).await;
    Ok(())
}
