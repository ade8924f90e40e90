//! Start and shutdown.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::task::TaskTracker;

use crate::gateway::Gateway;

type Connection = http1::UpgradeableConnection<TokioIo<TcpStream>, TowerToHyperService<Router>>;

/// The largest head of a request, in bytes: a token has at most 8 KiB, and may stand in it twice. A
/// larger one is answered with 431.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// After how much silence the kernel asks whether a peer is still there, how often, and how many
/// questions without an answer end the connection.
const KEEPALIVE_TIME: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
#[cfg(unix)]
const KEEPALIVE_RETRIES: u32 = 3;

/// How many connections may wait to be accepted; the system may allow fewer. After a restart all
/// clients come at once, and who finds no place tries again only after a second or more.
const BACKLOG: u32 = 4_096;

/// Listens on an address, with room for a crowd.
///
/// # Errors
/// What the system reports.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of the last process may still be ending. Elsewhere than on Unix it would let two
    // processes listen on the same port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves a router, the gateway's own or one that includes it, until `shutdown` completes. Then no
/// connection is accepted any more, every socket is closed with 1012 (the clients reconnect), and
/// what is under way has [`Limits::drain_timeout_secs`](crate::Limits) to end.
///
/// A connection on which no head of a request comes within
/// [`Limits::header_timeout_secs`](crate::Limits) is cut.
pub async fn serve(
    listener: TcpListener,
    gateway: Gateway,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    let served = serve_requests(listener, &gateway, router);
    tokio::pin!(served);
    tokio::select! {
        () = &mut served => return,
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
        served.await;
        gateway.sockets().wait().await;
    };
    let patience = Duration::from_secs(gateway.config().limits.drain_timeout_secs);
    if tokio::time::timeout(patience, drained).await.is_err() {
        tracing::warn!("some connections did not end in time and are cut");
    }
}

/// Accepts connections until the gateway shuts down, and waits for their requests to end.
async fn serve_requests(mut listener: TcpListener, gateway: &Gateway, router: Router) {
    let timeout = Duration::from_secs(gateway.config().limits.header_timeout_secs);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .max_header_size(MAX_HEAD_BYTES);
    let requests = TaskTracker::new();
    loop {
        let stream = tokio::select! {
            (stream, _) = Listener::accept(&mut listener) => stream,
            () = gateway.shutdown().cancelled() => break,
        };
        if let Err(error) = tune(&stream) {
            tracing::debug!(%error, "a socket option was refused");
        }
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service);
        requests.spawn(serve_connection(
            connection.with_upgrades(),
            gateway.clone(),
        ));
    }
    drop(listener);
    requests.close();
    requests.wait().await;
}

/// Answers the requests of a connection, one after the other, until it ends, is upgraded, or the
/// gateway shuts down.
async fn serve_connection(connection: Connection, gateway: Gateway) {
    tokio::pin!(connection);
    let served = tokio::select! {
        served = &mut connection => served,
        () = gateway.shutdown().cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    match served {
        Err(error) if error.is_timeout() => {
            gateway.metrics().header_timeouts.inc();
        }
        Err(error) => tracing::debug!(%error, "a connection has ended"),
        Ok(()) => {}
    }
}

/// Events are small and wanted now, so the kernel does not wait for more of them. And it notices
/// peers that vanished without a word, which would stay connected for ever if nothing is sent, and
/// take the place of another connection of their user.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_TIME)
        .with_interval(KEEPALIVE_INTERVAL);
    #[cfg(unix)]
    let keepalive = keepalive.with_retries(KEEPALIVE_RETRIES);
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// Whoever finds no place gets no answer at all.
    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_crowd_finds_a_place_before_anyone_is_accepted() {
        let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        let crowd = allowed.trim().parse::<usize>().unwrap().min(500);
        let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = |_| std::net::TcpStream::connect_timeout(&address, PATIENCE);
        let connected: io::Result<Vec<_>> = (0..crowd).map(connect).collect();
        assert_eq!(connected.unwrap().len(), crowd);
    }
}
