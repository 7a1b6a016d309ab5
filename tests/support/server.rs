//! Starts the built binary on a free port with a data directory of its own, kills and restarts it.

use super::csv::Rows;
use super::http::{Request, Response};
use super::{encoded, wait_for};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

pub const ORG: &str = "org";
pub const BUCKET: &str = "bucket";
pub const USER: &str = "user";
pub const PASSWORD: &str = "correct horse";
pub const TOKEN: &str = "operator-token-of-the-tests";

/// What a server that is not ready after this long will never be.
const START_SECONDS: u64 = 60;

/// The binary without any variable that could configure it.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_influxd"));
    let ours = |name: &str| name.starts_with("INFLUXD_") || name == "RUST_LOG";
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command
}

pub struct ServerBuilder {
    flags: Vec<String>,
    variables: Vec<(String, String)>,
    set_up: bool,
    directory: Option<Arc<TempDir>>,
}

pub struct Server {
    child: Child,
    /// Host and port.
    pub address: String,
    pub token: String,
    builder: ServerBuilder,
    directory: Arc<TempDir>,
    log: Arc<Mutex<Vec<String>>>,
    out: Arc<Mutex<Vec<String>>>,
}

impl ServerBuilder {
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.extend([format!("--{name}"), value.to_owned()]);
        self
    }

    pub fn switch(mut self, name: &str) -> Self {
        self.flags.push(format!("--{name}"));
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another place for the data directory, which is `db` in it.
    pub fn in_directory(mut self, directory: Arc<TempDir>) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Neither user nor org nor bucket nor token.
    pub fn not_set_up(mut self) -> Self {
        self.set_up = false;
        self
    }

    pub fn start(self) -> Server {
        let directory = self
            .directory
            .clone()
            .unwrap_or_else(|| Arc::new(tempfile::tempdir().unwrap()));
        let mut command = binary();
        command.arg("run").current_dir(directory.path());
        command.args(["--http-bind-address", "127.0.0.1:0"]);
        command.args([
            "--storage-path",
            &directory.path().join("db").display().to_string(),
        ]);
        if self.set_up {
            command.args([
                "--setup-username",
                USER,
                "--setup-org",
                ORG,
                "--setup-bucket",
                BUCKET,
            ]);
            command.args(["--setup-token", TOKEN]);
        }
        command
            .args(&self.flags)
            .envs(self.variables.iter().cloned());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary");
        let log = collect(child.stderr.take().unwrap());
        let out = collect(child.stdout.take().unwrap());
        let address = wait_for("the address in the log", START_SECONDS, || {
            if let Some(status) = child.try_wait().unwrap() {
                std::thread::sleep(Duration::from_millis(50));
                panic!(
                    "influxd ended with {status}:\n{}",
                    log.lock().unwrap().join("\n")
                );
            }
            address_in(&log.lock().unwrap())
        });
        let token = TOKEN.to_owned();
        let server = Server {
            child,
            address,
            token,
            builder: self,
            directory,
            log,
            out,
        };
        server.wait_until_ready();
        server
    }
}

fn collect(stream: impl std::io::Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            kept.lock().unwrap().push(line);
        }
    });
    lines
}

fn address_in(log: &[String]) -> Option<String> {
    let tail = log
        .iter()
        .find_map(|line| line.split_once("listening on "))?
        .1;
    let tail = tail.strip_prefix("http://").unwrap_or(tail);
    let end = tail.find(|c: char| !(c.is_ascii_digit() || ".:[]".contains(c)));
    Some(tail[..end.unwrap_or(tail.len())].to_owned())
}

impl Server {
    pub fn builder() -> ServerBuilder {
        let none = Vec::new;
        ServerBuilder {
            flags: none(),
            variables: Vec::new(),
            set_up: true,
            directory: None,
        }
    }

    /// Org, bucket and an operator token; every option at its default.
    pub fn start() -> Self {
        Self::builder().start()
    }

    fn wait_until_ready(&self) {
        wait_for("/ready", START_SECONDS, || {
            let answer = self.get("/ready").anonymous().try_send().ok()?;
            (answer.status == 200).then_some(())
        });
    }

    pub fn data_directory(&self) -> PathBuf {
        self.directory.path().join("db")
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(&self.address, method, path).token(&self.token)
    }

    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    pub fn patch(&self, path: &str) -> Request {
        self.request("PATCH", path)
    }

