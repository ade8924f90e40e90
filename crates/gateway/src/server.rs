//! Start and shutdown.

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use crate::gateway::Gateway;

/// How long requests and sockets have to end, once the gateway shuts down.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// After how much silence the kernel asks whether a peer is still there, and how often.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Serves a router, the gateway's own or one that includes it, until `shutdown` completes. Then no
/// connection is accepted any more, every socket is closed with 1012 (the clients reconnect), and
/// what is under way has 10 s to end.
///
/// # Errors
/// What the listener reports.
pub async fn serve(
    listener: TcpListener,
    gateway: Gateway,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = tune(stream) {
            tracing::debug!(%error, "a socket option was refused");
        }
    });
    let stopped = gateway.shutdown().clone().cancelled_owned();
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(stopped)
        .into_future();
    tokio::pin!(server);
    tokio::select! {
        result = &mut server => return result,
        () = shutdown => {}
    }
    tracing::info!(
        connections = gateway.manager().connection_count(),
        "shutting down"
    );
    gateway.shutdown().cancel();
    gateway.manager().shut_down();
    gateway.sockets().close();
    let drained = async {
        let result = server.await;
        gateway.sockets().wait().await;
        result
    };
    tokio::time::timeout(DRAIN_TIMEOUT, drained)
        .await
        .unwrap_or_else(|_| {
            tracing::warn!("some connections did not end in time and are cut");
            Ok(())
        })
}

/// Events are small and wanted now, so the kernel does not wait for more of them. And it notices
/// peers that vanished without a word, which would stay connected for ever if nothing is sent.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_TIME)
        .with_interval(KEEPALIVE_INTERVAL);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Completes at SIGTERM or SIGINT (on other systems than Unix: at Ctrl-C).
///
/// # Errors
/// When the handlers cannot be installed.
#[cfg(unix)]
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Completes at SIGTERM or SIGINT (on other systems than Unix: at Ctrl-C).
///
/// # Errors
/// When the handler cannot be installed.
#[cfg(not(unix))]
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl-C cannot be handled");
            std::future::pending::<()>().await;
        }
    })
}
