//! /api/v2/buckets.

use crate::support::{Server, encoded};
use serde_json::{Value, json};

fn post(server: &Server, body: Value) -> crate::support::Response {
    server.post("/api/v2/buckets").json(body).send()
}

#[test]
fn a_bucket_is_created_read_changed_and_deleted() {
    let server = Server::start();
    let org = server.org_id();
    let rule = json!({"type": "expire", "everySeconds": 86_400});
    let body = json!({"orgID": org, "name": "b", "description": "d", "retentionRules": [rule]});
    let made = post(&server, body).expect(201).json();
    assert_eq!(made["type"], "user");
    assert_eq!(made["orgID"], org.as_str());
    assert_eq!(made["description"], "d");
    assert_eq!(
        made["retentionRules"],
        json!([{"type": "expire", "everySeconds": 86_400, "shardGroupDurationSeconds": 3_600}])
    );
    assert!(made["createdAt"].is_string() && made["updatedAt"].is_string());
    assert!(made["links"]["self"].is_string() && made["links"]["write"].is_string());
    let path = format!("/api/v2/buckets/{}", made["id"].as_str().unwrap());
    assert_eq!(server.get(&path).send().expect(200).json()["name"], "b");

    let change = json!({"name": "c", "retentionRules": [{"type": "expire", "everySeconds": 0}]});
    let changed = server.patch(&path).json(change).send().expect(200).json();
    assert_eq!(changed["name"], "c");
    assert_eq!(changed["description"], "d");
    assert_eq!(changed["retentionRules"][0]["everySeconds"], 0);
    server.write_to("c", "m f=1").expect(204);
    server.write_to("b", "m f=1").expect(404);

    server.delete(&path).send().expect(204);
    server.get(&path).send().expect_error(404, "not found");
    server.write_to("c", "m f=1").expect(404);
}

#[test]
fn a_deleted_bucket_takes_its_points_with_it() {
    let server = Server::start();
    let id = server.create_bucket("b", 0);
    server.write_to("b", "m f=1i 1").expect(204);
    server
        .delete(&format!("/api/v2/buckets/{id}"))
        .send()
        .expect(204);
    server.create_bucket("b", 0);
    // Neither the point nor the field's type is left.
    server.write_to("b", "m f=2.5 2").expect(204);
    let results = server.influxql_of("b", "SELECT f FROM m");
    assert_eq!(results[0]["series"][0]["values"].to_string(), "[[2,2.5]]");
}

#[test]
fn shard_durations_follow_the_retention_unless_given() {
    let server = Server::start();
    let org = server.org_id();
    let day = 86_400;
    for (n, (retention, shard)) in [
        (0, 7 * day),
        (180 * day, 7 * day),
        (2 * day, day),
        (2 * day - 1, 3_600),
        (3_600, 3_600),
    ]
    .into_iter()
    .enumerate()
    {
        let rule = json!({"type": "expire", "everySeconds": retention});
        let body = json!({"orgID": org, "name": format!("b{n}"), "retentionRules": [rule]});
        let made = post(&server, body).expect(201).json();
        assert_eq!(made["retentionRules"][0]["everySeconds"], retention);
        assert_eq!(
            made["retentionRules"][0]["shardGroupDurationSeconds"],
            shard
        );
    }
    let made = post(&server, json!({"orgID": org, "name": "none"}))
        .expect(201)
        .json();
    assert_eq!(
        made["retentionRules"][0]["everySeconds"], 0,
        "one rule, also without retention"
    );
    let rule = json!({"type": "expire", "everySeconds": 7_200, "shardGroupDurationSeconds": 7_200});
    let body = json!({"orgID": org, "name": "given", "retentionRules": [rule]});
    let made = post(&server, body).expect(201).json();
    assert_eq!(
        made["retentionRules"][0]["shardGroupDurationSeconds"],
        7_200
    );
}

#[test]
fn bad_buckets_are_refused() {
    let server = Server::start();
    let org = server.org_id();
    let named = |name: &str| json!({"orgID": org, "name": name});
    let kept = |seconds: i64| {
        let rule = json!({"type": "expire", "everySeconds": seconds});
        json!({"orgID": org, "name": "x", "retentionRules": [rule]})
    };
    for (body, statuses) in [
        (json!({"name": "x"}), &[400][..]),
        (named("_x"), &[400]),
        (named("a\"b"), &[400]),
        (named(""), &[400]),
        (kept(-1), &[422]),
        // InfluxDB answers 500; a client can't know that it is to blame.
        (kept(60), &[400, 422]),
    ] {
        let answer = post(&server, body.clone());
        assert!(
            statuses.contains(&answer.status),
            "{body}: {} {}",
            answer.status,
            answer.text()
        );
        assert!(!answer.json()["message"].as_str().unwrap().is_empty());
    }
    server
        .post("/api/v2/buckets")
        .body("{")
        .send()
        .expect_error(400, "invalid");
    let message = post(&server, named("bucket")).expect_error(422, "conflict");
    assert_eq!(message, "bucket with name bucket already exists");
}

