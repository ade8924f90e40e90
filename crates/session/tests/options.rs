//! Options, their limits, and what is said about them.

use flowmaestro_session::{Backoff, InvalidOption, Jitter, Options, Refused, SendError};

fn invalid(change: impl FnOnce(&mut Options)) -> Option<&'static str> {
    let mut options = Options::default();
    change(&mut options);
    options.validate().err().map(|error| error.option)
}

#[test]
fn the_defaults_are_valid() {
    assert_eq!(Options::default().validate(), Ok(()));
}

#[test]
fn each_option_is_checked_and_named() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 3e9] {
        assert_eq!(
            invalid(|o| o.connect_timeout_ms = bad),
            Some("connect_timeout_ms")
        );
        assert_eq!(
            invalid(|o| o.reconnect.initial_delay_ms = bad),
            Some("initial_delay_ms")
        );
        assert_eq!(
            invalid(|o| o.reconnect.max_delay_ms = bad),
            Some("max_delay_ms")
        );
        assert_eq!(
            invalid(|o| o.reconnect.multiplier = bad),
            Some("multiplier")
        );
    }
    for bad in [-1.0, f64::NAN, f64::INFINITY, 3e9] {
        assert_eq!(
            invalid(|o| o.renew_token_before_ms = bad),
            Some("renew_token_before_ms")
        );
        assert_eq!(
            invalid(|o| o.unsubscribe_delay_ms = bad),
            Some("unsubscribe_delay_ms")
        );
        assert_eq!(
            invalid(|o| o.reconnect.stable_after_ms = bad),
            Some("stable_after_ms")
        );
        assert_eq!(
            invalid(|o| o.reconnect.jitter = Jitter::Spread(bad)),
            Some("jitter")
        );
    }
    assert_eq!(
        invalid(|o| o.max_subscriptions = 0),
        Some("max_subscriptions")
    );
    assert_eq!(
        invalid(|o| o.max_queued_messages = 0),
        Some("max_queued_messages")
    );
    assert_eq!(
        invalid(|o| o.max_queued_bytes = 0),
        Some("max_queued_bytes")
    );
    assert_eq!(
        invalid(|o| o.max_message_bytes = 0),
        Some("max_message_bytes")
    );
}

#[test]
fn the_extremes_are_valid() {
    let reconnect = Backoff {
        max_attempts: u32::MAX,
        initial_delay_ms: 1.0,
        multiplier: 1.0,
        max_delay_ms: 2_147_483_647.0,
        jitter: Jitter::Spread(1.0),
        stable_after_ms: 0.0,
    };
    let options = Options {
        reconnect,
        unsubscribe_delay_ms: 0.0,
        ..Options::default()
    };
    assert_eq!(options.validate(), Ok(()));
}

#[test]
fn errors_say_what_to_do() {
    let jitter = InvalidOption {
        option: "jitter",
        expected: "a fraction from 0 to 1",
    };
    assert_eq!(jitter.to_string(), "jitter must be a fraction from 0 to 1");
    let text = Refused::TooManySubscriptions { limit: 128 }.to_string();
    assert_eq!(
        text,
        "already subscribed to 128 executions: unsubscribe from one first"
    );
    let text = Refused::MessageTooLarge {
        bytes: 70_000,
        limit: 65_536,
    }
    .to_string();
    assert_eq!(
        text,
        "the message has 70000 bytes, over the limit of 65536: send less"
    );
    for text in [
        Refused::Disconnected.to_string(),
        SendError::ConnectionFailed.to_string(),
    ] {
        assert!(text.contains("connect"), "{text}");
    }
}
