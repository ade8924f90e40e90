//! The client's state machine: any operations in any order, at any times, with any options.

use arbitrary::{Result, Unstructured};
use flowmaestro_protocol::Features;
use flowmaestro_session::{
    Backoff, Credentials, Effect, ExecutionKey, Frame, FrameKind, Generation, Input, Jitter,
    Millis, Options, Position, ReplayId, SendId, Session, Token, TokenRequest,
};

/// How many effects one input may have: all subscriptions of the few executions, and some more.
const MAX_EFFECTS: usize = 64;

/// Reads the bytes as options and operations, and looks at the session after each.
pub fn session(data: &[u8]) {
    // Where the bytes end, so does the run.
    let _ = run(&mut Unstructured::new(data));
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let options = options(u)?;
    let mut harness = Harness {
        session: Session::new(options, u.arbitrary()?),
        options,
        socket: Generation(0),
        open: Vec::new(),
        asked: TokenRequest(0),
        wished: false,
        now: 0.0,
    };
    while !u.is_empty() {
        harness.step(u)?;
    }
    harness.finish();
    Ok(())
}

struct Harness {
    session: Session<u32>,
    options: Options,
    /// The last that was opened.
    socket: Generation,
    /// Those that were opened and not closed by the session.
    open: Vec<Generation>,
    asked: TokenRequest,
    wished: bool,
    now: f64,
}

impl Harness {
    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let input = input(u, self)?;
        self.now = match u.int_in_range(0..=7)? {
            0 => time(u)?,
            1..=4 => self.now + f64::from(u.arbitrary::<u8>()?),
            5 => self.now + f64::from(u.arbitrary::<u16>()?),
            // As a timer would do it.
            6 => self.session.next_deadline().map_or(self.now, |at| at.0),
            _ => self.now,
        };
        self.handle(input);
        Ok(())
    }

    fn handle(&mut self, input: Input<u32>) {
        match input {
            Input::Connect { .. } => self.wished = true,
            Input::Disconnect => self.wished = false,
            _ => {}
        }
        // A refusal is an answer like any other.
        let _ = self.session.handle(Millis(self.now), input);
        let mut effects = 0;
        while let Some(effect) = self.session.poll_effect() {
            self.observe(&effect);
            effects += 1;
            assert!(effects < MAX_EFFECTS, "too many effects of one input");
        }
        self.check();
    }

    fn observe(&mut self, effect: &Effect<u32>) {
        match effect {
            Effect::OpenSocket { generation, .. } => {
                assert!(self.wished, "a socket that nobody wants");
                self.socket = *generation;
                self.open.push(*generation);
            }
            Effect::CloseSocket { generation, code } => {
                let may_be_asked_for = *code == 1000 || (3000..5000).contains(code);
                assert!(may_be_asked_for, "close({code}) throws");
                assert!(self.open.contains(generation), "closed twice");
                self.open.retain(|open| open != generation);
            }
            Effect::RequestToken { request, .. } => {
                assert!(self.wished, "a token that nobody wants");
                self.asked = *request;
            }
            Effect::Transmit { generation, .. } | Effect::Acknowledge { generation, .. } => {
                assert!(self.open.contains(generation), "sent to a closed socket");
            }
            _ => {}
        }
    }

    fn check(&self) {
        let Options {
            max_subscriptions,
            max_queued_messages,
            max_queued_bytes,
            ..
        } = self.options;
        assert!(self.session.wanted_subscriptions() <= max_subscriptions);
        assert!(self.session.queued_messages() <= max_queued_messages);
        assert!(self.session.queued_bytes() <= max_queued_bytes);
        let deadline = self.session.next_deadline();
        assert!(deadline.is_none_or(|at| at.0.is_finite()), "{deadline:?}");
    }

    /// `disconnect()` is final, whatever came before.
    fn finish(&mut self) {
        self.handle(Input::Disconnect);
        assert_eq!(self.session.queued_messages(), 0);
        assert_eq!(self.session.waiting_replays(), 0);
        assert_eq!(self.session.live_subscriptions(), 0);
        for generation in self.open.clone() {
            let code = 1006;
            let reason = String::new();
            self.handle(Input::SocketClosed {
                generation,
                code,
                reason,
            });
        }
    }
}

