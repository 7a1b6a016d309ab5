//! /api/v2/labels, variables, telegrafs, and members of orgs.

use crate::support::{Request, Server};
use serde_json::{Value, json};

fn put(server: &Server, path: &str, body: Value) -> Request {
    server.request("PUT", path).json(body)
}

fn made(server: &Server, path: &str, mut body: Value) -> Value {
    body["orgID"] = json!(server.org_id());
    server.post(path).json(body).send().expect(201).json()
}

fn id(json: &Value) -> &str {
    json["id"].as_str().unwrap()
}

/// Neither someone of another org nor nobody sees or changes it.
fn is_closed_to_others(server: &Server, path: &str, change: &str) {
    let other = server.token_of_new_org("other");
    for method in ["GET", "DELETE", change] {
        let request = server.request(method, path).json(json!({}));
        let answer = request.clone().token(&other).send();
        answer.expect_error(401, "unauthorized");
        let answer = request.anonymous().send();
        answer.expect_error(401, "unauthorized");
    }
}

#[test]
fn labels_are_made_attached_to_buckets_and_deleted() {
    let server = Server::start();
    let label = made(
        &server,
        "/api/v2/labels",
        json!({"name": "blue", "properties": {"color": "#00f", "old": "x"}}),
    );
    let label = &label["label"];
    assert_eq!(
        (&label["name"], &label["properties"]["color"]),
        (&json!("blue"), &json!("#00f"))
    );
    let path = format!("/api/v2/labels/{}", id(label));
    let twice = json!({"orgID": server.org_id(), "name": "Blue"});
    let answer = server.post("/api/v2/labels").json(twice).send();
    answer.expect_error(422, "conflict");
    let change = json!({"name": "navy", "properties": {"old": ""}});
    let changed = server.patch(&path).json(change).send().expect(200).json();
    assert_eq!(changed["label"]["name"], "navy");
    assert_eq!(changed["label"]["properties"], json!({"color": "#00f"}));

    let bucket = format!("/api/v2/buckets/{}", server.bucket_id("bucket"));
    let labels = format!("{bucket}/labels");
    let body = json!({"labelID": id(label)});
    let added = server.post(&labels).json(body).send().expect(201).json();
    assert_eq!(added["label"]["name"], "navy");
    let server = server.kill_and_restart();
    let shown = server.get(&bucket).send().expect(200).json();
    assert_eq!(shown["labels"][0]["name"], "navy");
    let listed = server.get(&labels).send().expect(200).json();
    assert_eq!(listed["labels"][0]["id"], label["id"]);
    let one = format!("{labels}/{}", id(label));
    server.delete(&one).send().expect(204);
    server.delete(&one).send().expect_error(404, "not found");
    is_closed_to_others(&server, &path, "PATCH");
    server.delete(&path).send().expect(204);
    server.get(&path).send().expect_error(404, "not found");
    let listed = server.get("/api/v2/labels?org=org").send().expect(200);
    assert_eq!(listed.json()["labels"], json!([]));
}

#[test]
fn a_label_of_another_org_is_not_attached() {
    let server = Server::start();
    let other = server.token_of_new_org("other");
    let orgs = server
        .get("/api/v2/orgs?org=other")
        .send()
        .expect(200)
        .json();
    let body = json!({"orgID": orgs["orgs"][0]["id"], "name": "theirs"});
    let label = server.post("/api/v2/labels").token(&other).json(body);
    let label = label.send().expect(201).json();
    let path = format!("/api/v2/buckets/{}/labels", server.bucket_id("bucket"));
    let body = json!({"labelID": label["label"]["id"]});
    server
        .post(&path)
        .json(body)
        .send()
        .expect_error(404, "not found");
}

