//! Replication to other databases, where they are installed: `apt-get install influxdb victoria-metrics`.

use crate::support::replication::free_address;
use crate::support::{Request, Server, encoded, wait_for};
use serde_json::json;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

struct Peer {
    child: Child,
    address: String,
    _directory: TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(command: &mut Command, address: String, directory: TempDir, up: &str) -> Peer {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = child.spawn().unwrap();
    let peer = Peer {
        child,
        address,
        _directory: directory,
    };
    wait_for("the peer", 60, || peer.ask("GET", up));
    peer
}

impl Peer {
    fn ask(&self, method: &str, path: &str) -> Option<String> {
        let answer = Request::new(&self.address, method, path).try_send().ok()?;
        (answer.status < 300).then(|| answer.text())
    }
}

fn installed(binary: &str) -> bool {
    let there = Path::new(binary).exists();
    if !there {
        eprintln!("skipped: {binary} is not installed");
    }
    there
}

fn influxdb_1() -> Option<Peer> {
    let binary = "/usr/bin/influxd";
    if !installed(binary) {
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().display();
    let (address, internal) = (free_address(), free_address());
    let config = format!(
        "reporting-disabled = true\nbind-address = \"{internal}\"\n\
         [meta]\n  dir = \"{at}/meta\"\n\
         [data]\n  dir = \"{at}/data\"\n  wal-dir = \"{at}/wal\"\n\
         [monitor]\n  store-enabled = false\n\
         [http]\n  bind-address = \"{address}\"\n  log-enabled = false\n"
    );
    let file = directory.path().join("influxd.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(binary);
    command.arg("run").arg("-config").arg(&file);
    Some(start(&mut command, address, directory, "/ping"))
}

fn victoria_metrics() -> Option<Peer> {
    let binary = "/usr/bin/victoria-metrics";
    if !installed(binary) {
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut command = Command::new(binary);
    command.args(["-httpListenAddr", &address, "-retentionPeriod", "100y"]);
    command.arg("-storageDataPath").arg(directory.path());
    Some(start(&mut command, address, directory, "/health"))
}

const TIME_NS: i64 = 1_700_000_000_000_000_000;

fn write_some(server: &Server) {
    for second in 0..50 {
        let time = TIME_NS + second * 1_000_000_000;
        let line = format!("m,host=a\\ b f={second}.5,i={second}i {time}");
        server.write(&line).expect(204);
    }
}

#[test]
fn influxdb_1_6_gets_what_is_written() {
    let Some(peer) = influxdb_1() else {
        return;
    };
    let create = format!("/query?q={}", encoded("CREATE DATABASE \"d b\""));
    peer.ask("POST", &create).unwrap();
    let server = Server::start();
    let more = json!({"protocol": "v1", "remoteAPIToken": ""});
    let remote = server.create_remote(&format!("http://{}", peer.address), more);
    let id = server.replicate(&remote, json!({"remoteBucketName": "d b"}));
    let validate = format!("/api/v2/replications/{id}/validate");
    server.post(&validate).send().expect(204);
    write_some(&server);
    server.wait_replicated(&id);
    let query = "SELECT count(f), sum(f), sum(i) FROM m WHERE host = 'a b'";
    let path = format!("/query?db=d%20b&epoch=ns&q={}", encoded(query));
    let theirs = peer.ask("GET", &path).unwrap();
    let theirs: serde_json::Value = serde_json::from_str(&theirs).unwrap();
    let ours = server.influxql(query);
    assert_eq!(
        theirs["results"][0]["series"][0]["values"],
        ours[0]["series"][0]["values"]
    );
    assert_eq!(ours[0]["series"][0]["values"][0][1], 50);
    // 1.6.7 knows neither the database nor, by default, unsigned integers: both are its own answers.
    server.change_replication(&id, json!({"remoteBucketName": "none"}));
    server.write("m f=1 1").expect(204);
    let shown = server.wait_for_error(&id, "database not found");
    assert_eq!(shown["latestResponseCode"], 404);
    server.change_replication(&id, json!({"remoteBucketName": "d b"}));
    server.wait_replicated(&id);
}

#[test]
fn victoria_metrics_gets_what_is_written() {
    let Some(peer) = victoria_metrics() else {
        return;
    };
    let server = Server::start();
    let remote = server.create_remote(
        &format!("http://{}", peer.address),
        json!({"remoteAPIToken": ""}),
    );
    let id = server.replicate(&remote, json!({}));
    write_some(&server);
    server.wait_replicated(&id);
    let matching = encoded("{__name__=~\"m_.*\"}");
    let path = format!("/api/v1/export?match={matching}");
    let exported = wait_for("the points, which take seconds to show", 60, || {
        let lines = peer.ask("GET", &path)?;
        (lines.matches(".5").count() >= 50).then_some(lines)
    });
    let values = |name: &str| {
        let all: Vec<serde_json::Value> = exported
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|series: &serde_json::Value| {
                series["metric"]["__name__"] == name && series["metric"]["host"] == "a b"
            })
            .collect();
        let values = all.iter().flat_map(|s| s["values"].as_array().unwrap());
        values
            .map(|value| value.as_f64().unwrap())
            .collect::<Vec<_>>()
    };
    let want: Vec<f64> = (0..50).map(f64::from).collect();
    assert_eq!(values("m_i"), want);
    assert_eq!(
        values("m_f"),
        want.iter().map(|v| v + 0.5).collect::<Vec<_>>()
    );
}
