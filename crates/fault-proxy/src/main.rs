//! `flowmaestro-fault-proxy`: the proxy as a program.

use std::error::Error;
use std::net::SocketAddr;

use clap::Parser;
use flowmaestro_fault_proxy::{Proxy, control};
use tokio::net::TcpListener;

/// A TCP proxy that breaks connections in the ways that networks do.
///
/// It hands everything on until it is told otherwise over HTTP: POST /rules, PUT /plan, POST /cut,
/// GET /stats. The first line that it writes is a JSON object with both of its addresses.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The server behind the proxy
    #[arg(long, value_name = "ADDRESS")]
    upstream: SocketAddr,
    /// Where clients connect to
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where it is steered
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    control: SocketAddr,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cli = Cli::parse();
    let listener = TcpListener::bind(cli.listen).await?;
    let steering = TcpListener::bind(cli.control).await?;
    let addresses = serde_json::json!({
        "listen": listener.local_addr()?.to_string(),
        "control": steering.local_addr()?.to_string(),
    });
    println!("{addresses}");
    let proxy = Proxy::new(cli.upstream);
    let router = control(proxy.clone());
    tokio::try_join!(
        proxy.run(listener),
        axum::serve(steering, router).into_future()
    )?;
    Ok(())
}
