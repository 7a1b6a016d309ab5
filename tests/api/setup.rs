//! The first start: over HTTP, from the configuration, and as a development database.

use crate::support::{Server, wait_for};
use serde_json::json;

#[test]
fn setup_is_allowed_once_and_gives_everything_that_is_needed() {
    let server = Server::builder().not_set_up().start();
    let allowed =
        |server: &Server| server.get("/api/v2/setup").anonymous().send().json()["allowed"].clone();
    assert_eq!(allowed(&server), true);
    let request = json!({
        "username": "ann", "password": "long enough", "org": "acme", "bucket": "metrics",
        "retentionPeriodSeconds": 7200,
    });
    let setup = || server.post("/api/v2/setup").anonymous();
    let answer = setup().json(request.clone()).send().expect(201).json();
    assert_eq!(answer["user"]["name"], "ann");
    assert_eq!(answer["user"]["status"], "active");
    assert_eq!(answer["org"]["name"], "acme");
    assert_eq!(answer["bucket"]["name"], "metrics");
    assert_eq!(answer["bucket"]["retentionRules"][0]["everySeconds"], 7200);
    assert_eq!(answer["bucket"]["orgID"], answer["org"]["id"]);
    assert_eq!(answer["auth"]["description"], "ann's Token");
    let token = answer["auth"]["token"].as_str().unwrap();
    assert_eq!(token.len(), 88);
    assert!(token.ends_with("=="));
    for id in [
        &answer["user"]["id"],
        &answer["org"]["id"],
        &answer["bucket"]["id"],
    ] {
        assert_eq!(id.as_str().unwrap().len(), 16, "{id}");
    }
    assert_eq!(allowed(&server), false);
    let message = setup().json(request).send().expect_error(422, "conflict");
    assert_eq!(message, "onboarding has already been completed");

    let path = "/api/v2/write?org=acme&bucket=metrics";
    server
        .post(path)
        .token(token)
        .body("m f=1")
        .send()
        .expect(204);
    let server = server.kill_and_restart();
    assert_eq!(allowed(&server), false);
    server
        .post(path)
        .token(token)
        .body("m f=1")
        .send()
        .expect(204);
}

#[test]
fn an_incomplete_setup_is_refused_and_can_be_repeated() {
    let server = Server::builder().not_set_up().start();
    let setup = |body| server.post("/api/v2/setup").anonymous().json(body).send();
    let answer = setup(json!({"username": "ann"}));
    assert_eq!(answer.status, 422, "{}", answer.text());
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("missing required fields"), "{message}");
    let short = json!({"username": "u", "password": "short", "org": "o", "bucket": "b"});
    assert_eq!(setup(short).status, 400);
    let chosen = json!({"username": "u", "org": "o", "bucket": "b", "token": "chosen-token"});
    assert_eq!(
        setup(chosen).expect(201).json()["auth"]["token"],
        "chosen-token"
    );
    server
        .get("/api/v2/buckets")
        .token("chosen-token")
        .send()
        .expect(200);
}

#[test]
fn malformed_setup_json_is_400_not_500() {
    let server = Server::builder().not_set_up().start();
    let answer = server.post("/api/v2/setup").anonymous().body("{").send();
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[test]
fn the_configuration_sets_up_the_first_start_and_later_ones_change_nothing() {
    let server = Server::builder()
        .not_set_up()
        .variable("INFLUXD_SETUP_USERNAME", "ann")
        .variable("INFLUXD_SETUP_PASSWORD", "long enough")
        .variable("INFLUXD_SETUP_ORG", "org")
        .variable("INFLUXD_SETUP_BUCKET", "b")
        .variable("INFLUXD_SETUP_TOKEN", "token-from-environment")
        .variable("INFLUXD_SETUP_RETENTION", "7d")
        .start();
    let buckets = |server: &Server| {
        let request = server
            .get("/api/v2/buckets?org=org&name=b")
            .token("token-from-environment");
        request.send().expect(200).json()["buckets"][0].clone()
    };
    let first = buckets(&server);
    assert_eq!(first["retentionRules"][0]["everySeconds"], 604_800);
    server
        .post("/api/v2/signin")
        .basic("ann", "long enough")
        .send()
        .expect(204);
    let again = server.stop_and_restart();
    assert_eq!(buckets(&again)["id"], first["id"]);
}

#[test]
fn a_development_database_prints_lines_that_work() {
    let mut server = Server::builder().not_set_up().switch("dev").start();
    for _ in 0..2 {
        let printed = wait_for("the curl lines", 10, || {
            let text = server.output().join("\n");
            text.contains("range(start: -1h)").then_some(text)
        });
        let value = |name: &str| {
            let line = printed
                .lines()
                .find_map(|line| line.trim().strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {printed}"))
                .trim()
                .to_owned()
        };
        assert_eq!(value("url"), format!("http://{}", server.address));
        assert_eq!(
            (value("org"), value("bucket")),
            ("dev".to_owned(), "dev".to_owned())
        );
        assert_eq!(value("token").len(), 88);
        for command in commands(&printed) {
            let run = std::process::Command::new("sh")
                .args([
                    "-c",
                    &command.replacen("curl", "curl --silent --fail-with-body", 1),
                ])
                .output()
                .unwrap();
            assert!(run.status.success(), "{command}: {run:?}");
            let answer = String::from_utf8_lossy(&run.stdout).into_owned();
            let is_query = command.contains("/query");
            assert_eq!(answer.contains("4.5"), is_query, "{command}: {answer}");
        }
        server = server.kill_and_restart();
    }
}

/// The curl commands in a text, continued lines joined.
fn commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("curl "));
    lines.map(str::to_owned).collect()
}
