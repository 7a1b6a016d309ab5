//! Runs commands and keeps what they print.

use crate::support::{Server, binary};
use std::io::Write;
use std::process::{Command, Stdio};

pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Panics with what was printed unless the exit code is the expected one.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self
    }
}

/// A command that knows the server and its operator token.
pub fn command(server: &Server, arguments: &[&str]) -> Command {
    let mut command = anonymous(arguments);
    command.env("INFLUX_HOST", format!("http://{}", server.address));
    command.env("INFLUX_TOKEN", &server.token);
    command
}

pub fn anonymous(arguments: &[&str]) -> Command {
    let mut command = binary();
    for name in ["HOST", "TOKEN", "ORG", "BUCKET"] {
        command.env_remove(format!("INFLUX_{name}"));
    }
    command.args(arguments);
    command
}

pub fn run(server: &Server, arguments: &[&str]) -> Ran {
    finish(command(server, arguments), b"")
}

/// Runs it to its end with this on its standard input.
pub fn finish(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}
