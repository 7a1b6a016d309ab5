//! Large answers of InfluxQL: sent while they are made, in bounded memory, stopped by deadline and by leaving.

use crate::support::http::Connection;
use crate::support::{Server, encoded, wait_for};
use std::io::Write;

const SERIES: usize = 20;
const ROWS: usize = 1_000_000;
const QUERY: &str = "SELECT f, g FROM m";

/// One million rows of two fields.
fn filled(server: &Server) {
    for part in 0..10 {
        let mut lines = Vec::new();
        for n in part * ROWS / 10..(part + 1) * ROWS / 10 {
            let (series, time) = (n % SERIES, n / SERIES);
            writeln!(lines, "m,t=s{series} f={n}i,g={}.25 {time}000", n % 977).unwrap();
        }
        let path = "/api/v2/write?org=org&bucket=bucket";
        server.post(path).body(lines).send().expect(204);
    }
}

/// Most memory that the process ever held, bytes.
fn peak_bytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() * 1024
}

#[test]
fn a_million_rows_are_sent_in_less_memory_than_they_take() {
    let server = Server::builder()
        .flag("query-max-memory-bytes", "32MiB")
        .start();
    filled(&server);
    server.influxql("SELECT count(f) FROM m");
    let path = format!("/query?db=bucket&epoch=ns&q={}", encoded(QUERY));
    for (form, path, accept) in [
        ("JSON in one piece", path.clone(), "application/json"),
        (
            "JSON in chunks",
            format!("{path}&chunked=true"),
            "application/json",
        ),
        ("CSV", path.clone(), "text/csv"),
        ("MessagePack", path.clone(), "application/x-msgpack"),
    ] {
        let before = peak_bytes(&server);
        let answer = server
            .get(&path)
            .header("Accept", accept)
            .send()
            .expect(200);
        let size = answer.body.len() as u64;
        assert!(size > 15_000_000, "{form}: only {size} bytes");
        let grown = peak_bytes(&server).saturating_sub(before);
        assert!(grown < 96 << 20, "{form}: {grown} bytes for {size}");
        if accept == "text/csv" {
            assert_eq!(answer.text().lines().count(), ROWS + 1);
        }
        if accept == "application/json" {
            let text = answer.text();
            assert!(!text.contains("\"error\""), "{form}");
            let rows: usize = text
                .lines()
                .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
                .map(|part| {
                    let values = &part["results"][0]["series"][0]["values"];
                    values.as_array().map_or(0, Vec::len)
                })
                .sum();
            assert_eq!(rows, ROWS, "{form}");
        }
    }
}

#[test]
fn a_deadline_ends_a_query_with_an_error() {
    let server = Server::builder().flag("query-timeout", "1ms").start();
    let lines: String = (0..100_000)
        .map(|n| format!("m,t=s{} f={n} {n}\n", n % 500))
        .collect();
    server.write(&lines).expect(204);
    let query = "SELECT mode(f), median(f) FROM m GROUP BY t, time(1u)";
    let path = format!("/query?db=bucket&chunked=true&q={}", encoded(query));
    let text = server.get(&path).send().text();
    assert!(text.contains("query timeout"), "{text:.300}");
    server.get("/health").send().expect(200);
}

#[test]
fn a_client_that_leaves_ends_its_query() {
    let server = Server::start();
    filled(&server);
    let path = format!("/query?db=bucket&chunked=true&q={}", encoded(QUERY));
    let request = server.get(&path);
    let mut connection = Connection::open(&request.address).unwrap();
    let (_, authorization) = &request.headers[0];
    let head = format!("GET {path} HTTP/1.1\r\nHost: h\r\nAuthorization: {authorization}\r\n\r\n");
    connection.write_raw(head.as_bytes()).unwrap();
    let running = || {
        let listed = server.influxql("SHOW QUERIES");
        let rows = listed[0]["series"][0]["values"].clone();
        let rows = rows.as_array().cloned().unwrap_or_default();
        rows.iter().any(|row| row[1] == QUERY)
    };
    // What it sends fills the connection's buffers, then it waits.
    wait_for("the query in the list", 20, || running().then_some(()));
    drop(connection);
    wait_for("the end of the query", 20, || (!running()).then_some(()));
}
