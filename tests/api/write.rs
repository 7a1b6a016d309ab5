//! POST /api/v2/write: every outcome, in the order of the checks.

use crate::support::{Connection, Request, Response, Server, gzip};

const WRITE: &str = "/api/v2/write?org=org&bucket=bucket";

fn write(server: &Server, query: &str, body: &str) -> Response {
    server
        .post(&format!("/api/v2/write?{query}"))
        .body(body)
        .send()
}

#[test]
fn points_blank_lines_comments_and_nothing_are_answered_204_with_an_empty_body() {
    let server = Server::start();
    for body in [
        "m,t=a f=1 1",
        "m f=1 2\nm f=2 3\n",
        "",
        " \t\n\n",
        "# comment\n",
        "m f=1 4\r\nm f=2 5\r\n",
    ] {
        let answer = server.write(body).expect(204);
        assert_eq!(answer.text(), "", "{body:?}");
    }
    let rows = server.flux("from(bucket: \"bucket\") |> range(start: 0) |> count()");
    assert_eq!(
        rows.column("_value")
            .iter()
            .map(|n| n.parse::<u32>().unwrap())
            .sum::<u32>(),
        5
    );
}

#[test]
fn org_and_bucket_are_found_by_name_and_by_id() {
    let server = Server::start();
    let (org, bucket) = (server.org_id(), server.bucket_id("bucket"));
    for query in [
        format!("org={org}&bucket=bucket"),
        format!("orgID={org}&bucket={bucket}"),
        format!("org=org&bucket={bucket}"),
        format!("org=ignored&orgID={org}&bucket=bucket"),
    ] {
        write(&server, &query, "m f=1").expect(204);
    }
}

#[test]
fn precisions_scale_timestamps_and_others_are_refused() {
    let server = Server::start();
    for (precision, time) in [
        ("ns", "1000000000"),
        ("us", "2000000"),
        ("ms", "3000"),
        ("s", "4"),
        ("", "5000000000"),
    ] {
        let query = match precision {
            "" => "org=org&bucket=bucket".to_owned(),
            precision => format!("org=org&bucket=bucket&precision={precision}"),
        };
        write(&server, &query, &format!("m f=1 {time}")).expect(204);
    }
    let results = server.influxql("SELECT f FROM m");
    let values = results[0]["series"][0]["values"]
        .as_array()
        .unwrap()
        .clone();
    let times: Vec<_> = values
        .iter()
        .map(|row| row[0].as_i64().unwrap() / 1_000_000_000)
        .collect();
    assert_eq!(times, [1, 2, 3, 4, 5]);
    for precision in ["n", "u", "m", "h", "x", "NS"] {
        let query = format!("org=org&bucket=bucket&precision={precision}");
        let message = write(&server, &query, "m f=1").expect_error(400, "invalid");
        assert_eq!(
            message,
            "invalid precision; valid precision units are ns, us, ms, and s"
        );
    }
}

#[test]
fn a_missing_or_wrong_org_is_400_or_404() {
    let server = Server::start();
    for (query, status, code, message) in [
        (
            "bucket=bucket",
            400,
            "invalid",
            "Please provide either orgID or org",
        ),
        (
            "orgID=12&bucket=bucket",
            400,
            "invalid",
            "id must have a length of 16 bytes",
        ),
        (
            "orgID=000000000000000g&bucket=bucket",
            400,
            "invalid",
            "invalid ID",
        ),
        (
            "orgID=0000000000000000&bucket=bucket",
            400,
            "invalid",
            "invalid ID",
        ),
        (
            "org=nobody&bucket=bucket",
            404,
            "not found",
            "organization name \"nobody\" not found",
        ),
        (
            "org=00000000000000aa&bucket=bucket",
            404,
            "not found",
            "organization not found",
        ),
        (
            "orgID=00000000000000aa&bucket=bucket",
            404,
            "not found",
            "organization not found",
        ),
    ] {
        assert_eq!(
            write(&server, query, "m f=1").expect_error(status, code),
            message,
            "{query}"
        );
    }
}

#[test]
fn a_missing_or_unknown_bucket_is_404() {
    let server = Server::start();
    for (query, message) in [
        ("org=org", "bucket not found"),
        ("org=org&bucket=", "bucket not found"),
        ("org=org&bucket=nothing", "bucket \"nothing\" not found"),
    ] {
        assert_eq!(
            write(&server, query, "m f=1").expect_error(404, "not found"),
            message
        );
    }
}

