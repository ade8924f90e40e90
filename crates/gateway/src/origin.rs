//! From which pages a socket may be opened.
//!
//! A browser names the page's origin in the `Origin` header and lets any page open a socket to any
//! server (RFC 6455 section 10.2), so the server has to choose. Allowed are:
//!
//! - the configured origins, compared exactly;
//! - in development any page of this machine (`http://localhost:*`, `http://127.0.0.1:*`,
//!   `http://[::1]:*`);
//! - a page that this very server served: its origin is the request's `Host`. That holds only where
//!   `Host` is an IP address or `localhost`: a domain name could be made to point here by anyone
//!   (DNS rebinding), so a deployment under a name lists its origin.
//!
//! A request without `Origin` does not come from a page. It has to carry an `Authorization` header,
//! which no page can add to a WebSocket handshake.

use std::borrow::Cow;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderValue, header};
use url::{Host, Url};

/// How much of a foreign text a log line takes, in bytes.
const MAX_LOGGED_BYTES: usize = 128;

/// An origin of the allow-list: scheme, host and port as a browser writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigin(String);

/// The text is not an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an origin such as https://app.example.com, without a path: {0:?}")]
pub struct InvalidOrigin(String);

#[derive(Debug)]
pub(crate) struct OriginPolicy {
    allowed: Vec<AllowedOrigin>,
    any_loopback: bool,
}

impl FromStr for AllowedOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let url = parse_origin(text).ok_or_else(|| InvalidOrigin(text.to_owned()))?;
        Ok(Self(url.origin().ascii_serialization()))
    }
}

impl OriginPolicy {
    pub(crate) fn new(allowed: Vec<AllowedOrigin>, any_loopback: bool) -> Self {
        Self {
            allowed,
            any_loopback,
        }
    }

    /// Whether a handshake with these headers may go on.
    pub(crate) fn allows(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => headers.contains_key(header::AUTHORIZATION),
            (Some(origin), None) => self.allows_origin(origin, headers.get(header::HOST)),
            (Some(_), Some(_)) => false,
        }
    }

    fn allows_origin(&self, origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        if self.allowed.iter().any(|allowed| allowed.0 == origin) {
            return true;
        }
        let Some(url) = parse_origin(origin) else {
            return false;
        };
        (self.any_loopback && is_loopback(&url))
            || (!is_rebindable(&url) && host.is_some_and(|host| is_authority_of(&url, host)))
    }
}

/// The start of the `Origin` header: it is anyone's text.
pub(crate) fn to_log(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let origin = headers.get(header::ORIGIN)?.as_bytes();
    let start = origin.get(..MAX_LOGGED_BYTES).unwrap_or(origin);
    Some(String::from_utf8_lossy(start))
}

/// The URL of an origin, if the text is exactly what a browser writes for one.
fn parse_origin(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https");
    (is_web && url.origin().ascii_serialization() == text).then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether the host is a name that others could make point to this server.
fn is_rebindable(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Domain(name)) if name != "localhost")
}

fn is_authority_of(url: &Url, host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else {
        return false;
    };
    let served = Url::parse(&format!("{}://{host}", url.scheme()));
    served.is_ok_and(|served| served.origin() == url.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(policy: &OriginPolicy, headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        policy.allows(&map)
    }

    fn strict() -> OriginPolicy {
        OriginPolicy::new(vec!["https://app.example.com".parse().unwrap()], false)
    }

    #[test]
    fn only_exact_origins_of_the_list() {
        let policy = strict();
        assert!(allows(&policy, &[("origin", "https://app.example.com")]));
        for other in [
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.test",
            "https://evil.test",
            "https://app.example.com/",
            "null",
            "",
        ] {
            assert!(!allows(&policy, &[("origin", other)]), "{other:?}");
        }
    }

    #[test]
    fn two_origins_are_refused() {
        let twice = [
            ("origin", "https://app.example.com"),
            ("origin", "https://app.example.com"),
        ];
        assert!(!allows(&strict(), &twice));
    }

    #[test]
    fn without_origin_only_with_authorization() {
        assert!(!allows(&strict(), &[("host", "127.0.0.1:3001")]));
        assert!(allows(&strict(), &[("authorization", "Bearer x")]));
    }

    #[test]
    fn same_origin_unless_the_host_is_a_name() {
        let policy = strict();
        for (origin, host, allowed) in [
            ("http://127.0.0.1:3001", "127.0.0.1:3001", true),
            ("http://localhost:3001", "localhost:3001", true),
            ("http://[::1]:3001", "[::1]:3001", true),
            ("http://192.168.1.5:3001", "192.168.1.5:3001", true),
            ("https://192.168.1.5", "192.168.1.5", true),
            ("http://127.0.0.1:3002", "127.0.0.1:3001", false),
            ("http://rebound.test:3001", "rebound.test:3001", false),
        ] {
            let headers = [("origin", origin), ("host", host)];
            assert_eq!(allows(&policy, &headers), allowed, "{origin} at {host}");
        }
    }

    #[test]
    fn in_development_any_loopback_page() {
        let policy = OriginPolicy::new(Vec::new(), true);
        for (origin, allowed) in [
            ("http://127.0.0.1:5173", true),
            ("http://localhost:8080", true),
            ("http://[::1]:9", true),
            ("http://localhost.evil.test", false),
            ("http://192.168.1.5:3001", false),
        ] {
            assert_eq!(allows(&policy, &[("origin", origin)]), allowed, "{origin}");
        }
    }

    #[test]
    fn an_allowed_origin_has_no_path() {
        for text in [
            "https://app.example.com/",
            "https://a/b",
            "app.example.com",
            "ftp://a",
            "*",
        ] {
            assert!(text.parse::<AllowedOrigin>().is_err(), "{text}");
        }
    }
}
