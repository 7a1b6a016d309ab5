//! The official clients, unchanged, against the built binary. `scripts/clients.sh` installs them into
//! a cache; `CLIENTS_CACHE` says where (`scripts/test.sh` sets it).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::process::Command;
use support::Server;

/// Fails, rather than passing without having tested, when the clients were not installed.
fn cache(part: &str) -> PathBuf {
    let home = || std::env::home_dir().unwrap().join(".cache/influxd-clients");
    let cache = std::env::var_os("CLIENTS_CACHE").map_or_else(home, PathBuf::from);
    let path = cache.join(part);
    assert!(
        path.exists(),
        "{} is missing: run scripts/clients.sh first",
        path.display()
    );
    path
}

fn source(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "clients", name]
        .iter()
        .collect()
}

/// Runs one script with the server's address in its environment; shows what it said when it fails.
#[track_caller]
fn run(mut command: Command, server: &Server) {
    let output = command
        .env("INFLUX_URL", format!("http://{}", server.address))
        .env("INFLUX_TOKEN", &server.token)
        .env("INFLUX_ORG", "org")
        .env("INFLUX_BUCKET", "bucket")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}\n{}\n{}\nserver log:\n{}",
        text(&output.stdout),
        text(&output.stderr),
        server.log().join("\n")
    );
}

fn python(script: &str, server: &Server) {
    let mut command = Command::new(cache("python").join("bin/python"));
    command.arg(source("python").join(script));
    run(command, server);
}

fn node(script: &str, server: &Server) {
    let modules = cache("node").join("node_modules");
    let mut command = Command::new("node");
    command
        .arg(source("node").join(script))
        .env("NODE_PATH", modules);
    run(command, server);
}

#[test]
fn influxdb_client_of_python_sets_up() {
    python("setup.py", &Server::builder().not_set_up().start());
}

#[test]
fn influxdb_client_of_python_writes_queries_and_manages() {
    python("v2.py", &Server::start());
}

#[test]
fn influxdb_of_python_speaks_v1() {
    python("v1.py", &Server::start());
}

#[test]
fn influxdb_client_of_node_sets_up() {
    node("setup.js", &Server::builder().not_set_up().start());
}

#[test]
fn influxdb_client_of_node_writes_queries_and_manages() {
    node("v2.js", &Server::start());
}
