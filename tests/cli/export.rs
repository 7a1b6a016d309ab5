//! `influxd export`: what was imported comes out again, byte for byte.

use crate::run::run;
use crate::support::Server;
use std::path::Path;

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// All that line protocol can say: types, escapes, bounds, fields that are missing in places.
fn everything() -> String {
    let mut text = String::from(
        "m,t=a f=1,i=1i,u=1u,b=true,s=\"x\" 1\n\
         m f=-0.0,i=-9223372036854775808i,u=18446744073709551615u,b=false,s=\"\" -1\n\
         m\\ \\,x,k\\ \\,\\=y=v\\ \\,\\=z f\\ \\,\\=g=1e300 9223372036854775806\n\
         m,t=a f=5e-324,s=\"quo\\\"te, back\\\\slash, #hash\" -9223372036854775806\n\
         ü,ö=ä ß=\"€ 𝄞\" 0\n\
         #n,a=b,t=$ f=0.1 1700000000000000000\n",
    );
    // A line that begins with a hash is a comment.
    text = text.replace("\n#n,", "\nn#,");
    for n in 0..20_000_i64 {
        let time = 1_600_000_000_000_000_000 + n * 137_000_000_000;
        text.push_str(&format!(
            "cpu,host=h{} usage={},n={n}i {time}\n",
            n % 7,
            n as f64 / 7.0
        ));
    }
    text
}

#[test]
fn export_import_export_gives_the_same_bytes() {
    let server = Server::start();
    let path = |name: &str| server.directory().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("in.lp"), everything()).unwrap();
    run(&server, &["import", "--bucket", "bucket", &path("in.lp")]).expect(0);
    run(
        &server,
        &["export", "--bucket", "bucket", "--output", &path("one.lp")],
    )
    .expect(0);
    let one = std::fs::read_to_string(path("one.lp")).unwrap();
    assert_eq!(one.lines().count(), 15 + 40_000, "{one:.3000}");
    assert!(
        one.contains("m,t=a s=\"quo\\\"te, back\\\\slash, #hash\" -9223372036854775806\n"),
        "{one:.3000}"
    );

    for bucket in ["lp", "gz", "csv"] {
        server.create_bucket(bucket, 0);
    }
    run(&server, &["import", "--bucket", "lp", &path("one.lp")]).expect(0);
    let out = run(&server, &["export", "--bucket", "lp", "--quiet"]).expect(0);
    assert_eq!(out.err, "");
    assert_eq!(sorted(&out.out), sorted(&one));

    run(
        &server,
        &["export", "--bucket", "lp", "--output", &path("two.lp.gz")],
    )
    .expect(0);
    run(&server, &["import", "--bucket", "gz", &path("two.lp.gz")]).expect(0);
    let out = run(&server, &["export", "--bucket", "gz"]).expect(0).out;
    assert_eq!(sorted(&out), sorted(&one));

    let table = [
        "export",
        "--bucket",
        "gz",
        "--format",
        "csv",
        "--output",
        &path("three.csv.zst"),
    ];
    run(&server, &table).expect(0);
    run(
        &server,
        &["import", "--bucket", "csv", &path("three.csv.zst")],
    )
    .expect(0);
    let out = run(&server, &["export", "--bucket", "csv"]).expect(0).out;
    assert_eq!(sorted(&out), sorted(&one));
    let csv = |bucket: &str| {
        run(&server, &["export", "--bucket", bucket, "--format", "csv"])
            .expect(0)
            .out
    };
    assert_eq!(sorted(&csv("csv")), sorted(&csv("gz")));
}

#[test]
fn the_samples_come_out_as_they_went_in() {
    let server = Server::start();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    for (name, precision) in [("weather.lp", "s"), ("machines.lp", "ns")] {
        let file = data.join(name);
        let import = [
            "import",
            "--bucket",
            "bucket",
            "--precision",
            precision,
            file.to_str().unwrap(),
        ];
        run(&server, &import).expect(0);
    }
    let one = run(&server, &["export", "--bucket", "bucket"])
        .expect(0)
        .out;
    assert!(one.lines().count() > 100);
    server.create_bucket("copy", 0);
    std::fs::write(server.directory().join("one.lp"), &one).unwrap();
    let file = server.directory().join("one.lp");
    run(
        &server,
        &["import", "--bucket", "copy", file.to_str().unwrap()],
    )
    .expect(0);
    let two = run(&server, &["export", "--bucket", "copy"]).expect(0).out;
    assert_eq!(sorted(&one), sorted(&two));
}

#[test]
fn an_export_is_bounded_by_measurement_and_time() {
    let server = Server::start();
    server
        .write("a f=1 1\na f=2 1000000000\na f=3 2000000000\nb f=4 1\nc f=5 1")
        .expect(204);
    let some = [
        "export",
        "--bucket",
        "bucket",
        "--measurement",
        "a",
        "--measurement",
        "c",
        "--start",
        "1970-01-01T00:00:00Z",
        "--stop",
        "1970-01-01T00:00:02Z",
    ];
    let out = run(&server, &some).expect(0).out;
    assert_eq!(out, "a f=1 1\na f=2 1000000000\nc f=5 1\n");
    let wrong = ["export", "--bucket", "bucket", "--start", "yesterday"];
    run(&server, &wrong).expect(2);
    let none = run(&server, &["export", "--bucket", "none"]).expect(1);
    assert!(none.err.contains("none"), "{}", none.err);
}

#[test]
fn what_is_too_much_for_one_query_is_read_in_smaller_windows() {
    let server = Server::builder()
        .flag("query-max-memory-bytes", "1MiB")
        .start();
    let text: String = (0..60_000)
        .map(|n| {
            format!(
                "m,t={} f={n},s=\"{}\" {n}000000\n",
                n % 5,
                "text".repeat(20)
            )
        })
        .collect();
    std::fs::write(server.directory().join("in.lp"), text).unwrap();
    let file = server.directory().join("in.lp");
    run(
        &server,
        &["import", "--bucket", "bucket", file.to_str().unwrap()],
    )
    .expect(0);
    let out = run(&server, &["export", "--bucket", "bucket"])
        .expect(0)
        .out;
    assert_eq!(out.lines().count(), 120_000);
}
