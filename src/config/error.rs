//! Why a configuration or a command line is refused. Each text says what, where and what is allowed.

use super::raw::Origin;
use std::path::PathBuf;

/// Process exit code 3.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{}: can't read the configuration file: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}:{line}: not valid TOML: {message}", path.display())]
    Syntax {
        path: PathBuf,
        line: usize,
        message: String,
    },
    #[error("{}:{line}: unknown section [{section}]; did you mean [{nearest}]?", path.display())]
    UnknownSection {
        path: PathBuf,
        line: usize,
        section: String,
        nearest: &'static str,
    },
    #[error(
        "{}:{line}: unknown key {key:?} in [{section}]; did you mean [{}] {}?",
        path.display(), nearest.0, nearest.1
    )]
    UnknownKey {
        path: PathBuf,
        line: usize,
        section: &'static str,
        key: String,
        /// Section and name.
        nearest: (&'static str, &'static str),
    },
    #[error("{}:{line}: {key:?} stands outside of any section; did you mean [{}] {}?",
        path.display(), nearest.0, nearest.1
    )]
    KeyOutsideSection {
        path: PathBuf,
        line: usize,
        key: String,
        nearest: (&'static str, &'static str),
    },
    #[error("unknown environment variable {name}; did you mean {nearest}?")]
    UnknownVariable { name: String, nearest: String },
    #[error("{origin}: [{section}] {key} = {value}: must be {allowed}")]
    BadValue {
        origin: Origin,
        section: &'static str,
        key: &'static str,
        /// Quoted, or masked.
        value: String,
        allowed: String,
    },
    #[error("{origin}: [{section}] {key} {reason}")]
    BrokenRule {
        origin: Origin,
        section: &'static str,
        key: &'static str,
        reason: String,
    },
}

/// Process exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentError {
    #[error("unknown flag --{flag}; did you mean --{nearest}? `influxd help` lists all")]
    UnknownFlag { flag: String, nearest: String },
    #[error("unknown flag -{flag}; `influxd help` lists all")]
    UnknownShortFlag { flag: char },
    #[error("unknown command {command:?}; did you mean {nearest}? `influxd help` lists all")]
    UnknownCommand {
        command: String,
        nearest: &'static str,
    },
    #[error("unexpected argument {argument:?} after the command {command}")]
    Unexpected {
        argument: String,
        command: &'static str,
    },
    #[error("{0}; see `influxd help`")]
    Malformed(#[from] lexopt::Error),
}

/// The candidate with the fewest edits to `name`, ignoring case and taking `_` for `-`.
pub(super) fn nearest<T: Copy>(
    name: &str,
    candidates: impl Iterator<Item = T>,
    spelling: impl Fn(T) -> String,
) -> Option<T> {
    let folded = |text: &str| text.to_lowercase().replace('_', "-");
    let name = folded(name);
    candidates.min_by_key(|candidate| edit_distance(&name, &folded(&spelling(*candidate))))
}

/// Levenshtein, one row at a time.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        // The cell up and to the left of the one being filled.
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(b.chars()) {
            let substituted = diagonal + usize::from(from != to);
            diagonal = *cell;
            left = substituted.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_counts_single_edits() {
        for (a, b, distance) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
        ] {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_name_ignores_case_and_underscores() {
        let names = ["bind-address", "max-body-bytes", "read-timeout"];
        let find = |name| nearest(name, names.iter().copied(), str::to_owned);
        assert_eq!(find("BIND_ADRESS"), Some("bind-address"));
        assert_eq!(find("timeout"), Some("read-timeout"));
    }
}
