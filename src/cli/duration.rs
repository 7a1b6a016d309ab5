//! Durations of retentions.

use super::CliError;
use super::args::Given;
use influxd::config::quantity::{format_duration, parse_duration};
use std::time::Duration;

/// `--retention` in seconds; 0 keeps for ever.
pub fn retention(given: &Given) -> Result<Option<u64>, CliError> {
    let Some(text) = given.text("retention")? else {
        return Ok(None);
    };
    if matches!(text.as_str(), "0" | "infinite") {
        return Ok(Some(0));
    }
    let parsed = parse_duration(&text).map(|duration| duration.as_secs());
    let wrong = || {
        given.wrong(format!(
            "--retention {text}: must be a duration like 30d or 12h, or 0 for ever"
        ))
    };
    parsed.map(Some).ok_or_else(wrong)
}

pub fn shown(seconds: u64) -> String {
    match seconds {
        0 => "infinite".to_owned(),
        seconds => format_duration(Duration::from_secs(seconds)),
    }
}
