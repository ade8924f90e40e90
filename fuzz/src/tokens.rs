//! The users' tokens (JWT, RFC 7519), judged a second time by hand.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use arbitrary::{Result, Unstructured};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flowmaestro_gateway::{Claims, Config, Gateway};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

const SECRET: &str = "a secret of the fuzz targets, 32 bytes and more";
const ISSUER: &str = "issuer";
const AUDIENCE: &str = "audience";
/// How far clocks may differ, and how long a run may take beside, in seconds.
const LEEWAY: f64 = 5.0 + 2.0;

/// Reads the bytes as a token, and as the header and the claims of one that is signed: by the
/// gateway's own key, or by another.
pub fn tokens(data: &[u8]) {
    // Where the bytes end, so does the run.
    let _ = run(&mut Unstructured::new(data));
}

/// The claims that count, as they stand in a token: of the others nothing has to be right.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stated<'a> {
    #[serde(default)]
    user_id: Value,
    #[serde(default)]
    sub: Value,
    #[serde(default)]
    exp: Value,
    #[serde(default)]
    nbf: Value,
    #[serde(borrow)]
    iss: Option<&'a RawValue>,
    #[serde(borrow)]
    aud: Option<&'a RawValue>,
}

struct Verifier {
    gateway: Gateway,
    requires_issuer: bool,
}

static VERIFIERS: LazyLock<[Verifier; 2]> = LazyLock::new(|| {
    [false, true].map(|requires_issuer| {
        let config = Config {
            jwt_secret: Some(SecretString::from(SECRET)),
            jwt_issuer: requires_issuer.then(|| ISSUER.to_owned()),
            jwt_audience: requires_issuer.then(|| AUDIENCE.to_owned()),
            ..Config::default()
        };
        Verifier {
            gateway: Gateway::new(config).expect("a gateway"),
            requires_issuer,
        }
    })
});

impl Verifier {
    fn verify(&self, token: &str) -> Option<Claims> {
        self.gateway.verifier().verify(token).ok()
    }
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let verifier = u.choose(&*VERIFIERS)?;
    match u.int_in_range(0..=7)? {
        0 => {
            let token = String::from_utf8_lossy(u.peek_bytes(u.len()).unwrap_or_default());
            assert_eq!(verifier.verify(&token), None, "signed by nobody");
        }
        1 => own_claims(verifier, u)?,
        kind => {
            let length = usize::from(u.arbitrary::<u8>()?).min(u.len());
            let header = if kind == 2 {
                u.bytes(length)?
            } else {
                br#"{"alg":"HS256","typ":"JWT"}"#
            };
            // Claims are UTF-8 by definition.
            let claims = String::from_utf8_lossy(u.bytes(u.len())?);
            any_claims(verifier, header, claims.as_bytes(), kind == 3);
        }
    }
    Ok(())
}

/// A token of any header and claims: it counts only if everything about it is right.
fn any_claims(verifier: &Verifier, header: &[u8], claims: &[u8], is_forged: bool) {
    let key = if is_forged { "another" } else { SECRET };
    let accepted = verifier.verify(&token(header, claims, key));
    let Some(accepted) = accepted else {
        return;
    };
    assert!(!is_forged, "signed by another");
    let header: Value = serde_json::from_slice(header).expect("a header in JSON");
    assert_eq!(header["alg"], "HS256");
    let claims: Stated<'_> = serde_json::from_slice(claims).expect("claims in JSON");
    let now = now();
    let exp = claims.exp.as_f64().expect("an end");
    assert!(exp >= now - LEEWAY, "ended: {exp}");
    if !claims.nbf.is_null() {
        let nbf = claims.nbf.as_f64().expect("a beginning");
        assert!(nbf <= now + LEEWAY, "not begun: {nbf}");
    }
    let user = claims.user_id.as_str().or(claims.sub.as_str());
    let user = user.filter(|user| !user.is_empty());
    assert_eq!(Some(&*accepted.user_id), user);
    if verifier.requires_issuer {
        assert!(names(claims.iss, ISSUER), "issued by another");
        assert!(names(claims.aud, AUDIENCE), "meant for another");
    }
}

/// Whether a claim is this text, or a list with it (RFC 7519, section 4.1.3).
fn names(claim: Option<&RawValue>, text: &str) -> bool {
    let claim: Value = claim.map_or(Value::Null, |claim| {
        serde_json::from_str(claim.get()).expect("a claim in JSON")
    });
    let of_list = |list: &Vec<Value>| list.iter().any(|item| item == text);
    claim == text || claim.as_array().is_some_and(of_list)
}

/// A token as it should be, unless its time or its user are not: both can be told beforehand.
fn own_claims(verifier: &Verifier, u: &mut Unstructured<'_>) -> Result<()> {
    let now = now() as i64;
    // Far from the edges, which depend on the moment.
    let away = |u: &mut Unstructured<'_>| u.int_in_range(60..=100_000).map(|secs: i64| secs);
    let is_ended: bool = u.arbitrary()?;
    let exp = if is_ended {
        now - away(u)?
    } else {
        now + away(u)?
    };
    let is_early: bool = u.arbitrary()?;
    let nbf = if is_early {
        now + away(u)?
    } else {
        now - away(u)?
    };
    let user: &str = u.arbitrary()?;
    let claims = serde_json::json!({
        "userId": user, "exp": exp, "nbf": nbf, "iss": ISSUER, "aud": [AUDIENCE],
        "workspaceIds": ["w"],
    });
    // An audience that the gateway does not expect is another's.
    let is_right = !is_ended && !is_early && !user.is_empty() && verifier.requires_issuer;
    let token = token(br#"{"alg":"HS256"}"#, claims.to_string().as_bytes(), SECRET);
    let accepted = verifier.verify(&token);
    assert_eq!(accepted.is_some(), is_right, "{claims}");
    if let Some(accepted) = accepted {
        assert_eq!(
            (accepted.user_id.as_str(), accepted.exp as i64),
            (user, exp)
        );
        // One bit of it, and it is none.
        let mut bytes = token.into_bytes();
        let at = u.choose_index(bytes.len())?;
        bytes[at] ^= 1 << u.int_in_range(0..=5)?;
        let forged = String::from_utf8_lossy(&bytes);
        let again = verifier.verify(&forged);
        assert!(again.is_none() || at + 1 == bytes.len(), "{forged}");
    }
    Ok(())
}

fn token(header: &[u8], claims: &[u8], secret: &str) -> String {
    let encode = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(header), encode(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature = sign(signed.as_bytes(), &key, Algorithm::HS256).expect("a signature");
    format!("{signed}.{signature}")
}

fn now() -> f64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.expect("a clock after 1970").as_secs_f64()
}