fn input(u: &mut Unstructured<'_>, harness: &Harness) -> Result<Input<u32>> {
    Ok(match u.int_in_range(0..=31)? {
        0 | 1 => Input::Connect {
            credentials: credentials(u)?,
        },
        2 => Input::Disconnect,
        3 => Input::ReconnectNow,
        4 => Input::Wake,
        5 => Input::Network {
            online: u.arbitrary()?,
        },
        6 | 7 => Input::Subscribe(execution(u)?),
        8 => Input::Unsubscribe(execution(u)?),
        9 => Input::SubscribeRoom(execution(u)?),
        10 => Input::WatchPresence {
            execution: execution(u)?,
            watch: u.arbitrary()?,
        },
        11 => Input::Replay {
            id: ReplayId(u.arbitrary()?),
            execution: execution(u)?,
            since: u.arbitrary()?,
        },
        12 => Input::Head {
            generation: generation(u, harness)?,
            execution: execution(u)?,
            seq: seq(u)?,
        },
        13 => Input::Send {
            id: SendId(u.arbitrary()?),
            message: 0,
            bytes: usize::from(u.arbitrary::<u8>()?),
        },
        14 => Input::Send {
            id: SendId(u.arbitrary()?),
            message: 0,
            bytes: u.arbitrary()?,
        },
        15 | 16 => Input::TokenReady {
            request: request(u, harness)?,
            token: token(u)?,
        },
        17 => Input::SocketOpened {
            generation: generation(u, harness)?,
        },
        18 | 19 => Input::SocketClosed {
            generation: generation(u, harness)?,
            code: close_code(u)?,
            reason: String::new(),
        },
        20 => Input::SocketFailed {
            generation: generation(u, harness)?,
        },
        21 => Input::Tick,
        _ => Input::SocketFrame {
            generation: generation(u, harness)?,
            frame: Frame {
                kind: kind(u)?,
                payload: 0,
            },
        },
    })
}

fn kind(u: &mut Unstructured<'_>) -> Result<FrameKind> {
    Ok(match u.int_in_range(0..=17)? {
        0 | 1 => FrameKind::Welcome {
            features: u.arbitrary::<Option<u8>>()?.map(Features::from_bits),
        },
        2 | 3 => FrameKind::Subscribed {
            execution: execution(u)?,
            position: position(u)?,
        },
        4 => FrameKind::Unsubscribed(execution(u)?),
        5 => FrameKind::Error {
            execution: optional(u, execution)?,
            message: u.arbitrary::<Option<u32>>()?.map(SendId),
            forbidden: u.arbitrary()?,
        },
        6..=9 => FrameKind::Event {
            event: u.arbitrary()?,
            execution: optional(u, execution)?,
            terminal: u.arbitrary()?,
            seq: optional(u, seq)?,
            ack: u.arbitrary()?,
        },
        10 => FrameKind::Replayed {
            execution: execution(u)?,
            count: u.arbitrary()?,
            complete: u.arbitrary()?,
        },
        11 => FrameKind::Pong(u.int_in_range(0..=7)?),
        12 => FrameKind::Acknowledged(SendId(u.arbitrary()?)),
        13 => FrameKind::TokenExpiring,
        14 => FrameKind::Authenticated,
        15 => FrameKind::StrayAnswer,
        16 => FrameKind::ForeignEvent {
            event: u.arbitrary()?,
        },
        _ => *u.choose(&[FrameKind::Unknown, FrameKind::Invalid])?,
    })
}

