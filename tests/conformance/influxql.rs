//! InfluxDB's own server tests of InfluxQL, replayed over HTTP against the built binary.
//!
//! Each group writes into fresh databases and asks its queries in order. Cases that InfluxDB 1.6.7 answers
//! as expected must pass, but for those listed in [`EXPLAINED`].

use crate::cases;
use crate::support::{Server, encoded};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;

/// Cases that must pass of those which InfluxDB 1.6.7 answers as expected; fewer is a step back.
const PASSED_MIN: usize = 319;

/// Cases of InfluxDB 1.6.7 that are answered otherwise on purpose: group, query and why.
const EXPLAINED: [(&str, &str, &str); 0] = [];

/// Numbers this close are equal.
const EPSILON: f64 = 1e-9;

#[test]
fn the_published_server_tests_are_answered_as_expected() {
    let Some(groups) = cases("influxql.json") else {
        return;
    };
    let server = Server::start();
    let (mut passed, mut later_passed, mut later, mut explained) = (0, 0, 0, 0);
    let mut failed = Vec::new();
    for group in groups.as_array().expect("a list of groups") {
        let name = group["group"].as_str().expect("a name");
        let databases = prepare(&server, group);
        for case in group["queries"].as_array().expect("queries") {
            if case["skip"] == true {
                continue;
            }
            let verdict = run(&server, case);
            let query = case["q"].as_str().unwrap_or_default();
            let known = EXPLAINED
                .iter()
                .any(|(of, text, _)| *of == name && *text == query);
            match (case["influx_1_6_7"] == true, verdict) {
                (true, Ok(())) => passed += 1,
                (true, Err(_)) if known => explained += 1,
                (true, Err(why)) => failed.push(format!("{name}: {query}\n    {why}")),
                (false, verdict) => {
                    later += 1;
                    later_passed += usize::from(verdict.is_ok());
                    if let Err(why) = verdict {
                        println!("  not of 1.6.7: {name}: {query}\n    {why}");
                    }
                }
            }
        }
        for database in databases {
            server.influxql(&format!("DROP DATABASE \"{database}\""));
        }
    }
    println!(
        "InfluxQL: {passed} of InfluxDB 1.6.7's cases passed, {} failed, {explained} explained; \
         {later_passed} of {later} others passed",
        failed.len()
    );
    failed.iter().for_each(|why| println!("  {why}"));
    assert!(failed.is_empty(), "{} cases failed", failed.len());
    assert!(
        passed >= PASSED_MIN,
        "{passed} passed, at least {PASSED_MIN} should"
    );
}

/// Makes a group's databases and policies and writes its points; gives the databases' names.
fn prepare(server: &Server, group: &Value) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut policies = vec![(text(&group["db"]), text(&group["rp"]))];
    let writes = group["writes"].as_array().expect("writes");
    for write in writes {
        let policy = (text(&write["db"]), text(&write["rp"]));
        if !policies.contains(&policy) {
            policies.push(policy);
        }
    }
    let mut databases = BTreeSet::new();
    for (database, policy) in &policies {
        let first = databases.insert(database.clone());
        let default = if first { " DEFAULT" } else { "" };
        let statements = format!(
            "CREATE DATABASE \"{database}\"; \
             CREATE RETENTION POLICY \"{policy}\" ON \"{database}\" DURATION 0s REPLICATION 1{default}"
        );
        let answer = server.influxql(&statements);
        assert!(!answer.to_string().contains("error"), "{answer}");
    }
    for write in writes {
        let (database, policy) = (text(&write["db"]), text(&write["rp"]));
        let path = format!(
            "/write?db={}&rp={}&precision=ns",
            encoded(&database),
            encoded(&policy)
        );
        let data = text(&write["data"]);
        server.post(&path).body(data).send().expect(204);
    }
    databases
}

fn run(server: &Server, case: &Value) -> Result<(), String> {
    let query = case["q"].as_str().expect("a query");
    let mut path = format!("/query?q={}", encoded(query));
    for (name, values) in case["params"].as_object().expect("parameters") {
        for value in values.as_array().expect("values") {
            path += &format!("&{name}={}", encoded(value.as_str().expect("a text")));
        }
    }
    let answer = server.post(&path).send();
    let got = answer.text();
    let want = case["expected"].as_str().expect("an answer");
    let same = if case["pattern"] == true {
        Regex::new(want).expect("a pattern").is_match(&got)
    } else {
        match (serde_json::from_str(want), serde_json::from_str(&got)) {
            (Ok(want), Ok(got)) => same(&want, &got),
            _ => want.trim() == got.trim(),
        }
    };
    if same {
        Ok(())
    } else {
        Err(format!("want {want}\n    got  {}", got.trim()))
    }
}

/// Whether two answers are the same, numbers within [`EPSILON`].
pub fn same(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::Number(a), Value::Number(b)) => {
            a == b
                || match (a.as_f64(), b.as_f64()) {
                    (Some(a), Some(b)) => (a - b).abs() <= EPSILON * a.abs().max(b.abs()).max(1.0),
                    _ => false,
                }
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}
