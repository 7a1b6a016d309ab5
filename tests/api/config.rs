//! The command line and the configuration, as a person at a terminal meets them.

use crate::support::binary;
use std::path::Path;
use std::process::Output;

fn influxd(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = binary();
    command
        .args(arguments)
        .current_dir(directory)
        .envs(variables.iter().copied());
    command.output().unwrap()
}

/// Exit code, standard output, standard error.
fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_wrong_configuration_is_exit_code_3_and_names_file_line_key_and_what_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    for (file, expected) in [
        (
            "[http]\nbind-adress = \":1\"\n",
            "influxd.toml:2: unknown key \"bind-adress\" in [http]; did you mean [http] bind-address?",
        ),
        (
            "[storage]\n\nsync = \"maybe\"\n",
            "influxd.toml:3: [storage] sync = \"maybe\": must be one of interval, always, never",
        ),
        ("[storage]\npath\n", "influxd.toml:2: not valid TOML: "),
    ] {
        std::fs::write(directory.path().join("influxd.toml"), file).unwrap();
        for command in ["run", "config"] {
            let (code, _, error) = told(&influxd(directory.path(), &[command], &[]));
            assert_eq!(code, Some(3), "{error}");
            assert!(error.contains(expected), "{error}");
        }
    }
    assert!(
        !directory.path().join("data").exists(),
        "nothing is made before it is checked"
    );
}

#[test]
fn a_wrong_variable_is_exit_code_3_and_a_wrong_flag_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let variables = [("INFLUXD_HTTP_BIND_ADRESS", ":1")];
    let (code, _, error) = told(&influxd(directory.path(), &["run"], &variables));
    assert_eq!(code, Some(3));
    assert!(
        error.contains("did you mean INFLUXD_HTTP_BIND_ADDRESS?"),
        "{error}"
    );
    let (code, _, error) = told(&influxd(
        directory.path(),
        &["--http-bind-adress", ":1"],
        &[],
    ));
    assert_eq!(code, Some(2));
    assert!(
        error.contains("did you mean --http-bind-address?"),
        "{error}"
    );
}

#[test]
fn config_prints_every_value_with_its_origin_and_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("other.toml"),
        "[queue]\nwriters = 2\n",
    )
    .unwrap();
    let variables = [
        ("INFLUXD_STORAGE_PATH", "/somewhere"),
        ("INFLUXD_SETUP_USERNAME", "u"),
        ("INFLUXD_SETUP_ORG", "o"),
        ("INFLUXD_SETUP_BUCKET", "b"),
        ("INFLUXD_SETUP_TOKEN", "a-secret-token"),
        ("RUST_LOG", "debug"),
    ];
    let arguments = ["config", "--config", "other.toml", "--query-timeout", "5s"];
    let (code, text, error) = told(&influxd(directory.path(), &arguments, &variables));
    assert_eq!(code, Some(0), "{error}");
    let squeezed: Vec<_> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for expected in [
        "writers = 2 # other.toml:2",
        "path = \"/somewhere\" # INFLUXD_STORAGE_PATH",
        "timeout = \"5s\" # --query-timeout",
        "max-body-bytes = \"64MiB\" # default",
        "level = \"info\" # default, overridden by RUST_LOG=debug",
        "token = \"********\" # INFLUXD_SETUP_TOKEN",
    ] {
        assert!(
            squeezed.iter().any(|line| line == expected),
            "{expected} in\n{text}"
        );
    }
    assert!(!text.contains("a-secret-token"));
}

#[test]
fn help_names_every_option_and_version_the_version() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [&["help"][..], &["--help"], &["run", "-h"]] {
        let (code, text, _) = told(&influxd(directory.path(), arguments, &[]));
        assert_eq!(code, Some(0));
        for flag in [
            "--http-bind-address",
            "--storage-path",
            "--setup-token",
            "Exit codes",
        ] {
            assert!(text.contains(flag), "{flag}");
        }
    }
    for arguments in [&["version"][..], &["--version"], &["-V"]] {
        let (code, text, _) = told(&influxd(directory.path(), arguments, &[]));
        assert_eq!(
            (code, text),
            (Some(0), format!("influxd {}\n", env!("CARGO_PKG_VERSION")))
        );
    }
}
