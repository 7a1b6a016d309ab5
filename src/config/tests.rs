use super::raw::DEFAULT_FILE;
use super::*;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

fn with_file(text: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(DEFAULT_FILE), text).unwrap();
    directory
}

fn collect(
    directory: &Path,
    variables: &[(&str, &str)],
    flags: &[&str],
) -> Result<RawConfig, ConfigError> {
    let arguments = Arguments::parse(flags.iter().map(OsString::from)).unwrap();
    let variables = variables
        .iter()
        .map(|(k, v)| (OsString::from(k), OsString::from(v)));
    RawConfig::collect(&arguments, variables, directory)
}

fn refusal(text: &str) -> String {
    let directory = with_file(text);
    let result = collect(directory.path(), &[], &[]).and_then(|raw| raw.validate());
    result.expect_err("the file should be refused").to_string()
}

fn empty() -> &'static Path {
    Path::new("/nonexistent")
}

#[test]
fn every_default_is_a_value_its_option_accepts() {
    let raw = collect(empty(), &[], &[]).unwrap();
    assert_eq!(raw.validate().unwrap(), Config::default());
    assert_eq!(Config::default().setup, None);
    assert_eq!(
        Config::default().http.bind_address,
        "127.0.0.1:8086".parse().unwrap()
    );
}

#[test]
fn flags_win_over_variables_which_win_over_the_file() {
    let file = "[http]\nbind-address = \"127.0.0.1:1\"\nmax-connections = 7\n\
                [queue]\nwriters = 3\n";
    let directory = with_file(file);
    let variables = [
        ("INFLUXD_HTTP_BIND_ADDRESS", "127.0.0.1:2"),
        ("INFLUXD_QUEUE_WRITERS", "4"),
    ];
    let raw = collect(
        directory.path(),
        &variables,
        &["run", "--http-bind-address", "127.0.0.1:3"],
    )
    .unwrap();
    let config = raw.validate().unwrap();
    assert_eq!(config.http.bind_address.port(), 3);
    assert_eq!(config.http.max_connections, 7);
    assert_eq!(config.queue.writers, 4);

    let text = print::effective(&raw);
    let line = |key: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{key} ")));
        line.unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        line("bind-address"),
        "bind-address = \"127.0.0.1:3\" # --http-bind-address"
    );
    assert_eq!(
        line("max-connections"),
        "max-connections = 7 # influxd.toml:3"
    );
    assert_eq!(line("writers"), "writers = 4 # INFLUXD_QUEUE_WRITERS");
    assert_eq!(line("head-max-bytes"), "head-max-bytes = 0 # default");
}

#[test]
fn units_and_bare_numbers_are_read() {
    let file = "[http]\nmax-body-bytes = 4096\n[storage]\nsync-interval = \"1s500ms\"\n\
                head-max-bytes = \"2MiB\"\nsync = \"always\"\n[limits]\n\
                write-bytes-per-second = \"1MB\"\nmax-series-per-bucket = 0\n";
    let directory = with_file(file);
    let config = collect(directory.path(), &[], &[])
        .unwrap()
        .validate()
        .unwrap();
    assert_eq!(config.http.max_body_bytes, 4096);
    assert_eq!(config.storage.sync_interval, Duration::from_millis(1500));
    assert_eq!(config.storage.head_max_bytes, 2 << 20);
    assert_eq!(config.storage.sync, SyncMode::Always);
    let rate = WriteRate {
        bytes_per_second: 1_000_000,
        burst_bytes: 10_000_000,
    };
    assert_eq!(config.limits.write_rate, Some(rate));
    assert_eq!(config.limits.max_series_per_bucket, None);
}

