//! Published Flux test files: all of them are Flux, so all of them must be read without a fault.

use influxd::query::flux::parse::parse;
use influxd::query::flux::{ast_json, error};
use serde_json::Value;
use std::path::PathBuf;

fn cases() -> Option<Vec<Value>> {
    let directory = std::env::var_os("CONFORMANCE_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance"),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(directory.join("flux.json")).ok()?;
    Some(serde_json::from_str(&text).expect("flux.json is a list of files"))
}

#[test]
fn every_published_flux_file_is_read() {
    let Some(files) = cases() else {
        eprintln!("skipped: no flux.json; set CONFORMANCE_DIR to the folder that holds it");
        return;
    };
    let mut failed = Vec::new();
    for file in &files {
        let path = file["path"].as_str().unwrap_or("a file without path");
        let source = file["source"].as_str().unwrap_or_default();
        let parsed = parse(source);
        if !parsed.errors.is_empty() {
            failed.push(format!("{path}: {}", error::join(&parsed.errors)));
        } else if let Err(reason) = ast_json(source) {
            failed.push(format!("{path}: {reason}"));
        }
    }
    eprintln!(
        "flux files read: {} of {}",
        files.len() - failed.len(),
        files.len()
    );
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
