//! Any input is legal in any state, with any options and any clock: no panic, bounded effects, and
//! deadlines that are times.

use flowmaestro_protocol::Features;
use flowmaestro_session::{
    Backoff, Credentials, Effect, ExecutionKey, Frame, FrameKind, Generation, Input, Jitter,
    Millis, Options, Position, ReplayId, SendId, Session, State, Token, TokenRequest,
};
use proptest::prelude::*;

fn time() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => 0.0..100_000.0,
        1 => any::<f64>(),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1.0]),
    ]
}

fn jitter() -> impl Strategy<Value = Jitter> {
    prop_oneof![
        Just(Jitter::None),
        Just(Jitter::Full),
        time().prop_map(Jitter::Spread)
    ]
}

fn backoff() -> impl Strategy<Value = Backoff> {
    let attempts = prop_oneof![0u32..4, Just(u32::MAX)];
    let times = (time(), time(), time(), time());
    (attempts, times, jitter()).prop_map(|(max_attempts, times, jitter)| Backoff {
        max_attempts,
        initial_delay_ms: times.0,
        multiplier: times.1,
        max_delay_ms: times.2,
        jitter,
        stable_after_ms: times.3,
    })
}

fn options() -> impl Strategy<Value = Options> {
    let limits = (0usize..5, 0usize..5, 0usize..300, 0usize..200);
    let times = (time(), time(), time(), time(), time());
    (backoff(), times, limits, any::<u8>()).prop_map(|(reconnect, times, limits, features)| {
        Options {
            reconnect,
            renew_token_before_ms: times.3,
            connect_timeout_ms: times.0,
            unsubscribe_delay_ms: times.1,
            max_message_age_ms: times.2,
            ping_interval_ms: times.3,
            pong_timeout_ms: times.4,
            features: Features::from_bits(features),
            max_subscriptions: limits.0,
            max_queued_messages: limits.1,
            max_queued_bytes: limits.2,
            max_message_bytes: limits.3,
        }
    })
}

fn execution() -> impl Strategy<Value = ExecutionKey> {
    prop_oneof![9 => 0u32..6, 1 => any::<u32>()].prop_map(ExecutionKey)
}

fn generation() -> impl Strategy<Value = Generation> {
    prop_oneof![9 => 0u32..8, 1 => any::<u32>()].prop_map(Generation)
}

fn credentials() -> impl Strategy<Value = Credentials> {
    prop_oneof![
        Just(Credentials::None),
        Just(Credentials::Token(Token::new("t".to_owned()))),
        (0u32..2).prop_map(Credentials::Provider),
    ]
}

fn kind() -> impl Strategy<Value = FrameKind> {
    prop_oneof![
        3 => prop::option::of(any::<u8>().prop_map(Features::from_bits))
            .prop_map(|features| FrameKind::Welcome { features }),
        3 => (execution(), prop::option::of(position()))
            .prop_map(|(execution, position)| FrameKind::Subscribed { execution, position }),
        2 => execution().prop_map(FrameKind::Unsubscribed),
        2 => (prop::option::of(execution()), any::<bool>())
            .prop_map(|(execution, forbidden)| FrameKind::Error {
                execution,
                message: forbidden.then_some(SendId(1)),
                forbidden,
            }),
        6 => (any::<u8>(), prop::option::of(execution()), prop::option::of(seq()), any::<[bool; 2]>())
            .prop_map(|(event, execution, seq, [terminal, ack])| FrameKind::Event {
                event,
                execution,
                terminal,
                seq,
                ack,
            }),
        1 => (execution(), any::<u64>(), any::<bool>())
            .prop_map(|(execution, count, complete)| FrameKind::Replayed {
                execution,
                count,
                complete,
            }),
        1 => (0u32..8).prop_map(FrameKind::Pong),
        1 => any::<u32>().prop_map(|id| FrameKind::Acknowledged(SendId(id))),
        1 => Just(FrameKind::TokenExpiring),
        1 => Just(FrameKind::Authenticated),
        1 => Just(FrameKind::StrayAnswer),
        1 => Just(FrameKind::ForeignEvent { event: 1 }),
        1 => Just(FrameKind::Unknown),
        1 => Just(FrameKind::Invalid),
    ]
}

/// Mostly those that follow each other.
fn seq() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 0u64..12, 1 => any::<u64>()]
}

fn position() -> impl Strategy<Value = Position> {
    (seq(), any::<bool>(), any::<bool>()).prop_map(|(head, recovered, restarted)| Position {
        head,
        recovered,
        restarted,
    })
}

fn close_code() -> impl Strategy<Value = u16> {
    let meant = vec![1000, 1006, 1008, 1009, 1012, 1013, 4401, 4403, 4408];
    prop_oneof![prop::sample::select(meant), any::<u16>()]
}

fn lasts() -> impl Strategy<Value = Option<f64>> {
    prop::option::of(prop_oneof![time(), 0.0..100_000.0])
}

