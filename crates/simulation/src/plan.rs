//! What a seed chooses: who takes part, what they do, and what goes wrong how often.

use flowmaestro_hub::{Config, MemoryLimits};
use flowmaestro_protocol::{Feature, Features};
use flowmaestro_session::{Backoff, Jitter, Options};

use crate::random::Random;

/// How many executions there can be. One more is known to nobody.
pub(crate) const MAX_EXECUTIONS: usize = 6;
/// How many users there can be.
pub(crate) const MAX_USERS: usize = 2;

/// One run, as its seed chose it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) clients: Vec<ClientPlan>,
    pub(crate) executions: Vec<ExecutionPlan>,
    pub(crate) server: Config,
    pub(crate) history: MemoryLimits,
    /// How long things go wrong, in ms.
    pub(crate) storm_ms: u64,
    pub(crate) faults: Faults,
}

#[derive(Clone, Debug)]
pub(crate) struct ClientPlan {
    pub(crate) user: usize,
    pub(crate) options: Options,
    /// It asks a provider for its tokens.
    pub(crate) provider: bool,
    /// It reads in its tokens when they end.
    pub(crate) knows_token_ends: bool,
    /// How often it does something, in ms.
    pub(crate) pace_ms: u64,
    /// What it does, by weight.
    pub(crate) habits: Habits,
}

#[derive(Clone, Debug)]
pub(crate) struct Habits {
    pub(crate) subscribe: u64,
    pub(crate) unsubscribe: u64,
    /// Subscribes, unsubscribes and subscribes in one go.
    pub(crate) flicker: u64,
    pub(crate) send: u64,
    pub(crate) disconnect: u64,
    pub(crate) reconnect: u64,
    pub(crate) wake: u64,
    pub(crate) presence: u64,
    pub(crate) switch_user: u64,
    /// Is told that there is no network, or that there is one again.
    pub(crate) network: u64,
    /// How often a handler does one of these, in a thousand events.
    pub(crate) from_handler: u64,
    /// How often a handler ends the subscription that it got its event by, in a thousand events.
    pub(crate) leaves: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct ExecutionPlan {
    pub(crate) owner: usize,
    /// How often it emits, in ms.
    pub(crate) pace_ms: u64,
    /// How many events at once, at most.
    pub(crate) burst: u64,
    /// How many in a thousand are critical.
    pub(crate) critical: u64,
    /// How many in a thousand are terminal.
    pub(crate) terminal: u64,
    /// Whether anything follows a terminal event.
    pub(crate) goes_on: bool,
    /// Its chunks are up to this long.
    pub(crate) chunk: u64,
    /// Nothing is emitted once the faults have stopped.
    pub(crate) falls_silent: bool,
}

/// What goes wrong. `None` and 0 are never; pauses are means in ms.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) delay_ms: u64,
    pub(crate) cut: Option<u64>,
    pub(crate) dead: Option<u64>,
    pub(crate) restart: Option<u64>,
    /// In a thousand restarts, the history survives.
    pub(crate) history_survives: u64,
    /// In a thousand restarts, the server is of the other kind afterwards: with features or without.
    pub(crate) other_server: u64,
    pub(crate) refuse: u64,
    pub(crate) hang: u64,
    pub(crate) reject_token: u64,
    pub(crate) lose: u64,
    /// Also what asks for a subscription or its end, and the answers.
    pub(crate) lose_answers: u64,
    pub(crate) duplicate: u64,
    pub(crate) token_ttl_ms: Option<u64>,
    pub(crate) token_fails: u64,
    pub(crate) server_clock: Option<u64>,
    pub(crate) client_clock: Option<u64>,
    pub(crate) sleep: Option<u64>,
    /// In a thousand connections, the reader is slow.
    pub(crate) slow_reader: u64,
    pub(crate) revoke: Option<u64>,
    pub(crate) kick: Option<u64>,
    /// Half of the cuts are made anew when the faults stop.
    pub(crate) cut_at_the_end: bool,
}

impl Faults {
    /// Whether frames may be lost or come twice on a connection that is alive.
    pub(crate) fn mangles(&self) -> bool {
        self.lose > 0 || self.lose_answers > 0 || self.duplicate > 0
    }
}

