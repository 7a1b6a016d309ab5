//! What `to` writes.

use crate::support::Server;

const POINTS: &str = "m,host=a,dc=x f=1.5,n=2i 0\nm,host=b f=3.5 10000000000";

fn stored(server: &Server, query: &str) -> String {
    server.flux_request(query).send().expect(200).text()
}

#[test]
fn rows_become_points_with_their_tags() {
    let server = Server::start();
    server.create_bucket("other", 0);
    server.write(POINTS).expect(204);
    let copy = "from(bucket: \"bucket\") |> range(start: 0) |> to(bucket: \"other\", org: \"org\")";
    server.flux_request(copy).send().expect(200);
    let of = |bucket: &str| {
        format!(
            "from(bucket: \"{bucket}\") |> range(start: 0, stop: 2000-01-01T00:00:00Z) \
             |> group(columns: [\"_measurement\", \"_field\", \"host\", \"dc\"])"
        )
    };
    let (here, there) = (
        stored(&server, &of("bucket")),
        stored(&server, &of("other")),
    );
    assert_eq!(here, there);
    assert!(here.contains(",a") && here.contains("3.5"), "{here}");
}

#[test]
fn fields_are_what_field_fn_makes_or_the_columns_of_a_wide_row() {
    let server = Server::start();
    server.create_bucket("other", 0);
    let rows = "import \"array\"
        import \"influxdata/influxdb\"
        array.from(rows: [{_time: 1970-01-01T00:00:01Z, _measurement: \"w\", host: \"a b\", x: 1, ok: true, text: \"say \\\"so\\\"\"}])
            |> group(columns: [\"_measurement\", \"host\"])";
    let wide = format!("{rows} |> influxdb.wideTo(bucket: \"other\")");
    server.flux_request(&wide).send().expect(200);
    let made = format!(
        "{rows} |> to(bucket: \"other\", tagColumns: [\"host\"], fieldFn: (r) => ({{twice: r.x * 2}}))"
    );
    server.flux_request(&made).send().expect(200);
    let answer = server.influxql_of("other", "SELECT * FROM w");
    let columns = &answer[0]["series"][0]["columns"];
    let values = &answer[0]["series"][0]["values"][0];
    let expected = serde_json::json!(["time", "host", "ok", "text", "twice", "x"]);
    assert_eq!(columns, &expected, "{answer}");
    let expected = serde_json::json!([1_000_000_000, "a b", true, "say \"so\"", 2, 1]);
    assert_eq!(values, &expected, "{answer}");
}

#[test]
fn who_may_not_write_is_refused_and_who_may_only_write_there_need_not_read_it() {
    let server = Server::start();
    let own = server.bucket_id("bucket");
    let other = server.create_bucket("other", 0);
    server.write(POINTS).expect(204);
    let copy = "from(bucket: \"bucket\") |> range(start: 0) |> to(bucket: \"other\")";
    let reads_both = [
        ("read", "buckets", Some(own.as_str())),
        ("read", "buckets", Some(other.as_str())),
    ];
    let token = server.create_token(&reads_both);
    let refused = server.flux_request(copy).token(&token).send();
    let message = refused.expect_error(403, "forbidden");
    assert!(message.contains("not authorized to write"), "{message}");
    let reads = [("read", "buckets", Some(own.as_str()))];
    let token = server.create_token(&reads);
    server.flux_request(copy).token(&token).send().expect(404);
    let downsamples = [
        ("read", "buckets", Some(own.as_str())),
        ("write", "buckets", Some(other.as_str())),
    ];
    let token = server.create_token(&downsamples);
    server.flux_request(copy).token(&token).send().expect(200);
    let count = server.influxql_of("other", "SELECT count(f) FROM m");
    let counted = &count[0]["series"][0]["values"][0][1];
    assert_eq!(counted, 2, "{count}");
}

#[test]
fn what_has_no_form_as_a_point_is_named() {
    let server = Server::start();
    server.write(POINTS).expect(204);
    let all = "from(bucket: \"bucket\") |> range(start: 0)";
    for (stages, text) in [
        ("drop(columns: [\"_time\"])", "_time"),
        ("drop(columns: [\"_measurement\"])", "_measurement"),
        (
            "filter(fn: (r) => r._field == \"f\") |> drop(columns: [\"_field\"])",
            "_field",
        ),
        ("set(key: \"host\", value: \"a\\nb\")", "line end"),
    ] {
        let query = format!("{all} |> {stages} |> to(bucket: \"bucket\")");
        let answer = server.flux_request(&query).send();
        let message = answer.text();
        assert!(message.contains(text), "{stages}: {message}");
    }
}
