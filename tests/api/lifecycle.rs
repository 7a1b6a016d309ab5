//! Start and stop: systemd's protocol, signals, exit codes, one process per directory.

use crate::support::{Server, binary};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

#[test]
fn systemd_hears_when_it_is_ready_and_when_it_stops() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut server = Server::builder()
        .variable("NOTIFY_SOCKET", path.to_str().unwrap())
        .start();
    let received = || {
        let mut buffer = [0; 256];
        let length = socket.recv(&mut buffer).expect("a datagram");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert!(received().contains("READY=1"));
    assert_eq!(server.terminate().code(), Some(0));
    assert!(received().contains("STOPPING=1"));
}

#[test]
fn a_second_process_on_the_directory_is_refused_and_the_first_goes_on() {
    let server = Server::start();
    let second = binary()
        .args([
            "run",
            "--http-bind-address",
            "127.0.0.1:0",
            "--storage-path",
        ])
        .arg(server.data_directory())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(5), "{text}");
    assert!(
        text.contains(&server.data_directory().display().to_string()),
        "{text}"
    );
    server.write("m f=1").expect(204);
}

#[test]
fn an_address_in_use_is_exit_code_4() {
    let server = Server::start();
    let other = tempfile::tempdir().unwrap();
    let second = binary()
        .args([
            "run",
            "--http-bind-address",
            &server.address,
            "--storage-path",
        ])
        .arg(other.path().join("db"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(4), "{text}");
    assert!(text.contains(&server.address), "{text}");
}

#[test]
fn a_directory_that_can_not_be_made_is_exit_code_5() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let run = binary()
        .args([
            "run",
            "--http-bind-address",
            "127.0.0.1:0",
            "--storage-path",
        ])
        .arg(file.join("db"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(5), "{text}");
    assert!(text.contains("file/db"), "{text}");
}

#[test]
fn the_log_speaks_json_when_asked_and_rust_log_sets_the_level() {
    let server = Server::builder()
        .flag("log-format", "json")
        .variable("RUST_LOG", "debug")
        .start();
    server.write("m f=1").expect(204);
    let log = server.log();
    for line in &log {
        let value: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for key in ["time", "level", "target", "message"] {
            assert!(value[key].is_string(), "{key} in {line}");
        }
    }
    let quiet = Server::builder()
        .variable("RUST_LOG", "influxd=info")
        .start();
    assert!(!quiet.log().is_empty());
}

#[test]
fn the_token_is_never_logged() {
    let server = Server::builder().variable("RUST_LOG", "trace").start();
    server.write("m f=1").expect(204);
    server.get("/api/v2/buckets").send().expect(200);
    let hit = server
        .log()
        .into_iter()
        .find(|line| line.contains(&server.token));
    assert_eq!(hit, None);
}
