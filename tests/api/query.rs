//! POST /api/v2/query: what surrounds a Flux query. The language itself is tested by conformance.

use crate::support::Server;
use serde_json::json;

const ALL: &str = "from(bucket: \"bucket\") |> range(start: 0, stop: 2100-01-01T00:00:00Z)";

#[test]
fn a_script_and_a_json_body_give_the_same_rows() {
    let server = Server::start();
    server.write("m,t=a f=1.5 1000000000").expect(204);
    let raw = server.flux_request(ALL).send().expect(200);
    assert_eq!(raw.header("content-type"), Some("text/csv; charset=utf-8"));
    let path = "/api/v2/query?org=org";
    for content_type in ["application/json", "application/json; encoding=utf-8"] {
        let request = server
            .post(path)
            .json(json!({"query": ALL, "type": "flux"}));
        let answer = request
            .header("Content-Type", content_type)
            .send()
            .expect(200);
        assert_eq!(answer.text(), raw.text());
    }
}

#[test]
fn annotations_come_as_asked_for_and_lines_end_with_crlf() {
    let server = Server::start();
    server.write("m,t=a f=1.5 1000000000").expect(204);
    let query = "from(bucket: \"bucket\") |> range(start: 0, stop: 1970-01-02T00:00:00Z) \
                 |> drop(columns: [\"_start\", \"_stop\"])";
    let asked = |annotations: &[&str]| {
        let dialect = json!({"annotations": annotations});
        let body = json!({"query": query, "dialect": dialect});
        server
            .post("/api/v2/query?org=org")
            .json(body)
            .send()
            .expect(200)
            .text()
    };
    let header = ",result,table,_time,_value,_field,_measurement,t\r\n";
    assert_eq!(
        asked(&["datatype", "group", "default"]),
        format!(
            "#datatype,string,long,dateTime:RFC3339,double,string,string,string\r\n\
             #group,false,false,false,false,true,true,true\r\n\
             #default,_result,,,,,,\r\n{header},,0,1970-01-01T00:00:01Z,1.5,f,m,a\r\n\r\n"
        )
    );
    assert_eq!(
        asked(&[]),
        format!("{header},_result,0,1970-01-01T00:00:01Z,1.5,f,m,a\r\n\r\n")
    );
}

#[test]
fn a_bad_request_is_400_and_says_where() {
    let server = Server::start();
    let message = server
        .flux_request("from(bucket: \"bucket\"")
        .send()
        .expect_error(400, "invalid");
    assert!(message.contains("1:"), "line and column: {message}");
    server
        .flux_request("nothing()")
        .send()
        .expect_error(400, "invalid");
    let json = server.post("/api/v2/query?org=org").body("from()").send();
    let message = json.expect_error(400, "invalid");
    assert!(
        message.starts_with("failed to decode request body: "),
        "{message}"
    );
    for path in ["/api/v2/query", "/api/v2/query?org=nobody"] {
        let request = server
            .post(path)
            .header("Content-Type", "application/vnd.flux")
            .body(ALL);
        let message = request.send().expect_error(400, "invalid");
        assert!(
            message.starts_with("failed to decode request body: "),
            "{message}"
        );
    }
    let request = json!({"query": ALL, "type": "sql"});
    let message = server
        .post("/api/v2/query?org=org")
        .json(request)
        .send()
        .expect_error(400, "invalid");
    assert!(message.contains("unknown query type: sql"), "{message}");
    let request = json!({"query": ALL, "dialect": {"annotations": ["nothing"]}});
    server
        .post("/api/v2/query?org=org")
        .json(request)
        .send()
        .expect_error(400, "invalid");
}

#[test]
fn an_unknown_bucket_is_404_and_no_token_401() {
    let server = Server::start();
    let request = server.flux_request("from(bucket: \"nothing\") |> range(start: 0)");
    let message = request.clone().send().expect_error(404, "not found");
    assert!(
        message.contains("could not find bucket \"nothing\""),
        "{message}"
    );
    request.anonymous().send().expect_error(401, "unauthorized");
}

