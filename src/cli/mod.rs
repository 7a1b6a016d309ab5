//! The commands that are clients of a server, or work on a data directory beside it. One file each.
//!
//! [`args`] defines what a command is; [`help`] makes texts of it; [`client`] speaks HTTP; [`output`]
//! prints. Nothing here is needed to run the database.

mod annotated;
mod args;
mod backup;
mod bucket;
mod client;
mod completions;
mod csv;
mod delete;
mod duration;
mod error;
mod export;
mod flux;
mod help;
mod import;
mod input;
mod inspect;
mod interrupt;
mod line;
mod offline;
mod output;
mod progress;
mod query;
mod reset_token;
mod setup;
mod token;
mod user;
mod write;

pub use error::CliError;

use args::{Definition, Given};
use std::ffi::OsString;

/// In the order in which they are listed.
const COMMANDS: &[Definition] = &[
    setup::SETUP,
    write::WRITE,
    import::IMPORT,
    export::EXPORT,
    query::QUERY,
    delete::DELETE,
    bucket::LIST,
    bucket::CREATE,
    bucket::UPDATE,
    bucket::DELETE,
    token::LIST,
    token::CREATE,
    token::ACTIVATE,
    token::DEACTIVATE,
    token::DELETE,
    user::LIST,
    user::CREATE,
    user::PASSWORD,
    user::DELETE,
    inspect::REJECTED,
    backup::VERIFY,
    backup::BACKUP,
    backup::RESTORE,
    reset_token::RESET_TOKEN,
    completions::COMPLETIONS,
];

/// First words of the commands that have two, once each.
fn groups() -> Vec<&'static str> {
    let first = COMMANDS
        .iter()
        .filter_map(|definition| definition.name.split_once(' '));
    let mut groups: Vec<&str> = first.map(|(group, _)| group).collect();
    groups.dedup();
    groups
}

/// `None`: the first argument is no command of these.
pub fn run(arguments: &[OsString]) -> Option<Result<(), CliError>> {
    let first = arguments.first()?.to_str()?;
    if groups().contains(&first) {
        return Some(run_in_group(first, arguments));
    }
    let definition = COMMANDS
        .iter()
        .find(|definition| definition.name == first)?;
    Some(run_one(definition, arguments.get(1..).unwrap_or_default()))
}

fn run_in_group(group: &str, arguments: &[OsString]) -> Result<(), CliError> {
    let second = arguments.get(1).and_then(|word| word.to_str());
    let second = match second {
        None | Some("--help" | "-h" | "help") => return output::say(&help::of_group(group)),
        Some(second) => second,
    };
    let name = format!("{group} {second}");
    match COMMANDS.iter().find(|definition| definition.name == name) {
        Some(definition) => run_one(definition, arguments.get(2..).unwrap_or_default()),
        None => Err(CliError::usage(
            group,
            format!("unknown command {second:?}"),
        )),
    }
}

fn run_one(definition: &'static Definition, arguments: &[OsString]) -> Result<(), CliError> {
    let given = Given::parse(definition, arguments.iter().cloned())?;
    if given.help {
        return output::say(&help::of(definition));
    }
    (definition.run)(&given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_lists_the_commands_that_there_are() {
        let mut ours: Vec<&str> = COMMANDS
            .iter()
            .filter_map(|definition| definition.name.split(' ').next())
            .collect();
        ours.dedup();
        let listed: Vec<&str> = influxd::config::arguments::CLIENT_COMMANDS
            .iter()
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(ours, listed);
    }

    #[test]
    fn examples_are_of_their_command() {
        for definition in COMMANDS {
            assert!(!definition.examples.is_empty(), "{}", definition.name);
            for example in definition.examples {
                let named = format!("influxd {}", definition.name);
                assert!(example.contains(&named), "{example}");
            }
        }
    }
}
