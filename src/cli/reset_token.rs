//! `influxd reset-token`: a way in for who has lost the operator token.

use super::args::{Definition, Given, Operands, flag};
use super::{CliError, offline, output};

pub const RESET_TOKEN: Definition = Definition {
    name: "reset-token",
    about: "Make a new operator token for a lost one; the server must not run.",
    details: "Works on the data directory, so whoever may read and write that may do everything. Tokens that\n\
              there are stay valid; `influxd token delete` removes them.",
    operands: Operands::None,
    flags: &[
        flag(
            "storage-path",
            "DIR",
            "data directory, else that of the configuration",
        ),
        flag("config", "FILE", "configuration file that names it"),
    ],
    remote: false,
    examples: &["influxd reset-token --storage-path /var/lib/influxd"],
    run,
};

fn run(given: &Given) -> Result<(), CliError> {
    let path = offline::storage_path(given)?;
    let token = offline::new_operator(&path, "made by influxd reset-token")?;
    output::say(&format!("{token}\n"))
}
