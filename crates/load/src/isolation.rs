//! Users who subscribe, unsubscribe and ask for replays at random, of their own executions and of
//! others', while events of all of them are emitted. Every byte that reaches one of them is searched
//! for another's name.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::backend::Backend;
use crate::crowd::entries_left;
use crate::frame::Frame;
use crate::gateway::Gateway;
use crate::report::Report;
use crate::socket::Socket;
use crate::{Cli, Failure};

/// Every name of a user, and nothing else, begins like this; so many digits follow.
const MARK: &str = "user-";
const DIGITS: usize = 6;

/// The first execution of each user is watched from the beginning to the end: nothing may be missing.
const WATCHED: usize = 0;

/// How many requests of the backend are under way at a time, and events in each.
const REQUESTS: usize = 16;
const EVENTS_AT_ONCE: usize = 50;

/// Events, on average, of each execution.
const EVENTS_PER_EXECUTION: usize = 2;

const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the scenario.
pub(crate) async fn run(cli: &Cli, report: &mut Report) -> Result<(), Failure> {
    let (users, executions) = (cli.users, cli.executions);
    report.scenario(format_args!(
        "{users} users with {executions} executions each"
    ));
    // One for the executions that other scenarios may have left on a running gateway.
    let room = (2 * users * executions).max(100_000).to_string();
    let gateway = Gateway::start(cli.source(), &["--max-executions", &room]).await?;
    let world = Arc::new(World {
        users,
        executions,
        run: fastrand::u32(..),
        backend: gateway.backend()?,
    });
    let started = Instant::now();
    world.register_all().await?;
    let seconds = started.elapsed().as_secs_f64();
    let per_second = (users * executions) as f64 / seconds;
    report.figure("executions registered", per_second, "/s");

    let started = Instant::now();
    let seen = world.live(&gateway, cli).await?;
    let seconds = started.elapsed().as_secs_f64();
    report.figure("events delivered", seen.events as f64 / seconds, "/s");
    report.figure(
        "messages refused, as they have to be",
        seen.refused as f64,
        "",
    );
    report.exactly("foreign bytes", seen.foreign_bytes, 0);
    report.exactly("foreign executions opened", seen.opened, 0);
    report.exactly(
        "ways to say that an execution is foreign",
        seen.refusals.len() as u64,
        1,
    );
    report.exactly("events of watched executions lost", seen.lost, 0);
    let left = entries_left(&world.backend).await?;
    report.exactly("entries left after the last disconnect", left, 0);
    Ok(())
}

/// All users and their executions.
struct World {
    users: usize,
    executions: usize,
    /// Tells the executions of this run from those of others on the same gateway.
    run: u32,
    backend: Backend,
}

/// What reached users.
#[derive(Default)]
struct Seen {
    events: u64,
    refused: u64,
    foreign_bytes: u64,
    /// Foreign executions that were subscribed to all the same.
    opened: u64,
    /// Events of the watched execution that did not come.
    lost: u64,
    /// The texts of the refusals, without the execution that was asked for.
    refusals: Vec<String>,
}

/// One user, with one connection.
struct User {
    world: Arc<World>,
    index: usize,
    socket: Socket,
    random: Rng,
    seen: Seen,
    /// The last event of the watched execution that came.
    cursor: u64,
}

impl World {
    fn user_id(&self, user: usize) -> String {
        format!("{MARK}{user:0DIGITS$}")
    }

    fn execution_id(&self, user: usize, execution: usize) -> String {
        format!("{}/{:08x}/{execution}", self.user_id(user), self.run)
    }

    async fn register_all(self: &Arc<Self>) -> Result<(), Failure> {
        self.in_parallel(|world, user| async move {
            for execution in 0..world.executions {
                let id = world.execution_id(user, execution);
                let owner = world.user_id(user);
                world.backend.register(&id, &owner, &[]).await?;
            }
            Ok(())
        })
        .await
    }