    pub fn delete(&self, path: &str) -> Request {
        self.request("DELETE", path)
    }

    /// To the bucket of the setup, nanoseconds.
    pub fn write(&self, lines: &str) -> Response {
        self.write_to(BUCKET, lines)
    }

    pub fn write_to(&self, bucket: &str, lines: &str) -> Response {
        let path = format!("/api/v2/write?org={ORG}&bucket={}", encoded(bucket));
        self.post(&path).body(lines).send()
    }

    pub fn flux_request(&self, query: &str) -> Request {
        let path = format!("/api/v2/query?org={ORG}");
        self.post(&path)
            .header("Content-Type", "application/vnd.flux")
            .body(query)
    }

    #[track_caller]
    pub fn flux(&self, query: &str) -> Rows {
        Rows::parse(&self.flux_request(query).send().expect(200).text())
    }

    /// Statement results of one or more statements on the bucket of the setup.
    #[track_caller]
    pub fn influxql(&self, query: &str) -> Value {
        self.influxql_of(BUCKET, query)
    }

    #[track_caller]
    pub fn influxql_of(&self, database: &str, query: &str) -> Value {
        let path = format!(
            "/query?db={}&epoch=ns&q={}",
            encoded(database),
            encoded(query)
        );
        self.get(&path).send().expect(200).json()["results"].clone()
    }

    pub fn metrics(&self) -> String {
        self.get("/metrics").anonymous().send().expect(200).text()
    }

    /// The id of the org of the setup.
    pub fn org_id(&self) -> String {
        let answer = self
            .get(&format!("/api/v2/orgs?org={ORG}"))
            .send()
            .expect(200)
            .json();
        answer["orgs"][0]["id"]
            .as_str()
            .expect("an org id")
            .to_owned()
    }

    pub fn bucket_id(&self, name: &str) -> String {
        let path = format!("/api/v2/buckets?org={ORG}&name={}", encoded(name));
        let answer = self.get(&path).send().expect(200).json();
        answer["buckets"][0]["id"]
            .as_str()
            .expect("a bucket id")
            .to_owned()
    }

    /// Retention in seconds, 0 for ever; gives the id.
    pub fn create_bucket(&self, name: &str, retention_seconds: u64) -> String {
        let rules = match retention_seconds {
            0 => json!([]),
            seconds => json!([{"type": "expire", "everySeconds": seconds}]),
        };
        let bucket = json!({"orgID": self.org_id(), "name": name, "retentionRules": rules});
        let answer = self
            .post("/api/v2/buckets")
            .json(bucket)
            .send()
            .expect(201)
            .json();
        answer["id"].as_str().expect("an id").to_owned()
    }

    /// A token with these permissions on the org, or on one resource of it.
    pub fn create_token(&self, permissions: &[(&str, &str, Option<&str>)]) -> String {
        let org = self.org_id();
        let permission = |(action, kind, id): &(&str, &str, Option<&str>)| {
            let mut resource = json!({"type": kind, "orgID": org});
            if let Some(id) = id {
                resource["id"] = json!(id);
            }
            json!({"action": action, "resource": resource})
        };
        let permissions: Vec<_> = permissions.iter().map(permission).collect();
        let body = json!({"orgID": org, "permissions": permissions});
        let answer = self
            .post("/api/v2/authorizations")
            .json(body)
            .send()
            .expect(201)
            .json();
        answer["token"].as_str().expect("a token").to_owned()
    }

    /// A token that permits everything in a new org, and nothing in any other.
    pub fn token_of_new_org(&self, name: &str) -> String {
        const KINDS: &str = "authorizations buckets dashboards tasks telegrafs variables secrets labels \
                             notificationRules notificationEndpoints checks dbrp";
        let org = self.post("/api/v2/orgs").json(json!({"name": name})).send();
        let org = org.expect(201).json()["id"].clone();
        let both = ["read", "write"];
        let of_kind = |kind: &str| {
            let resource = match kind {
                "orgs" => json!({"type": "orgs", "id": org}),
                kind => json!({"type": kind, "orgID": org}),
            };
            both.map(|action| json!({"action": action, "resource": resource}))
        };
        let kinds = KINDS.split_whitespace().chain(["orgs"]);
        let permissions: Vec<Value> = kinds.flat_map(of_kind).collect();
        let body = json!({"orgID": org, "permissions": permissions});
        let answer = self.post("/api/v2/authorizations").json(body).send();
        let answer = answer.expect(201).json();
        answer["token"].as_str().expect("a token").to_owned()
    }

