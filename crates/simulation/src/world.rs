//! The world of one run: virtual time, who acts when, and what has happened.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::hash::Hash;

use flowmaestro_hub::Hub;
use flowmaestro_session::{Failure, Input, State};

use crate::client::Client;
use crate::network::Connection;
use crate::plan::{MAX_EXECUTIONS, MAX_USERS, Plan};
use crate::random::Random;
use crate::server::Server;
use crate::trace::{Fold, Trace};
use crate::{Check, Setup, Summary, Violation};

/// A run with more steps than this never ends.
const MAX_STEPS: u64 = 300_000;
/// Two heartbeats and the longest backoff, and some round trips: what I6 allows.
const RECOVERY_MS: u64 = 2 * 15_000 + 39_000;
/// For how long executions still emit once the faults have stopped.
const CALM_EMISSIONS_MS: u64 = 20_000;

/// Something that happens at a time. The actor comes first in the order of what happens at once, so
/// that who else takes part changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Happening {
    /// The faults stop.
    Calm,
    /// Everybody must have come back by now.
    Deadline,
    /// A sign of life for those who had given up by then.
    Encourage,
    Restart,
    ServerUp {
        life: u32,
    },
    ServerClock,
    HubTimer {
        at: u64,
    },
    ClientTimer {
        client: usize,
        version: u64,
    },
    Act {
        client: usize,
    },
    TokenAnswer {
        client: usize,
        request: u32,
    },
    Cut {
        client: usize,
    },
    Kill {
        client: usize,
    },
    Kick {
        client: usize,
    },
    Revoke {
        client: usize,
    },
    Sleep {
        client: usize,
    },
    ClientClock {
        client: usize,
    },
    Accept {
        connection: usize,
    },
    ToServer {
        connection: usize,
        frame: u64,
    },
    ToClient {
        connection: usize,
        frame: u64,
    },
    Write {
        connection: usize,
    },
    Read {
        connection: usize,
    },
    Verified {
        connection: usize,
    },
    /// TCP has given up on a dead link.
    TcpTimeout {
        connection: usize,
    },
    /// The closing handshake is over.
    ServerGone {
        connection: usize,
    },
    /// The client must have noticed that the link is dead.
    DeadLinkNoticed {
        connection: usize,
    },
    Emit {
        execution: usize,
    },
}

/// An event that was emitted.
#[derive(Clone, Debug)]
pub(crate) struct Emission {
    pub(crate) at: u64,
    /// Which history numbered it.
    pub(crate) history: u32,
    /// Its number there; 0 without.
    pub(crate) seq: u64,
    pub(crate) terminal: bool,
}

/// A message that a client's user sent.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) user: usize,
    pub(crate) execution: usize,
    /// The lives of the server in which it was acted on.
    pub(crate) acted: Vec<u32>,
    pub(crate) settled: bool,
    /// The client said that it was not sent.
    pub(crate) disowned: bool,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) now: u64,
    pub(crate) calm: bool,
    heap: BinaryHeap<Reverse<(u64, u32, u64, Happening)>>,
    scheduled: u64,
    pub(crate) random: Random,
    pub(crate) trace: Trace,
    pub(crate) violation: Option<(Check, String)>,
    pub(crate) clients: Vec<Client>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) server: Server,
    pub(crate) emitters: Vec<Random>,
    pub(crate) emissions: [Vec<Emission>; MAX_EXECUTIONS],
    /// How many user-scoped events each user got.
    pub(crate) documents: [u32; MAX_USERS],
    pub(crate) messages: BTreeMap<(usize, u32), Message>,
    /// The bytes that each user was sent.
    pub(crate) streams: [Fold; MAX_USERS],
    /// The user who takes no part.
    pub(crate) without: Option<usize>,
    /// When somebody began to wait, and until when: those who lost their server at once must not
    /// come back at once.
    pub(crate) waits: Vec<(u64, usize, u64)>,
}

