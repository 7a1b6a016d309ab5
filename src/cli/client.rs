//! A client of the HTTP API.

use super::CliError;
use super::args::Given;
use influxd::outgoing::{self, encoded};
use serde_json::Value;
use std::io::Read;
use std::time::Duration;
use ureq::tls::TlsConfig;
use ureq::{Agent, Body, http};

const DEFAULT_HOST: &str = "http://127.0.0.1:8086";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest error text that is shown, bytes.
const MESSAGE_BYTES_MAX: u64 = 16 << 10;

pub struct Client {
    agent: Agent,
    host: String,
    token: Option<String>,
    org: Option<String>,
}

/// A request's body with its type; empty for none.
pub struct Content<'a> {
    pub kind: &'a str,
    pub bytes: &'a [u8],
}

pub const NOTHING: Content<'static> = Content {
    kind: "",
    bytes: b"",
};

impl Client {
    pub fn of(given: &Given) -> Result<Self, CliError> {
        let host = given.text_or_variable("host", "INFLUX_HOST")?;
        let host = host.unwrap_or_else(|| DEFAULT_HOST.to_owned());
        let host = host.trim_end_matches('/').to_owned();
        if !host.starts_with("http://") && !host.starts_with("https://") {
            return Err(given.wrong(format!(
                "--host {host}: must be a URL like http://127.0.0.1:8086"
            )));
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("influxd/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_TIMEOUT));
        if host.starts_with("https://") {
            config = config.tls_config(tls(given)?);
        }
        Ok(Self {
            agent: config.build().into(),
            host,
            token: token(given)?,
            org: given.text_or_variable("org", "INFLUX_ORG")?,
        })
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    /// The answer, whatever its status; errors are about the connection.
    fn answer(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        content: &Content<'_>,
    ) -> Result<http::Response<Body>, CliError> {
        self.answer_in(method, path, query, content, "*/*")
    }

    fn answer_in(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        content: &Content<'_>,
        accepted: &str,
    ) -> Result<http::Response<Body>, CliError> {
        let mut uri = format!("{}{path}", self.host);
        for (number, (name, value)) in query.iter().enumerate() {
            uri.push(if number == 0 { '?' } else { '&' });
            uri.push_str(&format!("{name}={}", encoded(value)));
        }
        let mut request = http::Request::builder().method(method).uri(uri);
        request = request.header("Accept", accepted);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Token {token}"));
        }
        if !content.kind.is_empty() {
            request = request.header("Content-Type", content.kind);
        }
        let malformed = |error: http::Error| CliError::Failed(format!("request: {error}"));
        let sent = if matches!(method, "GET" | "DELETE") {
            self.agent.run(request.body(()).map_err(malformed)?)
        } else {
            self.agent
                .run(request.body(content.bytes).map_err(malformed)?)
        };
        sent.map_err(|error| CliError::Unreachable {
            host: self.host.clone(),
            detail: error.to_string(),
        })
    }

    /// The body of a 2xx answer, as it comes.
    pub fn stream(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        content: &Content<'_>,
    ) -> Result<impl Read + use<>, CliError> {
        let answer = self.answer(method, path, query, content)?;
        if !answer.status().is_success() {
            return Err(self.refusal(answer));
        }
        let body = answer.into_body().into_with_config();
        Ok(body.limit(u64::MAX).reader())
    }

    pub fn send(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        content: &Content<'_>,
    ) -> Result<Vec<u8>, CliError> {
        let mut body = Vec::new();
        self.stream(method, path, query, content)?
            .read_to_end(&mut body)
            .map_err(|error| self.cut_off(&error))?;
        Ok(body)
    }

    /// A POST that asks for CSV.
    pub fn send_accepting_csv(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<u8>, CliError> {
        let answer = self.answer_in("POST", path, query, &NOTHING, "text/csv")?;
        if !answer.status().is_success() {
            return Err(self.refusal(answer));
        }
        let mut body = Vec::new();
        let limited = answer.into_body().into_with_config().limit(u64::MAX);
        limited
            .reader()
            .read_to_end(&mut body)
            .map_err(|error| self.cut_off(&error))?;
        Ok(body)
    }

    /// An answer that ended before its end.
    pub fn cut_off(&self, error: &std::io::Error) -> CliError {
        CliError::Unreachable {
            host: self.host.clone(),
            detail: format!("the answer was cut off: {error}"),
        }
    }

    fn refusal(&self, answer: http::Response<Body>) -> CliError {
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("Retry-After");
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let mut text = Vec::new();
        let _ = answer
            .into_body()
            .into_reader()
            .take(MESSAGE_BYTES_MAX)
            .read_to_end(&mut text);
        let json: Option<Value> = serde_json::from_slice(&text).ok();
        let field = |name: &str| json.as_ref().and_then(|json| json.get(name));
        let message = field("message").or_else(|| field("error"));
        let mut message = match message.and_then(Value::as_str) {
            Some(message) => message.to_owned(),
            None => String::from_utf8_lossy(&text).trim().to_owned(),
        };
        if status == 401 && self.token.is_none() {
            message.push_str("; give a token with --token-file or $INFLUX_TOKEN");
        }
        let line = field("line").and_then(Value::as_u64);
        CliError::Refused {
            host: self.host.clone(),
            status,
            message,
            line: line.and_then(|line| usize::try_from(line).ok()),
            retry_after_seconds: retry_after,
        }
    }

    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, CliError> {
        self.json("GET", path, query, &NOTHING)
    }

    /// Sends JSON, reads JSON; nothing becomes null.
    pub fn put_json(&self, method: &str, path: &str, body: &Value) -> Result<Value, CliError> {
        let bytes = body.to_string().into_bytes();
        let content = Content {
            kind: "application/json",
            bytes: &bytes,
        };
        self.json(method, path, &[], &content)
    }

    pub fn delete(&self, path: &str) -> Result<(), CliError> {
        self.send("DELETE", path, &[], &NOTHING).map(drop)
    }

    fn json(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        content: &Content<'_>,
    ) -> Result<Value, CliError> {
        let body = self.send(method, path, query, content)?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|error| {
            CliError::Failed(format!("{} answered with no JSON: {error}", self.host))
        })
    }

    /// What requests about points call the organization: a token need not see it.
    pub fn org_parameter(&self) -> Result<String, CliError> {
        match &self.org {
            Some(org) => Ok(org.clone()),
            None => self.org().map(|(name, _)| name),
        }
    }

    /// Name and id of the organization that is meant.
    pub fn org(&self) -> Result<(String, String), CliError> {
        let named: Vec<(&str, &str)> = self.org.iter().map(|org| ("org", org.as_str())).collect();
        let answer = self.get("/api/v2/orgs", &named)?;
        let orgs = answer.get("orgs").and_then(Value::as_array);
        match orgs.map(Vec::as_slice).unwrap_or_default() {
            [org] => Ok((text(org, "name"), text(org, "id"))),
            [] => Err(CliError::Failed(
                "the token sees no organization; name it with --org".to_owned(),
            )),
            several => {
                let names: Vec<String> = several.iter().map(|org| text(org, "name")).collect();
                Err(CliError::Failed(format!(
                    "which organization? Name it with --org: {}",
                    names.join(", ")
                )))
            }
        }
    }

    /// The bucket of the organization with this name.
    pub fn bucket(&self, name: &str) -> Result<Value, CliError> {
        let org = self.org_parameter()?;
        let query = [("org", org.as_str()), ("name", name)];
        let answer = self.get("/api/v2/buckets", &query)?;
        let bucket = answer.get("buckets").and_then(|buckets| buckets.get(0));
        let missing = || CliError::Failed(format!("there is no bucket {name:?}"));
        bucket.cloned().ok_or_else(missing)
    }

    /// Annotated CSV, as it comes.
    pub fn flux(&self, query: &str) -> Result<impl Read + use<>, CliError> {
        let org = self.org_parameter()?;
        let body = serde_json::json!({
            "query": query,
            "dialect": {"annotations": ["group", "datatype", "default"], "header": true}
        });
        let bytes = body.to_string().into_bytes();
        let content = Content {
            kind: "application/json",
            bytes: &bytes,
        };
        self.stream("POST", "/api/v2/query", &[("org", &org)], &content)
    }
}

/// A field of a JSON object as text.
pub fn text(json: &Value, name: &str) -> String {
    match json.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn token(given: &Given) -> Result<Option<String>, CliError> {
    let Some(path) = given.path("token-file") else {
        return given.text_or_variable("token", "INFLUX_TOKEN");
    };
    let token = std::fs::read_to_string(&path)
        .map_err(|error| CliError::file("can't read the token in", &path, error))?;
    Ok(Some(token.trim().to_owned()))
}

fn tls(given: &Given) -> Result<TlsConfig, CliError> {
    let certificates = given.path("ca-certificate");
    let trusted = outgoing::tls(certificates.as_deref(), given.has("skip-verify"));
    trusted.map_err(|error| CliError::Failed(error.to_string()))
}
