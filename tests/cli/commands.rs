//! One test a command: what it does, what it prints, its exit codes.

use crate::run::{anonymous, command, finish, run};
use crate::support::{Server, wait_for};
use serde_json::Value;

#[test]
fn a_new_server_is_set_up_once() {
    let server = Server::builder().not_set_up().start();
    let setup = [
        "setup",
        "--username",
        "ada",
        "--org",
        "home",
        "--bucket",
        "b",
        "--retention",
        "30d",
        "--password-file",
        "-",
        "--operator-token",
        "a-token-of-mine",
        "--format",
        "json",
    ];
    let with_password = |text: &[u8]| finish(command(&server, &setup), text);
    let short = with_password(b"short\n").expect(1);
    assert!(short.err.contains("between 8 and 72"), "{}", short.err);
    let done: Value = serde_json::from_str(&with_password(b"long enough\n").expect(0).out).unwrap();
    assert_eq!(done[0]["user"], "ada");
    assert_eq!(done[0]["token"], "a-token-of-mine");
    let again = with_password(b"long enough\n").expect(1);
    assert!(
        again.err.contains("already been completed"),
        "{}",
        again.err
    );

    let list = ["bucket", "list", "--token", "a-token-of-mine"];
    let buckets = finish(command(&server, &list), b"").expect(0).out;
    let line = buckets.lines().find(|line| line.contains(" b ")).unwrap();
    assert!(line.contains("30d"), "{buckets}");
}

#[test]
fn what_is_written_is_read_in_both_languages_and_all_forms() {
    let server = Server::start();
    let write = [
        "write",
        "--bucket",
        "bucket",
        "--precision",
        "s",
        "m,t=a f=1.5,g=\"x,y\" 1\nm,t=a f=2 2",
    ];
    run(&server, &write).expect(0);
    finish(
        command(&server, &["write", "--bucket", "bucket", "-"]),
        b"m,t=b f=3 3",
    )
    .expect(0);

    let flux = "from(bucket: \"bucket\") |> range(start: 0) |> filter(fn: (r) => r._field == \"f\") \
                |> keep(columns: [\"_time\", \"_value\", \"t\"])";
    let table = run(&server, &["query", flux]).expect(0).out;
    assert_eq!(
        table,
        "_time                 _value  t\n\
         1970-01-01T00:00:01Z  1.5     a\n\
         1970-01-01T00:00:02Z  2       a\n\n\
         _time                           _value  t\n\
         1970-01-01T00:00:00.000000003Z  3       b\n"
    );
    let json = run(&server, &["query", "--format", "json", flux])
        .expect(0)
        .out;
    let rows: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    assert_eq!(rows[0]["_value"], 1.5);
    let csv = run(&server, &["query", "--format", "csv", flux])
        .expect(0)
        .out;
    assert!(csv.starts_with("#group,"), "{csv}");

    let influxql = "SELECT f, g FROM m WHERE t = 'a'";
    let select = |format: &str| {
        let arguments = [
            "query",
            "--influxql",
            "--bucket",
            "bucket",
            "--format",
            format,
            "-",
        ];
        finish(command(&server, &arguments), influxql.as_bytes())
            .expect(0)
            .out
    };
    let table = select("table");
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.starts_with("name  tags  time"), "{table}");
    assert!(table.contains("x,y"), "{table}");
    assert!(select("csv").contains("\"x,y\""));
    assert!(select("json").contains("\"columns\":[\"time\",\"f\",\"g\"]"));
    let empty = run(
        &server,
        &["query", "--format", "json", &flux.replace("\"f\"", "\"z\"")],
    );
    assert_eq!(empty.expect(0).out, "[]\n");
}