    /// Everyone acts, all at the same time, while events of everyone are emitted.
    async fn live(self: &Arc<Self>, gateway: &Gateway, cli: &Cli) -> Result<Seen, Failure> {
        let everyone = Arc::new(Barrier::new(self.users + 1));
        let mut users = JoinSet::new();
        for index in 0..self.users {
            let token = gateway.sign(&self.user_id(index), &[])?;
            let random = Rng::with_seed(cli.seed.wrapping_add(index as u64));
            let address = gateway.address().to_owned();
            let (world, everyone) = (Arc::clone(self), Arc::clone(&everyone));
            let messages = cli.messages;
            users.spawn(async move {
                let user = User::connect(world, index, &address, &token, random).await;
                everyone.wait().await;
                user?.act(messages).await
            });
        }
        everyone.wait().await;
        self.emit_all().await?;
        self.say_that_it_is_over().await?;
        let mut seen = Seen::default();
        let all = timeout(PATIENCE, users.join_all()).await;
        for user in all.map_err(|_| "some users never saw the end")? {
            seen.add(user?);
        }
        Ok(seen)
    }

    /// Events of all executions, mixed.
    async fn emit_all(self: &Arc<Self>) -> Result<(), Failure> {
        let rounds = (self.executions * EVENTS_PER_EXECUTION).div_ceil(EVENTS_AT_ONCE);
        self.in_parallel(move |world, _| async move {
            for _ in 0..rounds {
                let random = || {
                    (
                        fastrand::usize(..world.users),
                        fastrand::usize(..world.executions),
                    )
                };
                let events: Vec<Value> = std::iter::repeat_with(random)
                    .take(EVENTS_AT_ONCE)
                    .map(|(user, execution)| world.event(user, execution))
                    .collect();
                world.backend.emit(&events).await?;
            }
            Ok(())
        })
        .await
    }

    /// The last event of every user: of the watched execution, so that it comes after all others.
    async fn say_that_it_is_over(self: &Arc<Self>) -> Result<(), Failure> {
        self.in_parallel(|world, user| async move { world.backend.emit(&[world.end(user)]).await })
            .await
    }

    fn event(&self, user: usize, execution: usize) -> Value {
        let owner = self.user_id(user);
        match fastrand::u8(..10) {
            0 => json!({
                "userId": owner,
                "event": {
                    "type": "kb:document:processing",
                    "timestamp": 0,
                    "knowledgeBaseId": "kb",
                    "documentId": format!("document of {owner}"),
                    "documentName": "a document",
                },
            }),
            1 => json!({
                "type": "user:input:required",
                "timestamp": 0,
                "executionId": self.execution_id(user, execution),
                "nodeId": "node",
                "prompt": format!("a question to {owner}"),
                "inputType": "text",
            }),
            _ => self.chunk(user, execution, "a text of"),
        }
    }

    fn end(&self, user: usize) -> Value {
        self.chunk(user, WATCHED, END)
    }

    fn chunk(&self, user: usize, execution: usize, text: &str) -> Value {
        json!({
            "type": "node:stream",
            "timestamp": 0,
            "executionId": self.execution_id(user, execution),
            "nodeId": "node",
            "chunk": format!("{text} {}", self.user_id(user)),
        })
    }

    /// Does something for every user, for a few at a time.
    async fn in_parallel<F>(
        self: &Arc<Self>,
        task: impl Fn(Arc<Self>, usize) -> F,
    ) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let permits = Arc::new(Semaphore::new(REQUESTS));
        let mut tasks = JoinSet::new();
        for user in 0..self.users {
            let permit = Arc::clone(&permits).acquire_owned().await?;
            let task = task(Arc::clone(self), user);
            tasks.spawn(async move {
                let result = task.await;
                drop(permit);
                result
            });
        }
        tasks.join_all().await.into_iter().collect()
    }
}

/// How the text of a user's last event begins.
const END: &str = "the end for";

impl User {
    async fn connect(
        world: Arc<World>,
        index: usize,
        address: &str,
        token: &str,
        random: Rng,
    ) -> Result<Self, Failure> {
        let mut socket = Socket::connect(address, token).await?;
        socket
            .hello(&["replay", "ack", "batch", "presence"])
            .await?;
        let mut user = Self {
            world,
            index,
            socket,
            random,
            seen: Seen::default(),
            cursor: 0,
        };
        user.subscribe(index, WATCHED).await?;
        // The watched one is subscribed before anything is emitted.
        let text = user.socket.next().await?;
        user.read(&text).await?;
        Ok(user)
    }

