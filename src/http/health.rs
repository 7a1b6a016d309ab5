//! Is it alive, is it ready, which version is it. No authentication, cheap, alive during recovery.

use super::{AppState, COMPATIBLE_VERSION};
use crate::query::text::rfc3339;
use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

pub async fn health(state: Data<AppState>) -> HttpResponse {
    let problem = state.writer.not_ready();
    let (status, message) = match &problem {
        None => ("pass", "ready for queries and writes"),
        Some(reason) => ("fail", reason.as_str()),
    };
    let body = json!({
        "name": "influxdb",
        "message": message,
        "status": status,
        "checks": [],
        "version": COMPATIBLE_VERSION,
        "commit": concat!("influxd-", env!("CARGO_PKG_VERSION")),
    });
    if problem.is_none() {
        return HttpResponse::Ok().json(body);
    }
    HttpResponse::ServiceUnavailable().json(body)
}

pub async fn ready(state: Data<AppState>) -> HttpResponse {
    match state.writer.not_ready() {
        None => HttpResponse::Ok().json(json!({
            "status": "ready",
            "started": rfc3339(state.started_ns),
            "up": go_duration(state.started.elapsed()),
        })),
        Some(reason) => HttpResponse::ServiceUnavailable()
            .json(json!({ "status": "starting", "message": reason })),
    }
}

pub async fn ping() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// As Go prints durations: `1h2m3.4s`.
fn go_duration(elapsed: std::time::Duration) -> String {
    let (seconds, nanoseconds) = (elapsed.as_secs(), elapsed.subsec_nanos());
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = seconds as f64 % 60.0 + f64::from(nanoseconds) / 1e9;
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}