#[test]
fn unknown_names_are_refused_with_file_line_and_the_nearest_name() {
    for (file, expected) in [
        (
            "# c\n[http]\nbind_adress = \"x\"\n",
            "influxd.toml:3: unknown key \"bind_adress\" in [http]; did you mean [http] bind-address?",
        ),
        (
            "\n[htttp]\n",
            "influxd.toml:2: unknown section [htttp]; did you mean [http]?",
        ),
        (
            "[http]\nretry-after = \"1s\"\n",
            "influxd.toml:2: unknown key \"retry-after\" in [http]; did you mean [queue] retry-after?",
        ),
        (
            "bind-address = \":1\"\n",
            "influxd.toml:1: \"bind-address\" stands outside of any section; did you mean [http] \
             bind-address?",
        ),
    ] {
        assert_eq!(refusal(file), expected);
    }
    let error = collect(empty(), &[("INFLUXD_HTTP_BIND_ADRESS", ":1")], &[])
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "unknown environment variable INFLUXD_HTTP_BIND_ADRESS; did you mean \
         INFLUXD_HTTP_BIND_ADDRESS?"
    );
}

#[test]
fn variables_of_kubernetes_services_are_not_ours() {
    let variables = [
        ("INFLUXD_SERVICE_HOST", "10.0.0.1"),
        ("INFLUXD_SERVICE_PORT_HTTP", "8086"),
        ("INFLUXD_PORT", "tcp://10.0.0.1:8086"),
        ("INFLUXD_PORT_8086_TCP_ADDR", "10.0.0.1"),
        ("PATH", "/bin"),
    ];
    assert!(collect(empty(), &variables, &[]).is_ok());
}

#[test]
fn bad_values_say_where_and_what_is_allowed() {
    for (file, expected) in [
        (
            "[storage]\nsync = \"sometimes\"\n",
            "influxd.toml:2: [storage] sync = \"sometimes\": must be one of interval, always, never",
        ),
        (
            "[storage]\nsync = true\n",
            "influxd.toml:2: [storage] sync = true: must be one of interval, always, never, in quotes",
        ),
        (
            "[http]\nmax-connections = 0\n",
            "influxd.toml:2: [http] max-connections = \"0\": must be a whole number, 1 to 1000000",
        ),
        (
            "[storage]\nhead-max-bytes = \"lots\"\n",
            "influxd.toml:2: [storage] head-max-bytes = \"lots\": must be a size like 64MiB, 0B to \
             64GiB",
        ),
        (
            "[setup]\npassword = \"short\"\n",
            "influxd.toml:2: [setup] password = ********: must be 8 to 72 bytes without control \
             characters",
        ),
        (
            "[http]\ntls-key = \"k.pem\"\n",
            "influxd.toml:2: [http] tls-certificate must be set too when tls-key is",
        ),
    ] {
        assert_eq!(refusal(file), expected);
    }
    let syntax = refusal("[http]\nbind-address = \n");
    assert!(
        syntax.starts_with("influxd.toml:2: not valid TOML: "),
        "{syntax}"
    );
}

#[test]
fn a_named_file_must_exist_and_the_default_one_need_not() {
    assert!(collect(empty(), &[], &[]).is_ok());
    let error = collect(empty(), &[], &["--config", "missing.toml"])
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.starts_with("missing.toml: can't read the configuration file: "),
        "{error}"
    );
    let error = collect(empty(), &[("INFLUXD_CONFIG", "other.toml")], &[])
        .err()
        .unwrap();
    assert!(error.to_string().starts_with("other.toml: "), "{error}");
}

