//! The server that `npm run test:autobahn` tests: it prints its address and serves until it is ended.

use std::io;

use flowmaestro_gateway::echo;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("ws://{}/ws", listener.local_addr()?);
    axum::serve(listener, echo::router()).await
}
