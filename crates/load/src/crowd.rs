//! Very many connections that watch one execution: how fast they come, what an idle one costs, how
//! soon an event reaches all of them, and how soon they are back after the gateway died.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backend::Backend;
use crate::frame::Frame;
use crate::gateway::Gateway;
use crate::report::{Report, percentile};
use crate::socket::Socket;
use crate::{Cli, Failure, clock, memory};

/// How many connect at a time at first. Those who come back ask nobody.
const CONNECTING: usize = 200;

/// How long anything may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// The client's own schedule: so long until the first retry, each ±30 %, doubled at each further one
/// up to the cap, in ms.
const FIRST_RETRY_MS: u64 = 1_000;
const RETRY_CAP_MS: u64 = 30_000;
const JITTER: f64 = 0.3;

/// Every member may see the executions of this workspace.
const WORKSPACE: &str = "load";

const KIB: f64 = 1024.0;

/// Goals for two processor cores.
const KIB_PER_CONNECTION: f64 = 10.0;
const P99_MS: f64 = 500.0;
const BACK_SECONDS: f64 = 10.0;

/// Runs the scenario.
pub(crate) async fn run(cli: &Cli, report: &mut Report) -> Result<(), Failure> {
    let count = cli.connections;
    report.scenario(format_args!("{count} connections to one execution"));
    let mut gateway = Gateway::start(cli.source(), &["--history", "disk"]).await?;
    let before = gateway.pid().and_then(memory::resident);
    let crowd = Crowd::gather(&gateway, cli, report).await?;
    let after = gateway.pid().and_then(memory::resident);
    let per_connection = after
        .zip(before)
        .map(|(after, before)| after.saturating_sub(before) as f64 / KIB / count as f64);
    let name = "resident memory of an idle connection";
    report.at_most(name, per_connection, KIB_PER_CONNECTION, "KiB");

    crowd.one_event_each(cli.rounds, report).await?;
    crowd.many_at_once(cli.burst, report).await?;
    crowd
        .die_and_return(&mut gateway, cli.burst, report)
        .await?;
    report.exactly("events lost", crowd.lost(), 0);
    report.exactly("events out of order", crowd.shared.disorder(), 0);
    crowd.leave(report).await
}

/// The connections, and the backend that emits to them.
struct Crowd {
    shared: Arc<Shared>,
    backend: Backend,
    members: TaskTracker,
    count: u64,
    emitted: AtomicU64,
}

/// What the members tell, and are told.
struct Shared {
    address: String,
    execution_id: String,
    /// Counts the times that everyone had to come.
    calls: AtomicU64,
    /// How many came in answer to the last call.
    came: watch::Sender<u64>,
    /// Events delivered, each once to each member.
    delivered: watch::Sender<u64>,
    /// How long they took, in µs.
    latencies: Mutex<Vec<u64>>,
    disorder: AtomicU64,
    leaving: CancellationToken,
}

/// One connection, over all of its sockets.
struct Member {
    shared: Arc<Shared>,
    token: String,
    /// The last event that it got, and the history that the event is of.
    cursor: u64,
    epoch: Option<String>,
    answered: u64,
    retries: u32,
}

impl Crowd {
    /// Connects everyone and waits until all are subscribed.
    async fn gather(gateway: &Gateway, cli: &Cli, report: &Report) -> Result<Self, Failure> {
        let backend = gateway.backend()?;
        let execution_id = format!("crowd-{:016x}", fastrand::u64(..));
        let room = format!("workspace:{WORKSPACE}");
        backend.register(&execution_id, "owner", &[&room]).await?;
        let shared = Arc::new(Shared::new(gateway.address(), execution_id));
        let members = TaskTracker::new();
        let started = Instant::now();
        let doors = Arc::new(Semaphore::new(CONNECTING));
        shared.call();
        let mut token = String::new();
        for index in 0..cli.connections {
            if index % cli.connections_per_user.max(1) == 0 {
                token = gateway.sign(&format!("member-{index}"), &[WORKSPACE])?;
            }
            let member = Member::new(&shared, &token);
            let permit = Arc::clone(&doors).acquire_owned().await?;
            members.spawn(member.stay(permit));
        }
        let crowd = Self {
            shared,
            backend,
            members,
            count: u64::try_from(cli.connections)?,
            emitted: AtomicU64::new(0),
        };
        crowd.all_came().await?;
        let seconds = started.elapsed().as_secs_f64();
        let per_second = cli.connections as f64 / seconds;
        report.figure("connections, welcomed and subscribed", per_second, "/s");
        Ok(crowd)
    }

