//! Health, readiness, ping, metrics, the link map, unknown routes and methods, headers, CORS.

use crate::support::Server;

#[test]
fn health_ready_and_ping_answer_anyone() {
    let server = Server::start();
    for path in ["/health", "/health/"] {
        let health = server.get(path).anonymous().send().expect(200).json();
        assert_eq!(health["status"], "pass");
        assert_eq!(health["name"], "influxdb");
        assert!(health["message"].is_string());
        assert!(health["checks"].is_array());
    }
    let ready = server.get("/ready").anonymous().send().expect(200).json();
    assert_eq!(ready["status"], "ready");
    assert!(ready["started"].is_string() && ready["up"].is_string());
    for method in ["GET", "HEAD"] {
        let answer = server
            .request(method, "/ping?verbose=true")
            .anonymous()
            .send()
            .expect(204);
        assert_eq!(answer.text(), "");
    }
}

/// Major 2, minor at least 1: what the official tools parse out of it.
fn is_version(text: &str) -> bool {
    let mut parts = text.trim_start_matches('v').split('.').map(|part| {
        part.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
            .parse::<u32>()
            .ok()
    });
    parts.next() == Some(Some(2)) && parts.next().flatten() >= Some(1) && parts.next().is_some()
}

#[test]
fn every_answer_says_version_and_build() {
    let server = Server::start();
    for request in [
        server.get("/ping"),
        server.get("/health"),
        server.get("/api/v2/buckets"),
        server.get("/api/v2/buckets").anonymous(),
        server.get("/api/v2/nothing"),
        server.post("/api/v2/write"),
        server.get("/nothing"),
        server.request("PUT", "/api/v2/write"),
    ] {
        let path = request.path.clone();
        let answer = request.send();
        assert_eq!(answer.header("x-influxdb-build"), Some("OSS"), "{path}");
        let version = answer.header("x-influxdb-version").unwrap_or_default();
        assert!(is_version(version), "{path}: {version}");
    }
    let version = server.get("/health").send().json()["version"].clone();
    assert!(
        is_version(version.as_str().unwrap_or_default()),
        "{version}"
    );
}

#[test]
fn metrics_are_prometheus_text_and_open() {
    let server = Server::start();
    server.write("m f=1").expect(204);
    let answer = server.get("/metrics").anonymous().send().expect(200);
    assert!(
        answer
            .header("content-type")
            .unwrap_or_default()
            .starts_with("text/plain")
    );
    for line in answer
        .text()
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(
            name.starts_with(|c: char| c.is_ascii_alphabetic()),
            "{line}"
        );
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    assert!(
        answer.text().contains("http_api_requests_total"),
        "{}",
        answer.text()
    );
}

#[test]
fn the_api_root_lists_the_links() {
    let server = Server::start();
    let links = server.get("/api/v2").anonymous().send().expect(200).json();
    for name in [
        "authorizations",
        "buckets",
        "me",
        "orgs",
        "setup",
        "signin",
        "users",
        "write",
    ] {
        assert!(links[name].is_string(), "{name} in {links}");
    }
    assert!(links["query"]["self"].is_string(), "{links}");
}

#[test]
fn unknown_api_paths_are_401_without_and_404_with_a_token() {
    let server = Server::start();
    for path in ["/api/v2/nothing", "/api/v2/api/v2/write"] {
        server
            .post(path)
            .anonymous()
            .send()
            .expect_error(401, "unauthorized");
        let message = server.post(path).send().expect_error(404, "not found");
        assert_eq!(message, "path not found");
    }
    server.get("/nothing").anonymous().send().expect(404);
}

#[test]
fn wrong_methods_are_405_with_the_allowed_ones() {
    let server = Server::start();
    for (method, path) in [
        ("PUT", "/api/v2/buckets"),
        ("DELETE", "/api/v2/orgs"),
        ("GET", "/api/v2/query"),
        ("POST", "/api/v2/me"),
        ("GET", "/api/v2/signin"),
    ] {
        let answer = server.request(method, path).send();
        let message = answer.expect_error(405, "method not allowed");
        let allow = answer
            .header("allow")
            .unwrap_or_else(|| panic!("Allow on {path}"));
        assert_eq!(message, format!("allow: {allow}"), "{path}");
        assert!(!allow.contains(method), "{path}: {allow}");
    }
}

#[test]
fn trailing_slashes_of_the_api_are_stripped() {
    let server = Server::start();
    server.get("/api/v2/buckets/").send().expect(200);
    server
        .post("/api/v2/write/?org=org&bucket=bucket")
        .body("m f=1")
        .send()
        .expect(204);
}

#[test]
fn cross_origin_requests_are_answered_on_the_api() {
    let server = Server::start();
    let origin = "http://grafana.example";
    let answer = server
        .get("/api/v2/buckets")
        .header("Origin", origin)
        .send()
        .expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    let preflight = server.request("OPTIONS", "/api/v2/write").anonymous();
    let answer = preflight
        .clone()
        .header("Origin", origin)
        .send()
        .expect(204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    let methods = answer
        .header("access-control-allow-methods")
        .unwrap_or_default();
    assert!(
        methods.contains("POST") && methods.contains("PATCH"),
        "{methods}"
    );
    let headers = answer
        .header("access-control-allow-headers")
        .unwrap_or_default();
    assert!(headers.contains("Authorization"), "{headers}");
    preflight.send().expect(405);
}