#[test]
fn what_is_not_supported_is_named() {
    let server = Server::start();
    let request = server.flux_request(&format!("import \"sql\" {ALL}"));
    let message = request.send().expect_error(400, "invalid");
    assert!(
        message.contains("package \"sql\" is not supported"),
        "{message}"
    );
}

#[test]
fn now_is_the_requests_when_given() {
    let server = Server::start();
    server.write("m f=1 86400000000000").expect(204);
    let body =
        |now: &str| json!({"query": "from(bucket: \"bucket\") |> range(start: -1h)", "now": now});
    let rows = |now: &str| {
        let request = server.post("/api/v2/query?org=org").json(body(now));
        crate::support::Rows::parse(&request.send().expect(200).text()).len()
    };
    assert_eq!(rows("1970-01-02T00:30:00Z"), 1);
    assert_eq!(rows("1970-01-03T00:30:00Z"), 0);
}

#[test]
fn a_query_that_takes_too_long_is_stopped() {
    let server = Server::builder().flag("query-timeout", "1ms").start();
    let lines: String = (0..50_000)
        .map(|n| format!("m,t=s{} f={n} {n}\n", n % 500))
        .collect();
    server.write(&lines).expect(204);
    let answer = server
        .flux_request(&format!("{ALL} |> sort(columns: [\"_value\"])"))
        .send();
    let text = answer.text();
    // Before the first row it is a status, after it an error table.
    assert!(
        answer.status == 503 || text.contains("timeout"),
        "{}: {text:.300}",
        answer.status
    );
    server.get("/health").send().expect(200);
}

#[test]
fn a_query_over_its_memory_limit_fails_and_the_server_goes_on() {
    let server = Server::builder()
        .flag("query-max-memory-bytes", "1MiB")
        .start();
    let lines: String = (0..200_000)
        .map(|n| format!("m,t=s{} f={n} {n}\n", n % 100))
        .collect();
    server.write(&lines).expect(204);
    let query = format!("{ALL} |> group() |> sort(columns: [\"_value\"])");
    let answer = server.flux_request(&query).send();
    let text = answer.text();
    assert!(text.contains("memory"), "{}: {text:.300}", answer.status);
    let rows = server.flux(&format!("{ALL} |> count() |> group() |> sum()"));
    assert_eq!(rows.column("_value"), ["200000"]);
}

#[test]
fn who_prefers_no_content_gets_none_but_hears_of_errors() {
    let server = Server::start();
    server.write("m f=1").expect(204);
    let preferring = |preference, query: &str| {
        server
            .flux_request(query)
            .header("Prefer", preference)
            .send()
    };
    let nothing = preferring("return-no-content", ALL).expect(204);
    assert_eq!(nothing.text(), "");
    let nothing = preferring("return-no-content-with-error", ALL).expect(200);
    assert_eq!(nothing.text(), "");

    let failing =
        format!("{ALL} |> map(fn: (r) => ({{r with a: 1 / int(v: r._value - r._value)}}))");
    preferring("return-no-content", &failing).expect_error(400, "invalid");
    let error = preferring("return-no-content-with-error", &failing).expect(200);
    assert!(
        error.text().contains(",error,reference\r\n"),
        "{}",
        error.text()
    );
    for preference in ["return-no-content", "return-no-content-with-error"] {
        let unknown = "from(bucket: \"nowhere\") |> range(start: 0)";
        preferring(preference, unknown).expect_error(404, "not found");
    }
}

#[test]
fn functions_are_suggested_with_their_parameters() {
    let server = Server::start();
    let path = "/api/v2/query/suggestions";
    let all = server.get(path).send().expect(200).json();
    let functions = all["funcs"].as_array().expect("functions");
    assert!(functions.iter().any(|found| found["name"] == "range"));
    let one = server.get(&format!("{path}/limit")).send().expect(200);
    let expected =
        json!({"name": "limit", "params": {"tables": "stream", "n": "int", "offset": "int"}});
    assert_eq!(one.json(), expected);
    let unknown = server.get(&format!("{path}/nonsense")).send();
    unknown.expect_error(404, "not found");
    server.get(path).anonymous().send().expect(401);
}
