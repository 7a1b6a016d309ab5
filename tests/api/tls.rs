//! HTTPS with a certificate of one's own.

use crate::support::{binary, wait_for};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn certificate(directory: &std::path::Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args([
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ])
        .current_dir(directory)
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{made:?}");
}

#[test]
fn a_certificate_turns_https_on() {
    let directory = tempfile::tempdir().unwrap();
    certificate(directory.path());
    let mut child = binary()
        .args([
            "run",
            "--http-bind-address",
            "127.0.0.1:0",
            "--storage-path",
            "db",
        ])
        .args([
            "--http-tls-certificate",
            "cert.pem",
            "--http-tls-key",
            "key.pem",
        ])
        .current_dir(directory.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let url = log
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            line.split_once("listening on ")
                .map(|(_, url)| url.trim().to_owned())
        })
        .expect("the address in the log");
    let url = format!("https://{}", url.trim_start_matches("https://"));
    let answer = wait_for("/health over HTTPS", 30, || {
        let curl = Command::new("curl")
            .args([
                "--silent",
                "--fail",
                "--cacert",
                "cert.pem",
                &format!("{url}/health"),
            ])
            .current_dir(directory.path())
            .output()
            .expect("curl");
        curl.status
            .success()
            .then(|| String::from_utf8_lossy(&curl.stdout).into_owned())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answer.contains("\"pass\""), "{answer}");
}

#[test]
fn an_unreadable_certificate_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let run = binary()
        .args([
            "run",
            "--http-bind-address",
            "127.0.0.1:0",
            "--storage-path",
            "db",
        ])
        .args([
            "--http-tls-certificate",
            "none.pem",
            "--http-tls-key",
            "none.pem",
        ])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert_ne!(run.status.code(), Some(0));
    let text = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(text.contains("none.pem"), "{text}");
}
