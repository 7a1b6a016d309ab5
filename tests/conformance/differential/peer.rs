//! InfluxDB 1.x as Debian packages it, started with an empty directory on a free port.

use crate::support::{Request, encoded, wait_for};
use serde_json::Value;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const START_SECONDS: u64 = 30;

pub struct Peer {
    child: Child,
    pub address: String,
    pub version: String,
    _directory: TempDir,
}

impl Peer {
    /// `None`, said plainly, when it is not installed.
    pub fn start() -> Option<Self> {
        let program =
            std::env::var("INFLUXDB1_BINARY").unwrap_or_else(|_| "/usr/bin/influxd".to_owned());
        let version = Command::new(&program).arg("version").output();
        let version = match version {
            Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            Err(error) => {
                println!(
                    "skipped: no InfluxDB 1.x at {program}: {error}; apt-get install influxdb"
                );
                return None;
            }
        };
        if !version.starts_with("InfluxDB v1.") {
            println!("skipped: {program} is no InfluxDB 1.x: {version}");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display();
        let (http, rpc) = (free_address(), free_address());
        let config = format!(
            "reporting-disabled = true\nbind-address = \"{rpc}\"\n\
             [meta]\ndir = \"{path}/meta\"\n\
             [data]\ndir = \"{path}/data\"\nwal-dir = \"{path}/wal\"\nquery-log-enabled = false\n\
             [coordinator]\nquery-timeout = \"3s\"\n[monitor]\nstore-enabled = false\n[continuous_queries]\nenabled = false\n\
             [http]\nbind-address = \"{http}\"\nlog-enabled = false\n"
        );
        let file = directory.path().join("influxdb.conf");
        std::fs::write(&file, config).unwrap();
        let child = Command::new(&program)
            .arg("-config")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let peer = Self {
            child,
            address: http,
            version,
            _directory: directory,
        };
        wait_for("InfluxDB 1.x", START_SECONDS, || {
            let ping = Request::new(&peer.address, "GET", "/ping").try_send();
            ping.ok().filter(|answer| answer.status == 204)
        });
        Some(peer)
    }

    /// `None`: no answer in time.
    pub fn query(&self, database: &str, text: &str) -> Option<Value> {
        let path = format!(
            "/query?db={}&epoch=ns&q={}",
            encoded(database),
            encoded(text)
        );
        let answer = Request::new(&self.address, "POST", &path).try_send().ok()?;
        let answer: Value = serde_json::from_slice(&answer.body).ok()?;
        Some(answer).filter(|answer| !answer.to_string().contains("timeout"))
    }

    pub fn write(&self, database: &str, lines: &str) {
        let path = format!("/write?db={}", encoded(database));
        Request::new(&self.address, "POST", &path)
            .body(lines)
            .send()
            .expect(204);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
