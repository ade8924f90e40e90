//! Tokens that somebody made up, or made out of good ones: none is accepted.
//!
//! `FORGED_TOKENS` says how many; `npm run test:forged-tokens` tries a million, which takes seconds.

use fastrand::Rng;
use flowmaestro_gateway::Gateway;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use crate::authentication::{SECRET, claims, config, now, sign};

const DEFAULT_COUNT: u64 = 20_000;

const BASE64_URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// `{"alg":"none"}`, `{"alg":"None"}`, `{"alg":"RS256"}`, `{"alg":"ES256"}`, `{"alg":"HS256","alg":"none"}`
/// and `{"typ":"JWT"}`.
const HEADERS: [&str; 6] = [
    "eyJhbGciOiJub25lIn0",
    "eyJhbGciOiJOb25lIn0",
    "eyJhbGciOiJSUzI1NiJ9",
    "eyJhbGciOiJFUzI1NiJ9",
    "eyJhbGciOiJIUzI1NiIsImFsZyI6Im5vbmUifQ",
    "eyJ0eXAiOiJKV1QifQ",
];

const ALGORITHMS: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

fn count() -> u64 {
    let count = std::env::var("FORGED_TOKENS").ok();
    count.map_or(DEFAULT_COUNT, |count| count.parse().unwrap())
}

fn text(rng: &mut Rng, length: usize) -> String {
    let mut char = || char::from(BASE64_URL[rng.usize(..BASE64_URL.len())]);
    (0..length).map(|_| char()).collect()
}

/// The token with one of its characters changed, dropped, doubled, or changed place with the next.
fn damaged(rng: &mut Rng, token: &str) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let at = rng.usize(..bytes.len() - 1);
    match rng.u8(..4) {
        0 => bytes[at] = BASE64_URL[rng.usize(..BASE64_URL.len())],
        1 => drop(bytes.remove(at)),
        2 => bytes.insert(at, bytes[at]),
        _ => bytes.swap(at, at + 1),
    }
    String::from_utf8(bytes).unwrap()
}

fn signed_with(rng: &mut Rng, secret: &[u8]) -> String {
    let algorithm = ALGORITHMS[rng.usize(..ALGORITHMS.len())];
    let claims = claims(json!({"userId": format!("user_{}", rng.u32(..))}));
    let key = EncodingKey::from_secret(secret);
    encode(&Header::new(algorithm), &claims, &key).unwrap()
}

/// A token of one of the kinds that people try.
fn forged(rng: &mut Rng, good: &str, other: &str) -> String {
    let parts: Vec<_> = good.split('.').collect();
    let others: Vec<_> = other.split('.').collect();
    match rng.u8(..10) {
        0..4 => damaged(rng, good),
        // Another user's claims under a signature that was seen.
        4 => format!("{}.{}.{}", parts[0], others[1], parts[2]),
        5 => {
            let header = HEADERS[rng.usize(..HEADERS.len())];
            let signature = if rng.bool() { parts[2] } else { "" };
            format!("{header}.{}.{signature}", parts[1])
        }
        6 => format!("{}.{}.{}", parts[0], parts[1], text(rng, 43)),
        // A secret that differs in a byte, or is a guess.
        7 => {
            let mut secret = SECRET.as_bytes().to_vec();
            let at = rng.usize(..secret.len());
            secret[at] ^= rng.u8(1..);
            signed_with(rng, &secret)
        }
        8 => {
            let length = rng.usize(..48);
            let secret = text(rng, length);
            signed_with(rng, secret.as_bytes())
        }
        _ => {
            let lengths = [rng.usize(..60), rng.usize(..200), rng.usize(..60)];
            lengths.map(|length| text(rng, length)).join(".")
        }
    }
}

#[test]
fn none_is_accepted() {
    let gateway = Gateway::new(config()).unwrap();
    let mut rng = Rng::with_seed(1);
    let exp = now() + 24 * 60 * 60;
    let good = sign(&claims(json!({"exp": exp})));
    let other = sign(&claims(json!({"userId": "eve", "exp": exp})));
    let (mut tried, count) = (0, count());
    while tried < count {
        let token = forged(&mut rng, &good, &other);
        if token == good {
            continue;
        }
        tried += 1;
        let verified = gateway.verifier().verify(&token);
        assert!(verified.is_err(), "accepted after {tried}: {token}");
    }
    assert!(gateway.verifier().verify(&good).is_ok());
    println!("{tried} forged tokens, none accepted");
}
