//! What goes wrong beyond the network: restarts, sleep, clocks, revocations.

use flowmaestro_hub::{Close, ConnectionId, Hub};
use flowmaestro_protocol::{Feature, Features, close_code};
use flowmaestro_session::{Credentials, Input, State};

use crate::network::ServerEnd;
use crate::world::{Happening, World};

impl World {
    pub(crate) fn restart(&mut self) {
        if self.calm {
            return;
        }
        let faults = self.plan.faults.clone();
        let graceful = self.random.permille(500);
        let keeps_history = self.random.permille(faults.history_survives);
        let becomes_another = self.random.permille(faults.other_server);
        let down_ms = self.random.pick(&[1, 500, 5_000, 15_000]);
        if graceful {
            self.shut_down();
        }
        // A server without features numbers nothing: a history with holes is none.
        self.stop_server(keeps_history && !becomes_another);
        if becomes_another {
            self.server.features = if self.server.features.is_empty() {
                Features::ALL
            } else {
                Features::NONE
            };
        }
        let life = self.server.life;
        self.schedule(down_ms, Happening::ServerUp { life });
        let pause = self.random.pause(faults.restart.unwrap_or(1_000));
        self.schedule(down_ms + pause, Happening::Restart);
    }

    pub(crate) fn server_up(&mut self, life: u32) {
        if self.server.hub.is_none() && self.server.life == life {
            self.start_server();
        }
    }

    pub(crate) fn kick(&mut self, client: usize) {
        if self.calm {
            return;
        }
        let network = &mut self.clients[client].network;
        let code = network.pick(&[
            close_code::NORMAL,
            close_code::GOING_AWAY,
            close_code::TRY_AGAIN_LATER,
            close_code::TOO_SLOW,
            close_code::INTERNAL_ERROR,
        ]);
        let discard = network.permille(500);
        let pause = network.pause(self.plan.faults.kick.unwrap_or(1_000));
        self.schedule(pause, Happening::Kick { client });
        self.close_from_server(client, code, discard);
    }

    /// A user's tokens are worth nothing from now on.
    pub(crate) fn revoke(&mut self, client: usize) {
        if self.calm {
            return;
        }
        let user = self.clients[client].user;
        self.step(&("revoke", user));
        self.server.revoked[user] += 1;
        for other in 0..self.clients.len() {
            if self.clients[other].user == user {
                self.close_from_server(other, close_code::FORBIDDEN, true);
            }
        }
        let mean = self.plan.faults.revoke.unwrap_or(1_000);
        let pause = self.clients[client].network.pause(mean);
        self.schedule(pause, Happening::Revoke { client });
    }

    fn close_from_server(&mut self, client: usize, code: u16, discard: bool) {
        let Some(connection) = self.clients[client].socket else {
            return;
        };
        if self.connections[connection].server == ServerEnd::Open {
            let reason = "";
            let close = Close {
                code,
                reason,
                discard,
            };
            self.with_hub(|hub, now| hub.close(now, ConnectionId(connection as u64), close));
        }
    }

    fn shut_down(&mut self) {
        self.with_hub(Hub::shut_down);
    }

    /// The page sleeps: nothing that happens to it happens before it wakes up.
    pub(crate) fn sleep(&mut self, client: usize) {
        if self.calm {
            return;
        }
        let mean = self.plan.faults.sleep.unwrap_or(1_000);
        let network = &mut self.clients[client].network;
        let asleep = network.pick(&[500, 8_000, 30_000]);
        let pause = network.pause(mean);
        self.step(&("sleeps", client, asleep));
        let until = (self.now + asleep).min(self.plan.storm_ms);
        self.clients[client].asleep_until = until;
        self.schedule(asleep + pause, Happening::Sleep { client });
    }

    pub(crate) fn jump_client_clock(&mut self, client: usize) {
        if self.calm {
            return;
        }
        let mean = self.plan.faults.client_clock.unwrap_or(1_000);
        let network = &mut self.clients[client].network;
        let by = network.pick(&[1, 3_000, 12_000, 600_000]);
        let pause = network.pause(mean);
        self.step(&("the client's clock jumps", client, by));
        self.clients[client].clock_offset += by;
        self.schedule(pause, Happening::ClientClock { client });
        // A timer that is due by now fires at once.
        self.input(client, Input::Tick);
    }

    /// When the faults stop: whoever has given up, or was told to, tries again.
    pub(crate) fn calm_client(&mut self, client: usize) {
        self.tell_network(client, true);
        let it = &self.clients[client];
        let gave_up = matches!(
            it.session.state(),
            State::Failed { .. } | State::Disconnected { .. }
        );
        // A fixed token that ends soon is no good.
        let ends = self.plan.faults.token_ttl_ms.is_some() || self.plan.faults.revoke.is_some();
        let stale = ends && !matches!(it.credentials, Credentials::Provider(_));
        if gave_up || stale {
            self.connect_client(client);
        }
    }

    /// Whether a client's connection numbers events.
    pub(crate) fn is_numbered(&self, client: usize) -> bool {
        let socket = self.clients[client].socket;
        socket.is_some_and(|socket| self.connections[socket].spoken.contains(Feature::Replay))
    }
}
