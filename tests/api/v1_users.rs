//! /private/legacy/authorizations: users of v1 and their passwords.

use crate::support::Server;
use serde_json::{Value, json};

const BUCKET: &str = "bucket";
const PATH: &str = "/private/legacy/authorizations";
const PASSWORD: &str = "battery staple";

fn body(server: &Server, name: &str) -> Value {
    let resource = json!({"type": "buckets", "orgID": server.org_id()});
    json!({
        "orgID": server.org_id(),
        "token": name,
        "description": "d",
        "permissions": [{"action": "write", "resource": resource}],
    })
}

/// A user that may write the org's buckets; gives its path.
fn make(server: &Server, name: &str) -> String {
    let made = server.post(PATH).json(body(server, name)).send();
    let made = made.expect(201).json();
    assert_eq!(made["token"], name);
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    assert_eq!(made["links"]["self"], path.as_str());
    path
}

fn set_password(server: &Server, path: &str, password: &str) {
    server
        .post(&format!("{path}/password"))
        .json(json!({"password": password}))
        .send()
        .expect(204);
}

fn write(server: &Server, name: &str, password: &str) -> u16 {
    let request = server.post(&format!("/write?db={BUCKET}")).body("m f=1 1");
    let by_header = request.clone().basic(name, password).send().status;
    let path = format!(
        "/write?db={BUCKET}&u={name}&p={}",
        crate::support::encoded(password)
    );
    let by_parameters = server.post(&path).anonymous().body("m f=1 1").send().status;
    assert_eq!(by_header, by_parameters);
    by_header
}

#[test]
fn a_v1_user_writes_with_its_password_only() {
    let server = Server::start();
    let path = make(&server, "gateway");
    assert_eq!(write(&server, "gateway", PASSWORD), 401, "no password yet");
    set_password(&server, &path, PASSWORD);
    for _ in 0..2 {
        assert_eq!(write(&server, "gateway", PASSWORD), 204);
        assert_eq!(write(&server, "gateway", "something else"), 401);
        assert_eq!(write(&server, "nobody", PASSWORD), 401);
    }
    let colon = format!("Token gateway:{PASSWORD}");
    server
        .post(&format!("/write?db={BUCKET}"))
        .header("Authorization", &colon)
        .body("m f=1 1")
        .send()
        .expect(204);
    set_password(&server, &path, "a new password");
    assert_eq!(write(&server, "gateway", PASSWORD), 401);
    assert_eq!(write(&server, "gateway", "a new password"), 204);
    let server = server.kill_and_restart();
    assert_eq!(write(&server, "gateway", "a new password"), 204);
    let status = |status: &str| {
        let change = server.patch(&path).json(json!({"status": status}));
        change.send().expect(200)
    };
    status("inactive");
    assert!(matches!(
        write(&server, "gateway", "a new password"),
        401 | 403
    ));
    status("active");
    assert_eq!(write(&server, "gateway", "a new password"), 204);
    server.delete(&path).send().expect(204);
    assert_eq!(write(&server, "gateway", "a new password"), 401);
    server.get(&path).send().expect_error(404, "not found");
}

#[test]
fn a_v1_user_may_only_what_it_is_permitted_and_is_none_of_v2() {
    let server = Server::start();
    let path = make(&server, "gateway");
    set_password(&server, &path, PASSWORD);
    let query = format!("/query?db={BUCKET}&q=SELECT%20f%20FROM%20m");
    let answer = server.get(&query).basic("gateway", PASSWORD).send();
    let answer = answer.expect(200).json();
    assert!(answer["results"][0]["series"].is_null(), "{answer}");
    let buckets = server.get("/api/v2/buckets");
    buckets.clone().token("gateway").send().expect(401);
    buckets.clone().token(PASSWORD).send().expect(401);
    buckets.basic("gateway", PASSWORD).send().expect(401);
}

#[test]
fn v1_users_are_listed_without_passwords() {
    let server = Server::start();
    let path = make(&server, "gateway");
    make(&server, "other");
    set_password(&server, &path, PASSWORD);
    for filter in ["", "?token=gateway", "?org=org", "?user=user"] {
        let text = server.get(&format!("{PATH}{filter}")).send().expect(200);
        let names: Vec<Value> = text.json()["authorizations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| found["token"].clone())
            .collect();
        assert!(names.contains(&json!("gateway")), "{filter}");
        assert_eq!(names.len(), if filter.contains("token") { 1 } else { 2 });
        assert!(!text.text().contains("argon2"));
        assert!(!text.text().contains(PASSWORD));
    }
    assert!(!server.log().join("\n").contains(PASSWORD));
}

#[test]
fn wrong_v1_users_are_refused_with_what_is_wrong() {
    let server = Server::start();
    let path = make(&server, "gateway");
    let refused = |body: Value, status, code| {
        let answer = server.post(PATH).json(body).send();
        answer.expect_error(status, code)
    };
    refused(body(&server, "gateway"), 422, "conflict");
    let message = refused(body(&server, ""), 400, "invalid");
    assert_eq!(message, "token required for v1 user authorization type");
    let mut without = body(&server, "x");
    without["permissions"] = json!([]);
    let message = refused(without, 400, "invalid");
    assert_eq!(message, "authorization must include permissions");
    let short = server
        .post(&format!("{path}/password"))
        .json(json!({"password": "short"}));
    short.send().expect_error(400, "invalid");
    let other = server.token_of_new_org("other");
    let list = server.get(PATH).token(&other).send().expect(200).json();
    assert_eq!(list["authorizations"], json!([]));
    let foreign = [
        server.get(&path),
        server.delete(&path),
        server.patch(&path).json(json!({"description": "mine"})),
        server
            .post(&format!("{path}/password"))
            .json(json!({"password": PASSWORD})),
    ];
    for request in foreign {
        let answer = request.token(&other).send();
        answer.expect_error(401, "unauthorized");
    }
    server
        .get(PATH)
        .anonymous()
        .send()
        .expect_error(401, "unauthorized");
}
