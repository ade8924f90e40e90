//! The connections: in order in each direction, and dead, cut, slow or mangled at times.

use std::collections::VecDeque;
use std::sync::Arc;

use flowmaestro_protocol::{Feature, Features, close_code};
use flowmaestro_session::{Generation, Input};

use crate::Check;
use crate::random::Random;
use crate::world::{Happening, World};

/// A browser notices the end of a connection within this time, in ms.
const NOTICED_MS: u64 = 1;

pub(crate) struct Connection {
    pub(crate) client: usize,
    /// Who the token says it is.
    pub(crate) user: usize,
    pub(crate) generation: Generation,
    /// How many the client opened before.
    pub(crate) number: u32,
    pub(crate) token: Option<String>,
    /// The server's end.
    pub(crate) server: ServerEnd,
    /// When its token ends, by the server's clock.
    pub(crate) expires_at: u64,
    /// What the client switched on.
    pub(crate) spoken: Features,
    /// Which history its server has.
    pub(crate) history: u32,
    pub(crate) up: Pipe<UpFrame>,
    pub(crate) down: Pipe<DownFrame>,
    /// What waits for the socket.
    pub(crate) outbox: VecDeque<Arc<str>>,
    /// What the server has not looked at, because the client does not read its answers or sends too
    /// much at once.
    pub(crate) inbox: VecDeque<String>,
    /// The server waits before it reads on.
    pub(crate) pausing: bool,
    /// How long the socket takes for a frame, if it is slow.
    pub(crate) slow_ms: Option<u64>,
    pub(crate) writing: bool,
    /// How the server closes it once the outbox is empty.
    pub(crate) closing: Option<(u16, &'static str)>,
    pub(crate) tokens: VecDeque<String>,
    pub(crate) dead: bool,
    /// Its delays and losses.
    random: Random,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerEnd {
    /// The server has not heard of it.
    Pending,
    Open,
    /// It said that it closes.
    Closing,
    Gone,
}

/// One direction.
pub(crate) struct Pipe<F> {
    frames: VecDeque<(u64, F)>,
    sent: u64,
    /// When the last frame arrives.
    last_at: u64,
    /// Nothing arrives any more, and nobody is told.
    dead: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum UpFrame {
    Text(String),
    Close,
}

#[derive(Clone, Debug)]
pub(crate) enum DownFrame {
    Opened,
    Text(Arc<str>),
    Close(u16, &'static str),
}

impl<F> Pipe<F> {
    fn new() -> Self {
        Self {
            frames: VecDeque::new(),
            sent: 0,
            last_at: 0,
            dead: false,
        }
    }

    /// Puts a frame on its way; says its number and when it arrives.
    fn push(&mut self, now: u64, delay: u64, frame: F) -> Option<(u64, u64)> {
        if self.dead {
            return None;
        }
        self.sent += 1;
        self.last_at = self.last_at.max(now + delay);
        self.frames.push_back((self.sent, frame));
        Some((self.sent, self.last_at))
    }

    /// The next frame, up to the one that arrives.
    fn take(&mut self, number: u64) -> Option<F> {
        let (_, frame) = self.frames.pop_front_if(|(front, _)| *front <= number)?;
        Some(frame)
    }

    /// Loses what is on its way, but for the first few.
    fn cut(&mut self, kept: usize) {
        self.frames.truncate(kept);
    }

    fn len(&self) -> usize {
        self.frames.len()
    }
}

impl World {
    pub(crate) fn connect_socket(
        &mut self,
        client: usize,
        generation: Generation,
        token: Option<String>,
    ) -> usize {
        let faults = &self.plan.faults;
        let it = &mut self.clients[client];
        let slow = !self.calm && it.network.permille(faults.slow_reader);
        let connection = Connection {
            client,
            user: it.user,
            generation,
            number: it.sockets_opened,
            token,
            server: ServerEnd::Pending,
            expires_at: u64::MAX,
            spoken: Features::NONE,
            history: 0,
            up: Pipe::new(),
            down: Pipe::new(),
            outbox: VecDeque::new(),
            inbox: VecDeque::new(),
            pausing: false,
            slow_ms: slow.then(|| it.network.pick(&[20, 200, 2_000])),
            writing: false,
            closing: None,
            tokens: VecDeque::new(),
            dead: false,
            random: Random::stream(
                self.seed ^ u64::from(it.sockets_opened) << 8,
                50 + client as u32,
            ),
        };
        it.sockets_opened += 1;
        let hangs = !self.calm && it.network.permille(faults.hang);
        let index = self.connections.len();
        self.connections.push(connection);
        if !hangs {
            let delay = self.delay(index);
            self.schedule(delay, Happening::Accept { connection: index });
        }
        index
    }

    fn delay(&mut self, connection: usize) -> u64 {
        let max = match self.calm {
            true => self.plan.faults.delay_ms.min(100),
            false => self.plan.faults.delay_ms,
        };
        self.connections[connection].random.within(0, max)
    }

    /// Whether frames may be lost or doubled on a connection.
    fn mangles(&mut self, connection: usize, permille: u64) -> bool {
        !self.calm && self.connections[connection].random.permille(permille)
    }

    pub(crate) fn send_up(&mut self, connection: usize, frame: UpFrame) {
        if matches!(frame, UpFrame::Close) {
            self.step(&("up close", connection));
        }
        if let UpFrame::Text(text) = &frame {
            self.step(&(connection, text.as_str()));
            // What only an answer could prove is not lost: TCP does not lose it, and neither do those
            // who lose events.
            let is_lossy = [r#"{"type":"ack""#, r#"{"type":"ping""#]
                .iter()
                .any(|start| text.starts_with(start));
            let asks = [r#"{"type":"subscribe""#, r#"{"type":"unsubscribe""#]
                .iter()
                .any(|start| text.starts_with(start));
            if is_lossy && self.mangles(connection, self.plan.faults.lose)
                || asks && self.mangles(connection, self.plan.faults.lose_answers)
            {
                return self.step(&"lost");
            }
            if is_lossy && self.mangles(connection, self.plan.faults.duplicate) {
                self.push_up(connection, frame.clone());
            }
        }
        self.push_up(connection, frame);
    }

    fn push_up(&mut self, connection: usize, frame: UpFrame) {
        let delay = self.delay(connection);
        let now = self.now;
        let pushed = self.connections[connection].up.push(now, delay, frame);
        if let Some((frame, at)) = pushed {
            self.schedule_at(at, Happening::ToServer { connection, frame });
        }
    }

    pub(crate) fn send_down(&mut self, connection: usize, frame: DownFrame) {
        if let DownFrame::Text(text) = &frame {
            let faults = &self.plan.faults;
            let answers = [r#"{"type":"subscribed""#, r#"{"type":"unsubscribed""#]
                .iter()
                .any(|start| text.starts_with(start));
            let (lose, duplicate) = match text.contains(r#""timestamp":"#) {
                true => (faults.lose, faults.duplicate),
                false if answers => (faults.lose_answers, 0),
                false => (0, 0),
            };
            if self.mangles(connection, lose) {
                return self.step(&("lost", connection));
            }
            if self.mangles(connection, duplicate) {
                self.push_down(connection, frame.clone());
            }
        }
        self.push_down(connection, frame);
    }

    fn push_down(&mut self, connection: usize, frame: DownFrame) {
        let delay = self.delay(connection);
        let now = self.now;
        let pushed = self.connections[connection].down.push(now, delay, frame);
        if let Some((frame, at)) = pushed {
            self.schedule_at(at, Happening::ToClient { connection, frame });
        }
    }

    pub(crate) fn arrive_at_client(&mut self, connection: usize, number: u64) {
        // What arrived while the client slept comes first.
        while let Some(frame) = self.connections[connection].down.take(number) {
            self.receive(connection, frame);
        }
    }

    fn receive(&mut self, connection: usize, frame: DownFrame) {
        let Connection {
            client, generation, ..
        } = self.connections[connection];
        if !self.clients[client].holds(connection) {
            return;
        }
        match frame {
            DownFrame::Opened => {
                self.step(&("opened", connection));
                self.input(client, Input::SocketOpened { generation });
            }
            DownFrame::Text(text) => {
                self.step(&("down", connection, &*text));
                self.receive_text(client, connection, &text);
            }
            DownFrame::Close(code, reason) => {
                self.step(&("closed", connection, code));
                self.clients[client].let_go(connection);
                // The closing handshake: the client's end answers by itself.
                self.send_up(connection, UpFrame::Close);
                let reason = reason.to_owned();
                self.input(
                    client,
                    Input::SocketClosed {
                        generation,
                        code,
                        reason,
                    },
                );
            }
        }
    }

    pub(crate) fn arrive_at_server(&mut self, connection: usize, frame: u64) {
        let it = &mut self.connections[connection];
        let Some(frame) = it.up.take(frame) else {
            return;
        };
        if it.server != ServerEnd::Open {
            return;
        }
        match frame {
            UpFrame::Text(text) => {
                it.inbox.push_back(text);
                self.read_inbox(connection);
            }
            UpFrame::Close => self.server_gone(connection),
        }
    }

    /// The client hangs up.
    pub(crate) fn close_from_client(&mut self, connection: usize, _code: u16) {
        self.send_up(connection, UpFrame::Close);
        let it = &mut self.connections[connection];
        it.down.cut(0);
        if it.up.dead || it.dead {
            let timeout = it.random.within(5_000, 30_000);
            self.schedule(timeout, Happening::TcpTimeout { connection });
        }
    }

    /// The network has failed, and both ends are told.
    pub(crate) fn cut(&mut self, connection: usize) {
        self.step(&("cut", connection));
        let it = &mut self.connections[connection];
        let kept = it.random.below(it.down.len() as u64 + 1) as usize;
        it.down.cut(kept);
        let kept = it.random.below(it.up.len() as u64 + 1) as usize;
        it.up.cut(kept);
        let dead = std::mem::take(&mut it.dead);
        it.down.dead = false;
        it.up.dead = false;
        if dead {
            it.down.cut(0);
            it.up.cut(0);
        }
        let now = self.now;
        let closed = DownFrame::Close(close_code::ABNORMAL, "");
        if let Some((frame, at)) = it.down.push(now, NOTICED_MS, closed) {
            self.schedule_at(at, Happening::ToClient { connection, frame });
        }
        let it = &mut self.connections[connection];
        if let Some((frame, at)) = it.up.push(now, NOTICED_MS, UpFrame::Close) {
            self.schedule_at(at, Happening::ToServer { connection, frame });
        }
        let it = &mut self.connections[connection];
        it.up.dead = true;
        it.down.dead = true;
    }

    /// The process at the other end is gone: its machine says so.
    pub(crate) fn reset_by_server(&mut self, connection: usize) {
        let it = &mut self.connections[connection];
        it.server = ServerEnd::Gone;
        it.outbox.clear();
        it.inbox.clear();
        it.up.cut(0);
        it.up.dead = true;
        if it.down.dead {
            return;
        }
        it.down.cut(0);
        it.down.last_at = self.now;
        let closed = DownFrame::Close(close_code::ABNORMAL, "");
        if let Some((frame, at)) = it.down.push(self.now, NOTICED_MS, closed) {
            self.schedule_at(at, Happening::ToClient { connection, frame });
        }
        self.connections[connection].down.dead = true;
    }

    pub(crate) fn cut_client(&mut self, client: usize) {
        if self.calm {
            return;
        }
        if let Some(connection) = self.clients[client].socket {
            self.cut(connection);
        }
        let mean = self.plan.faults.cut.unwrap_or(1_000);
        let pause = self.clients[client].network.pause(mean);
        self.schedule(pause, Happening::Cut { client });
    }

    /// The link dies in one direction or both, and nobody is told.
    pub(crate) fn kill_link(&mut self, client: usize) {
        if self.calm {
            return;
        }
        let mean = self.plan.faults.dead.unwrap_or(1_000);
        let pause = self.clients[client].network.pause(mean);
        let which = self.clients[client].network.below(3);
        let gives_up = self.clients[client].network.within(20_000, 60_000);
        self.schedule(pause, Happening::Kill { client });
        let Some(connection) = self.clients[client].socket else {
            return;
        };
        self.step(&("dead", connection, which));
        let it = &mut self.connections[connection];
        it.dead = true;
        if which != 1 {
            it.up.cut(0);
            it.up.dead = true;
        }
        if which != 2 {
            it.down.cut(0);
            it.down.dead = true;
        }
        // What still comes to the client gives the answer of the server more time.
        let in_time = if which == 2 { 30_000 } else { 15_000 };
        let noticed = in_time + 2 * self.plan.faults.delay_ms + 10;
        self.schedule(noticed, Happening::DeadLinkNoticed { connection });
        self.schedule(gives_up, Happening::TcpTimeout { connection });
    }

    /// TCP has given up: whoever is still there is told.
    pub(crate) fn tcp_timeout(&mut self, connection: usize) {
        if self.connections[connection].dead {
            self.step(&("tcp gives up", connection));
            self.cut(connection);
        }
    }

    /// A link that was dead for so long has been noticed by whoever sends pings.
    pub(crate) fn check_dead_link(&mut self, connection: usize) {
        let it = &self.connections[connection];
        let faults = &self.plan.faults;
        let disturbed = faults.sleep.is_some() || faults.client_clock.is_some();
        let client = &self.clients[it.client];
        let pings = client.speaks_with(it.spoken, Feature::Ping) && !it.spoken.is_empty();
        let still_there = client.socket == Some(connection) && it.dead;
        if still_there && pings && !disturbed {
            self.fail(
                Check::Liveness,
                format!("connection {connection} is dead, and nobody has noticed"),
            );
        }
    }

    /// What is left of the faults of a connection is made good.
    pub(crate) fn calm_connection(&mut self, connection: usize) {
        let it = &self.connections[connection];
        let is_in_use = self.clients[it.client].holds(connection);
        if it.slow_ms.is_some() {
            self.connections[connection].slow_ms = None;
            self.flush(connection);
        }
        let it = &self.connections[connection];
        if is_in_use && it.dead && it.spoken.contains(Feature::Ping) {
            return;
        }
        if is_in_use && (it.dead || self.plan.faults.cut_at_the_end) {
            self.cut(connection);
        }
    }
}
