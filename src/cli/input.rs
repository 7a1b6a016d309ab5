//! Text that is an argument, a file or standard input.

use super::CliError;
use super::args::Given;
use std::io::Read;
use std::path::Path;

/// The operand, or the content of the file that the flag names; `-` is standard input for both.
pub fn text(given: &Given, operand: &str, flag: &str) -> Result<String, CliError> {
    let bytes = match (given.operands.first(), given.path(flag)) {
        (Some(_), Some(_)) => {
            return Err(given.wrong(format!("give either {operand} or --{flag}")));
        }
        (Some(operand), None) if operand != "-" => return given.operand(),
        (None, Some(path)) if path != Path::new("-") => {
            std::fs::read(&path).map_err(|error| CliError::file("can't read", &path, error))?
        }
        (None, None) if std::io::IsTerminal::is_terminal(&std::io::stdin()) => {
            return Err(given.wrong(format!(
                "{operand} is missing (standard input is a terminal; - reads from it)"
            )));
        }
        _ => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|error| CliError::Failed(format!("standard input: {error}")))?;
            bytes
        }
    };
    String::from_utf8(bytes).map_err(|_| CliError::Failed("the input is not UTF-8".to_owned()))
}

/// A password from `--password-file`, where `-` is standard input; without its line break.
pub fn password(given: &Given) -> Result<Option<String>, CliError> {
    let Some(path) = given.path("password-file") else {
        return Ok(None);
    };
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(&path)
    };
    let text = text.map_err(|error| CliError::file("can't read the password in", &path, error))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}