impl World {
    pub(crate) fn new(seed: u64, setup: &Setup) -> Self {
        let plan = Plan::new(seed);
        let clients = plan
            .clients
            .iter()
            .enumerate()
            .map(|(index, client)| Client::new(seed, index, client.clone()))
            .collect();
        let emitters = (0..plan.executions.len())
            .map(|index| Random::stream(seed, 300 + index as u32))
            .collect();
        Self {
            seed,
            now: 0,
            calm: false,
            heap: BinaryHeap::new(),
            scheduled: 0,
            random: Random::stream(seed, 1),
            trace: Trace::new(setup.keep_trace),
            violation: None,
            clients,
            connections: Vec::new(),
            server: Server::new(&plan),
            emitters,
            emissions: std::array::from_fn(|_| Vec::new()),
            documents: [0; MAX_USERS],
            messages: BTreeMap::new(),
            streams: std::array::from_fn(|_| Fold::default()),
            without: setup.without_user,
            waits: Vec::new(),
            plan,
        }
    }

    pub(crate) fn run(mut self) -> Result<Summary, Box<Violation>> {
        self.begin();
        while self.violation.is_none() {
            let Some(Reverse((at, _, _, happening))) = self.heap.pop() else {
                break;
            };
            self.now = at;
            if happening == Happening::Deadline {
                self.step(&happening);
                self.check_recovery();
                self.check_nothing_left();
                break;
            }
            self.happen(happening);
            if self.trace.steps() > MAX_STEPS {
                self.fail(Check::Panic, "the run does not end".to_owned());
            }
        }
        use std::hash::Hasher;
        match self.violation.take() {
            None => Ok(Summary {
                steps: self.trace.steps(),
                hash: self.trace.hash(),
                streams: std::array::from_fn(|user| self.streams[user].finish()),
                lines: self.trace.into_lines(),
            }),
            Some((check, message)) => Err(Box::new(Violation {
                seed: self.seed,
                check,
                message,
                steps: self.trace.steps(),
                lines: self.trace.into_lines(),
            })),
        }
    }

    pub(crate) fn step(&mut self, step: &(impl Hash + std::fmt::Debug)) {
        self.trace.step(self.now, step);
    }

    pub(crate) fn fail(&mut self, check: Check, message: String) {
        self.violation.get_or_insert((check, message));
    }

    pub(crate) fn schedule(&mut self, after: u64, happening: Happening) {
        self.schedule_at(self.now + after, happening);
    }

    pub(crate) fn schedule_at(&mut self, at: u64, happening: Happening) {
        self.scheduled += 1;
        let actor = self.actor(happening);
        let entry = (at.max(self.now), actor, self.scheduled, happening);
        self.heap.push(Reverse(entry));
    }

    fn actor(&self, happening: Happening) -> u32 {
        use Happening::*;
        match happening {
            Calm | Deadline | Encourage | Restart | ServerUp { .. } | ServerClock => 0,
            HubTimer { .. } => 1,
            Act { client }
            | ClientTimer { client, .. }
            | TokenAnswer { client, .. }
            | Cut { client }
            | Kill { client }
            | Kick { client }
            | Revoke { client }
            | Sleep { client }
            | ClientClock { client } => 10 + client as u32,
            Accept { connection }
            | ToServer { connection, .. }
            | ToClient { connection, .. }
            | Write { connection }
            | Read { connection }
            | Verified { connection }
            | TcpTimeout { connection }
            | ServerGone { connection }
            | DeadLinkNoticed { connection } => 100 + self.connections[connection].client as u32,
            Emit { execution } => 200 + execution as u32,
        }
    }

    /// Whether a user takes part.
    pub(crate) fn takes_part(&self, user: usize) -> bool {
        self.without != Some(user)
    }

