//! Regular expressions of Flux: RE2's syntax, matched in linear time, of bounded size.

use regex::{Regex, RegexBuilder};

/// Memory that one compiled expression may take.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// The reason is told in one line.
pub fn compile(source: &str) -> Result<Regex, String> {
    RegexBuilder::new(source)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => {
                format!("the regular expression needs more than {limit} bytes")
            }
            other => {
                let text = other.to_string();
                let reason = text.lines().last().unwrap_or_default();
                format!(
                    "invalid regular expression: {}",
                    reason.trim_start_matches("error: ")
                )
            }
        })
}
