//! Texts made from the table of options: the help, the commented `influxd.toml`, README's table and
//! the effective configuration.

use super::arguments::{CLIENT_COMMANDS, COMMANDS};
use super::options::{OPTIONS, OptionDefinition, SECTIONS};
use super::raw::RawConfig;
use super::secret::MASK;
use std::fmt::Write;

const WIDTH: usize = 96;

pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "stopped cleanly, or printed what was asked for"),
    (1, "failed while running"),
    (2, "the command line is wrong"),
    (3, "the configuration is wrong"),
    (4, "can't listen on the address"),
    (5, "can't open the data directory"),
    (6, "can't reach the server"),
    (7, "malformed lines were not imported"),
    (130, "interrupted"),
];

/// `influxd help`.
pub fn help() -> String {
    let mut text = String::from(
        "influxd: a time-series database with the InfluxDB 2.x HTTP API\n\n\
         Usage: influxd [COMMAND] [--config FILE] [--dev] [OPTIONS]\n\nCommands:\n",
    );
    for (name, _, help) in COMMANDS {
        let _ = writeln!(text, "  {name:<16}{help}");
    }
    text.push_str("\nTools, for a running server or its data; each has a --help of its own:\n");
    for (name, help) in CLIENT_COMMANDS {
        let _ = writeln!(text, "  {name:<16}{help}");
    }
    text.push_str("\nFlags:\n");
    let _ = writeln!(
        text,
        "  --config FILE   configuration file (else $INFLUXD_CONFIG, else influxd.toml here)"
    );
    let _ = writeln!(
        text,
        "  --dev           local development: loopback, org dev, bucket dev, a token is printed"
    );
    text.push_str(
        "\nOptions, as a flag --http-bind-address ADDRESS, as a variable \
         INFLUXD_HTTP_BIND_ADDRESS,\nor in the file as [http] bind-address; flags win over \
         variables, variables over the file:\n",
    );
    for (section, about) in SECTIONS {
        let _ = writeln!(text, "\n[{section}] {about}");
        for option in of_section(section) {
            help_of(&mut text, option);
        }
    }
    text.push_str("\nExit codes:\n");
    for (code, meaning) in EXIT_CODES {
        let _ = writeln!(text, "  {code:<5}{meaning}");
    }
    text
}

fn help_of(text: &mut String, option: &OptionDefinition) {
    let _ = writeln!(text, "  --{}", option.flag());
    for line in wrap(&format!("{} {}", option.help, limits(option)), WIDTH - 6) {
        let _ = writeln!(text, "      {line}");
    }
}

/// `influxd.toml` with every option commented out at its default.
pub fn default_file() -> String {
    let mut text = String::from(
        "# influxd's configuration. Every option is listed with its default; uncomment to change.\n\
         # An environment variable (INFLUXD_HTTP_BIND_ADDRESS) wins over this file, a flag\n\
         # (--http-bind-address) over both. Unknown keys refuse to start.\n\
         # Made by `influxd default-config`.\n",
    );
    for (section, about) in SECTIONS {
        let _ = writeln!(text, "\n# {about}\n[{section}]");
        for option in of_section(section) {
            for line in wrap(&format!("{} {}", option.help, limits(option)), WIDTH - 2) {
                let _ = writeln!(text, "# {line}");
            }
            let _ = writeln!(
                text,
                "#{} = {}",
                option.name,
                toml_value(option, option.default)
            );
        }
    }
    text
}

/// README's table.
pub fn readme_table() -> String {
    let mut text = String::from("| option | default | |\n|---|---|---|\n");
    for option in OPTIONS {
        let default = match option.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let allowed = option.kind.allowed().replace('|', "\\|");
        let _ = writeln!(
            text,
            "| `[{}] {}` | {default} | {} Allowed: {allowed}. |",
            option.section, option.name, option.help
        );
    }
    text
}

/// `influxd config`: valid TOML, with the origin of each value as a comment.
pub fn effective(raw: &RawConfig) -> String {
    let mut text = String::new();
    for (section, _) in SECTIONS {
        let lead = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{lead}[{section}]");
        for value in raw
            .values
            .iter()
            .filter(|value| value.option.section == *section)
        {
            let shown = match value.option.is_secret() && !value.text.is_empty() {
                true => format!("{MASK:?}"),
                false => toml_value(value.option, &value.text),
            };
            let assignment = format!("{} = {shown}", value.option.name);
            let _ = write!(text, "{assignment:<44} # {}", value.origin);
            let is_level = value.option.section == "log" && value.option.name == "level";
            if let Some(filter) = raw.rust_log.as_deref().filter(|_| is_level) {
                let _ = write!(text, ", overridden by RUST_LOG={filter}");
            }
            text.push('\n');
        }
    }
    text
}

fn of_section(section: &str) -> impl Iterator<Item = &'static OptionDefinition> {
    OPTIONS
        .iter()
        .filter(move |option| option.section == section)
}

fn limits(option: &OptionDefinition) -> String {
    let allowed = option.kind.allowed();
    match option.default {
        "" => format!("[{allowed}; unset by default]"),
        default => format!("[{allowed}; default {default}]"),
    }
}

/// Bare where TOML has integers, else quoted as TOML does.
fn toml_value(option: &OptionDefinition, text: &str) -> String {
    let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if option.is_number() && bare {
        text.to_owned()
    } else {
        toml::Value::from(text).to_string()
    }
}

/// Words of `text` in lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
