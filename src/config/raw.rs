//! What was given, and where: defaults, `--dev`, the file, the environment, flags, in this order of
//! precedence. Texts only; [`RawConfig::validate`] turns them into a [`Config`].

use super::arguments::Arguments;
use super::config::{BrokenRule, Config, Draft};
use super::error::{ConfigError, nearest};
use super::options::{OPTIONS, OptionDefinition, SECTIONS};
use super::secret::MASK;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Read from the working directory when neither `--config` nor `INFLUXD_CONFIG` names a file.
pub const DEFAULT_FILE: &str = "influxd.toml";

const VARIABLE_PREFIX: &str = "INFLUXD_";
const FILE_VARIABLE: &str = "INFLUXD_CONFIG";

/// What `--dev` gives, below everything that is given explicitly.
const DEV_VALUES: &[(&str, &str, &str)] = &[
    ("setup", "username", "dev"),
    ("setup", "org", "dev"),
    ("setup", "bucket", "dev"),
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    Dev,
    File { path: PathBuf, line: usize },
    Variable(String),
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Dev => f.write_str("--dev"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

pub struct RawValue {
    pub option: &'static OptionDefinition,
    pub text: String,
    pub origin: Origin,
}

pub struct RawConfig {
    /// One per option, in the table's order.
    pub values: Vec<RawValue>,
    pub dev: bool,
    /// `RUST_LOG`, which wins over `[log] level`.
    pub rust_log: Option<String>,
}

impl RawConfig {
    /// `variables` is the whole environment; `directory` is where [`DEFAULT_FILE`] is looked for.
    pub fn collect(
        arguments: &Arguments,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        directory: &Path,
    ) -> Result<Self, ConfigError> {
        let mut raw = Self::defaults();
        if arguments.dev {
            raw.apply_dev();
        }
        let variables: Vec<_> = variables
            .into_iter()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v)))
            .collect();
        raw.rust_log = variables
            .iter()
            .find(|(name, _)| name == "RUST_LOG")
            .and_then(|(_, value)| value.clone().into_string().ok())
            .filter(|value| !value.is_empty());
        let named = variables.iter().find(|(name, _)| name == FILE_VARIABLE);
        let named = named.map(|(_, path)| PathBuf::from(path));
        if let Some((path, text)) = read_file(arguments.config_file.clone().or(named), directory)? {
            raw.apply_file(&path, &text)?;
        }
        for (name, value) in variables {
            raw.apply_variable(name, value)?;
        }
        for (option, value) in &arguments.flags {
            raw.set(option, text_of(value.clone()), Origin::Flag(option.flag()));
        }
        Ok(raw)
    }

    /// Checks every value, then the rules between them.
    pub fn validate(&self) -> Result<Config, ConfigError> {
        let mut draft = Draft::blank();
        draft.dev = self.dev;
        for value in &self.values {
            value
                .option
                .apply(&mut draft, &value.text)
                .map_err(|allowed| value.refused(allowed))?;
        }
        draft.finish().map_err(|rule| self.broken(rule))
    }

    fn defaults() -> Self {
        let value = |option: &'static OptionDefinition| RawValue {
            option,
            text: option.default.to_owned(),
            origin: Origin::Default,
        };
        Self {
            values: OPTIONS.iter().map(value).collect(),
            dev: false,
            rust_log: None,
        }
    }

    fn apply_dev(&mut self) {
        self.dev = true;
        for (section, name, text) in DEV_VALUES {
            if let Some(option) = find(section, name) {
                self.set(option, (*text).to_owned(), Origin::Dev);
            }
        }
    }

    fn set(&mut self, option: &'static OptionDefinition, text: String, origin: Origin) {
        if let Some(value) = self
            .values
            .iter_mut()
            .find(|value| std::ptr::eq(value.option, option))
        {
            value.text = text;
            value.origin = origin;
        }
    }

    fn apply_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let line_of = |offset: usize| {
            1 + text
                .bytes()
                .take(offset)
                .filter(|byte| *byte == b'\n')
                .count()
        };
        let document = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            line: line_of(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        for (name, value) in document.get_ref() {
            let line = line_of(name.span().start);
            let path = path.to_owned();
            let DeValue::Table(table) = value.get_ref() else {
                let key = name.get_ref().to_string();
                let nearest = nearest_option(&key, OPTIONS.iter());
                return Err(ConfigError::KeyOutsideSection {
                    path,
                    line,
                    key,
                    nearest,
                });
            };
            let section = find_section(name.get_ref(), &path, line)?;
            for (key, value) in table {
                let line = line_of(key.span().start);
                let origin = Origin::File {
                    path: path.clone(),
                    line,
                };
                let option =
                    find(section, key.get_ref()).ok_or_else(|| ConfigError::UnknownKey {
                        path: path.clone(),
                        line,
                        section,
                        key: key.get_ref().to_string(),
                        nearest: nearest_in_section(section, key.get_ref()),
                    })?;
                let text = toml_text(option, value, &origin)?;
                self.set(option, text, origin);
            }
        }
        Ok(())
    }

    fn apply_variable(&mut self, name: String, value: OsString) -> Result<(), ConfigError> {
        if !name.starts_with(VARIABLE_PREFIX) || name == FILE_VARIABLE || is_service_link(&name) {
            return Ok(());
        }
        let Some(option) = OPTIONS.iter().find(|option| option.environment() == name) else {
            let nearest = nearest(&name, OPTIONS.iter(), OptionDefinition::environment);
            let nearest = nearest
                .map(OptionDefinition::environment)
                .unwrap_or_default();
            return Err(ConfigError::UnknownVariable { name, nearest });
        };
        self.set(option, text_of(value), Origin::Variable(name));
        Ok(())
    }

    /// Located at the option, or where it is missing, at what was given in its section.
    fn broken(&self, rule: BrokenRule) -> ConfigError {
        let BrokenRule {
            section,
            option: key,
            reason,
        } = rule;
        let given =
            |value: &&RawValue| value.option.section == section && value.origin != Origin::Default;
        let mut candidates: Vec<_> = self.values.iter().filter(given).collect();
        candidates.sort_by_key(|value| value.option.name != key);
        let origin = candidates
            .first()
            .map_or(Origin::Default, |value| value.origin.clone());
        ConfigError::BrokenRule {
            origin,
            section,
            key,
            reason,
        }
    }
}