#[test]
fn setup_needs_a_user_an_org_a_bucket_and_a_way_in() {
    let complete = "[setup]\nusername = \"u\"\norg = \"o\"\nbucket = \"b\"\n";
    for (file, expected) in [
        (
            "[setup]\nusername = \"u\"\n".to_owned(),
            "[setup] org is needed",
        ),
        (complete.to_owned(), "[setup] token or password must be set"),
        (
            format!("{complete}token = \"12345678\"\nretention = \"5m\"\n"),
            "[setup] retention must be 0s or at least 1h",
        ),
        (
            "[setup]\nbucket = \"_b\"\n".to_owned(),
            "[setup] bucket = \"_b\": must be a name",
        ),
    ] {
        let error = refusal(&file);
        assert!(error.contains(expected), "{error}");
    }
    let file = format!("{complete}token = \"12345678\"\nretention = \"7d\"\n");
    let directory = with_file(&file);
    let raw = collect(directory.path(), &[], &[]).unwrap();
    let setup = raw.validate().unwrap().setup.unwrap();
    assert_eq!(setup.token.unwrap().expose(), "12345678");
    assert_eq!(setup.retention, Some(Duration::from_secs(7 * 86_400)));
    let text = print::effective(&raw);
    assert!(!text.contains("12345678"), "secrets are masked: {text}");
}

#[test]
fn dev_sets_up_on_loopback_and_refuses_a_network() {
    let config = collect(empty(), &[], &["run", "--dev"])
        .unwrap()
        .validate()
        .unwrap();
    let setup = config.setup.unwrap();
    assert!(config.dev);
    assert_eq!(
        (setup.org.as_str(), setup.bucket.as_str(), setup.token),
        ("dev", "dev", None)
    );
    let network = ["--dev", "--http-bind-address", ":8086"];
    let error = collect(empty(), &[], &network)
        .unwrap()
        .validate()
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("--dev listens on loopback only"), "{error}");
}

#[test]
fn command_lines_are_understood_or_refused() {
    let parse = |words: &[&str]| Arguments::parse(words.iter().map(OsString::from));
    assert_eq!(parse(&[]).unwrap().command, Command::Run);
    assert_eq!(
        parse(&["config", "--storage-path", "/x"]).unwrap().command,
        Command::Config
    );
    assert_eq!(parse(&["--storage-path=/x"]).unwrap().command, Command::Run);
    assert_eq!(parse(&["--help"]).unwrap().command, Command::Help);
    assert_eq!(parse(&["-V"]).unwrap().command, Command::Version);
    for (words, expected) in [
        (
            vec!["--http-bind-adress", "x"],
            "did you mean --http-bind-address?",
        ),
        (vec!["--dve"], "did you mean --dev?"),
        (vec!["rum"], "did you mean run?"),
        (
            vec!["run", "fast"],
            "unexpected argument \"fast\" after the command run",
        ),
        (
            vec!["--storage-path"],
            "missing argument for option '--storage-path'",
        ),
        (vec!["-x"], "unknown flag -x"),
    ] {
        let error = parse(&words).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_effective_configuration_is_a_valid_file() {
    let raw = collect(empty(), &[], &["--dev"]).unwrap();
    let directory = with_file(&print::effective(&raw));
    let again = collect(directory.path(), &[], &["--dev"]).unwrap();
    assert_eq!(again.validate().unwrap(), raw.validate().unwrap());
}

fn committed(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_committed_influxd_toml_is_the_generated_one_and_changes_nothing() {
    assert!(
        committed("influxd.toml") == print::default_file(),
        "influxd.toml is out of date: influxd default-config > influxd.toml"
    );
    let uncommented: String = print::default_file()
        .lines()
        .map(|line| {
            line.strip_prefix('#')
                .filter(|rest| !rest.starts_with(' '))
                .unwrap_or(line)
        })
        .fold(String::new(), |text, line| text + line + "\n");
    let directory = with_file(&uncommented);
    let config = collect(directory.path(), &[], &[])
        .unwrap()
        .validate()
        .unwrap();
    assert_eq!(config, Config::default());
}

#[test]
fn the_table_in_the_readme_is_the_generated_one() {
    let readme = committed("README.md");
    let (_, rest) = readme
        .split_once("<!-- options -->\n")
        .expect("the marker before the table");
    let (table, _) = rest
        .split_once("<!-- /options -->")
        .expect("the marker after the table");
    assert!(
        table == print::readme_table(),
        "README.md: scripts/readme-table.sh writes the table"
    );
}
