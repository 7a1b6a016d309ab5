//! `influxd completions`: for shells.

use super::args::{Definition, Given, Operands};
use super::{CliError, help, output};

pub const COMPLETIONS: Definition = Definition {
    name: "completions",
    about: "Print completions for a shell: bash, zsh or fish.",
    details: "",
    operands: Operands::One("SHELL"),
    flags: &[],
    remote: false,
    examples: &[
        "influxd completions bash > /usr/share/bash-completion/completions/influxd",
        "influxd completions fish > ~/.config/fish/completions/influxd.fish",
    ],
    run,
};

fn run(given: &Given) -> Result<(), CliError> {
    match given.operand()?.as_str() {
        "bash" => output::say(&help::bash()),
        "zsh" => output::say(&help::zsh()),
        "fish" => output::say(&help::fish()),
        other => Err(given.wrong(format!("{other:?}: must be bash, zsh or fish"))),
    }
}
