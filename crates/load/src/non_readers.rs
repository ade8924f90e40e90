//! Readers who never read, beside one who does: what they cost, and that he gets everything.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::crowd::entries_left;
use crate::frame::Frame;
use crate::gateway::Gateway;
use crate::report::Report;
use crate::socket::Socket;
use crate::{Cli, Failure, memory};

const MIB: usize = 1024 * 1024;

/// The text of one event, in bytes; and how many events are emitted at once: a request takes 1 MiB.
const CHUNK_BYTES: usize = 16 * 1024;
const EMITTED_AT_ONCE: usize = 32;

/// More than the gateway keeps of an execution, so that its history is full before the non-readers
/// come, in MiB.
const WARM_UP_MIB: usize = 12;

/// The reader may wait so long for everything.
const PATIENCE: Duration = Duration::from_secs(60);

/// The goal: what all non-readers together may cost, in MiB.
const GROWTH_MIB: f64 = 16.0;

const USERS: usize = 20;
const WORKSPACE: &str = "load";

/// Runs the scenario.
pub(crate) async fn run(cli: &Cli, report: &mut Report) -> Result<(), Failure> {
    let count = cli.non_readers;
    report.scenario(format_args!(
        "{count} connections that never read, each offered {} MiB",
        cli.offered_mib
    ));
    let gateway = Gateway::start(cli.source(), &[]).await?;
    let feed = Feed::new(&gateway).await?;
    let mut reader = feed.subscribe("reader", true).await?;
    feed.offer(WARM_UP_MIB, &mut reader).await?;

    let non_readers = feed.subscribe_many(count).await?;
    let pid = gateway.pid();
    let before = pid.and_then(|pid| {
        memory::forget_peak(pid)?;
        memory::resident(pid)
    });
    let started = Instant::now();
    let lost = feed.offer(cli.offered_mib, &mut reader).await?;
    let seconds = started.elapsed().as_secs_f64();
    let peak = pid.and_then(memory::peak);
    let growth = peak
        .zip(before)
        .map(|(peak, before)| peak.saturating_sub(before) as f64 / MIB as f64);
    report.at_most("growth of resident memory", growth, GROWTH_MIB, "MiB");
    report.figure("until the one who reads had it all", seconds, "s");
    report.exactly("events that the one who reads lost", lost, 0);

    drop((reader, non_readers));
    let left = entries_left(&gateway.backend()?).await?;
    report.exactly("entries left after the last disconnect", left, 0);
    Ok(())
}

/// An execution with large events.
struct Feed<'a> {
    gateway: &'a Gateway,
    execution_id: String,
}

/// Somebody who reads.
struct Reader {
    socket: Socket,
    cursor: u64,
}

impl<'a> Feed<'a> {
    async fn new(gateway: &'a Gateway) -> Result<Self, Failure> {
        let execution_id = format!("feed-{:016x}", fastrand::u64(..));
        let room = format!("workspace:{WORKSPACE}");
        let backend = gateway.backend()?;
        backend.register(&execution_id, "owner", &[&room]).await?;
        Ok(Self {
            gateway,
            execution_id,
        })
    }

    /// Half of the non-readers speak the baseline protocol, half of them the gateway's own.
    async fn subscribe_many(&self, count: usize) -> Result<Vec<Socket>, Failure> {
        let mut sockets = Vec::with_capacity(count);
        for index in 0..count {
            let user_id = format!("non-reader-{}", index % USERS);
            let reader = self.subscribe(&user_id, index % 2 == 0).await?;
            sockets.push(reader.socket);
        }
        Ok(sockets)
    }

    async fn subscribe(&self, user_id: &str, has_features: bool) -> Result<Reader, Failure> {
        let token = self.gateway.sign(user_id, &[WORKSPACE])?;
        let mut socket = Socket::connect(self.gateway.address(), &token).await?;
        if has_features {
            socket.hello(&["replay", "ack"]).await?;
        }
        let subscribe = json!({ "type": "subscribe", "executionId": self.execution_id });
        socket.send(subscribe.to_string()).await?;
        let text = socket.next().await?;
        let cursor = Frame::read(&text)?.head.unwrap_or(0);
        Ok(Reader { socket, cursor })
    }

    /// Emits so many MiB while the reader reads, and says how many events the reader did not get.
    async fn offer(&self, mib: usize, reader: &mut Reader) -> Result<u64, Failure> {
        let requests = (mib * MIB).div_ceil(CHUNK_BYTES * EMITTED_AT_ONCE);
        let events: Vec<Value> = vec![self.event(); EMITTED_AT_ONCE];
        let last = reader.cursor + u64::try_from(requests * EMITTED_AT_ONCE)?;
        let backend = self.gateway.backend()?;
        let mut emitting = JoinSet::new();
        emitting.spawn(async move {
            for _ in 0..requests {
                backend.emit(&events).await?;
            }
            Ok::<(), Failure>(())
        });
        // What did not come in time is lost.
        let read = timeout(PATIENCE, reader.read_until(last)).await;
        let emitted = emitting.join_all().await;
        emitted.into_iter().collect::<Result<(), Failure>>()?;
        read.unwrap_or(Ok(()))?;
        Ok(last.saturating_sub(reader.cursor))
    }

    fn event(&self) -> Value {
        json!({
            "type": "node:stream",
            "timestamp": 0,
            "executionId": self.execution_id,
            "nodeId": "node",
            "chunk": "x".repeat(CHUNK_BYTES),
        })
    }
}

impl Reader {
    async fn read_until(&mut self, last: u64) -> Result<(), Failure> {
        while self.cursor < last {
            let text = self.socket.next().await?;
            let frame = Frame::read(&text)?;
            if frame.seq != Some(self.cursor + 1) {
                let (seq, cursor) = (frame.seq, self.cursor);
                return Err(format!("event {seq:?} came after event {cursor}").into());
            }
            self.cursor += 1;
        }
        Ok(())
    }
}