#[test]
fn a_malformed_line_refuses_the_whole_body_and_says_which_and_why() {
    let server = Server::start();
    for (body, line, echo, reason) in [
        ("m f=1 1\nm f=\nm f=2 2", 2, "m f=", "missing field value"),
        (
            "m f=1 1\n\n# c\nm,t= f=1\n",
            4,
            "m,t= f=1",
            "missing tag value",
        ),
        (",t=a f=1", 1, ",t=a f=1", "missing measurement"),
        ("m", 1, "m", "missing fields"),
        ("m f=1 x", 1, "m f=1 x", "bad timestamp"),
        ("m f=nope", 1, "m f=nope", "invalid number"),
        ("m f=tru", 1, "m f=tru", "invalid boolean"),
        ("m f=\"open", 1, "m f=\"open", "unbalanced quotes"),
        ("m,t=a,t=b f=1", 1, "m,t=a,t=b f=1", "duplicate tags"),
        (
            "m,time=a f=1",
            1,
            "m,time=a f=1",
            "cannot use reserved tag key \"time\"",
        ),
    ] {
        let answer = server.write(body);
        let message = answer.expect_error(400, "invalid");
        let lead = format!("unable to parse '{echo}': ");
        assert!(message.starts_with(&lead), "{message}");
        assert!(message.contains(reason), "{message}");
        assert_eq!(answer.json()["line"], line, "{message}");
    }
    let rows = server.flux("from(bucket: \"bucket\") |> range(start: 0)");
    assert!(
        rows.is_empty(),
        "nothing of a refused body is written: {rows:?}"
    );
}

#[test]
fn the_echo_of_a_malformed_line_is_capped() {
    let server = Server::start();
    let message = server
        .write(&"x".repeat(1 << 20))
        .expect_error(400, "invalid");
    assert!(
        message.starts_with("unable to parse 'xxx"),
        "{}",
        &message[..40]
    );
    assert!(message.len() < 2_000, "{} bytes", message.len());
}

#[test]
fn a_bad_gzip_body_is_400() {
    let server = Server::start();
    let good = gzip(b"m f=1");
    let mut checksum = good.clone();
    let at = checksum.len() - 8;
    checksum[at] ^= 1;
    for body in [
        b"m f=1".to_vec(),
        good[..good.len() - 10].to_vec(),
        checksum,
        Vec::new(),
    ] {
        let answer = server
            .post(WRITE)
            .header("Content-Encoding", "gzip")
            .body(body)
            .send();
        answer.expect_error(400, "invalid");
    }
    let rows = server.flux("from(bucket: \"bucket\") |> range(start: 0)");
    assert!(rows.is_empty(), "{rows:?}");
}

#[test]
fn a_body_above_the_limit_is_413_inflated_size_counted() {
    let server = Server::builder()
        .flag("http-max-body-bytes", "64KiB")
        .start();
    let large = "m f=1\n".repeat(20_000);
    for request in [
        server.post(WRITE).body(large.clone()),
        server
            .post(WRITE)
            .header("Content-Encoding", "gzip")
            .body(gzip(large.as_bytes())),
    ] {
        let answer = request.send();
        answer.expect_error(413, "request too large");
        assert_eq!(answer.json()["maxLength"], 65_536);
    }
    let rows = server.flux("from(bucket: \"bucket\") |> range(start: 0)");
    assert!(rows.is_empty(), "{rows:?}");
    server.write(&"m f=1\n".repeat(10_000)).expect(204);
}

#[test]
fn a_body_cut_off_by_the_client_writes_nothing() {
    let server = Server::start();
    let head = format!(
        "POST {WRITE} HTTP/1.1\r\nHost: x\r\nAuthorization: Token {}\r\nContent-Length: 100\r\n\r\n",
        server.token
    );
    let mut connection = Connection::open(&server.address).unwrap();
    connection
        .write_raw(format!("{head}m f=1 1\n").as_bytes())
        .unwrap();
    drop(connection);
    std::thread::sleep(std::time::Duration::from_millis(200));
    let rows = server.flux("from(bucket: \"bucket\") |> range(start: 0)");
    assert!(rows.is_empty(), "{rows:?}");
}

#[test]
fn no_or_unknown_tokens_are_401_before_anything_else() {
    let server = Server::start();
    let nonsense = "/api/v2/write?precision=x";
    let request = || server.post(nonsense).body("not a line");
    for request in [
        request().anonymous(),
        request().token("unknown"),
        request().header("Authorization", "Token"),
        request().header("Authorization", &format!("Token  {}", server.token)),
        request().header("Authorization", &format!("Other {}", server.token)),
        request().basic("user", &server.token),
    ] {
        let message = request.send().expect_error(401, "unauthorized");
        assert_eq!(message, "unauthorized access");
    }
    for scheme in ["Token", "token", "Bearer", "BEARER"] {
        let value = format!("{scheme} {}", server.token);
        server
            .post(WRITE)
            .header("Authorization", &value)
            .body("m f=1")
            .send()
            .expect(204);
    }
}

