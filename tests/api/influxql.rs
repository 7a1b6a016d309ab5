//! `/query` in all its forms: requests, formats, chunks, errors, and the statements that change something.

use crate::support::{Connection, Response, Server, encoded, gunzip, wait_for};
use serde_json::{Value, json};

fn ask(server: &Server, params: &str, query: &str) -> Response {
    let path = format!("/query?{params}&q={}", encoded(query));
    server.get(&path).send()
}

fn rows(results: &Value) -> &Value {
    &results[0]["series"][0]["values"]
}

fn filled() -> Server {
    let server = Server::start();
    server
        .write("m,t=a f=1 1\nm,t=b f=2 2\nm,t=a f=3 3\nm,t=b f=4 4")
        .expect(204);
    server
}

#[test]
fn a_query_comes_in_the_url_a_form_a_multipart_part_or_raw() {
    let server = filled();
    let query = "SELECT count(f) FROM m";
    let answer = |response: Response| response.expect(200).json()["results"].clone();
    let expected = answer(ask(&server, "db=bucket&epoch=ns", query));
    assert_eq!(*rows(&expected), json!([[0, 4]]));
    let form = server
        .post("/query")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("db=bucket&epoch=ns&q={}", encoded(query)));
    assert_eq!(answer(form.send()), expected);
    let multipart = server
        .post("/query?db=bucket&epoch=ns")
        .header("Content-Type", "multipart/form-data; boundary=xx")
        .body(format!(
            "--xx\r\nContent-Disposition: form-data; name=\"q\"; filename=\"q\"\r\n\r\n{query}\r\n--xx--\r\n"
        ));
    assert_eq!(answer(multipart.send()), expected);
    let raw = server
        .post("/query?db=bucket&epoch=ns")
        .header("Content-Type", "application/vnd.influxql")
        .body(query);
    assert_eq!(answer(raw.send()), expected);
    let missing = server.post("/query?db=bucket").send();
    assert_eq!(
        missing.expect_error(400, "invalid"),
        "missing required parameter \"q\""
    );
}

#[test]
fn parameters_are_bound() {
    let server = filled();
    let params = encoded(r#"{"tag":"a","least":2}"#);
    let query = "SELECT f FROM m WHERE t = $tag AND f > $least";
    let answer = ask(
        &server,
        &format!("db=bucket&epoch=ns&params={params}"),
        query,
    );
    assert_eq!(
        *rows(&answer.expect(200).json()["results"]),
        json!([[3, 3]])
    );
    ask(&server, "db=bucket&params=%7B", query).expect_error(400, "invalid");
}

#[test]
fn answers_are_json_csv_or_messagepack() {
    let server = filled();
    let path = format!(
        "/query?db=bucket&epoch=ns&q={}",
        encoded("SELECT f FROM m GROUP BY t LIMIT 1")
    );
    let accepting = |kind: &str| server.get(&path).header("Accept", kind).send().expect(200);
    for kind in ["application/csv", "text/csv"] {
        let answer = accepting(kind);
        assert_eq!(answer.header("content-type"), Some("text/csv"));
        assert_eq!(answer.text(), "name,tags,time,f\nm,t=a,1,1\nm,t=b,2,2\n");
    }
    let answer = accepting("application/x-msgpack");
    assert_eq!(answer.header("content-type"), Some("application/x-msgpack"));
    assert!(answer.body.starts_with(b"\x81\xa7results\x91"));
    let answer = accepting("application/json");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let pretty = server
        .get(&format!("{path}&pretty=true"))
        .send()
        .expect(200);
    assert!(
        pretty.text().contains("\n    \"results\": ["),
        "{}",
        pretty.text()
    );
    assert_eq!(pretty.json(), answer.json());
}

#[test]
fn chunks_come_line_by_line_and_say_that_more_follows() {
    let server = filled();
    let answer = ask(
        &server,
        "db=bucket&epoch=ns&chunked=true&chunk_size=3",
        "SELECT f FROM m; SELECT count(f) FROM m",
    );
    let text = answer.expect(200).text();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3, "{text}");
    let result = |line: usize| &lines[line]["results"][0];
    assert_eq!(result(0)["partial"], true);
    assert_eq!(result(0)["series"][0]["partial"], true);
    assert_eq!(
        result(0)["series"][0]["values"],
        json!([[1, 1], [2, 2], [3, 3]])
    );
    assert!(result(1)["partial"].is_null() && result(1)["series"][0]["partial"].is_null());
    assert_eq!(result(1)["series"][0]["values"], json!([[4, 4]]));
    assert_eq!(result(2)["statement_id"], 1);
}

