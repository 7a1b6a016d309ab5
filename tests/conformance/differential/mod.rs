//! Random queries on the same points, asked of influxd and of InfluxDB 1.x: the answers must be equal.
//!
//! `DIFFERENTIAL_QUERIES` and `DIFFERENTIAL_SEED` choose how many and which. Each query has a seed of its
//! own, so a failure is repeated with `DIFFERENTIAL_SEED=<its seed> DIFFERENTIAL_QUERIES=1`.

mod data;
mod grammar;
mod known;
mod mangle;
mod peer;
mod random;

use crate::influxql::same;
use crate::support::{Server, encoded};
use grammar::Grammar;
use random::Random;
use serde_json::Value;
use std::collections::BTreeMap;

const QUERIES: u64 = 300;
/// Of the answers, the explained differences among the rest.
const EQUAL_PERCENT_MIN: u64 = 85;
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
            *explained
                .entry("InfluxDB does not answer in time")
                .or_default() += 1;
            println!("  no answer in time, seed {seed}: {query}");
            continue;
        };
        let path = format!("/query?db=db&epoch=ns&q={}", encoded(&query));
        let ours: Value = server.post(&path).send().json();
        if same(&comparable(&theirs), &comparable(&ours)) {
            equal += 1;
        } else if let Some(why) = known::explanation(&query, &theirs) {
            *explained.entry(why).or_default() += 1;
        } else {
            let at = first_difference(&comparable(&theirs), &comparable(&ours));
            failed.push(format!("seed {seed}: {query}\n    {at}"));
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
    failed
        .iter()
        .take(shown)
        .for_each(|why| println!("  {why}"));
    assert!(failed.is_empty(), "{} answers differ", failed.len());
    // What is explained must stay the exception.
    assert!(
        equal * 100 >= count * EQUAL_PERCENT_MIN,
        "only {equal} of {count} answers are equal"
    );
}

/// An answer without what may differ.
fn comparable(answer: &Value) -> Value {
    if let Some(error) = answer["error"].as_str() {
        return Value::String(error.to_owned());
    }
    let mut answer = answer.clone();
    let error = answer["results"][0].get_mut("error");
    // Of several calls that don't take their argument either may be told of.
    if let Some(Value::String(text)) = error
        && let (Some(_), Some((_, kind))) =
            (text.strip_prefix("unsupported "), text.split_once("type: "))
    {
        *text = kind.to_owned();
    }
    answer
}

/// Statements with tokens left out, doubled and exchanged: both servers must refuse the same ones, with
/// the same words.
#[test]
fn mangled_statements_are_refused_as_by_influxdb() {
    let Some(peer) = peer::Peer::start() else {
        return;
    };
    let server = Server::start();
    let first = setting("DIFFERENTIAL_SEED", 1);
    let count = setting("DIFFERENTIAL_QUERIES", QUERIES);
    let (mut refused, mut explained, mut failed) = (0, 0, Vec::new());
    for seed in first..first + count {
        let mut random = Random::new(seed);
        let query = mangle::statement(&mut random);
        let Some(theirs) = peer.query("nothing", &query) else {
            continue;
        };
        let path = format!("/query?db=nothing&q={}", encoded(&query));
        let ours = server.post(&path).send();
        let Ok(ours) = serde_json::from_slice::<Value>(&ours.body) else {
            failed.push(format!(
                "seed {seed}: {query}\n    ours is no JSON: {}",
                ours.text()
            ));
            continue;
        };
        let (theirs, ours) = (theirs["error"].as_str(), ours["error"].as_str());
        refused += usize::from(theirs.is_some());
        if theirs == ours {
            continue;
        }
        match known::refusal(&query, theirs, ours) {
            Some(_) => explained += 1,
            None => failed.push(format!(
                "seed {seed}: {query}\n    theirs {theirs:?}\n    ours   {ours:?}"
            )),
        }
    }
    println!(
        "{count} mangled statements, {refused} refused, {explained} differences explained, {} differ",
        failed.len()
    );
    let shown = setting("DIFFERENTIAL_SHOWN", SHOWN_MAX as u64) as usize;
    failed
        .iter()
        .take(shown)
        .for_each(|why| println!("  {why}"));
    assert!(failed.is_empty(), "{} refusals differ", failed.len());
}

/// Where two answers part, and what is there in each.
fn first_difference(theirs: &Value, ours: &Value) -> String {
    let parts = |at: String, a: Option<&Value>, b: Option<&Value>| match (a, b) {
        (Some(a), Some(b)) => (!same(a, b)).then(|| format!("{at}{}", first_difference(a, b))),
        (a, b) => {
            let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), short);
            Some(format!("{at}: theirs {}, ours {}", shown(a), shown(b)))
        }
    };
    let found = match (theirs, ours) {
        (Value::Array(a), Value::Array(b)) if a.iter().chain(b).any(|v| !v.is_number()) => {
            (0..a.len().max(b.len())).find_map(|n| parts(format!("[{n}]"), a.get(n), b.get(n)))
        }
        (Value::Object(a), Value::Object(b)) => a
            .keys()
            .chain(b.keys())
            .find_map(|key| parts(format!(".{key}"), a.get(key), b.get(key))),
        _ => None,
    };
    found.unwrap_or_else(|| format!(": theirs {}, ours {}", short(theirs), short(ours)))
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
