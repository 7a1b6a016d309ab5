//! Sessions, tokens and the permission model.

use crate::support::{Server, ServerBuilder};
use serde_json::{Value, json};

fn with_password() -> ServerBuilder {
    Server::builder().flag("setup-password", "correct horse")
}

fn cookie(server: &Server, user: &str, password: &str) -> String {
    let request = server.post("/api/v2/signin").basic(user, password);
    let answer = request.send().expect(204);
    let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.starts_with("influxdb-oss-session="), "{cookie}");
    for part in ["Path=/api/", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

#[test]
fn a_session_works_from_signin_to_signout() {
    let server = with_password().start();
    let cookie = cookie(&server, "user", "correct horse");
    let me = || {
        server
            .get("/api/v2/me")
            .anonymous()
            .header("Cookie", &cookie)
    };
    assert_eq!(me().send().expect(200).json()["name"], "user");
    let write = server
        .post("/api/v2/write?org=org&bucket=bucket")
        .anonymous();
    write
        .header("Cookie", &cookie)
        .body("m f=1")
        .send()
        .expect(204);
    let signout = || {
        server
            .post("/api/v2/signout")
            .anonymous()
            .header("Cookie", &cookie)
    };
    signout().send().expect(204);
    me().send().expect_error(401, "unauthorized");
    signout().send().expect(401);
}

#[test]
fn signin_with_anything_wrong_is_401() {
    let server = with_password().start();
    let signin = || server.post("/api/v2/signin");
    for request in [
        signin().basic("user", "wrong password"),
        signin().basic("nobody", "correct horse"),
        signin().basic("user", ""),
        signin().anonymous(),
    ] {
        request.send().expect_error(401, "unauthorized");
    }
}

#[test]
fn sessions_are_not_accepted_by_v1_endpoints_and_basic_not_by_v2() {
    let server = with_password().start();
    let cookie = cookie(&server, "user", "correct horse");
    server
        .post("/write?db=bucket")
        .anonymous()
        .header("Cookie", &cookie)
        .body("m f=1")
        .send()
        .expect(401);
    server
        .get("/api/v2/buckets")
        .basic("user", "correct horse")
        .send()
        .expect(401);
}

#[test]
fn passwords_are_changed_by_their_owner_and_by_the_operator() {
    let server = with_password().start();
    let change = server.request("PUT", "/api/v2/me/password");
    let body = json!({"password": "a new password"});
    change
        .clone()
        .basic("user", "wrong")
        .json(body.clone())
        .send()
        .expect(403);
    change
        .basic("user", "correct horse")
        .json(body)
        .send()
        .expect(204);
    server
        .post("/api/v2/signin")
        .basic("user", "correct horse")
        .send()
        .expect(401);
    cookie(&server, "user", "a new password");

    let id = server.get("/api/v2/me").send().expect(200).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v2/users/{id}/password");
    server
        .post(&path)
        .json(json!({"password": "short"}))
        .send()
        .expect_error(400, "invalid");
    server
        .post(&path)
        .json(json!({"password": "yet another one"}))
        .send()
        .expect(204);
    cookie(&server, "user", "yet another one");
}

fn create(server: &Server, body: Value) -> Value {
    server
        .post("/api/v2/authorizations")
        .json(body)
        .send()
        .expect(201)
        .json()
}

#[test]
fn authorizations_are_created_listed_changed_and_deleted() {
    let server = Server::start();
    let org = server.org_id();
    let permission = json!({"action": "read", "resource": {"type": "buckets", "orgID": org}});
    let made = create(
        &server,
        json!({"orgID": org, "description": "a reader", "permissions": [permission]}),
    );
    for (key, value) in [
        ("description", "a reader"),
        ("status", "active"),
        ("org", "org"),
        ("user", "user"),
    ] {
        assert_eq!(made[key], value, "{made}");
    }
    assert_eq!(made["permissions"][0]["resource"]["type"], "buckets");
    let token = made["token"].as_str().unwrap();
    assert_eq!(token.len(), 88);
    let path = format!("/api/v2/authorizations/{}", made["id"].as_str().unwrap());

    let listed = server
        .get(&format!("/api/v2/authorizations?orgID={org}"))
        .send()
        .expect(200)
        .json();
    let listed = listed["authorizations"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 2, "the operator's and the new one");
    assert!(listed.iter().any(|one| one["id"] == made["id"]));
    // Shown once: only its hash is stored.
    assert!(
        !server
            .get("/api/v2/authorizations")
            .send()
            .text()
            .contains(token)
    );
    assert_ne!(server.get(&path).send().expect(200).json()["token"], token);

    let buckets = || server.get("/api/v2/buckets").token(token).send();
    assert!(
        !buckets().expect(200).json()["buckets"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    server
        .patch(&path)
        .json(json!({"status": "inactive"}))
        .send()
        .expect(200);
    // Lists are filtered by permission, and an inactive token has none.
    assert_eq!(buckets().expect(200).json()["buckets"], json!([]));
    let answer = server
        .patch(&path)
        .json(json!({"status": "active", "description": "again"}));
    assert_eq!(answer.send().expect(200).json()["description"], "again");
    buckets().expect(200);
    server.delete(&path).send().expect(204);
    buckets().expect_error(401, "unauthorized");
    let message = server.get(&path).send().expect_error(404, "not found");
    assert_eq!(message, "authorization not found");
}

#[test]
fn an_inactive_token_writes_nothing() {
    let server = Server::start();
    let org = server.org_id();
    let permission = json!({"action": "write", "resource": {"type": "buckets", "orgID": org}});
    let made = create(&server, json!({"orgID": org, "permissions": [permission]}));
    let token = made["token"].as_str().unwrap();
    let write = || {
        server
            .post("/api/v2/write?org=org&bucket=bucket")
            .token(token)
            .body("m f=1")
            .send()
    };
    write().expect(204);
    let path = format!("/api/v2/authorizations/{}", made["id"].as_str().unwrap());
    server
        .patch(&path)
        .json(json!({"status": "inactive"}))
        .send()
        .expect(200);
    let message = write().expect_error(401, "unauthorized");
    assert!(message.contains("token is inactive"), "{message}");
}

#[test]
fn incomplete_authorizations_are_refused() {
    let server = Server::start();
    let org = server.org_id();
    let permission = json!({"action": "read", "resource": {"type": "buckets", "orgID": org}});
    let refused = |body: Value| server.post("/api/v2/authorizations").json(body).send();
    let message = refused(json!({"orgID": org})).expect_error(400, "invalid");
    assert!(
        message.contains("authorization must include permissions"),
        "{message}"
    );
    let message = refused(json!({"permissions": [permission]})).expect_error(400, "invalid");
    assert!(message.contains("org id required"), "{message}");
    server
        .post("/api/v2/authorizations")
        .body("{")
        .send()
        .expect_error(400, "invalid");
    refused(json!({"orgID": "00000000000000aa", "permissions": [permission]})).expect(400);
}

#[test]
fn a_token_grants_no_more_than_it_has() {
    let server = Server::start();
    let org = server.org_id();
    let granter =
        server.create_token(&[("write", "authorizations", None), ("read", "buckets", None)]);
    let body = |action: &str| {
        let permission = json!({"action": action, "resource": {"type": "buckets", "orgID": org}});
        json!({"orgID": org, "permissions": [permission]})
    };
    let create = |action: &str| {
        server
            .post("/api/v2/authorizations")
            .token(&granter)
            .json(body(action))
            .send()
    };
    create("write").expect_error(403, "forbidden");
    create("read").expect(201);
}

#[test]
fn denied_resources_are_401_and_lists_are_filtered() {
    let server = Server::start();
    let (first, second) = (
        server.bucket_id("bucket"),
        server.create_bucket("second", 0),
    );
    let token = server.create_token(&[("read", "buckets", Some(&first))]);
    let listed = server
        .get("/api/v2/buckets?org=org")
        .token(&token)
        .send()
        .expect(200)
        .json();
    let names: Vec<_> = listed["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bucket| bucket["name"].clone())
        .collect();
    assert!(
        names.contains(&json!("bucket")) && !names.contains(&json!("second")),
        "{names:?}"
    );
    server
        .get(&format!("/api/v2/buckets/{first}"))
        .token(&token)
        .send()
        .expect(200);
    let denied = server
        .get(&format!("/api/v2/buckets/{second}"))
        .token(&token)
        .send();
    let message = denied.expect_error(401, "unauthorized");
    assert!(
        message.contains("read:orgs/") && message.ends_with("is unauthorized"),
        "{message}"
    );
    let denied = server
        .delete(&format!("/api/v2/buckets/{first}"))
        .token(&token)
        .send();
    let message = denied.expect_error(401, "unauthorized");
    assert!(message.contains("write:orgs/"), "{message}");
}

#[test]
fn a_query_finds_only_buckets_that_the_token_may_read() {
    let server = Server::start();
    let second = server.create_bucket("second", 0);
    server.write("m f=1").expect(204);
    let token = server.create_token(&[("read", "buckets", Some(&second))]);
    let query = server
        .flux_request("from(bucket: \"bucket\") |> range(start: -1h)")
        .token(&token);
    let message = query.send().expect_error(404, "not found");
    assert!(
        message.contains("could not find bucket \"bucket\""),
        "{message}"
    );
    let writer = server.create_token(&[("write", "buckets", None)]);
    let query = server
        .flux_request("from(bucket: \"bucket\") |> range(start: -1h)")
        .token(&writer);
    query.send().expect_error(404, "not found");
    server
        .get("/query?db=bucket&q=SHOW%20MEASUREMENTS")
        .anonymous()
        .send()
        .expect(401);
}

#[test]
fn tokens_and_passwords_are_not_stored_in_the_clear() {
    let server = with_password().start();
    let token = server.create_token(&[("read", "buckets", None)]);
    let directory = server.data_directory();
    let server = server.stop_and_restart();
    let mut files = vec![directory];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        for secret in [
            token.as_str(),
            "operator-token-of-the-tests",
            "correct horse",
        ] {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {}", path.display());
        }
    }
    drop(server);
}