/// A fault is on in some runs only, or the faults would hide each other.
fn sometimes<T: Copy>(random: &mut Random, permille: u64, rates: &[T]) -> Option<T> {
    let rate = random.pick(rates);
    random.permille(permille).then_some(rate)
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let random = &mut Random::stream(seed, 0);
        let users = random.within(1, MAX_USERS as u64);
        let featured_server = random.permille(800);
        let faults = Self::faults(random);
        let mangles = faults.mangles();
        let server_features = if mangles || featured_server {
            Features::ALL
        } else {
            Features::NONE
        };
        let client_count = random.within(1, 3).max(users);
        let mut clients: Vec<_> = (0..client_count)
            .map(|index| {
                let featured = random.permille(800) || mangles;
                let user = if index < users {
                    index as usize
                } else {
                    random.below(users) as usize
                };
                Self::client(random, user, featured)
            })
            .collect();
        let execution_count = random.within(1, MAX_EXECUTIONS as u64 - 1);
        let executions = (0..execution_count)
            .map(|_| Self::execution(random, users))
            .collect();
        let mut server = Config {
            features: server_features,
            max_subscriptions: random.pick(&[128, 128, 3]),
            batch_window_ms: random.pick(&[0, 4, 20]),
            batch_bytes: random.pick(&[400, 64 * 1024]),
            queue_frames: random.pick(&[4, 16, 10_000, 10_000]),
            queue_bytes: random.pick(&[1_000, 4_000, 1024 * 1024, 1024 * 1024]),
            expiry_notice_ms: random.pick(&[500, 5_000, 60_000]),
            message_id_retention_ms: 3_600_000,
            messages_per_second: random.pick(&[50, 50, 10]),
            message_burst: random.pick(&[100, 100, 3]),
            ..Config::default()
        };
        if random.permille(200) {
            let missing = random.pick(&Feature::ALL);
            server.features = server.features.without(missing);
            if missing == Feature::Replay {
                // Without numbers nobody can tell what was sent again.
                server.features = server.features.without(Feature::Ack);
            }
            if mangles {
                server.features = Features::ALL;
            }
        }
        for client in &mut clients {
            let max = &mut client.options.max_subscriptions;
            *max = server.max_subscriptions.min(*max);
        }
        let history = MemoryLimits {
            events: random.pick(&[3, 10, 10_000, 10_000]),
            ..MemoryLimits::default()
        };
        Self {
            clients,
            executions,
            server,
            history,
            storm_ms: random.pick(&[10_000, 30_000, 60_000]),
            faults,
        }
    }

    fn faults(random: &mut Random) -> Faults {
        let mangles = random.permille(200);
        let mut faults = Faults {
            delay_ms: random.pick(&[0, 5, 50, 500, 3_000]),
            cut: sometimes(random, 500, &[1_000, 5_000, 20_000]),
            dead: sometimes(random, 300, &[10_000, 30_000]),
            restart: sometimes(random, 350, &[5_000, 20_000]),
            history_survives: random.pick(&[0, 500, 1000]),
            other_server: sometimes(random, 150, &[300]).unwrap_or_default(),
            refuse: sometimes(random, 300, &[100, 500, 900]).unwrap_or_default(),
            hang: sometimes(random, 150, &[100, 300]).unwrap_or_default(),
            reject_token: sometimes(random, 150, &[100, 400]).unwrap_or_default(),
            lose: 0,
            lose_answers: 0,
            duplicate: 0,
            token_ttl_ms: sometimes(random, 250, &[2_000, 8_000, 30_000]),
            token_fails: sometimes(random, 200, &[100, 500]).unwrap_or_default(),
            server_clock: sometimes(random, 150, &[5_000, 20_000]),
            client_clock: sometimes(random, 150, &[5_000, 20_000]),
            sleep: sometimes(random, 200, &[5_000, 20_000]),
            slow_reader: sometimes(random, 250, &[300, 1000]).unwrap_or_default(),
            revoke: sometimes(random, 80, &[20_000]),
            kick: sometimes(random, 150, &[5_000, 15_000]),
            cut_at_the_end: random.permille(500),
        };
        if mangles {
            faults.lose = random.pick(&[0, 20, 100, 200]);
            faults.lose_answers = random.pick(&[0, 0, 50, 300]);
            faults.duplicate = random.pick(&[10, 50, 100]);
            faults.other_server = 0;
        }
        faults
    }

    fn client(random: &mut Random, user: usize, featured: bool) -> ClientPlan {
        let max_attempts = random.pick(&[5, u32::MAX, u32::MAX]);
        let jitter = random.pick(&[
            Jitter::Spread(0.3),
            Jitter::Spread(0.3),
            Jitter::Full,
            Jitter::None,
        ]);
        let options = Options {
            reconnect: Backoff {
                max_attempts,
                jitter,
                ..Backoff::default()
            },
            max_subscriptions: random.pick(&[3, 128]),
            max_queued_messages: random.pick(&[2, 100]),
            max_message_age_ms: random.pick(&[5_000.0, 600_000.0]),
            features: if featured {
                Features::ALL
            } else {
                Features::NONE
            },
            ..Options::default()
        };
        let mut habit = |often: u64| random.pick(&[0, often, often, 3 * often]);
        let habits = Habits {
            subscribe: 6,
            unsubscribe: habit(4),
            flicker: habit(2),
            send: habit(4),
            disconnect: habit(1),
            reconnect: habit(1),
            wake: habit(1),
            presence: habit(1),
            switch_user: 0,
            network: habit(1),
            from_handler: habit(60),
            leaves: habit(10),
        };
        ClientPlan {
            user,
            options,
            provider: random.permille(700),
            knows_token_ends: random.permille(700),
            pace_ms: random.pick(&[200, 1_000, 5_000]),
            habits: Habits {
                switch_user: if random.permille(100) { 1 } else { 0 },
                ..habits
            },
        }
    }

    fn execution(random: &mut Random, users: u64) -> ExecutionPlan {
        ExecutionPlan {
            owner: random.below(users) as usize,
            pace_ms: random.pick(&[200, 1_000, 4_000]),
            burst: random.pick(&[1, 1, 4, 12]),
            critical: random.pick(&[0, 50, 300]),
            terminal: random.pick(&[0, 0, 20, 100]),
            goes_on: random.permille(300),
            chunk: random.pick(&[1, 20, 300]),
            falls_silent: random.permille(400),
        }
    }
}
