//! gzip both ways.

use crate::support::{Rows, Server, gunzip, gzip};

#[test]
fn gzip_bodies_are_inflated_on_both_write_endpoints() {
    let server = Server::start();
    let body = gzip(b"m f=1 1");
    for path in ["/api/v2/write?org=org&bucket=bucket", "/write?db=bucket"] {
        for encoding in ["gzip", "x-gzip"] {
            let request = server.post(path).header("Content-Encoding", encoding);
            request.body(body.clone()).send().expect(204);
        }
    }
    // Members one after another are one body.
    let members = [gzip(b"m f=1 2\n"), gzip(b"m f=1 3\n")].concat();
    let request = server
        .post("/write?db=bucket")
        .header("Content-Encoding", "gzip");
    request.body(members).send().expect(204);
    assert_eq!(
        server
            .flux("from(bucket: \"bucket\") |> range(start: 0)")
            .len(),
        3
    );
}

#[test]
fn large_answers_are_compressed_for_those_who_ask() {
    let server = Server::start();
    let lines: String = (0..500).map(|n| format!("m,t=abc f={n} {n}\n")).collect();
    server.write(&lines).expect(204);

    let query = "from(bucket: \"bucket\") |> range(start: 0, stop: 1970-01-02T00:00:00Z)";
    let flux = server.flux_request(query);
    let plain = flux.clone().send().expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    let packed = flux.header("Accept-Encoding", "gzip").send().expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < plain.body.len() / 2);
    let text = String::from_utf8(gunzip(&packed.body)).unwrap();
    assert_eq!(text, plain.text());
    assert_eq!(Rows::parse(&text).len(), 500);

    let influxql = server.get("/query?db=bucket&q=SELECT%20f%20FROM%20m");
    let plain = influxql.clone().send().expect(200);
    let packed = influxql
        .header("Accept-Encoding", "gzip")
        .send()
        .expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(gunzip(&packed.body), plain.body);
}

#[test]
fn identity_is_honoured() {
    let server = Server::start();
    server.write("m f=1").expect(204);
    let request = server.flux_request("from(bucket: \"bucket\") |> range(start: -1h)");
    let answer = request
        .header("Accept-Encoding", "identity")
        .send()
        .expect(200);
    assert_eq!(answer.header("content-encoding"), None);
}