    fn begin(&mut self) {
        self.start_server();
        let faults = self.plan.faults.clone();
        for (mean, happening) in [
            (faults.restart, Happening::Restart),
            (faults.server_clock, Happening::ServerClock),
        ] {
            if let Some(mean) = mean {
                let pause = self.random.pause(mean);
                self.schedule(pause, happening);
            }
        }
        for client in 0..self.clients.len() {
            if !self.takes_part(self.clients[client].plan.user) {
                continue;
            }
            for (mean, happening) in [
                (faults.cut, Happening::Cut { client }),
                (faults.dead, Happening::Kill { client }),
                (faults.kick, Happening::Kick { client }),
                (faults.revoke, Happening::Revoke { client }),
                (faults.sleep, Happening::Sleep { client }),
                (faults.client_clock, Happening::ClientClock { client }),
            ] {
                if let Some(mean) = mean {
                    let pause = self.clients[client].network.pause(mean);
                    self.schedule(pause, happening);
                }
            }
            self.begin_client(client);
        }
        for execution in 0..self.plan.executions.len() {
            if self.takes_part(self.plan.executions[execution].owner) {
                let pause = self.emitters[execution].pause(self.plan.executions[execution].pace_ms);
                self.schedule(pause, Happening::Emit { execution });
            }
        }
        self.schedule(self.plan.storm_ms, Happening::Calm);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Calm => self.begin_calm(),
            Happening::Deadline => {}
            Happening::Encourage => self.encourage(),
            Happening::Restart => self.restart(),
            Happening::ServerUp { life } => self.server_up(life),
            Happening::ServerClock => self.jump_server_clock(),
            Happening::HubTimer { at } => self.hub_timer(at),
            Happening::ClientTimer { client, version } => self.client_timer(client, version),
            Happening::Act { client } => self.act(client),
            Happening::TokenAnswer { client, request } => self.token_answer(client, request),
            Happening::Cut { client } => self.cut_client(client),
            Happening::Kill { client } => self.kill_link(client),
            Happening::Kick { client } => self.kick(client),
            Happening::Revoke { client } => self.revoke(client),
            Happening::Sleep { client } => self.sleep(client),
            Happening::ClientClock { client } => self.jump_client_clock(client),
            Happening::Accept { connection } => self.accept(connection),
            Happening::ToServer { connection, frame } => self.arrive_at_server(connection, frame),
            Happening::ToClient { connection, frame } => {
                if !self.postpone(self.connections[connection].client, happening) {
                    self.arrive_at_client(connection, frame);
                }
            }
            Happening::Write { connection } => self.write_one(connection),
            Happening::Read { connection } => self.read_on(connection),
            Happening::Verified { connection } => self.verified(connection),
            Happening::TcpTimeout { connection } => self.tcp_timeout(connection),
            Happening::ServerGone { connection } => self.server_gone(connection),
            Happening::DeadLinkNoticed { connection } => self.check_dead_link(connection),
            Happening::Emit { execution } => self.emit_burst(execution),
        }
    }

    /// What happens to a client that sleeps happens when it wakes up.
    pub(crate) fn postpone(&mut self, client: usize, happening: Happening) -> bool {
        let until = self.clients[client].asleep_until;
        let asleep = until > self.now;
        if asleep {
            self.schedule_at(until, happening);
        }
        asleep
    }

    // The calm after the storm.

    fn begin_calm(&mut self) {
        self.step(&Happening::Calm.name());
        self.calm = true;
        if self.server.hub.is_none() {
            self.start_server();
        }
        // What is due by now comes before what the calm changes, whoever takes part.
        self.with_hub(Hub::tick);
        for connection in 0..self.connections.len() {
            self.calm_connection(connection);
        }
        for client in 0..self.clients.len() {
            if self.takes_part(self.clients[client].plan.user) {
                self.calm_client(client);
            }
        }
        self.schedule(11_000, Happening::Encourage);
        let round_trips = 12 * self.plan.faults.delay_ms;
        self.schedule(RECOVERY_MS + 2_000 + round_trips, Happening::Deadline);
    }

    fn encourage(&mut self) {
        for client in 0..self.clients.len() {
            if !self.takes_part(self.clients[client].plan.user) {
                continue;
            }
            match self.clients[client].session.state() {
                State::Failed {
                    error: Failure::RetriesExhausted { .. },
                } => {
                    self.excuse(client);
                    self.input(client, Input::Wake);
                }
                State::Failed { .. } => self.connect_client(client),
                _ => {}
            }
        }
    }

    /// Whether executions still emit.
    pub(crate) fn emits(&self, execution: usize) -> bool {
        let until = match self.plan.executions[execution].falls_silent {
            true => self.plan.storm_ms,
            false => self.plan.storm_ms + CALM_EMISSIONS_MS,
        };
        self.now < until
    }
}

impl Happening {
    fn name(self) -> &'static str {
        match self {
            Self::Calm => "the faults stop",
            _ => "",
        }
    }
}

impl Hash for Happening {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
    }
}