#[test]
fn a_row_limit_leaves_out_the_rest_and_says_so() {
    let server = Server::builder()
        .flag("query-influxql-max-rows", "3")
        .start();
    server
        .write("m,t=a f=1 1\nm,t=a f=2 2\nm,t=b f=3 3\nm,t=b f=4 4")
        .expect(204);
    let results = server.influxql("SELECT f FROM m GROUP BY t; SELECT f FROM m");
    let expected = json!([{"statement_id": 0, "series": [
        {"name": "m", "tags": {"t": "a"}, "columns": ["time", "f"], "values": [[1, 1], [2, 2]]},
        {"name": "m", "tags": {"t": "b"}, "columns": ["time", "f"], "values": [[3, 3]], "partial": true}
    ]}]);
    assert_eq!(results, expected);
    let chunked = ask(
        &server,
        "db=bucket&epoch=ns&chunked=true",
        "SELECT f FROM m",
    );
    assert_eq!(
        rows(&chunked.expect(200).json()["results"])
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[test]
fn large_answers_are_compressed_for_those_who_ask() {
    let server = Server::start();
    let lines: String = (0..2000).map(|n| format!("m f={n} {n}\n")).collect();
    server.write(&lines).expect(204);
    let path = format!("/query?db=bucket&epoch=ns&q={}", encoded("SELECT f FROM m"));
    let plain = server.get(&path).send().expect(200);
    let zipped = server
        .get(&path)
        .header("Accept-Encoding", "gzip")
        .send()
        .expect(200);
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert_eq!(gunzip(&zipped.body), plain.body);
}

#[test]
fn what_cannot_be_read_is_refused_for_both_generations_of_clients() {
    let server = filled();
    let answer = ask(&server, "db=bucket", "SELECT f FORM m");
    let message = answer.expect_error(400, "invalid");
    let reason = "found FORM, expected FROM at line 1, char 10";
    assert_eq!(message, format!("failed to parse query: {reason}"));
    assert_eq!(
        answer.json()["error"],
        format!("error parsing query: {reason}")
    );
}

#[test]
fn after_a_failed_statement_no_other_runs() {
    let server = filled();
    let answer = ask(
        &server,
        "db=bucket",
        "SHOW DATABASES; SELECT foo(f) FROM m; SHOW DATABASES",
    );
    let results = answer.expect(200).json()["results"].clone();
    assert!(results[0]["series"].is_array());
    assert_eq!(results[1]["error"], "undefined function foo()");
    assert_eq!(
        results[2],
        json!({"statement_id": 2, "error": "not executed"})
    );
}

#[test]
fn databases_and_policies_are_created_altered_and_dropped() {
    let server = Server::start();
    let run = |query: &str| {
        let results = server.influxql(query);
        assert!(results[0]["error"].is_null(), "{query}: {results}");
        results
    };
    run("CREATE DATABASE telegraf");
    run("CREATE DATABASE telegraf");
    run("CREATE DATABASE metrics WITH DURATION 2d REPLICATION 1 NAME short");
    let policies =
        |database: &str| rows(&run(&format!("SHOW RETENTION POLICIES ON {database}"))).clone();
    assert_eq!(
        policies("telegraf"),
        json!([["autogen", "0s", "168h0m0s", 1, true]])
    );
    assert_eq!(
        policies("metrics"),
        json!([["short", "48h0m0s", "24h0m0s", 1, true]])
    );
    run(
        "CREATE RETENTION POLICY long ON telegraf DURATION 52w REPLICATION 1 SHARD DURATION 4w DEFAULT",
    );
    assert_eq!(
        policies("telegraf"),
        json!([
            ["autogen", "0s", "168h0m0s", 1, false],
            ["long", "8736h0m0s", "672h0m0s", 1, true]
        ])
    );
    server
        .post("/write?db=telegraf")
        .body("m f=1")
        .send()
        .expect(204);
    let count =
        |source: &str| server.influxql_of("telegraf", &format!("SELECT count(f) FROM {source}"));
    assert_eq!(rows(&count("m"))[0][1], 1);
    assert_eq!(rows(&count("long.m"))[0][1], 1);
    assert!(count("autogen.m")[0]["series"].is_null());
    run("ALTER RETENTION POLICY autogen ON telegraf DURATION 2w DEFAULT");
    assert_eq!(
        policies("telegraf")[0],
        json!(["autogen", "336h0m0s", "168h0m0s", 1, true])
    );
    run("DROP RETENTION POLICY long ON telegraf");
    assert_eq!(policies("telegraf").as_array().unwrap().len(), 1);
    run("DROP DATABASE telegraf");
    run("DROP DATABASE telegraf");
    let error = server.influxql("SHOW RETENTION POLICIES ON telegraf")[0]["error"].clone();
    assert_eq!(error, "database not found: telegraf");
    for (query, error) in [
        ("CREATE DATABASE \"a/b\"", "invalid name"),
        (
            "CREATE RETENTION POLICY p ON nothing DURATION 1d REPLICATION 1",
            "database not found: nothing",
        ),
        (
            "CREATE RETENTION POLICY p ON metrics DURATION 1m REPLICATION 1",
            "retention policy duration must be at least 1h0m0s",
        ),
        (
            "ALTER RETENTION POLICY p ON metrics DEFAULT",
            "retention policy not found: p",
        ),
    ] {
        assert_eq!(server.influxql(query)[0]["error"], error, "{query}");
    }
}

#[test]
fn databases_outlive_a_restart() {
    let server = Server::start();
    server.influxql("CREATE DATABASE db WITH NAME rp");
    let server = server.kill_and_restart();
    let policies = server.influxql("SHOW RETENTION POLICIES ON db");
    assert_eq!(*rows(&policies), json!([["rp", "0s", "168h0m0s", 1, true]]));
}

#[test]
fn points_are_deleted_by_tag_and_time() {
    let server = filled();
    let values = |query: &str| rows(&server.influxql(query)).clone();
    server.influxql("DELETE FROM m WHERE t = 'a' AND time < 2");
    assert_eq!(values("SELECT f FROM m"), json!([[2, 2], [3, 3], [4, 4]]));
    let error = server.influxql("DELETE FROM m WHERE f > 2")[0]["error"].clone();
    assert!(
        error.as_str().is_some_and(|text| !text.is_empty()),
        "{error}"
    );
    assert_eq!(values("SELECT f FROM m"), json!([[2, 2], [3, 3], [4, 4]]));
    server.influxql("DROP SERIES FROM m WHERE t =~ /^b$/");
    assert_eq!(values("SELECT f FROM m"), json!([[3, 3]]));
    server.influxql("DROP MEASUREMENT m");
    assert!(server.influxql("SELECT f FROM m")[0]["series"].is_null());
}

#[test]
fn changes_need_permissions() {
    let server = filled();
    let bucket = server.bucket_id("bucket");
    let reader = server.create_token(&[("read", "buckets", Some(&bucket))]);
    let error = |query: &str| {
        let path = format!("/query?db=bucket&q={}", encoded(query));
        let answer = server.post(&path).token(&reader).send().expect(200).json();
        answer["results"][0]["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    for query in [
        "CREATE DATABASE other",
        "DROP DATABASE bucket",
        "ALTER RETENTION POLICY autogen ON bucket DURATION 1d",
        "CREATE RETENTION POLICY p ON bucket DURATION 1d REPLICATION 1",
        "DELETE FROM m",
        "DROP MEASUREMENT m",
        "DROP SERIES FROM m",
        "SELECT f INTO n FROM m",
        "KILL QUERY 1",
    ] {
        assert!(
            error(query).contains("is unauthorized"),
            "{query}: {}",
            error(query)
        );
    }
    // Clients create their database whenever they start.
    assert_eq!(error("CREATE DATABASE bucket"), "");
    assert_eq!(
        *rows(&server.influxql("SELECT count(f) FROM m")),
        json!([[0, 4]])
    );
}

#[test]
fn results_are_written_into_other_measurements() {
    let server = filled();
    let written = server.influxql("SELECT f, f * 2 AS g INTO n FROM m GROUP BY *");
    assert_eq!(written[0]["series"][0]["name"], "result");
    assert_eq!(*rows(&written), json!([[0, 4]]));
    let copied = server.influxql("SELECT f, g, t FROM n");
    assert_eq!(rows(&copied)[0], json!([1, 1, 2, "a"]));
    server.influxql("CREATE DATABASE other");
    server.influxql("SELECT mean(f) INTO other.autogen.:MEASUREMENT FROM /m/ GROUP BY t");
    let means = server.influxql_of("other", "SELECT mean FROM m WHERE t = 'b'");
    assert_eq!(*rows(&means), json!([[0, 3]]));
}

#[test]
fn running_queries_are_listed_and_killed() {
    let server = Server::start();
    let lines: String = (0..50_000)
        .map(|n| format!("m,t=t{} f={n} {n}\n", n % 50))
        .collect();
    server.write(&lines).expect(204);
    let listed = server.influxql("SHOW QUERIES");
    assert_eq!(rows(&listed)[0][1], "SHOW QUERIES");
    let error = server.influxql("KILL QUERY 999999")[0]["error"].clone();
    assert_eq!(error, "no such query id: 999999");
    // Empty windows over centuries: it runs until it is killed.
    let endless =
        "SELECT mean(f) FROM m WHERE time > 0 AND time < '2200-01-01' GROUP BY time(1ms) FILL(0)";
    let path = format!("/query?db=bucket&chunked=true&q={}", encoded(endless));
    let request = server.post(&path);
    let asking = std::thread::spawn(move || {
        let mut connection = Connection::open(&request.address).unwrap();
        connection.send(&request).map(|answer| answer.text())
    });
    let id = wait_for("the query in the list", 20, || {
        let listed = server.influxql("SHOW QUERIES");
        let all = rows(&listed).as_array().cloned().unwrap_or_default();
        let found = all.iter().find(|row| row[1] == endless);
        found.and_then(|row| row[0].as_u64())
    });
    let killed = server.influxql(&format!("KILL QUERY {id}"));
    assert!(killed[0]["error"].is_null(), "{killed}");
    let answer = asking.join().unwrap().unwrap_or_default();
    let ended = answer.contains("query interrupted") || answer.contains("memory limit");
    assert!(ended, "{}", &answer[answer.len().saturating_sub(300)..]);
}

#[test]
fn the_server_tells_of_itself() {
    let server = filled();
    for query in [
        "SHOW STATS",
        "SHOW DIAGNOSTICS",
        "SHOW STATS FOR 'write'",
        "SHOW USERS",
    ] {
        let results = server.influxql(query);
        assert!(
            results[0]["series"][0]["columns"].is_array(),
            "{query}: {results}"
        );
    }
    let plan = server.influxql("EXPLAIN SELECT mean(f) FROM m GROUP BY t");
    assert_eq!(
        *rows(&plan),
        json!([["EXPRESSION: mean(f::float)"], ["NUMBER OF SERIES: 2"]])
    );
    let costs = server
        .influxql("EXPLAIN ANALYZE SELECT f FROM m")
        .to_string();
    assert!(
        costs.contains("rows: 4") && costs.contains("execution_time"),
        "{costs}"
    );
}

#[test]
fn what_a_measurement_has_follows_writes_and_drops() {
    let server = Server::start();
    let columns = |query: &str| {
        let answer = server.influxql(query);
        let columns = answer[0]["series"][0]["columns"].clone();
        columns.as_array().map_or_else(String::new, |columns| {
            let names: Vec<&str> = columns.iter().filter_map(Value::as_str).collect();
            names.join(",")
        })
    };
    let all = "SELECT * FROM m";
    server.write("m,t=a f=1 1").expect(204);
    assert_eq!(columns(all), "time,f,t");
    server.write("m,t=a g=1i 2\nm,u=b h=\"x\" 3").expect(204);
    assert_eq!(columns(all), "time,f,g,h,t,u");
    assert_eq!(columns("SELECT * FROM /^m$/"), "time,f,g,h,t,u");
    server.influxql("DROP SERIES FROM m WHERE u = 'b'");
    assert_eq!(columns(all), "time,f,g,t");
    server.influxql("DROP MEASUREMENT m");
    assert_eq!(columns(all), "");
    server.write("m,v=c f=true 4").expect(204);
    assert_eq!(columns(all), "time,f,v");
    let answer = server.influxql("SELECT f FROM m WHERE v = 'c' AND f = true");
    assert_eq!(rows(&answer)[0][1], true);
}
