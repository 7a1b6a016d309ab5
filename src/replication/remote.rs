//! One request to a remote, and what its answer means for what was sent.

use crate::catalog::{Protocol, Remote, Replication};
use crate::outgoing::{self, encoded};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt;
use std::io::{Read, Write};
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a whole request: a remote that takes longer for a mebibyte won't manage it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest error text that is kept, bytes.
const MESSAGE_BYTES_MAX: u64 = 1 << 10;
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Where a replication sends to.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    authorization: Option<String>,
    allow_insecure_tls: bool,
}

/// The URL holds no secret, the rest does.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Target {
    pub fn of(remote: &Remote, replication: &Replication) -> Self {
        let base = remote.url.trim_end_matches('/');
        let name = replication.remote_bucket_name.as_deref();
        let bucket = match (replication.remote_bucket, name) {
            (Some(id), _) => id.to_string(),
            (None, name) => name.unwrap_or_default().to_owned(),
        };
        let url = match remote.protocol {
            Protocol::V2 => {
                let org = remote.remote_org.map(|org| format!("org={org}&"));
                format!(
                    "{base}/api/v2/write?{}bucket={}&precision=ns",
                    org.unwrap_or_default(),
                    encoded(&bucket)
                )
            }
            Protocol::V1 => {
                let (database, policy) = match bucket.split_once('/') {
                    Some((database, policy)) => (database, format!("&rp={}", encoded(policy))),
                    None => (bucket.as_str(), String::new()),
                };
                format!("{base}/write?db={}{policy}&precision=ns", encoded(database))
            }
        };
        let token = remote.token.0.as_str();
        let authorization = match remote.protocol {
            _ if token.is_empty() => None,
            // 1.x before 1.8 knows names and passwords only.
            Protocol::V1 if token.contains(':') => {
                Some(format!("Basic {}", STANDARD.encode(token)))
            }
            _ => Some(format!("Token {token}")),
        };
        Self {
            url,
            authorization,
            allow_insecure_tls: remote.allow_insecure_tls,
        }
    }
}

/// What became of lines.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Written {
        status: u16,
    },
    /// The remote does not want these lines, now or later: 400, 413 and 422.
    Refused {
        status: u16,
        message: String,
    },
    /// It wants none at all until someone changes it or us: other 3xx and 4xx.
    Unwilling {
        status: u16,
        message: String,
    },
    /// Not now: 408, 425, 429, 5xx, or it can't be reached.
    Unable {
        status: Option<u16>,
        message: String,
        retry_after: Option<Duration>,
    },
}

/// Connections to one target.
pub struct Client {
    agent: Agent,
    target: Target,
}

impl Client {
    pub fn new(target: Target) -> Result<Self, String> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("influxd/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(REQUEST_TIMEOUT));
        if target.url.starts_with("https://") {
            let tls = outgoing::tls(None, target.allow_insecure_tls);
            config = config.tls_config(tls.map_err(|error| error.to_string())?);
        }
        Ok(Self {
            agent: config.build().into(),
            target,
        })
    }

    /// Sends lines; none of them asks whether some would be taken.
    pub fn write(&self, lines: &str) -> Answer {
        let unable = |message: String| Answer::Unable {
            status: None,
            message,
            retry_after: None,
        };
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        let packed = packed
            .write_all(lines.as_bytes())
            .and_then(|()| packed.finish());
        let body = match packed {
            Ok(body) => body,
            Err(error) => return unable(error.to_string()),
        };
        let mut request = self
            .agent
            .post(&self.target.url)
            .header("Content-Type", "text/plain; charset=utf-8")
            .header("Content-Encoding", "gzip");
        if let Some(authorization) = &self.target.authorization {
            request = request.header("Authorization", authorization);
        }
        match request.send(body.as_slice()) {
            Ok(answer) => meaning(answer),
            Err(error) => unable(format!("{:?} can't be reached: {error}", self.target)),
        }
    }
}

fn meaning(answer: Response<Body>) -> Answer {
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get("Retry-After");
    let retry_after = retry_after.and_then(|value| value.to_str().ok());
    let retry_after = retry_after.and_then(|text| wait_of(text, Utc::now()));
    // Read to the end, so that the connection can be used again.
    let mut text = Vec::new();
    let body = answer.into_body().into_reader();
    let _ = body.take(MESSAGE_BYTES_MAX).read_to_end(&mut text);
    let message = String::from_utf8_lossy(&text).trim().to_owned();
    match status {
        200..=299 => Answer::Written { status },
        400 | 413 | 422 => Answer::Refused { status, message },
        408 | 425 | 429 | 500..=599 => Answer::Unable {
            status: Some(status),
            message,
            retry_after,
        },
        _ => Answer::Unwilling { status, message },
    }
}

/// Seconds or a date.
fn wait_of(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = DateTime::parse_from_rfc2822(text).ok()?;
            (until.to_utc() - now).to_std().unwrap_or_default()
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::RemoteToken;
    use crate::model::Id;

    fn target(protocol: Protocol, token: &str, bucket: &str) -> Target {
        let id = Id::new(0xabc).unwrap();
        let remote = Remote {
            id,
            org: id,
            name: String::new(),
            description: None,
            url: "http://host:1/base/".to_owned(),
            token: RemoteToken(token.to_owned()),
            remote_org: Some(id),
            allow_insecure_tls: false,
            protocol,
            created: 0,
            updated: 0,
        };
        let replication = Replication {
            id,
            org: id,
            name: String::new(),
            description: None,
            remote: id,
            local_bucket: id,
            remote_bucket: None,
            remote_bucket_name: Some(bucket.to_owned()),
            max_queue_bytes: 0,
            backpressure: false,
            drop_non_retryable: false,
            max_age_seconds: 0,
            created: 0,
            updated: 0,
        };
        Target::of(&remote, &replication)
    }

    #[test]
    fn a_target_is_a_url_and_who_asks() {
        let v2 = target(Protocol::V2, "secret", "a b");
        assert_eq!(
            v2.url,
            "http://host:1/base/api/v2/write?org=0000000000000abc&bucket=a%20b&precision=ns"
        );
        assert_eq!(v2.authorization.as_deref(), Some("Token secret"));
        assert!(!format!("{v2:?}").contains("secret"));
        let v1 = target(Protocol::V1, "name:password", "db/rp");
        assert_eq!(v1.url, "http://host:1/base/write?db=db&rp=rp&precision=ns");
        let basic = v1.authorization.unwrap();
        assert_eq!(basic, "Basic bmFtZTpwYXNzd29yZA==");
        assert_eq!(target(Protocol::V1, "", "db").authorization, None);
    }

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now = DateTime::parse_from_rfc3339("2024-02-29T12:00:00Z").unwrap();
        let wait = |text| wait_of(text, now.to_utc());
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            wait("Thu, 29 Feb 2024 12:00:09 GMT"),
            Some(Duration::from_secs(9))
        );
        assert_eq!(wait("Thu, 29 Feb 2024 11:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("99999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(wait("soon"), None);
    }
}
