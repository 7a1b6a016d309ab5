//! Arguments -> configuration -> server -> exit code. Commands that are no server are [`cli`]'s.
//!
//! The exit codes are a contract (`influxd help` lists them): systemd does not restart what a restart
//! can't help.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation
    )
)]

mod cli;

use influxd::config::{Arguments, Command, Config, RawConfig, print};
use influxd::{dev, logging, server};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const FAILED: u8 = 1;
const WRONG_ARGUMENTS: u8 = 2;
const WRONG_CONFIGURATION: u8 = 3;
const DATA_DIRECTORY_UNUSABLE: u8 = 5;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(done) = cli::run(&words) {
        return match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(cli::CliError::OutputClosed) => ExitCode::SUCCESS,
            Err(error) => fail(error.exit_code(), &error),
        };
    }
    let arguments = match Arguments::parse(words) {
        Ok(arguments) => arguments,
        Err(error) => return fail(WRONG_ARGUMENTS, &error),
    };
    match arguments.command {
        Command::Help => show(&print::help()),
        Command::Version => show(&format!("influxd {}\n", env!("CARGO_PKG_VERSION"))),
        Command::DefaultConfig => show(&print::default_file()),
        Command::ReadmeTable => show(&print::readme_table()),
        Command::Config | Command::Recover | Command::Run => configured(&arguments),
    }
}

fn configured(arguments: &Arguments) -> ExitCode {
    let raw = RawConfig::collect(arguments, std::env::vars_os(), Path::new(""));
    let checked = raw.and_then(|raw| raw.validate().map(|config| (raw, config)));
    match checked {
        Err(error) => fail(WRONG_CONFIGURATION, &error),
        Ok((raw, _)) if arguments.command == Command::Config => show(&print::effective(&raw)),
        Ok((_, config)) if arguments.command == Command::Recover => recover(&config.storage.path),
        Ok((_, config)) => run(config),
    }
}

fn run(mut config: Config) -> ExitCode {
    logging::start(&config.log);
    if let Err(error) = dev::prepare(&mut config) {
        let path = config.storage.path.display();
        return fail(
            DATA_DIRECTORY_UNUSABLE,
            &format!("can't keep the token in {path}: {error}"),
        );
    }
    match server::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.exit_code(), &error),
    }
}

fn recover(path: &Path) -> ExitCode {
    let mut tell = |progress: &str| {
        // Nobody need be listening.
        let _ = writeln!(std::io::stderr().lock(), "influxd: {progress}");
    };
    let recovered = influxd::recover::recover(path, &mut tell);
    match recovered {
        Err(error) => fail(DATA_DIRECTORY_UNUSABLE, &error),
        Ok(report) => {
            let mut text = Vec::new();
            match report.print(&mut text) {
                Ok(()) => show(&String::from_utf8_lossy(&text)),
                Err(error) => fail(FAILED, &error),
            }
        }
    }
}

fn show(text: &str) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that closed the pipe has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(FAILED, &error),
    }
}

fn fail(code: u8, error: &dyn std::fmt::Display) -> ExitCode {
    // Not through the log, which may be off: this is the reason why nothing runs.
    let _ = writeln!(std::io::stderr().lock(), "influxd: {error}");
    ExitCode::from(code)
}