fn input() -> impl Strategy<Value = Input<u32>> {
    prop_oneof![
        3 => credentials().prop_map(|credentials| Input::Connect { credentials }),
        1 => Just(Input::Disconnect),
        1 => Just(Input::ReconnectNow),
        1 => Just(Input::Wake),
        1 => any::<bool>().prop_map(|online| Input::Network { online }),
        4 => execution().prop_map(Input::Subscribe),
        4 => execution().prop_map(Input::Unsubscribe),
        1 => execution().prop_map(Input::SubscribeRoom),
        1 => (execution(), any::<bool>())
            .prop_map(|(execution, watch)| Input::WatchPresence { execution, watch }),
        1 => (any::<u32>(), execution(), any::<u64>())
            .prop_map(|(id, execution, since)| Input::Replay {
                id: ReplayId(id),
                execution,
                since,
            }),
        2 => (generation(), execution(), seq())
            .prop_map(|(generation, execution, seq)| Input::Head { generation, execution, seq }),
        2 => (any::<u32>(), prop_oneof![0usize..250, any::<usize>()])
            .prop_map(|(id, bytes)| Input::Send { id: SendId(id), message: id, bytes }),
        2 => (0u32..8, any::<bool>(), lasts()).prop_map(|(request, some, lasts)| Input::TokenReady {
            request: TokenRequest(request),
            token: some.then(|| Token::expiring(format!("t{lasts:?}"), lasts)),
        }),
        1 => generation().prop_map(|generation| Input::SocketOpened { generation }),
        12 => (generation(), kind()).prop_map(|(generation, kind)| Input::SocketFrame {
            generation,
            frame: Frame { kind, payload: 0 },
        }),
        2 => (generation(), close_code()).prop_map(|(generation, code)| Input::SocketClosed {
            generation,
            code,
            reason: String::new(),
        }),
        1 => generation().prop_map(|generation| Input::SocketFailed { generation }),
        2 => Just(Input::Tick),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Handle(f64, Input<u32>),
    /// The same, as if from the socket that is open, so that long lives happen as well.
    OnSocket(f64, Input<u32>),
    Configure(Options),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (time(), input()).prop_map(|(at, input)| Step::Handle(at, input)),
        20 => (time(), input()).prop_map(|(at, input)| Step::OnSocket(at, input)),
        1 => options().prop_map(Step::Configure),
    ]
}

/// The input as it would come from this socket, or as the answer to this question.
fn readdress(input: Input<u32>, current: Generation, asked: TokenRequest) -> Input<u32> {
    match input {
        Input::SocketFrame { frame, .. } => Input::SocketFrame {
            generation: current,
            frame,
        },
        Input::SocketClosed { code, reason, .. } => Input::SocketClosed {
            generation: current,
            code,
            reason,
        },
        Input::TokenReady { token, .. } => Input::TokenReady {
            request: asked,
            token,
        },
        other => other,
    }
}

struct Harness {
    session: Session<u32>,
    socket: Generation,
    /// Those that were opened and not closed by the session.
    open: Vec<Generation>,
    asked: TokenRequest,
    wished: bool,
}

impl Harness {
    fn step(&mut self, step: Step) {
        match step {
            Step::Handle(at, input) => self.handle(at, input),
            Step::OnSocket(at, input) => {
                self.handle(at, readdress(input, self.socket, self.asked));
            }
            Step::Configure(options) => self.session.configure(options),
        }
    }

    fn handle(&mut self, at: f64, input: Input<u32>) {
        match input {
            Input::Connect { .. } => self.wished = true,
            Input::Disconnect => self.wished = false,
            _ => {}
        }
        let state = self.session.state().clone();
        let refused = self.session.handle(Millis(at), input).is_err();
        let mut effects = Vec::new();
        while let Some(effect) = self.session.poll_effect() {
            self.observe(&effect);
            effects.push(effect);
            assert!(effects.len() < 64, "unbounded: {effects:?}");
        }
        // A deadline may have passed: of a wait, of an attempt, of the answer to a ping.
        let wait_is_over = !matches!(state, State::Disconnected { .. } | State::Failed { .. });
        assert!(!refused || wait_is_over || self.session.state() == &state);
        let deadline = self.session.next_deadline();
        assert!(
            deadline.is_none_or(|deadline| deadline.0.is_finite()),
            "{deadline:?}"
        );
    }

    fn observe(&mut self, effect: &Effect<u32>) {
        match effect {
            Effect::OpenSocket { generation, .. } => {
                assert!(self.wished);
                self.socket = *generation;
                self.open.push(*generation);
            }
            Effect::CloseSocket { generation, .. } => {
                assert!(self.open.contains(generation));
                self.open.retain(|open| open != generation);
            }
            Effect::RequestToken { request, .. } => {
                assert!(self.wished);
                self.asked = *request;
            }
            Effect::Transmit { generation, .. } => assert!(self.open.contains(generation)),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_input_is_legal_in_any_state(
        options in options(),
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let session = Session::new(options, seed);
        let (socket, asked) = (Generation(0), TokenRequest(0));
        let open = Vec::new();
        let mut harness = Harness { session, socket, open, asked, wished: false };
        for step in steps {
            harness.step(step);
        }
    }
}