    async fn one_event_each(&self, rounds: usize, report: &Report) -> Result<(), Failure> {
        self.shared.latencies.lock().clear();
        for _ in 0..rounds {
            self.emit(1).await?;
            self.all_delivered().await;
        }
        let mut micros = std::mem::take(&mut *self.shared.latencies.lock());
        let mut ms = |share| percentile(&mut micros, share) as f64 / 1_000.0;
        report.figure("one event to all: p50", ms(0.5), "ms");
        report.at_most("one event to all: p99", Some(ms(0.99)), P99_MS, "ms");
        Ok(())
    }

    async fn many_at_once(&self, burst: usize, report: &Report) -> Result<(), Failure> {
        let started = Instant::now();
        self.emit(burst).await?;
        self.all_delivered().await;
        let deliveries = burst as f64 * self.count as f64;
        let per_second = deliveries / started.elapsed().as_secs_f64();
        report.figure("deliveries of events emitted at once", per_second, "/s");
        Ok(())
    }

    /// Kills the gateway, emits while everyone comes back, and waits until all have everything.
    async fn die_and_return(
        &self,
        gateway: &mut Gateway,
        events: usize,
        report: &Report,
    ) -> Result<(), Failure> {
        self.shared.call();
        let started = Instant::now();
        if !gateway.crash().await? {
            return Ok(());
        }
        let down = started.elapsed().as_secs_f64();
        self.emit(events).await?;
        self.all_came().await?;
        let back = started.elapsed().as_secs_f64();
        self.all_delivered().await;
        let complete = started.elapsed().as_secs_f64();
        report.figure("killed: until it listens again", down, "s");
        let name = "killed: until everyone is subscribed again";
        report.at_most(name, Some(back), BACK_SECONDS, "s");
        report.figure("killed: until everyone has what they missed", complete, "s");
        Ok(())
    }

    /// Everyone leaves; nothing of them may stay.
    async fn leave(self, report: &mut Report) -> Result<(), Failure> {
        self.shared.leaving.cancel();
        self.members.close();
        self.members.wait().await;
        let left = entries_left(&self.backend).await?;
        report.exactly("entries left after the last disconnect", left, 0);
        Ok(())
    }

    async fn emit(&self, count: usize) -> Result<(), Failure> {
        let events: Vec<Value> = std::iter::repeat_with(|| self.event())
            .take(count)
            .collect();
        self.emitted
            .fetch_add(u64::try_from(count)?, Ordering::Relaxed);
        self.backend.emit(&events).await
    }

    fn event(&self) -> Value {
        json!({
            "type": "node:stream",
            "timestamp": 0,
            "executionId": self.shared.execution_id,
            "nodeId": "node",
            "chunk": clock::micros().to_string(),
        })
    }

    async fn all_came(&self) -> Result<(), Failure> {
        let mut came = self.shared.came.subscribe();
        let result = timeout(PATIENCE, came.wait_for(|came| *came >= self.count)).await;
        if result.is_err() {
            let came = *self.shared.came.borrow();
            return Err(format!("{came} of {} connections came", self.count).into());
        }
        Ok(())
    }

    /// Waits until everyone has every event; what takes too long is lost.
    async fn all_delivered(&self) {
        let mut delivered = self.shared.delivered.subscribe();
        let wanted = self.wanted();
        // Late or not, the events that are missing are counted at the end.
        let _ = timeout(PATIENCE, delivered.wait_for(|count| *count >= wanted)).await;
    }

    fn wanted(&self) -> u64 {
        self.emitted.load(Ordering::Relaxed) * self.count
    }

    fn lost(&self) -> u64 {
        self.wanted().abs_diff(*self.shared.delivered.borrow())
    }
}

