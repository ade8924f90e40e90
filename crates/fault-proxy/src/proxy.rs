use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::Serialize;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::pump::{Stopped, pump};
use crate::{End, Plan, Rule};

/// The proxy's rules and connections.
pub struct Proxy {
    upstream: SocketAddr,
    state: Mutex<State>,
    accepted: AtomicU64,
    cut: AtomicU64,
    reset: AtomicU64,
}

struct State {
    rules: VecDeque<Rule>,
    plan: Plan,
    random: fastrand::Rng,
    /// Ends every connection that is open.
    cut_all: CancellationToken,
}

/// What the proxy has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that were cut, by a rule or by hand.
    pub cut: u64,
    /// Those of them that were cut by a reset.
    pub reset: u64,
}

impl Proxy {
    /// A proxy to a server, which hands everything on.
    pub fn new(upstream: SocketAddr) -> Arc<Self> {
        let state = State {
            rules: VecDeque::new(),
            plan: Plan::Pass,
            random: fastrand::Rng::with_seed(0),
            cut_all: CancellationToken::new(),
        };
        Arc::new(Self {
            upstream,
            state: Mutex::new(state),
            accepted: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            reset: AtomicU64::new(0),
        })
    }

    /// Accepts connections until the listener fails.
    ///
    /// # Errors
    /// When no connection can be accepted any more.
    pub async fn run(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        loop {
            let (client, _) = listener.accept().await?;
            self.accepted.fetch_add(1, Ordering::Relaxed);
            let proxy = Arc::clone(&self);
            // A broken connection is what the proxy is for.
            tokio::spawn(async move { drop(proxy.serve(client).await) });
        }
    }

    /// Rules for the next connections, one each, after those that still wait.
    pub fn add_rules(&self, rules: Vec<Rule>) {
        self.state.lock().rules.extend(rules);
    }

    /// What happens to connections without a rule, from now on.
    pub fn set_plan(&self, plan: Plan) {
        let mut state = self.state.lock();
        if let Plan::RandomCuts { seed, .. } = plan {
            state.random = fastrand::Rng::with_seed(seed);
        }
        state.plan = plan;
    }

    /// Resets every connection that is open.
    pub fn cut_all(&self) {
        let mut state = self.state.lock();
        std::mem::take(&mut state.cut_all).cancel();
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        Stats {
            accepted: self.accepted.load(Ordering::Relaxed),
            cut: self.cut.load(Ordering::Relaxed),
            reset: self.reset.load(Ordering::Relaxed),
        }
    }

    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let (rule, cut_all) = self.next_rule();
        let Some(rule) = rule else {
            return reset(&[&client]);
        };
        client.set_nodelay(true)?;
        if rule.stall {
            cut_all.cancelled().await;
            return self.end(&[&client], End::Rst);
        }
        if let Some(answer) = &rule.answer {
            return say(client, answer).await;
        }
        let mut server = TcpStream::connect(self.upstream).await?;
        server.set_nodelay(true)?;
        tokio::select! {
            stopped = hand_on(&mut client, &mut server, &rule) => match stopped? {
                Stopped::Cut => self.end(&[&client, &server], rule.end),
                Stopped::Ended => Ok(()),
            },
            () = cut_all.cancelled() => self.end(&[&client, &server], End::Rst),
        }
    }

    fn next_rule(&self) -> (Option<Rule>, CancellationToken) {
        let mut state = self.state.lock();
        let cut_all = state.cut_all.clone();
        if let Some(rule) = state.rules.pop_front() {
            return (Some(rule), cut_all);
        }
        let rule = match state.plan {
            Plan::Pass => Some(Rule::default()),
            Plan::RandomCuts {
                min_bytes,
                max_bytes,
                ..
            } => {
                let bytes = min_bytes..=max_bytes.max(min_bytes);
                Some(Rule::random_cut(&mut state.random, bytes))
            }
            Plan::Refuse => None,
        };
        (rule, cut_all)
    }

    /// Ends a connection's sockets: dropped as they are, they end in good order.
    fn end(&self, sockets: &[&TcpStream], end: End) -> io::Result<()> {
        self.cut.fetch_add(1, Ordering::Relaxed);
        if end == End::Fin {
            return Ok(());
        }
        self.reset.fetch_add(1, Ordering::Relaxed);
        reset(sockets)
    }
}

/// Dropped without lingering, a socket resets its connection.
fn reset(sockets: &[&TcpStream]) -> io::Result<()> {
    for socket in sockets {
        SockRef::from(*socket).set_linger(Some(std::time::Duration::ZERO))?;
    }
    Ok(())
}

/// Hands on in both directions until both have ended, or one is cut.
async fn hand_on(
    client: &mut TcpStream,
    server: &mut TcpStream,
    rule: &Rule,
) -> io::Result<Stopped> {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let up = pump(from_client, to_server, rule.to_server);
    let down = pump(from_server, to_client, rule.to_client);
    tokio::pin!(up, down);
    tokio::select! {
        stopped = &mut up => match stopped? {
            Stopped::Ended => down.await,
            Stopped::Cut => Ok(Stopped::Cut),
        },
        stopped = &mut down => match stopped? {
            Stopped::Ended => up.await,
            Stopped::Cut => Ok(Stopped::Cut),
        },
    }
}

async fn say(mut client: TcpStream, answer: &str) -> io::Result<()> {
    // The request first: to close before it was read would reset the connection.
    client.readable().await?;
    let mut request = [0; 4096];
    let _ = client.try_read(&mut request);
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}