    /// Lines of standard error so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Lines of standard output so far.
    pub fn output(&self) -> Vec<String> {
        self.out.lock().unwrap().clone()
    }

    /// `kill -9`, and a new process on the same directory.
    pub fn kill_and_restart(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.start_again()
    }

    /// SIGTERM, which must end with exit code 0, and a new process on the same directory.
    pub fn stop_and_restart(mut self) -> Self {
        let status = self.terminate();
        assert_eq!(status.code(), Some(0), "{}", self.log().join("\n"));
        self.start_again()
    }

    /// SIGTERM; gives the exit status.
    pub fn terminate(&mut self) -> ExitStatus {
        let id = libc::pid_t::try_from(self.child.id()).unwrap();
        // SAFETY: kill takes no memory; the child has not been waited for, so the id is its own.
        assert_eq!(unsafe { libc::kill(id, libc::SIGTERM) }, 0);
        wait_for("the end after SIGTERM", START_SECONDS, || {
            self.child.try_wait().unwrap()
        })
    }

    /// A second start as it was started first, without some of the variables.
    pub fn kill_and_restart_without(mut self, variables: &[&str]) -> Self {
        self.builder
            .variables
            .retain(|(name, _)| !variables.contains(&name.as_str()));
        self.kill_and_restart()
    }

    /// Waits for the end of a process that was killed.
    pub fn wait(&mut self) {
        self.child.wait().unwrap();
    }

    /// What would start it again on its directory.
    pub fn into_builder(mut self) -> ServerBuilder {
        self.child.wait().unwrap();
        let mut builder = std::mem::replace(&mut self.builder, Self::builder());
        builder.directory = Some(Arc::clone(&self.directory));
        builder
    }

    /// Sends a signal from another thread than the one that owns the server.
    pub fn signaller(&self, signal: i32) -> impl FnOnce() + Send + 'static {
        let id = libc::pid_t::try_from(self.child.id()).unwrap();
        // SAFETY: kill takes no memory; tests wait for the child only after this was called.
        move || assert_eq!(unsafe { libc::kill(id, signal) }, 0)
    }

    /// Starts a command as it is; `None` when it ends before it is ready, which it must do with a text that
    /// names the data directory and exit code 5.
    pub fn attach(mut command: Command) -> Option<Self> {
        let directory = command.get_args().last().unwrap().to_owned();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary");
        let log = collect(child.stderr.take().unwrap());
        let out = collect(child.stdout.take().unwrap());
        let address = wait_for("the address in the log, or the end", START_SECONDS, || {
            if let Some(status) = child.try_wait().unwrap() {
                std::thread::sleep(Duration::from_millis(50));
                let text = log.lock().unwrap().join("\n");
                assert_eq!(status.code(), Some(5), "{text}");
                let directory = directory.to_str().unwrap();
                assert!(text.contains(directory), "{text}");
                return Some(None);
            }
            address_in(&log.lock().unwrap()).map(Some)
        })?;
        Some(Self {
            child,
            address,
            token: TOKEN.to_owned(),
            builder: Self::builder(),
            directory: Arc::new(tempfile::tempdir().unwrap()),
            log,
            out,
        })
    }

    /// The answer to an InfluxQL query, whatever it is.
    pub fn influxql_text(&self, database: &str, query: &str) -> Response {
        let (database, query) = (encoded(database), encoded(query));
        self.get(&format!("/query?db={database}&epoch=ns&q={query}"))
            .send()
    }

    /// `kill -9` from another thread than the one that owns the server.
    pub fn killer(&self) -> impl FnOnce() + Send + 'static {
        let id = libc::pid_t::try_from(self.child.id()).unwrap();
        // SAFETY: kill takes no memory; tests wait for the child only after this was called.
        move || assert_eq!(unsafe { libc::kill(id, libc::SIGKILL) }, 0)
    }

    fn start_again(mut self) -> Self {
        let none = ServerBuilder {
            flags: Vec::new(),
            variables: Vec::new(),
            set_up: true,
            directory: None,
        };
        let mut builder = std::mem::replace(&mut self.builder, none);
        builder.directory = Some(Arc::clone(&self.directory));
        let token = self.token.clone();
        drop(self);
        let mut server = builder.start();
        server.token = token;
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