impl Shared {
    fn new(address: &str, execution_id: String) -> Self {
        Self {
            address: address.to_owned(),
            execution_id,
            calls: AtomicU64::new(0),
            came: watch::Sender::new(0),
            delivered: watch::Sender::new(0),
            latencies: Mutex::default(),
            disorder: AtomicU64::new(0),
            leaving: CancellationToken::new(),
        }
    }

    /// From now on everyone has to come, or to come back.
    fn call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.came.send_replace(0);
    }

    fn disorder(&self) -> u64 {
        self.disorder.load(Ordering::Relaxed)
    }
}

impl Member {
    fn new(shared: &Arc<Shared>, token: &str) -> Self {
        Self {
            shared: Arc::clone(shared),
            token: token.to_owned(),
            cursor: 0,
            epoch: None,
            answered: 0,
            retries: 0,
        }
    }

    /// Stays connected until everyone leaves. The guard is let go once it is subscribed.
    async fn stay(mut self, guard: impl Send) {
        let leaving = self.shared.leaving.clone();
        let mut guard = Some(guard);
        let connected = async {
            loop {
                // Whatever ended the connection, it comes back.
                let _ = self.connection(&mut guard).await;
                sleep(self.retry_after()).await;
            }
        };
        leaving.run_until_cancelled(connected).await;
    }

    fn retry_after(&mut self) -> Duration {
        let doubled = FIRST_RETRY_MS.saturating_mul(1 << self.retries.min(16));
        self.retries += 1;
        let jitter = 1.0 + JITTER * (2.0 * fastrand::f64() - 1.0);
        Duration::from_millis(doubled.min(RETRY_CAP_MS)).mul_f64(jitter)
    }

    /// One socket, until it ends.
    async fn connection<G>(&mut self, guard: &mut Option<G>) -> Result<(), Failure> {
        let mut socket = Socket::connect(&self.shared.address, &self.token).await?;
        socket.hello(&["replay"]).await?;
        socket.send(self.subscribe()).await?;
        loop {
            let text = socket.next().await?;
            let frame = Frame::read(&text)?;
            match &*frame.kind {
                "subscribed" => {
                    *guard = None;
                    self.on_subscribed(&frame);
                }
                "node:stream" => self.on_event(&frame),
                _ => return Err(format!("unexpected: {text}").into()),
            }
        }
    }

    fn subscribe(&self) -> String {
        let mut message = json!({ "type": "subscribe", "executionId": self.shared.execution_id });
        if let (Some(epoch), Some(fields)) = (&self.epoch, message.as_object_mut()) {
            fields.insert("after".to_owned(), self.cursor.into());
            fields.insert("epoch".to_owned(), epoch.as_str().into());
        }
        message.to_string()
    }

    fn on_subscribed(&mut self, frame: &Frame<'_>) {
        if self.epoch.is_none() {
            self.cursor = frame.head.unwrap_or(0);
        }
        self.epoch = frame.epoch.as_deref().map(str::to_owned);
        self.retries = 0;
        let call = self.shared.calls.load(Ordering::Relaxed);
        if self.answered < call {
            self.answered = call;
            self.shared.came.send_modify(|came| *came += 1);
        }
    }

    fn on_event(&mut self, frame: &Frame<'_>) {
        let sent = frame.chunk.as_deref().and_then(|chunk| chunk.parse().ok());
        if frame.seq != Some(self.cursor + 1) {
            self.shared.disorder.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.cursor += 1;
        let latency = clock::micros().saturating_sub(sent.unwrap_or(0));
        self.shared.latencies.lock().push(latency);
        self.shared.delivered.send_modify(|count| *count += 1);
    }
}

/// What a gateway holds on account of connections, once it has noticed that they are gone.
pub(crate) async fn entries_left(backend: &Backend) -> Result<u64, Failure> {
    const PAUSE: Duration = Duration::from_millis(20);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut entries = 0;
        for metric in [
            "connections",
            "subscriptions",
            "room_subscriptions",
            "queued_bytes",
        ] {
            entries += backend.metric(metric).await?;
        }
        if entries == 0 || Instant::now() > deadline {
            return Ok(entries);
        }
        sleep(PAUSE).await;
    }
}