#[test]
fn a_query_that_fails_says_why() {
    let server = Server::start();
    let flux = run(
        &server,
        &["query", "from(bucket: \"none\") |> range(start: 0)"],
    );
    assert!(flux.expect(1).err.contains("none"));
    let arguments = ["query", "--influxql", "--bucket", "bucket", "SELECT"];
    let influxql = run(&server, &arguments).expect(1);
    assert!(
        influxql.err.contains("failed to parse query"),
        "{}",
        influxql.err
    );
    let arguments = [
        "query",
        "--influxql",
        "--bucket",
        "bucket",
        "SELECT nonsense(f) FROM m",
    ];
    let influxql = run(&server, &arguments).expect(1);
    assert!(influxql.err.contains("nonsense"), "{}", influxql.err);
    let malformed = run(&server, &["write", "--bucket", "bucket", "m f="]).expect(1);
    assert!(
        malformed.err.contains("missing field value"),
        "{}",
        malformed.err
    );
}

#[test]
fn points_are_deleted_by_time_and_predicate() {
    let server = Server::start();
    server
        .write("m,t=a f=1 1\nm,t=b f=2 2\nm,t=a f=3 3000000000")
        .expect(204);
    let arguments = [
        "delete",
        "--bucket",
        "bucket",
        "--start",
        "1970-01-01T00:00:00Z",
        "--stop",
        "1970-01-01T00:00:01Z",
        "--predicate",
        "t=\"a\"",
    ];
    run(&server, &arguments).expect(0);
    let left = server.flux("from(bucket: \"bucket\") |> range(start: 0)");
    let mut values = left.column("_value");
    values.sort();
    assert_eq!(values, ["2", "3"]);
    let missing = run(&server, &["delete", "--bucket", "bucket"]).expect(2);
    assert!(
        missing.err.contains("--start is missing"),
        "{}",
        missing.err
    );
}

#[test]
fn buckets_are_made_changed_and_deleted() {
    let server = Server::start();
    run(
        &server,
        &[
            "bucket",
            "create",
            "new",
            "--retention",
            "7d",
            "--description",
            "a test",
        ],
    )
    .expect(0);
    let twice = run(&server, &["bucket", "create", "new"]).expect(1);
    assert!(twice.err.contains("already exists"), "{}", twice.err);
    run(
        &server,
        &[
            "bucket",
            "update",
            "new",
            "--name",
            "newer",
            "--retention",
            "0",
        ],
    )
    .expect(0);
    let list = run(&server, &["bucket", "list", "--format", "csv"])
        .expect(0)
        .out;
    let line = list.lines().find(|line| line.contains(",newer,")).unwrap();
    assert!(line.ends_with(",newer,infinite,user,a test"), "{list}");
    run(&server, &["bucket", "delete", "newer"]).expect(0);
    run(&server, &["bucket", "delete", "newer"]).expect(1);
    let nothing = run(&server, &["bucket", "update", "bucket"]).expect(2);
    assert!(nothing.err.contains("nothing to change"), "{}", nothing.err);
}

#[test]
fn tokens_permit_what_they_were_made_for() {
    let server = Server::start();
    let create = [
        "token",
        "create",
        "--write",
        "bucket",
        "--description",
        "gateway",
        "--format",
        "json",
    ];
    let made: Value = serde_json::from_str(&run(&server, &create).expect(0).out).unwrap();
    let (id, token) = (
        made[0]["id"].as_str().unwrap(),
        made[0]["token"].as_str().unwrap(),
    );
    let write = |code| {
        let arguments = [
            "write", "--org", "org", "--bucket", "bucket", "--token", token, "m f=1",
        ];
        run(&server, &arguments).expect(code)
    };
    write(0);
    run(&server, &["token", "deactivate", id]).expect(0);
    assert!(write(1).err.contains("401"));
    run(&server, &["token", "activate", id]).expect(0);
    write(0);
    let list = run(&server, &["token", "list"]).expect(0).out;
    assert!(list.contains("gateway") && !list.contains(token), "{list}");
    run(&server, &["token", "delete", id]).expect(0);
    write(1);
    run(&server, &["token", "create"]).expect(2);
}

