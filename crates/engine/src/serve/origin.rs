//! Which web pages may use the server.
//!
//! A browser lets any page open a WebSocket to any address, this machine's own included, and only says which page it
//! is. Without a look at that, every page that somebody visits could listen in and talk. Programs other than
//! browsers send no `Origin`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{Host, sentence};

pub(super) async fn check(State(host): State<Arc<Host>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    if let Some(origin) = &origin
        && !is_allowed(origin, &host.settings.allowed_origins)
    {
        tracing::warn!(?origin, "refused a web page");
        return sentence(
            StatusCode::FORBIDDEN,
            "This web page may not use this host. Whoever runs the host can allow it by --allow-origin.",
        );
    }
    let mut response = next.run(request).await;
    if let Some(origin) = origin {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

fn is_allowed(origin: &HeaderValue, allowed: &[String]) -> bool {
    let named =
        |allowed: &String| origin.as_bytes().eq_ignore_ascii_case(allowed.trim_end_matches('/').as_bytes());
    allowed.iter().any(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_origin_is_allowed() {
        let allowed = ["https://example.org".to_owned(), "http://localhost:5173/".to_owned()];
        let asks = |origin: &'static str| is_allowed(&HeaderValue::from_static(origin), &allowed);
        assert!(asks("https://example.org") && asks("HTTPS://Example.org") && asks("http://localhost:5173"));
        for other in
            ["http://example.org", "https://example.org.evil", "https://evil", "null", "", "http://localhost"]
        {
            assert!(!asks(other), "{other}");
        }
        assert!(!is_allowed(&HeaderValue::from_static("null"), &[]));
    }
}
