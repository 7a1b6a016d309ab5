//! A command's definition, and what was given of it. Parsing, help and completions are made from the same
//! definition.

use super::CliError;
use std::ffi::OsString;
use std::path::PathBuf;

/// One flag of a command.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    pub name: &'static str,
    /// What its value is called; empty for a switch.
    pub value: &'static str,
    pub help: &'static str,
}

/// How often a command takes an argument that is no flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operands {
    None,
    /// Exactly one, called so.
    One(&'static str),
    /// None or one, called so.
    Optional(&'static str),
    /// Any number, called so.
    Many(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// `bucket create`.
    pub name: &'static str,
    pub about: &'static str,
    /// Further lines of the help.
    pub details: &'static str,
    pub operands: Operands,
    pub flags: &'static [Flag],
    /// Talks to a server, so that the flags for that are taken too.
    pub remote: bool,
    /// Each a whole command line.
    pub examples: &'static [&'static str],
    pub run: fn(&Given) -> Result<(), CliError>,
}

/// Flags of all commands that talk to a server.
pub const REMOTE: &[Flag] = &[
    flag(
        "host",
        "URL",
        "server, else $INFLUX_HOST, else http://127.0.0.1:8086",
    ),
    flag("token", "TOKEN", "token, else $INFLUX_TOKEN"),
    flag("token-file", "FILE", "file with the token"),
    flag(
        "org",
        "NAME",
        "organization, else $INFLUX_ORG, else the only one that the token sees",
    ),
    flag(
        "ca-certificate",
        "FILE",
        "PEM file with the certificates to trust, else the system's",
    ),
    switch("skip-verify", "don't check the server's certificate"),
];

pub const fn flag(name: &'static str, value: &'static str, help: &'static str) -> Flag {
    Flag { name, value, help }
}

pub const fn switch(name: &'static str, help: &'static str) -> Flag {
    flag(name, "", help)
}

impl Definition {
    pub fn all_flags(&self) -> impl Iterator<Item = &'static Flag> {
        let remote = if self.remote { REMOTE } else { &[] };
        self.flags.iter().chain(remote)
    }
}

/// What was given of a command.
pub struct Given {
    pub definition: &'static Definition,
    flags: Vec<(&'static str, OsString)>,
    pub operands: Vec<OsString>,
    pub help: bool,
}

impl Given {
    pub fn parse(
        definition: &'static Definition,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, CliError> {
        let mut parser = lexopt::Parser::from_args(arguments);
        let mut given = Self {
            definition,
            flags: Vec::new(),
            operands: Vec::new(),
            help: false,
        };
        let wrong = |what: String| CliError::usage(definition.name, what);
        while let Some(argument) = parser.next().map_err(|error| wrong(error.to_string()))? {
            match argument {
                lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => {
                    given.help = true;
                    return Ok(given);
                }
                lexopt::Arg::Short(letter) => return Err(wrong(format!("unknown flag -{letter}"))),
                lexopt::Arg::Long(name) => {
                    let found = definition.all_flags().find(|flag| flag.name == name);
                    let flag = found.ok_or_else(|| wrong(format!("unknown flag --{name}")))?;
                    let value = match flag.value {
                        "" => OsString::new(),
                        _ => parser.value().map_err(|error| wrong(error.to_string()))?,
                    };
                    given.flags.push((flag.name, value));
                }
                lexopt::Arg::Value(value) => given.operands.push(value),
            }
        }
        let (count, name, fits) = match definition.operands {
            Operands::None => (0, "", given.operands.is_empty()),
            Operands::One(name) => (1, name, given.operands.len() == 1),
            Operands::Optional(name) => (1, name, given.operands.len() <= 1),
            Operands::Many(name) => (0, name, true),
        };
        if fits {
            return Ok(given);
        }
        let surplus = given.operands.get(count);
        Err(wrong(match surplus {
            Some(surplus) => format!("unexpected argument {surplus:?}"),
            None => format!("{name} is missing"),
        }))
    }

    /// A message about the command line itself.
    pub fn wrong(&self, what: impl Into<String>) -> CliError {
        CliError::usage(self.definition.name, what.into())
    }

    pub fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|(given, _)| *given == name)
    }

    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let mut values = self.flags.iter().rev();
        values
            .find(|(given, _)| *given == name)
            .map(|(_, value)| value.into())
    }

    /// The last value given; it must be UTF-8.
    pub fn text(&self, name: &str) -> Result<Option<String>, CliError> {
        let value = self.path(name).map(PathBuf::into_os_string);
        let text = value.map(OsString::into_string).transpose();
        text.map_err(|value| self.wrong(format!("--{name} {value:?} is not UTF-8")))
    }

    /// All values given, in their order.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, CliError> {
        let values = self.flags.iter().filter(|(given, _)| *given == name);
        values
            .map(|(_, value)| {
                let text = value.to_str().map(str::to_owned);
                text.ok_or_else(|| self.wrong(format!("--{name} {value:?} is not UTF-8")))
            })
            .collect()
    }

    pub fn required(&self, name: &str) -> Result<String, CliError> {
        self.text(name)?
            .ok_or_else(|| self.wrong(format!("--{name} is missing")))
    }

    /// A whole number in these bounds, or the default.
    pub fn number(
        &self,
        name: &str,
        default: u64,
        allowed: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, CliError> {
        let Some(text) = self.text(name)? else {
            return Ok(default);
        };
        let number = text.parse().ok().filter(|number| allowed.contains(number));
        number.ok_or_else(|| {
            let (least, most) = allowed.into_inner();
            self.wrong(format!(
                "--{name} {text}: must be a whole number from {least} to {most}"
            ))
        })
    }

    /// One of these words, or the first of them.
    pub fn choice(&self, name: &str, allowed: &[&'static str]) -> Result<&'static str, CliError> {
        let Some(text) = self.text(name)? else {
            return Ok(allowed.first().copied().unwrap_or_default());
        };
        let found = allowed.iter().find(|word| **word == text);
        found.copied().ok_or_else(|| {
            self.wrong(format!(
                "--{name} {text}: must be one of {}",
                allowed.join(", ")
            ))
        })
    }

    /// The operand, as text.
    pub fn operand(&self) -> Result<String, CliError> {
        let operand = self.operands.first().cloned().unwrap_or_default();
        operand
            .into_string()
            .map_err(|operand| self.wrong(format!("{operand:?} is not UTF-8")))
    }

    /// A flag's value, else that of an environment variable that is not empty.
    pub fn text_or_variable(&self, name: &str, variable: &str) -> Result<Option<String>, CliError> {
        if let Some(text) = self.text(name)? {
            return Ok(Some(text));
        }
        Ok(std::env::var(variable).ok().filter(|text| !text.is_empty()))
    }

    /// `--bucket`, else `$INFLUX_BUCKET`.
    pub fn bucket(&self) -> Result<String, CliError> {
        self.text_or_variable("bucket", "INFLUX_BUCKET")?
            .ok_or_else(|| self.wrong("--bucket is missing (and $INFLUX_BUCKET is not set)"))
    }
}
