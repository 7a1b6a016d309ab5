//! The command line, as given. What the flags of options mean is [`raw`](super::raw)'s business.

use super::error::{ArgumentError, nearest};
use super::options::{OPTIONS, OptionDefinition};
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Command {
    #[default]
    Run,
    Config,
    /// Saves what can be saved of a damaged database.
    Recover,
    /// Writes the commented influxd.toml, every option at its default.
    DefaultConfig,
    /// Writes README's table of options.
    ReadmeTable,
    Version,
    Help,
}

/// Name, command, what `influxd help` says.
pub const COMMANDS: &[(&str, Command, &str)] = &[
    (
        "run",
        Command::Run,
        "run the database (also without any command)",
    ),
    (
        "config",
        Command::Config,
        "print the effective configuration and where each value is from",
    ),
    (
        "recover",
        Command::Recover,
        "save what can be saved of a damaged database, and list what could not be",
    ),
    (
        "default-config",
        Command::DefaultConfig,
        "print a commented influxd.toml with the defaults",
    ),
    (
        "readme-table",
        Command::ReadmeTable,
        "print the options as a Markdown table",
    ),
    ("version", Command::Version, "print the version"),
    ("help", Command::Help, "print this text"),
];

/// Commands that take flags of their own, and what `influxd help` says of them. The binary runs them.
pub const CLIENT_COMMANDS: &[(&str, &str)] = &[
    ("setup", "set a new server up"),
    ("write", "write line protocol"),
    ("import", "import line protocol or CSV"),
    ("export", "export line protocol or CSV"),
    ("query", "run Flux or InfluxQL"),
    ("delete", "delete points"),
    ("bucket", "list, create, update, delete buckets"),
    ("token", "list, create, (de)activate, delete tokens"),
    ("user", "list, create, delete users, set passwords"),
    ("inspect", "show rejected points; check backups"),
    ("backup", "back a running server up"),
    ("restore", "make a data directory out of a backup"),
    ("reset-token", "make a new operator token, without a server"),
    ("completions", "print completions for a shell"),
];

#[derive(Default)]
pub struct Arguments {
    pub command: Command,
    pub config_file: Option<PathBuf>,
    pub dev: bool,
    /// In the order given; the last one wins.
    pub flags: Vec<(&'static OptionDefinition, OsString)>,
}

impl Arguments {
    /// `arguments` without the program's name.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, ArgumentError> {
        let mut parser = lexopt::Parser::from_args(arguments);
        let mut parsed = Self::default();
        let mut command: Option<(&'static str, Command)> = None;
        while let Some(argument) = parser.next()? {
            match argument {
                lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => {
                    parsed.command = Command::Help;
                    return Ok(parsed);
                }
                lexopt::Arg::Short('V') | lexopt::Arg::Long("version") => {
                    parsed.command = Command::Version;
                    return Ok(parsed);
                }
                lexopt::Arg::Short(flag) => return Err(ArgumentError::UnknownShortFlag { flag }),
                lexopt::Arg::Long("dev") => parsed.dev = true,
                lexopt::Arg::Long("config") => parsed.config_file = Some(parser.value()?.into()),
                lexopt::Arg::Long(flag) => {
                    let option = find_flag(flag)?;
                    let value = parser.value()?;
                    parsed.flags.push((option, value));
                }
                lexopt::Arg::Value(word) => {
                    let word = word.to_string_lossy();
                    command = Some(match command {
                        None => find_command(&word)?,
                        Some((command, _)) => {
                            let argument = word.into_owned();
                            return Err(ArgumentError::Unexpected { argument, command });
                        }
                    });
                }
            }
        }
        parsed.command = command.map_or(Command::Run, |(_, command)| command);
        Ok(parsed)
    }
}

fn find_flag(flag: &str) -> Result<&'static OptionDefinition, ArgumentError> {
    let found = OPTIONS.iter().find(|option| option.flag() == flag);
    found.ok_or_else(|| {
        let names = OPTIONS.iter().map(OptionDefinition::flag);
        let others = ["config", "dev", "help", "version"].map(str::to_owned);
        let names: Vec<String> = names.chain(others).collect();
        let nearest = nearest(flag, 0..names.len(), |i| {
            names.get(i).cloned().unwrap_or_default()
        });
        let nearest = nearest
            .and_then(|i| names.get(i).cloned())
            .unwrap_or_default();
        ArgumentError::UnknownFlag {
            flag: flag.to_owned(),
            nearest,
        }
    })
}

fn find_command(word: &str) -> Result<(&'static str, Command), ArgumentError> {
    let found = COMMANDS.iter().find(|(name, ..)| *name == word);
    found
        .map(|(name, command, _)| (*name, *command))
        .ok_or_else(|| {
            let clients = CLIENT_COMMANDS.iter().map(|(name, _)| *name);
            let names = COMMANDS.iter().map(|(name, ..)| *name).chain(clients);
            let nearest = nearest(word, names, str::to_owned).unwrap_or("run");
            ArgumentError::UnknownCommand {
                command: word.to_owned(),
                nearest,
            }
        })
}
