//! `influxd import`: what is taken, what is rejected, and how it goes on after an interruption.

use crate::run::{command, finish, run};
use crate::support::{Server, gzip, wait_for};
use std::path::Path;
use std::process::Stdio;

fn file(server: &Server, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = server.directory().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

fn count(server: &Server, bucket: &str) -> i64 {
    let results = server.influxql_of(bucket, "SELECT count(f) FROM m");
    results[0]["series"][0]["values"][0][1]
        .as_i64()
        .unwrap_or(0)
}

#[test]
fn lines_are_imported_from_files_and_standard_input_compressed_or_not() {
    let server = Server::start();
    let plain = file(&server, "a.lp", "m,t=a f=1 1\nm,t=a f=2 2\n");
    let gzipped = file(
        &server,
        "b.lp.gz",
        gzip(b"# a comment\nm,t=b f=1 1\r\nm,t=b f=2 2"),
    );
    let zstd = zstd::encode_all(&b"m,t=c f=1 1\n\nm,t=c f=2 2\n"[..], 3).unwrap();
    let zstd = file(&server, "c.lp.zst", zstd);
    let ran = run(
        &server,
        &["import", "--bucket", "bucket", &plain, &gzipped, &zstd],
    )
    .expect(0);
    assert!(ran.err.contains("imported 6 points"), "{}", ran.err);
    let import = ["import", "--bucket", "bucket", "--precision", "s", "-"];
    finish(
        command(&server, &import),
        b"m,t=d f=1,s=\"two\nlines\" 1\nm,t=d f=2 2\n",
    )
    .expect(0);
    assert_eq!(count(&server, "bucket"), 8);
    let rows = server.flux(
        "from(bucket: \"bucket\") |> range(start: 0) |> filter(fn: (r) => r._field == \"s\")",
    );
    assert_eq!(rows.column("_value"), ["two\nlines"]);
    assert_eq!(rows.column("_time"), ["1970-01-01T00:00:01Z"]);
}

#[test]
fn malformed_lines_are_kept_with_number_and_reason_and_the_rest_is_written() {
    let server = Server::start();
    let mut lines: Vec<String> = (1..=30_000).map(|n| format!("m f={n} {n}")).collect();
    lines[6] = "m f=".to_owned();
    lines[12_344] = "m f=\"open 5".to_owned();
    lines[29_999] = "m f=1x 7".to_owned();
    let input = file(&server, "in.lp", lines.join("\n"));
    let rejects = server.directory().join("rejects");
    let arguments = [
        "import",
        "--bucket",
        "bucket",
        "--rejects",
        rejects.to_str().unwrap(),
        &input,
    ];
    let ran = run(&server, &arguments).expect(7);
    assert!(ran.err.contains("3 malformed"), "{}", ran.err);
    assert_eq!(count(&server, "bucket"), 29_997);
    let kept = std::fs::read_to_string(&rejects).unwrap();
    let want = format!(
        "# {input}:7: missing field value\nm f=\n# {input}:12345: unbalanced quotes\nm f=\"open 5\n\
         # {input}:30000: invalid number\nm f=1x 7\n"
    );
    assert_eq!(kept, want);
    // Made right, the file of rejects is itself what can be imported.
    finish(
        command(
            &server,
            &[
                "import",
                "--bucket",
                "bucket",
                "--strict",
                rejects.to_str().unwrap(),
            ],
        ),
        b"",
    )
    .expect(7);
}

#[test]
fn exports_of_1x_name_their_bucket() {
    let server = Server::start();
    let export = "# INFLUXDB EXPORT: 1677-09-21T00:12:43Z - 2262-04-11T23:47:16Z\n# DDL\n\
                  CREATE DATABASE \"db\" WITH NAME autogen\nCREATE DATABASE db WITH NAME rp\n# DML\n\
                  # CONTEXT-DATABASE:db\n# CONTEXT-RETENTION-POLICY:autogen\n# writing tsm data\n\
                  m,t=a f=1 1\n\
                  # CONTEXT-DATABASE:db\n# CONTEXT-RETENTION-POLICY:rp\n# writing wal data\n\
                  m,t=a f=1 1\nm,t=a f=2 2\n";
    let export = file(&server, "export", gzip(export.as_bytes()));
    let without = run(&server, &["import", &export]).expect(1);
    assert!(without.err.contains("404"), "{}", without.err);
    run(&server, &["import", "--create-buckets", &export]).expect(0);
    let of = |policy: &str| {
        let query = format!("SELECT count(f) FROM db.{policy}.m");
        server.influxql_of("db", &query)[0]["series"][0]["values"][0][1].clone()
    };
    assert_eq!((of("autogen"), of("rp")), (1.into(), 2.into()));
    let nowhere = file(&server, "plain.lp", "m f=1 1");
    let nowhere = run(&server, &["import", &nowhere]).expect(1);
    assert!(nowhere.err.contains("--bucket"), "{}", nowhere.err);
}

#[test]
fn tables_are_imported_with_both_kinds_of_annotations() {
    let server = Server::start();
    let extended = "#datatype measurement,tag,double,string,dateTime:number\n\
                    name,t,f,note,time\nm,a,1.5,\"x,\"\"y\"\"\",1\nm,b,oops,,2\nm,c,3,,3\n";
    let extended = file(&server, "table.csv", extended);
    let rejects = server.directory().join("rejects");
    let arguments = [
        "import",
        "--bucket",
        "bucket",
        "--rejects",
        rejects.to_str().unwrap(),
        &extended,
    ];
    run(&server, &arguments).expect(7);
    let kept = std::fs::read_to_string(&rejects).unwrap();
    assert!(
        kept.contains(":4: column f: \"oops\" is no double\nm,b,oops,,2\n"),
        "{kept}"
    );
    assert_eq!(count(&server, "bucket"), 2);

    let query = "from(bucket: \"bucket\") |> range(start: 0)";
    let answer = run(&server, &["query", "--format", "csv", query])
        .expect(0)
        .out;
    server.create_bucket("copy", 0);
    finish(
        command(&server, &["import", "--bucket", "copy", "-"]),
        answer.as_bytes(),
    )
    .expect(0);
    let sorted = |bucket: &str| {
        let rows = server.flux(&format!(
            "from(bucket: \"{bucket}\") |> range(start: 0, stop: 10)"
        ));
        let mut rows: Vec<String> = rows.0.iter().map(|row| format!("{row:?}")).collect();
        rows.sort();
        rows
    };
    assert_eq!(sorted("bucket").len(), 3);
    assert_eq!(sorted("bucket"), sorted("copy"));
}

#[test]
fn an_interrupted_import_goes_on_where_it_ended() {
    let server = Server::start();
    let points = 400_000;
    let mut text = String::new();
    for n in 1..=points {
        text.push_str(&format!("m,t={} f={n} {n}\n", n % 10));
        if n % 50_000 == 0 {
            text.push_str("m f=\n");
        }
    }
    let input = file(&server, "in.lp", text);
    let (state, rejects) = (
        server.directory().join("state"),
        server.directory().join("rejects"),
    );
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let arguments = [
        "import",
        "--bucket",
        "bucket",
        "--state",
        &text(&state),
        "--rejects",
        &text(&rejects),
        &input,
    ];
    let mut interrupted = command(&server, &arguments);
    let child = interrupted.stderr(Stdio::piped()).spawn().unwrap();
    wait_for("some points", 60, || {
        (count(&server, "bucket") > 20_000).then_some(())
    });
    // SAFETY: the child was not waited for, so the id is its own.
    unsafe { libc::kill(libc::pid_t::try_from(child.id()).unwrap(), libc::SIGINT) };
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    if output.status.code() == Some(130) {
        assert!(told.contains("interrupted after line"), "{told}");
        let other = [
            "import",
            "--bucket",
            "other",
            "--state",
            &text(&state),
            &input,
        ];
        let other = run(&server, &other).expect(1);
        assert!(other.err.contains("another import"), "{}", other.err);
        let ran = run(&server, &arguments).expect(7);
        assert!(ran.err.contains("going on after line"), "{}", ran.err);
        assert!(
            ran.err.contains(&format!("imported {points} points")),
            "{}",
            ran.err
        );
    }
    assert_eq!(count(&server, "bucket"), points);
    assert!(!state.exists());
    let kept = std::fs::read_to_string(&rejects).unwrap();
    assert_eq!(
        kept.lines().filter(|line| line.starts_with('#')).count(),
        8,
        "{kept}"
    );
}

#[test]
fn a_killed_import_goes_on_and_several_connections_lose_nothing() {
    let server = Server::start();
    let points = 300_000;
    let text: String = (1..=points).map(|n| format!("m f={n} {n}\n")).collect();
    let input = file(&server, "in.lp", text);
    let state = server.directory().join("state");
    let arguments = [
        "import",
        "--bucket",
        "bucket",
        "--connections",
        "4",
        "--state",
        state.to_str().unwrap(),
        &input,
    ];
    let mut child = command(&server, &arguments)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("some points", 60, || {
        (count(&server, "bucket") > 10_000).then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    run(&server, &arguments).expect(0);
    assert_eq!(count(&server, "bucket"), points);
}

#[test]
fn a_server_that_takes_only_small_bodies_gets_small_ones() {
    let server = Server::builder()
        .flag("http-max-body-bytes", "16KiB")
        .start();
    let text: String = (1..=20_000).map(|n| format!("m f={n} {n}\n")).collect();
    let input = file(&server, "in.lp", text);
    run(&server, &["import", "--bucket", "bucket", &input]).expect(0);
    assert_eq!(count(&server, "bucket"), 20_000);
}