#[test]
fn buckets_are_found_by_name_and_id() {
    let server = Server::start();
    let id = server.create_bucket("with space", 0);
    let get = |query: &str| server.get(&format!("/api/v2/buckets?{query}")).send();
    let name = encoded("with space");
    for query in [format!("org=org&name={name}"), format!("id={id}")] {
        let found = get(&query).expect(200).json();
        assert_eq!(found["buckets"].as_array().unwrap().len(), 1, "{query}");
        assert_eq!(found["buckets"][0]["id"], id.as_str());
    }
    let message = get("org=org&name=nothing").expect_error(404, "not found");
    assert_eq!(message, "bucket \"nothing\" not found");
    assert_eq!(get("name=nothing").expect(200).json()["buckets"], json!([]));
    server
        .get("/api/v2/buckets/00000000000000aa")
        .send()
        .expect_error(404, "not found");
    server
        .get("/api/v2/buckets/12")
        .send()
        .expect_error(400, "invalid");
}

#[test]
fn system_buckets_are_listed_and_stay() {
    let server = Server::start();
    let listed = server
        .get("/api/v2/buckets?org=org")
        .send()
        .expect(200)
        .json();
    for (name, days) in [("_tasks", 3), ("_monitoring", 7)] {
        let buckets = listed["buckets"].as_array().unwrap();
        let bucket = buckets
            .iter()
            .find(|bucket| bucket["name"] == name)
            .expect(name);
        assert_eq!(bucket["type"], "system");
        assert_eq!(bucket["retentionRules"][0]["everySeconds"], days * 86_400);
        let path = format!("/api/v2/buckets/{}", bucket["id"].as_str().unwrap());
        server.delete(&path).send().expect(400);
        server
            .patch(&path)
            .json(json!({"name": "other"}))
            .send()
            .expect(400);
    }
}

#[test]
fn pages_are_walked_by_offset_and_by_after() {
    let server = Server::start();
    for n in 0..25 {
        server.create_bucket(&format!("page{n:02}"), 0);
    }
    let page = |query: &str| {
        server
            .get(&format!("/api/v2/buckets?org=org&{query}"))
            .send()
            .expect(200)
            .json()
    };
    let ids = |page: &Value| -> Vec<String> {
        let buckets = page["buckets"].as_array().unwrap().iter();
        buckets
            .map(|bucket| bucket["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = ids(&page("limit=100"));
    assert_eq!(all.len(), 28, "25, one of the setup, two of the system");
    assert_eq!(ids(&page("")).len(), 20, "the default");

    let mut by_offset = Vec::new();
    let mut path = "/api/v2/buckets?org=org&limit=10".to_owned();
    loop {
        let answer = server.get(&path).send().expect(200).json();
        by_offset.extend(ids(&answer));
        match answer["links"]["next"].as_str() {
            Some(next) if by_offset.len() < 28 => path = next.to_owned(),
            _ => break,
        }
    }
    assert_eq!(by_offset, all);

    let mut by_after = ids(&page("limit=10"));
    while by_after.len() < 28 {
        let next = ids(&page(&format!(
            "limit=10&after={}",
            by_after.last().unwrap()
        )));
        assert!(!next.is_empty(), "a page after {}", by_after.len());
        by_after.extend(next);
    }
    let sorted = |ids: &[String]| {
        let mut ids = ids.to_vec();
        ids.sort();
        ids
    };
    assert_eq!(sorted(&by_after), sorted(&all));

    for limit in ["0", "101", "-1", "x"] {
        let answer = server.get(&format!("/api/v2/buckets?limit={limit}")).send();
        answer.expect_error(400, "invalid");
    }
}

#[test]
fn what_makes_a_bucket_large_is_listed() {
    let server = Server::builder()
        .flag("limits-max-series-per-bucket", "50")
        .start();
    let mut lines = String::new();
    for host in 0..30 {
        lines += &format!("cpu,host=h{host},dc=d{} v=1 1\n", host % 2);
    }
    lines += "mem,dc=d0 v=1 1\nmem,dc=d1 v=1 1\nbare v=1 1\n";
    server.write(&lines).expect(204);
    let path = format!("/api/v2/buckets/{}/cardinality", server.bucket_id("bucket"));
    let counted = server
        .get(&format!("{path}?top=2"))
        .send()
        .expect(200)
        .json();
    assert_eq!(counted["series"], 33);
    assert_eq!(counted["maxSeries"], 50);
    assert_eq!(
        counted["measurements"],
        json!([{"measurement": "cpu", "series": 30}, {"measurement": "mem", "series": 2}])
    );
    assert_eq!(
        counted["tags"],
        json!([
            {"measurement": "cpu", "tag": "host", "values": 30, "series": 30},
            {"measurement": "cpu", "tag": "dc", "values": 2, "series": 30},
        ])
    );
    assert_eq!(
        counted["values"],
        json!([
            {"measurement": "cpu", "tag": "dc", "value": "d0", "series": 15},
            {"measurement": "cpu", "tag": "dc", "value": "d1", "series": 15},
        ])
    );
    let all = server.get(&path).send().expect(200).json();
    assert_eq!(all["measurements"].as_array().unwrap().len(), 3);
    for wrong in ["0", "1001", "many"] {
        let answer = server.get(&format!("{path}?top={wrong}")).send();
        answer.expect_error(400, "invalid");
    }
    server.get(&path).anonymous().send().expect(401);

    // What is deleted is not counted.
    let deletion = json!({
        "start": "1970-01-01T00:00:00Z", "stop": "1970-01-02T00:00:00Z",
        "predicate": "_measurement=\"cpu\" AND dc=\"d0\"",
    });
    server
        .post("/api/v2/delete?org=org&bucket=bucket")
        .json(deletion)
        .send()
        .expect(204);
    crate::support::wait_for("series without points to go", 10, || {
        let counted = server.get(&path).send().json();
        (counted["series"] == 18).then_some(())
    });
}