fn optional<T>(
    u: &mut Unstructured<'_>,
    read: fn(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Option<T>> {
    if u.arbitrary()? {
        return read(u).map(Some);
    }
    Ok(None)
}

fn position(u: &mut Unstructured<'_>) -> Result<Option<Position>> {
    if !u.arbitrary()? {
        return Ok(None);
    }
    Ok(Some(Position {
        head: seq(u)?,
        recovered: u.arbitrary()?,
        restarted: u.arbitrary()?,
    }))
}

fn credentials(u: &mut Unstructured<'_>) -> Result<Credentials> {
    Ok(match u.int_in_range(0..=3)? {
        0 => Credentials::None,
        1 => Credentials::Token(Token::new("fixed".to_owned())),
        number => Credentials::Provider(number),
    })
}

fn token(u: &mut Unstructured<'_>) -> Result<Option<Token>> {
    let lasts = optional(u, time)?;
    let token = Token::expiring(format!("token {lasts:?}"), lasts);
    Ok(u.arbitrary::<bool>()?.then_some(token))
}

/// Mostly one of a few.
fn execution(u: &mut Unstructured<'_>) -> Result<ExecutionKey> {
    let number = u.arbitrary::<u8>()?;
    if number == u8::MAX {
        return u.arbitrary().map(ExecutionKey);
    }
    Ok(ExecutionKey(u32::from(number % 6)))
}

/// Mostly those that follow each other.
fn seq(u: &mut Unstructured<'_>) -> Result<u64> {
    let number = u.arbitrary::<u8>()?;
    if number == u8::MAX {
        return u.arbitrary();
    }
    Ok(u64::from(number % 16))
}

/// Mostly the socket that is open.
fn generation(u: &mut Unstructured<'_>, harness: &Harness) -> Result<Generation> {
    Ok(match u.arbitrary::<u8>()? {
        0 => Generation(u.arbitrary()?),
        1..16 => harness.open.first().copied().unwrap_or(harness.socket),
        _ => harness.socket,
    })
}

fn request(u: &mut Unstructured<'_>, harness: &Harness) -> Result<TokenRequest> {
    let is_asked_for = u.arbitrary::<u8>()? > 16;
    Ok(if is_asked_for {
        harness.asked
    } else {
        TokenRequest(u.arbitrary()?)
    })
}

fn close_code(u: &mut Unstructured<'_>) -> Result<u16> {
    const MEANT: [u16; 9] = [1000, 1006, 1008, 1009, 1012, 1013, 4401, 4403, 4408];
    let number = usize::from(u.arbitrary::<u8>()?);
    MEANT
        .get(number)
        .map_or_else(|| u.arbitrary(), |code| Ok(*code))
}

/// A time or a duration in ms, or what a caller may take for one.
fn time(u: &mut Unstructured<'_>) -> Result<f64> {
    Ok(match u.int_in_range(0..=15)? {
        0 => u.arbitrary()?,
        1 => *u.choose(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1.0])?,
        2..=7 => f64::from(u.arbitrary::<u8>()?),
        _ => f64::from(u.arbitrary::<u16>()?),
    })
}

fn options(u: &mut Unstructured<'_>) -> Result<Options> {
    let defaults = Options::default();
    if u.arbitrary()? {
        return Ok(Options {
            max_subscriptions: 4,
            ..defaults
        });
    }
    let jitter = match u.int_in_range(0..=2)? {
        0 => Jitter::None,
        1 => Jitter::Full,
        _ => Jitter::Spread(time(u)?),
    };
    Ok(Options {
        reconnect: Backoff {
            max_attempts: u.arbitrary()?,
            initial_delay_ms: time(u)?,
            multiplier: time(u)?,
            max_delay_ms: time(u)?,
            jitter,
            stable_after_ms: time(u)?,
        },
        connect_timeout_ms: time(u)?,
        renew_token_before_ms: time(u)?,
        unsubscribe_delay_ms: time(u)?,
        max_subscriptions: u.int_in_range(0..=5)?,
        max_queued_messages: u.int_in_range(0..=5)?,
        max_queued_bytes: usize::from(u.arbitrary::<u16>()?),
        max_message_bytes: usize::from(u.arbitrary::<u8>()?),
        max_message_age_ms: time(u)?,
        ping_interval_ms: time(u)?,
        pong_timeout_ms: time(u)?,
        features: Features::from_bits(u.arbitrary()?),
    })
}
