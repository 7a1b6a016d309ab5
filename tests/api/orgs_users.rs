//! /api/v2/orgs, /api/v2/users, /api/v2/me.

use crate::support::Server;
use serde_json::json;

#[test]
fn an_org_is_created_with_system_buckets_changed_and_deleted() {
    let server = Server::start();
    let body = json!({"name": "second", "description": "d"});
    let made = server
        .post("/api/v2/orgs")
        .json(body.clone())
        .send()
        .expect(201)
        .json();
    assert_eq!(
        (made["name"].as_str(), made["description"].as_str()),
        (Some("second"), Some("d"))
    );
    let id = made["id"].as_str().unwrap();
    let path = format!("/api/v2/orgs/{id}");
    let listed = server
        .get("/api/v2/buckets?org=second")
        .send()
        .expect(200)
        .json();
    assert_eq!(
        listed["buckets"].as_array().unwrap().len(),
        2,
        "_tasks and _monitoring"
    );
    let message = server
        .post("/api/v2/orgs")
        .json(body)
        .send()
        .expect_error(422, "conflict");
    assert_eq!(message, "organization with name second already exists");
    server
        .post("/api/v2/orgs")
        .json(json!({"name": ""}))
        .send()
        .expect(400);
    let changed = server
        .patch(&path)
        .json(json!({"name": "third"}))
        .send()
        .expect(200)
        .json();
    assert_eq!(changed["name"], "third");
    assert_eq!(server.get(&path).send().expect(200).json()["name"], "third");
    server.delete(&path).send().expect(204);
    server.get(&path).send().expect_error(404, "not found");
}

#[test]
fn orgs_are_found_by_name_and_id_and_unknown_ones_are_404() {
    let server = Server::start();
    let id = server.org_id();
    for query in ["", "?org=org", &format!("?orgID={id}")] {
        let found = server
            .get(&format!("/api/v2/orgs{query}"))
            .send()
            .expect(200)
            .json();
        assert_eq!(found["orgs"][0]["id"], id.as_str(), "{query}");
    }
    for query in ["org=nobody", "orgID=00000000000000aa"] {
        server
            .get(&format!("/api/v2/orgs?{query}"))
            .send()
            .expect_error(404, "not found");
    }
}

#[test]
fn orgs_are_separate() {
    let server = Server::start();
    server
        .post("/api/v2/orgs")
        .json(json!({"name": "second"}))
        .send()
        .expect(201);
    let token = server.create_token(&[("write", "buckets", None), ("read", "buckets", None)]);
    let path = "/api/v2/write?org=second&bucket=_monitoring";
    let answer = server.post(path).token(&token).body("m f=1").send();
    assert!(
        answer.status == 401 || answer.status == 404,
        "{}",
        answer.text()
    );
}

#[test]
fn a_user_is_created_found_changed_and_deleted() {
    let server = Server::start();
    let made = server
        .post("/api/v2/users")
        .json(json!({"name": "bob"}))
        .send()
        .expect(201)
        .json();
    assert_eq!(
        (made["name"].as_str(), made["status"].as_str()),
        (Some("bob"), Some("active"))
    );
    let path = format!("/api/v2/users/{}", made["id"].as_str().unwrap());
    server
        .post("/api/v2/users")
        .json(json!({"name": "bob"}))
        .send()
        .expect_error(422, "conflict");
    let found = server
        .get("/api/v2/users?name=bob")
        .send()
        .expect(200)
        .json();
    assert_eq!(found["users"][0]["id"], made["id"]);

    server
        .post(&format!("{path}/password"))
        .json(json!({"password": "long enough"}))
        .send()
        .expect(204);
    server
        .post("/api/v2/signin")
        .basic("bob", "long enough")
        .send()
        .expect(204);
    let changed = server
        .patch(&path)
        .json(json!({"status": "inactive"}))
        .send()
        .expect(200)
        .json();
    assert_eq!(changed["status"], "inactive");
    assert_ne!(
        server
            .post("/api/v2/signin")
            .basic("bob", "long enough")
            .send()
            .status,
        204
    );

    server.delete(&path).send().expect(204);
    let message = server.get(&path).send().expect_error(404, "not found");
    assert_eq!(message, "user not found");
}

#[test]
fn me_is_the_user_of_the_token() {
    let server = Server::start();
    let me = server.get("/api/v2/me").send().expect(200).json();
    assert_eq!(me["name"], "user");
    assert!(me["links"]["self"].is_string());
}

#[test]
fn what_the_api_stores_outlives_a_kill() {
    let server = Server::start();
    let bucket = server.create_bucket("kept", 7_200);
    let token = server.create_token(&[("read", "buckets", Some(&bucket))]);
    server
        .post("/api/v2/users")
        .json(json!({"name": "bob"}))
        .send()
        .expect(201);
    let server = server.kill_and_restart();
    let path = format!("/api/v2/buckets/{bucket}");
    assert_eq!(
        server.get(&path).token(&token).send().expect(200).json()["name"],
        "kept"
    );
    let found = server
        .get("/api/v2/users?name=bob")
        .send()
        .expect(200)
        .json();
    assert_eq!(found["users"].as_array().unwrap().len(), 1);
}

#[test]
fn secrets_are_read_by_queries_and_shown_by_nothing() {
    let server = Server::start();
    let path = format!("/api/v2/orgs/{}/secrets", server.org_id());
    let secrets = json!({ "apiKey": "hidden-value-1", "other": "hidden-value-2" });
    server.patch(&path).json(secrets).send().expect(204);
    server
        .patch(&path)
        .json(json!({ "apiKey": "hidden-value-3" }))
        .send()
        .expect(204);
    let listed = server.get(&path).send().expect(200).json();
    assert_eq!(listed["secrets"], json!(["apiKey", "other"]));
    let query = "import \"array\" import \"influxdata/influxdb/secrets\"
        array.from(rows: [{length: strings.strlen(v: secrets.get(key: \"apiKey\")), value: secrets.get(key: \"apiKey\")}])";
    let query = query.replacen("import", "import \"strings\" import", 1);
    let server = server.kill_and_restart();
    assert_eq!(server.flux(&query).column("value"), ["hidden-value-3"]);

    let reader = server.create_token(&[("read", "buckets", None), ("read", "orgs", None)]);
    let answer = server.flux_request(&query).token(&reader).send();
    let message = answer.expect_error(400, "invalid");
    assert!(
        message.contains("apiKey") && !message.contains("hidden"),
        "{message}"
    );
    server.get(&path).token(&reader).send().expect(401);

    server.delete(&format!("{path}/other")).send().expect(204);
    let doomed = json!({ "secrets": ["apiKey", "unknown"] });
    server
        .post(&format!("{path}/delete"))
        .json(doomed)
        .send()
        .expect(204);
    let listed = server.get(&path).send().expect(200).json();
    assert_eq!(listed["secrets"], json!([]));
    server
        .flux_request(&query)
        .send()
        .expect_error(400, "invalid");
    let log = server.log().join("\n");
    assert!(!log.contains("hidden-value"), "{log}");
}