#[test]
fn users_have_passwords() {
    let server = Server::start();
    finish(
        command(
            &server,
            &["user", "create", "grace", "--password-file", "-"],
        ),
        b"a password\n",
    )
    .expect(0);
    let signin = |password: &str| {
        server
            .post("/api/v2/signin")
            .basic("grace", password)
            .send()
            .status
    };
    assert_eq!(signin("a password"), 204);
    finish(
        command(
            &server,
            &["user", "password", "grace", "--password-file", "-"],
        ),
        b"another one\n",
    )
    .expect(0);
    assert_eq!((signin("a password"), signin("another one")), (401, 204));
    assert!(
        run(&server, &["user", "list"])
            .expect(0)
            .out
            .contains("grace")
    );
    run(&server, &["user", "delete", "grace"]).expect(0);
    let gone = run(&server, &["user", "delete", "grace"]).expect(1);
    assert!(
        gone.err.contains("there is no user \"grace\""),
        "{}",
        gone.err
    );
}

#[test]
fn rejected_points_are_shown_with_their_reason() {
    let server = Server::start();
    server.write("m f=1i 1").expect(204);
    server.write("m f=1.5 2").expect(204);
    let arguments = [
        "inspect", "rejected", "--bucket", "bucket", "--format", "csv",
    ];
    let row = wait_for("the rejection", 30, || {
        let out = run(&server, &arguments).expect(0).out;
        out.lines().nth(1).map(str::to_owned)
    });
    assert!(row.contains(",m,f,type_conflict,float,integer,1,"), "{row}");
}

#[test]
fn exit_codes_tell_apart_what_went_wrong() {
    let unreachable = ["query", "--host", "http://127.0.0.1:1", "--org", "o", "x"];
    let ran = finish(anonymous(&unreachable), b"").expect(6);
    assert!(
        ran.err.contains("can't reach http://127.0.0.1:1"),
        "{}",
        ran.err
    );
    let wrong = finish(anonymous(&["query", "--nonsense"]), b"").expect(2);
    assert!(wrong.err.contains("influxd query --help"), "{}", wrong.err);
    finish(anonymous(&["bucket", "nonsense"]), b"").expect(2);
    let server = Server::start();
    let mut without = anonymous(&["bucket", "list"]);
    without.env("INFLUX_HOST", format!("http://{}", server.address));
    let ran = finish(without, b"").expect(1);
    assert!(ran.err.contains("--token-file"), "{}", ran.err);
}

#[test]
fn every_command_has_a_help_with_examples() {
    let help = finish(anonymous(&["help"]), b"").expect(0).out;
    let (_, clients) = help.split_once("Tools, for").unwrap();
    let (clients, _) = clients.split_once("\nFlags:").unwrap();
    let names: Vec<&str> = clients
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        let text = finish(anonymous(&[name, "--help"]), b"").expect(0).out;
        assert!(text.contains("Usage: influxd"), "{text}");
    }
    let query = finish(anonymous(&["query", "--help"]), b"").expect(0).out;
    assert!(query.contains("Examples:\n  influxd query"), "{query}");
}

#[test]
fn completions_are_scripts_that_shells_take() {
    let script = finish(anonymous(&["completions", "bash"]), b"")
        .expect(0)
        .out;
    let ask = format!(
        "{script}\nCOMP_WORDS=(influxd bucket cr); COMP_CWORD=2; _influxd; echo \"${{COMPREPLY[@]}}\"\n\
         COMP_WORDS=(influxd query --fo); COMP_CWORD=2; _influxd; echo \"${{COMPREPLY[@]}}\"\n\
         COMP_WORDS=(influxd de); COMP_CWORD=1; _influxd; echo \"${{COMPREPLY[@]}}\"\n"
    );
    let mut shell = std::process::Command::new("bash");
    shell.arg("-u");
    let out = finish(shell, ask.as_bytes()).expect(0).out;
    assert_eq!(out, "create\n--format\ndefault-config delete\n");
    for shell in ["zsh", "fish"] {
        let script = finish(anonymous(&["completions", shell]), b"")
            .expect(0)
            .out;
        assert!(script.contains("influxd"), "{script}");
    }
    finish(anonymous(&["completions", "tcsh"]), b"").expect(2);
}
