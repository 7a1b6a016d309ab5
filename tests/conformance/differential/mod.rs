//! Random queries on the same points, asked of influxd and of InfluxDB 1.x: the answers must be equal.
//!
//! `DIFFERENTIAL_QUERIES` and `DIFFERENTIAL_SEED` choose how many and which. Each query has a seed of its
//! own, so a failure is repeated with `DIFFERENTIAL_SEED=<its seed> DIFFERENTIAL_QUERIES=1`.

mod data;
mod grammar;
mod known;
mod peer;
mod random;

use crate::influxql::same;
use crate::support::{Server, encoded};
use grammar::Grammar;
use random::Random;
use serde_json::Value;
use std::collections::BTreeMap;

const QUERIES: u64 = 300;
const SHOWN_MAX: usize = 30;

fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn random_queries_are_answered_as_by_influxdb() {
    let Some(peer) = peer::Peer::start() else {
        return;
    };
    let server = Server::builder().flag("query-timeout", "10s").start();
    let lines = data::lines();
    peer.query("", "CREATE DATABASE db");
    peer.write("db", &lines);
    server.influxql("CREATE DATABASE db");
    server
        .post("/write?db=db")
        .body(lines.as_str())
        .send()
        .expect(204);
    let first = setting("DIFFERENTIAL_SEED", 1);
    let count = setting("DIFFERENTIAL_QUERIES", QUERIES);
    let mut explained: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut equal, mut failed) = (0, Vec::new());
    for seed in first..first + count {
        let random = Random::new(seed);
        let query = Grammar { random }.statement();
        let Some(theirs) = peer.query("db", &query) else {
            *explained.entry("InfluxDB does not answer in time").or_default() += 1;
            println!("  no answer in time, seed {seed}: {query}");
            continue;
        };
        let path = format!("/query?db=db&epoch=ns&q={}", encoded(&query));
        let ours: Value = server.post(&path).send().json();
        if same(&comparable(&theirs), &comparable(&ours)) {
            equal += 1;
        } else if let Some(why) = known::explanation(&query, &theirs, &ours) {
            *explained.entry(why).or_default() += 1;
        } else {
            failed.push(format!(
                "seed {seed}: {query}\n    theirs {theirs}\n    ours   {ours}"
            ));
        }
    }
    println!(
        "{}: {equal} of {count} answers equal, {} explained, {} differ",
        peer.version,
        explained.values().sum::<usize>(),
        failed.len()
    );
    explained
        .iter()
        .for_each(|(why, times)| println!("  {times} times: {why}"));
    let shown = setting("DIFFERENTIAL_SHOWN", SHOWN_MAX as u64) as usize;
    failed.iter().take(shown).for_each(|why| println!("  {why}"));
    assert!(failed.is_empty(), "{} answers differ", failed.len());
}

/// An answer without what may differ: the rest of a request-level error.
fn comparable(answer: &Value) -> Value {
    match answer["error"].as_str() {
        Some(error) => {
            let error = error.split_once("parse query: ").map_or(error, |(_, rest)| rest);
            let error = error.trim_start_matches("error parsing query: ");
            Value::String(error.to_owned())
        }
        None => answer.clone(),
    }
}