    /// Sends so many messages, reads in between, and then reads on until the end.
    async fn act(mut self, messages: usize) -> Result<Seen, Failure> {
        let mut left = messages;
        let mut is_over = false;
        while left > 0 || !is_over {
            if left > 0 {
                self.do_something().await?;
                left -= 1;
            }
            // Every message is answered, so there is something to read.
            let text = self.socket.next().await?;
            is_over |= self.read(&text).await?;
        }
        Ok(self.seen)
    }

    async fn do_something(&mut self) -> Result<(), Failure> {
        let stranger = (self.index + self.random.usize(1..self.world.users)) % self.world.users;
        let execution = self.random.usize(WATCHED + 1..self.world.executions);
        match self.random.u8(..10) {
            0..=3 => self.subscribe(self.index, execution).await,
            4 => self.send("unsubscribe", self.index, execution).await,
            5 => self.replay(self.index, execution).await,
            6 | 7 => self.subscribe(stranger, execution).await,
            8 => self.replay(stranger, execution).await,
            // Nobody's execution: as good as a stranger's.
            _ => self.subscribe(self.index, self.world.executions).await,
        }
    }

    async fn subscribe(&mut self, user: usize, execution: usize) -> Result<(), Failure> {
        self.send("subscribe", user, execution).await
    }

    async fn replay(&mut self, user: usize, execution: usize) -> Result<(), Failure> {
        let id = self.world.execution_id(user, execution);
        let message = json!({ "type": "replay", "executionId": id, "since": 0 });
        self.socket.send(message.to_string()).await
    }

    async fn send(&mut self, kind: &str, user: usize, execution: usize) -> Result<(), Failure> {
        let id = self.world.execution_id(user, execution);
        let message = json!({ "type": kind, "executionId": id, "presence": self.random.bool() });
        self.socket.send(message.to_string()).await
    }

    /// Reads a frame, and says whether it was the end.
    async fn read(&mut self, text: &str) -> Result<bool, Failure> {
        let frame = Frame::read(text)?;
        if frame.kind == "error" {
            self.on_refusal(&frame, text);
            return Ok(false);
        }
        self.look_for_strangers(text);
        if frame.kind == "subscribed" && !self.is_mine(&frame) {
            self.seen.opened += 1;
        }
        let mut is_over = false;
        for event in std::iter::once(&frame).chain(&frame.events) {
            is_over |= self.on_event(event).await?;
        }
        Ok(is_over)
    }

    /// A refusal names the execution that was asked for, and nothing else of anybody.
    fn on_refusal(&mut self, frame: &Frame<'_>, text: &str) {
        let id = frame.execution_id.as_deref().unwrap_or_default();
        let refusal = text.replace(id, "");
        self.look_for_strangers(&refusal);
        self.seen.refused += 1;
        self.seen.note_refusal(refusal);
    }

    async fn on_event(&mut self, event: &Frame<'_>) -> Result<bool, Failure> {
        let Some(seq) = event.seq else {
            return Ok(false);
        };
        self.seen.events += 1;
        if let (true, Some(id)) = (event.ack, &event.event_id) {
            let message = json!({ "type": "ack", "eventId": id });
            self.socket.send(message.to_string()).await?;
        }
        let watched = self.world.execution_id(self.index, WATCHED);
        if event.execution_id.as_deref() == Some(&watched) {
            self.seen.lost += (self.cursor + 1).abs_diff(seq);
            self.cursor = seq;
        }
        let chunk = event.chunk.as_deref().unwrap_or_default();
        Ok(chunk.starts_with(END))
    }

    fn is_mine(&self, frame: &Frame<'_>) -> bool {
        let id = frame.execution_id.as_deref().unwrap_or_default();
        id.starts_with(&self.world.user_id(self.index))
    }

    /// A frame with another user's name in it is foreign as a whole.
    fn look_for_strangers(&mut self, text: &str) {
        let mine = self.world.user_id(self.index);
        let is_foreign = |(at, _): (usize, &str)| text.get(at..at + mine.len()) != Some(&mine);
        if text.match_indices(MARK).any(is_foreign) {
            self.seen.foreign_bytes += text.len() as u64;
        }
    }
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.refused += other.refused;
        self.foreign_bytes += other.foreign_bytes;
        self.opened += other.opened;
        self.lost += other.lost;
        for refusal in other.refusals {
            self.note_refusal(refusal);
        }
    }

    fn note_refusal(&mut self, refusal: String) {
        if !self.refusals.contains(&refusal) {
            self.refusals.push(refusal);
        }
    }
}
