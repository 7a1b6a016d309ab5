//! /api/v2/dbrps.

use crate::support::Server;
use serde_json::{Value, json};

const ORG: &str = "org";
const BUCKET: &str = "bucket";

fn mappings(server: &Server, filter: &str) -> Vec<Value> {
    let path = format!("/api/v2/dbrps?org={ORG}{filter}");
    let answer = server.get(&path).send().expect(200).json();
    answer["content"].as_array().unwrap().clone()
}

fn make(server: &Server, database: &str, policy: &str, bucket: &str) -> Value {
    let body = json!({
        "org": ORG, "bucketID": bucket, "database": database, "retention_policy": policy,
    });
    let answer = server.post("/api/v2/dbrps").json(body).send();
    answer.expect(201).json()
}

#[test]
fn every_bucket_is_a_virtual_mapping() {
    let server = Server::start();
    let id = server.create_bucket("db/rp", 0);
    let found = mappings(&server, "&db=db");
    let wanted = json!([{
        "id": id, "database": "db", "retention_policy": "rp", "default": false, "virtual": true,
        "orgID": server.org_id(), "bucketID": id,
    }]);
    assert_eq!(json!(found), wanted);
    let own = mappings(&server, &format!("&db={BUCKET}"));
    assert_eq!(own[0]["retention_policy"], "autogen");
    assert_eq!(
        (&own[0]["default"], &own[0]["virtual"]),
        (&json!(true), &json!(true))
    );
    let path = format!("/api/v2/dbrps/{id}");
    let one = server.get(&path).send().expect(200).json();
    assert_eq!(one["content"]["database"], "db");
    let message = server.delete(&path).send().expect_error(404, "not found");
    assert_eq!(message, "unable to find DBRP");
}

#[test]
fn a_stored_mapping_leads_writes_of_v1_to_its_bucket() {
    let server = Server::start();
    let bucket = server.create_bucket("target", 0);
    let made = make(&server, "telegraf", "weekly", &bucket);
    assert_eq!(
        (&made["default"], &made["virtual"]),
        (&json!(true), &json!(false))
    );
    let write = server.post("/write?db=telegraf").body("m f=1 1");
    write.send().expect(204);
    let series = server.influxql_of("target", "SELECT f FROM m");
    assert_eq!(series[0]["series"][0]["values"][0][1], 1);
    server
        .delete(&format!("/api/v2/dbrps/{}", made["id"].as_str().unwrap()))
        .send()
        .expect(204);
    let write = server.post("/write?db=telegraf").body("m f=1 1");
    write.send().expect_error(404, "not found");
}

#[test]
fn one_mapping_of_a_database_is_the_default() {
    let server = Server::start();
    let bucket = server.bucket_id(BUCKET);
    let default = |server: &Server| {
        let found = mappings(server, "&db=db&default=true");
        assert_eq!(found.len(), 1, "{found:?}");
        found[0]["retention_policy"].as_str().unwrap().to_owned()
    };
    let first = make(&server, "db", "a", &bucket);
    let second = make(&server, "db", "b", &bucket);
    assert_eq!(default(&server), "a");
    let path = |made: &Value| format!("/api/v2/dbrps/{}", made["id"].as_str().unwrap());
    let changed = server
        .patch(&path(&second))
        .json(json!({"default": true, "retention_policy": "c"}))
        .send()
        .expect(200)
        .json();
    assert_eq!(changed["content"]["retention_policy"], "c");
    assert_eq!(default(&server), "c");
    server
        .patch(&path(&second))
        .json(json!({"default": false}))
        .send()
        .expect(200);
    assert_eq!(default(&server), "a");
    server.delete(&path(&first)).send().expect(204);
    assert_eq!(default(&server), "c");
    let server = server.kill_and_restart();
    assert_eq!(default(&server), "c");
}

#[test]
fn wrong_mappings_are_refused_with_what_is_wrong() {
    let server = Server::start();
    let bucket = server.bucket_id(BUCKET);
    make(&server, "db", "rp", &bucket);
    let refused = |org: &str, bucket: &str, database: &str, status, code| {
        let body = json!({
            "org": org, "bucketID": bucket, "database": database, "retention_policy": "rp",
        });
        let answer = server.post("/api/v2/dbrps").json(body).send();
        answer.expect_error(status, code)
    };
    refused(ORG, &bucket, "db", 422, "conflict");
    let message = refused(ORG, "x", "other", 400, "invalid");
    assert_eq!(message, "invalid bucket ID \"x\"");
    let message = refused("nobody", &bucket, "other", 404, "not found");
    assert_eq!(message, "invalid org \"nobody\"");
    let message = refused(ORG, &bucket, "a/b", 400, "invalid");
    assert!(message.starts_with("database must contain"), "{message}");
    refused(ORG, "00000000000000aa", "other", 404, "not found");
    let message = refused("", &bucket, "other", 400, "invalid");
    assert_eq!(message, "either 'org' or 'orgID' must be provided");
    let listed = server.get("/api/v2/dbrps").send();
    listed.expect_error(400, "invalid");
}

#[test]
fn mappings_of_other_orgs_are_not_seen() {
    let server = Server::start();
    let made = make(&server, "db", "rp", &server.bucket_id(BUCKET));
    let path = format!("/api/v2/dbrps/{}", made["id"].as_str().unwrap());
    let other = server.token_of_new_org("other");
    let listed = server
        .get(&format!("/api/v2/dbrps?org={ORG}"))
        .token(&other)
        .send()
        .expect(200)
        .json();
    assert_eq!(listed["content"], json!([]));
    server
        .get(&path)
        .token(&other)
        .send()
        .expect_error(401, "unauthorized");
    server
        .delete(&path)
        .token(&other)
        .send()
        .expect_error(401, "unauthorized");
    server
        .get(&path)
        .anonymous()
        .send()
        .expect_error(401, "unauthorized");
}
