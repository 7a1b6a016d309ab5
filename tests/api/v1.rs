//! /write and /query of InfluxDB 1.x.

use crate::support::{Server, encoded};

#[test]
fn every_precision_of_v1_is_honoured_and_others_are_refused() {
    let server = Server::start();
    for (n, (precision, scale)) in [
        ("n", 1_i64),
        ("ns", 1),
        ("u", 1_000),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/write?db=bucket&precision={precision}");
        server
            .post(&path)
            .body(format!("m{n} f=1 7"))
            .send()
            .expect(204);
        let results = server.influxql(&format!("SELECT f FROM m{n}"));
        assert_eq!(
            results[0]["series"][0]["values"][0][0],
            7 * scale,
            "{precision}"
        );
    }
    server
        .post("/write?db=bucket&precision=d")
        .body("m f=1 7")
        .send()
        .expect(400);
}

#[test]
fn errors_speak_to_v1_and_v2_clients() {
    let server = Server::start();
    for (path, body, status, code) in [
        ("/write", "m f=1", 400, "invalid"),
        ("/write?db=bucket", "m f=", 400, "invalid"),
        ("/write?db=nothing", "m f=1", 404, "not found"),
        ("/write?db=bucket&rp=nothing", "m f=1", 404, "not found"),
    ] {
        let answer = server.post(path).body(body).send();
        let message = answer.expect_error(status, code);
        assert_eq!(answer.json()["error"], message.as_str(), "{path}");
    }
    let message = server.post("/write").body("m f=1").send().json()["error"].clone();
    assert_eq!(message, "missing db");
    let message = server.post("/write?db=nothing").body("m f=1").send().json()["error"].clone();
    assert_eq!(message, "no dbrp mapping found");
    let answer = server
        .post("/write?db=bucket")
        .anonymous()
        .body("m f=1")
        .send();
    answer.expect_error(401, "unauthorized");
    assert!(answer.json()["error"].is_string());
}

#[test]
fn every_way_to_give_a_token_works() {
    let server = Server::start();
    let token = server.token.clone();
    let write = |query: &str| {
        server
            .post(&format!("/write?db=bucket{query}"))
            .anonymous()
            .body("m f=1")
    };
    write(&format!("&u=anyone&p={token}")).send().expect(204);
    write("").basic("anyone", &token).send().expect(204);
    write("")
        .header("Authorization", &format!("Token {token}"))
        .send()
        .expect(204);
    write("")
        .header("Authorization", &format!("Token anyone:{token}"))
        .send()
        .expect(204);
    write("")
        .header("Authorization", &format!("Bearer {token}"))
        .send()
        .expect(401);
    write("&u=anyone&p=wrong").send().expect(401);
}

#[test]
fn a_bucket_is_a_database_and_a_policy() {
    let server = Server::start();
    server.create_bucket("db/weekly", 604_800);
    server
        .post("/write?db=db&rp=weekly")
        .body("m f=1")
        .send()
        .expect(204);
    server
        .post("/write?db=bucket&rp=autogen")
        .body("m f=1")
        .send()
        .expect(204);
    let answer = server
        .get("/query?db=db&rp=weekly&q=SELECT%20f%20FROM%20m")
        .send()
        .expect(200);
    assert_eq!(answer.json()["results"][0]["series"][0]["name"], "m");
    let databases = server.influxql("SHOW DATABASES")[0]["series"][0]["values"].to_string();
    assert!(
        databases.contains("[\"bucket\"]") && databases.contains("[\"db\"]"),
        "{databases}"
    );
}

#[test]
fn queries_are_taken_from_the_url_and_from_a_form() {
    let server = Server::start();
    server.write("m,t=a f=1 1").expect(204);
    let expected = "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\
                    \"columns\":[\"time\",\"f\"],\"values\":[[1,1]]}]}]}\n";
    let q = encoded("SELECT f FROM m");
    let get = server
        .get(&format!("/query?db=bucket&epoch=ns&q={q}"))
        .send()
        .expect(200);
    assert_eq!(get.text(), expected);
    assert!(
        get.header("content-type")
            .unwrap()
            .starts_with("application/json")
    );
    let form = server
        .post("/query?db=bucket&epoch=ns")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("q={q}"));
    assert_eq!(form.send().expect(200).text(), expected);
}

#[test]
fn times_follow_epoch() {
    let server = Server::start();
    server.write("m f=1 3600000000000").expect(204);
    for (epoch, expected) in [
        ("", "\"1970-01-01T01:00:00Z\""),
        ("ns", "3600000000000"),
        ("u", "3600000000"),
        ("ms", "3600000"),
        ("s", "3600"),
        ("m", "60"),
        ("h", "1"),
    ] {
        let path = format!("/query?db=bucket&epoch={epoch}&q=SELECT%20f%20FROM%20m");
        let answer = server.get(&path).send().expect(200).json();
        let time = &answer["results"][0]["series"][0]["values"][0][0];
        assert_eq!(time.to_string(), expected, "{epoch}");
    }
}

#[test]
fn bad_queries_are_400_and_bad_statements_200_with_an_error() {
    let server = Server::start();
    let query = |q: &str| {
        server
            .get(&format!("/query?db=bucket&q={}", encoded(q)))
            .send()
    };
    let answer = query("SELEKT f");
    let message = answer.expect_error(400, "invalid");
    assert!(message.starts_with("failed to parse query: "), "{message}");
    assert!(answer.json()["error"].is_string());
    let answer = query("SHOW SHARDS").expect(200).json();
    let error = answer["results"][0]["error"].as_str().unwrap();
    assert!(error.starts_with("not implemented"), "{error}");
    let empty = query("SELECT f FROM nothing").expect(200).text();
    assert_eq!(empty, "{\"results\":[{\"statement_id\":0}]}\n");
    let answer = server
        .get("/query?db=nothing&q=SELECT%20f%20FROM%20m")
        .send()
        .expect(200)
        .json();
    assert!(answer["results"][0]["error"].is_string(), "{answer}");
}

#[test]
fn a_write_token_writes_but_does_not_read() {
    let server = Server::start();
    server.write("m f=1").expect(204);
    let writer = server.create_token(&[("write", "buckets", None)]);
    server
        .post("/write?db=bucket")
        .token(&writer)
        .body("m f=2")
        .send()
        .expect(204);
    let answer = server
        .get("/query?db=bucket&q=SELECT%20f%20FROM%20m")
        .token(&writer)
        .send();
    assert!(!answer.text().contains("\"values\""), "{}", answer.text());
}
