//! Drives the built binary over HTTP. What the tests of all binaries share; no test lives here.
//!
//! Each test binary uses a part of it.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses another part"
)]

pub mod csv;
pub mod http;
pub mod ledger;
pub mod remote;
pub mod replication;
pub mod server;

pub use csv::Rows;
pub use http::{Connection, Request, Response};
pub use server::{Server, ServerBuilder, binary};

use std::time::{Duration, Instant};

/// Asks until the answer is there; panics after `seconds` with what was waited for.
pub fn wait_for<T>(what: &str, seconds: u64, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {seconds} s for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn gunzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_end(&mut text)
        .unwrap();
    text
}

/// Percent-encodes everything but unreserved characters.
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .fold(String::new(), |out, byte| match plain(byte) {
            true => out + &char::from(byte).to_string(),
            false => out + &format!("%{byte:02X}"),
        })
}

/// Nanoseconds since 1970.
pub fn now_ns() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}