impl RawValue {
    fn refused(&self, allowed: String) -> ConfigError {
        bad_value(
            self.option,
            &self.origin,
            format!("{:?}", self.text),
            allowed,
        )
    }
}

fn bad_value(
    option: &'static OptionDefinition,
    origin: &Origin,
    value: String,
    allowed: String,
) -> ConfigError {
    ConfigError::BadValue {
        origin: origin.clone(),
        section: option.section,
        key: option.name,
        value: if option.is_secret() {
            MASK.to_owned()
        } else {
            value
        },
        allowed,
    }
}

/// The file's path and text; a file that nobody named may be missing.
fn read_file(
    named: Option<PathBuf>,
    directory: &Path,
) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let optional = named.is_none();
    let path = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    match std::fs::read_to_string(directory.join(&path)) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if optional && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Unreadable { path, source }),
    }
}

/// Bytes that are not UTF-8 become U+FFFD, which no option but a path accepts silently.
fn text_of(value: OsString) -> String {
    value.to_string_lossy().into_owned()
}

/// Kubernetes gives every pod variables for each service; for one that is named `influxd` they are
/// `INFLUXD_SERVICE_HOST`, `INFLUXD_PORT_8086_TCP_ADDR` and so on. They are not ours.
fn is_service_link(name: &str) -> bool {
    ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"]
        .iter()
        .any(|tail| name.ends_with(tail))
        || name.contains("_SERVICE_PORT_")
        || name.contains("_TCP")
        || name.contains("_UDP")
}

fn find(section: &str, name: &str) -> Option<&'static OptionDefinition> {
    OPTIONS
        .iter()
        .find(|option| option.section == section && option.name == name)
}

fn find_section(name: &str, path: &Path, line: usize) -> Result<&'static str, ConfigError> {
    let names = || SECTIONS.iter().map(|(section, _)| *section);
    names()
        .find(|section| *section == name)
        .ok_or_else(|| ConfigError::UnknownSection {
            path: path.to_owned(),
            line,
            section: name.to_owned(),
            nearest: nearest(name, names(), str::to_owned).unwrap_or("http"),
        })
}

/// A key that another section knows belongs there; else the nearest of its own section.
fn nearest_in_section(section: &str, key: &str) -> (&'static str, &'static str) {
    match OPTIONS.iter().find(|option| option.name == key) {
        Some(option) => (option.section, option.name),
        None => nearest_option(
            key,
            OPTIONS.iter().filter(|option| option.section == section),
        ),
    }
}

fn nearest_option(
    key: &str,
    options: impl Iterator<Item = &'static OptionDefinition>,
) -> (&'static str, &'static str) {
    nearest(key, options, |option| option.name.to_owned())
        .map_or(("http", "bind-address"), |option| {
            (option.section, option.name)
        })
}

fn toml_text(
    option: &'static OptionDefinition,
    value: &Spanned<DeValue<'_>>,
    origin: &Origin,
) -> Result<String, ConfigError> {
    let refused = |shown: String| {
        let mut allowed = option.kind.allowed();
        if !option.is_number() {
            allowed.push_str(", in quotes");
        }
        bad_value(option, origin, shown, allowed)
    };
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if option.is_number() => {
            match i128::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Ok(number.to_string()),
                Err(_) => Err(refused(number.as_str().to_owned())),
            }
        }
        DeValue::Integer(number) => Err(refused(number.as_str().to_owned())),
        DeValue::Float(number) => Err(refused(number.as_str().to_owned())),
        DeValue::Boolean(value) => Err(refused(value.to_string())),
        DeValue::Datetime(value) => Err(refused(value.to_string())),
        DeValue::Array(_) => Err(refused("a list".to_owned())),
        DeValue::Table(_) => Err(refused("a table".to_owned())),
    }
}