#[test]
fn a_token_that_may_not_write_the_bucket_is_401_and_hears_what_is_missing() {
    let server = Server::start();
    let other = server.create_bucket("other", 0);
    let reader = server.create_token(&[("read", "buckets", None)]);
    let other_writer = server.create_token(&[("write", "buckets", Some(&other))]);
    for token in [reader, other_writer.clone()] {
        let answer = server.post(WRITE).token(&token).body("m f=1").send();
        let message = answer.expect_error(401, "unauthorized");
        assert!(
            message.starts_with("insufficient permissions for write"),
            "{message}"
        );
        assert!(
            message.contains("write:orgs/"),
            "which permission is missing: {message}"
        );
    }
    let path = "/api/v2/write?org=org&bucket=other";
    server
        .post(path)
        .token(&other_writer)
        .body("m f=1")
        .send()
        .expect(204);
}

#[test]
fn the_first_failing_check_answers() {
    let server = Server::start();
    // A wrong precision beats an unknown org, an unknown org an unknown bucket, that the body.
    let message =
        write(&server, "org=nobody&bucket=b&precision=x", "bad").expect_error(400, "invalid");
    assert!(message.starts_with("invalid precision"), "{message}");
    let message = write(&server, "org=nobody&bucket=b", "bad").expect_error(404, "not found");
    assert!(message.starts_with("organization"), "{message}");
    let message = write(&server, "org=org&bucket=b", "bad").expect_error(404, "not found");
    assert!(message.starts_with("bucket"), "{message}");
}

#[test]
fn other_methods_are_405_and_hear_what_is_allowed() {
    let server = Server::start();
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let answer = server.request(method, WRITE).send();
        let message = answer.expect_error(405, "method not allowed");
        assert_eq!(answer.header("allow"), Some("POST"));
        assert_eq!(message, "allow: POST");
    }
}

#[test]
fn lines_without_a_time_get_one_instant_per_batch_cut_to_the_precision() {
    let server = Server::start();
    write(
        &server,
        "org=org&bucket=bucket&precision=s",
        "m,t=a f=1\nm,t=b f=2\n",
    )
    .expect(204);
    let rows = server.flux("from(bucket: \"bucket\") |> range(start: -1h)");
    let times = rows.column("_time");
    assert_eq!(times.len(), 2);
    assert_eq!(times[0], times[1]);
    assert!(!times[0].contains('.'), "cut to seconds: {}", times[0]);
}

#[test]
fn fields_at_the_same_time_merge_and_the_last_value_wins() {
    let server = Server::start();
    server.write("m a=1,b=2 7\nm b=3 7\n").expect(204);
    server.write("m c=\"x\" 7\nm a=9 7").expect(204);
    let results = server.influxql("SELECT a, b, c FROM m");
    assert_eq!(
        results[0]["series"][0]["values"].to_string(),
        "[[7,9,3,\"x\"]]"
    );
}

#[test]
fn a_write_is_seen_by_the_query_that_follows_it() {
    let server = Server::start();
    let mut connection = Connection::open(&server.address).unwrap();
    for n in 1..=200_i64 {
        let body = format!("m,t=s{} f={n}i {n}", n % 7);
        let answer = connection.send(&server.post(WRITE).body(body)).unwrap();
        assert_eq!(answer.status, 204);
        let results = server.influxql("SELECT count(f) FROM m");
        assert_eq!(results[0]["series"][0]["values"][0][1], n);
    }
}

#[test]
fn connections_stay_open_and_expect_100_continue_is_answered() {
    let server = Server::start();
    let mut connection = Connection::open(&server.address).unwrap();
    for _ in 0..3 {
        let request: Request = server.post(WRITE).body("m f=1");
        assert_eq!(connection.send(&request).unwrap().status, 204);
    }
    let head = format!(
        "POST {WRITE} HTTP/1.1\r\nHost: x\r\nAuthorization: Token {}\r\nExpect: 100-continue\r\n\
         Content-Length: 5\r\n\r\n",
        server.token
    );
    connection.write_raw(head.as_bytes()).unwrap();
    assert_eq!(connection.read(true).unwrap().status, 100);
    connection.write_raw(b"m f=1").unwrap();
    assert_eq!(connection.read(false).unwrap().status, 204);
}

#[test]
fn a_chunked_body_is_read_to_its_end() {
    let server = Server::start();
    let head = format!(
        "POST {WRITE} HTTP/1.1\r\nHost: x\r\nAuthorization: Token {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        server.token
    );
    let mut connection = Connection::open(&server.address).unwrap();
    connection
        .write_raw(format!("{head}4\r\nm f=\r\n3\r\n1 1\r\n0\r\n\r\n").as_bytes())
        .unwrap();
    assert_eq!(connection.read(false).unwrap().status, 204);
    assert_eq!(
        server
            .flux("from(bucket: \"bucket\") |> range(start: 0)")
            .len(),
        1
    );
}
