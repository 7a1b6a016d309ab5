//! `influxd inspect backup`: which backups there are, and whether they are whole.

use super::{Directory, copy_hashed};
use crate::cli::CliError;
use crate::cli::args::{Definition, Given, Operands, flag};
use crate::cli::output::{FORMATS, Table};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;

pub const VERIFY: Definition = Definition {
    name: "inspect backup",
    about: "List the backups in a directory and compare every file with its checksum.",
    details: "Ends with exit code 1 when one is damaged.",
    operands: Operands::One("DIRECTORY"),
    flags: &[flag("format", "FORMAT", "table (the default), csv or json")],
    remote: false,
    examples: &["influxd inspect backup /var/backups/influxd"],
    run,
};

fn run(given: &Given) -> Result<(), CliError> {
    given.choice("format", FORMATS)?;
    let directory = Directory::of(given)?;
    let mut table = Table::new(&["backup", "files", "bytes", "state"]);
    // Most files are in several backups.
    let mut checked: BTreeMap<String, bool> = BTreeMap::new();
    let mut damaged = 0;
    for name in directory.names()? {
        let manifest = directory.manifest(&name)?;
        let mut wrong = Vec::new();
        for file in &manifest.files {
            let is_whole = match checked.get(&file.sha256) {
                Some(is_whole) => *is_whole,
                None => {
                    let object = directory.object(&file.sha256)?;
                    let read = File::open(object)
                        .and_then(|mut object| copy_hashed(&mut object, &mut io::sink()));
                    read.is_ok_and(|(sha256, _)| sha256 == file.sha256)
                }
            };
            checked.insert(file.sha256.clone(), is_whole);
            if !is_whole {
                wrong.push(file.name.as_str());
            }
        }
        damaged += usize::from(!wrong.is_empty());
        let state = match wrong.is_empty() {
            true => "whole".to_owned(),
            false => format!("damaged: {}", wrong.join(" ")),
        };
        let bytes: u64 = manifest.files.iter().map(|file| file.size).sum();
        table.rows.push(vec![
            name,
            manifest.files.len().to_string(),
            bytes.to_string(),
            state,
        ]);
    }
    table.print(given)?;
    match damaged {
        0 => Ok(()),
        damaged => Err(CliError::Failed(format!("{damaged} backups are damaged"))),
    }
}
