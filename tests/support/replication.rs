//! Remotes and replications of a server under test.

use super::server::{BUCKET, Server, ServerBuilder, TOKEN};
use super::wait_for;
use serde_json::{Value, json};

/// A port that nobody listens on, and most likely nobody will.
pub fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A server that is stopped: its address, what starts it again, and its org.
pub fn stopped_server() -> (String, ServerBuilder, String) {
    let address = free_address();
    let builder = Server::builder().flag("http-bind-address", &address);
    let mut server = builder.start();
    let org = server.org_id();
    server.terminate();
    (address, server.into_builder(), org)
}

/// A body with the members of `more` put over those of `body`.
pub fn with(mut body: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

impl Server {
    pub fn create_remote(&self, url: &str, more: Value) -> String {
        let body = json!({
            "name": "remote", "orgID": self.org_id(), "remoteURL": url, "remoteAPIToken": TOKEN,
            "allowInsecureTLS": false,
        });
        let answer = self.post("/api/v2/remotes").json(with(body, more)).send();
        answer.expect(201).json()["id"].as_str().unwrap().to_owned()
    }

    /// Of the bucket of the setup, to one of the same name.
    pub fn replicate(&self, remote: &str, more: Value) -> String {
        let body = json!({
            "name": "replication", "orgID": self.org_id(), "remoteID": remote,
            "localBucketID": self.bucket_id(BUCKET), "remoteBucketName": BUCKET,
        });
        let answer = self.post("/api/v2/replications").json(with(body, more));
        let answer = answer.send().expect(201).json();
        answer["id"].as_str().unwrap().to_owned()
    }

    /// To another server under test.
    pub fn replicate_to(&self, other: &Self, more: Value) -> String {
        let url = format!("http://{}", other.address);
        let remote = self.create_remote(&url, json!({"remoteOrgID": other.org_id()}));
        self.replicate(&remote, more)
    }

    pub fn replication(&self, id: &str) -> Value {
        let path = format!("/api/v2/replications/{id}");
        self.get(&path).send().expect(200).json()
    }

    pub fn change_replication(&self, id: &str, change: Value) -> Value {
        let path = format!("/api/v2/replications/{id}");
        self.patch(&path).json(change).send().expect(200).json()
    }

    /// Waits until the queue is empty.
    pub fn wait_replicated(&self, id: &str) {
        wait_for("an empty queue", 60, || {
            let shown = self.replication(id);
            (shown["remainingBytesToBeSynced"] == 0).then_some(())
        });
    }

    /// Waits for an error message with that text.
    pub fn wait_for_error(&self, id: &str, text: &str) -> Value {
        wait_for(text, 60, || {
            let shown = self.replication(id);
            let message = shown["latestErrorMessage"].as_str().unwrap_or_default();
            message.contains(text).then(|| shown.clone())
        })
    }

    /// A figure of a replication in /metrics; `labels` are those after its id, with the comma.
    pub fn replication_metric(&self, name: &str, id: &str, labels: &str) -> u64 {
        let start = format!("influxd_replication_{name}{{replication=\"{id}\"{labels}}} ");
        let metrics = self.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {start} in {metrics}"))
            .parse()
            .unwrap()
    }

    pub fn count_of(&self, field: &str) -> u64 {
        let results = self.influxql(&format!("SELECT count({field}) FROM m"));
        results[0]["series"][0]["values"][0][1]
            .as_u64()
            .unwrap_or(0)
    }
}