#[test]
fn variables_are_made_changed_and_deleted() {
    let server = Server::start();
    let arguments = json!({"type": "constant", "values": ["a", "b"]});
    let body = json!({"name": "host", "arguments": arguments, "selected": ["a"]});
    let variable = made(&server, "/api/v2/variables", body);
    assert_eq!(variable["arguments"], arguments);
    let path = format!("/api/v2/variables/{}", id(&variable));
    let changed = server.patch(&path).json(json!({"description": "d"}));
    let changed = changed.send().expect(200).json();
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&json!("host"), &json!("d"))
    );
    let query = json!({"type": "query", "values": {"query": "buckets()", "language": "flux"}});
    let body = json!({"name": "other", "arguments": query});
    let changed = put(&server, &path, body).send().expect(200).json();
    assert_eq!(
        (&changed["name"], &changed["selected"]),
        (&json!("other"), &json!([]))
    );
    for wrong in [
        json!({"type": "constant", "values": "a"}),
        json!({"type": "map", "values": ["a"]}),
        json!({"type": "query", "values": {}}),
        json!({"type": "secret", "values": []}),
    ] {
        let answer = server.patch(&path).json(json!({"arguments": wrong})).send();
        answer.expect_error(400, "invalid");
    }
    is_closed_to_others(&server, &path, "PATCH");
    server.delete(&path).send().expect(204);
    server.get(&path).send().expect_error(404, "not found");
}

#[test]
fn telegraf_fetches_its_configuration_as_toml() {
    let server = Server::start();
    let config = "[[inputs.cpu]]\n";
    let body = json!({"name": "t", "config": config, "metadata": {"buckets": ["bucket"]}});
    let telegraf = made(&server, "/api/v2/telegrafs", body);
    let path = format!("/api/v2/telegrafs/{}", id(&telegraf));
    let toml = server.get(&path).send().expect(200);
    assert_eq!(toml.text(), config);
    let kind = toml.header("content-type").unwrap();
    assert!(kind.starts_with("application/toml"), "{kind}");
    let json = server.get(&path).header("Accept", "application/json");
    assert_eq!(json.send().expect(200).json()["config"], config);
    let file = server
        .get(&path)
        .header("Accept", "application/octet-stream");
    let file = file.send().expect(200);
    assert!(
        file.header("content-disposition")
            .unwrap()
            .contains(".toml")
    );
    let body = json!({"name": "u", "config": "[[inputs.mem]]\n"});
    let changed = put(&server, &path, body).send().expect(200).json();
    assert_eq!(changed["name"], "u");
    let empty = put(&server, &path, json!({"name": "u"})).send();
    empty.expect_error(400, "invalid");
    let listed = server.get("/api/v2/telegrafs").send().expect(200).json();
    assert_eq!(listed["configurations"].as_array().unwrap().len(), 1);
    is_closed_to_others(&server, &path, "PUT");
    server.delete(&path).send().expect(204);
}

#[test]
fn members_and_owners_are_added_and_removed() {
    let server = Server::start();
    let user = server.post("/api/v2/users").json(json!({"name": "ada"}));
    let user = user.send().expect(201).json();
    let org = format!("/api/v2/orgs/{}", server.org_id());
    let names = |role: &str| {
        let found = server.get(&format!("{org}/{role}")).send().expect(200);
        let found = found.json()["users"].as_array().unwrap().clone();
        let names = found
            .iter()
            .map(|user| user["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let add = |role: &str| {
        let request = server.post(&format!("{org}/{role}"));
        request.json(json!({"id": user["id"]})).send()
    };
    assert_eq!(add("members").expect(201).json()["role"], "member");
    assert_eq!(names("members"), ["ada"]);
    add("members").expect_error(422, "conflict");
    assert_eq!(add("owners").expect(201).json()["role"], "owner");
    assert_eq!(names("members"), Vec::<String>::new());
    assert!(names("owners").contains(&"ada".to_owned()));
    let path = format!("{org}/owners/{}", id(&user));
    let other = server.token_of_new_org("other");
    let foreign = server.delete(&path).token(&other).send();
    foreign.expect_error(401, "unauthorized");
    server.delete(&path).send().expect(204);
    server.delete(&path).send().expect_error(404, "not found");
    let unknown = server.post(&format!("{org}/members"));
    let unknown = unknown.json(json!({"id": "00000000000000aa"})).send();
    unknown.expect_error(404, "not found");
}
