//! The built page, and the headers that keep it safe.

use std::path::Path;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::routing::get;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

/// Serves the files of the page, `index.html` at `/`. Where they are missing, `/` says so.
pub fn router(www_dir: &Path) -> Router {
    if www_dir.join("index.html").is_file() {
        return Router::new().fallback_service(ServeDir::new(www_dir));
    }
    tracing::warn!(
        ?www_dir,
        "there is no index.html: the API works, the page does not"
    );
    Router::new().route(
        "/",
        get(async || (StatusCode::SERVICE_UNAVAILABLE, NOT_BUILT)),
    )
}

const NOT_BUILT: &str = "The demo page is not built. Build it (npm start does), or name the folder \
                         with its index.html by --www-dir or WWW_DIR, and start the demo again.\n";

/// Adds the security headers to every response. Nothing is allowed that the page does not use:
/// scripts and styles of its own files, WebAssembly, requests and sockets to this server.
pub fn with_security_headers(router: Router, port: u16) -> Router {
    // `'self'` covers a socket to the own origin in today's browsers, not in older ones.
    let policy = format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; \
         connect-src 'self' ws://127.0.0.1:{port} ws://localhost:{port}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'"
    );
    // A port makes no invalid header; if one did, nothing would be allowed rather than everything.
    let policy = HeaderValue::try_from(policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"));
    [
        (header::CONTENT_SECURITY_POLICY, policy),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        // Files are revalidated: a page that was built anew is seen at the next reload.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ]
    .into_iter()
    .fold(router, with_header)
}

fn with_header(router: Router, (name, value): (HeaderName, HeaderValue)) -> Router {
    router.layer(SetResponseHeaderLayer::if_not_present(name, value))
}
