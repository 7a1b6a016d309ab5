//! Writers, readers, deletions, seals and restarts side by side, compared with a plain model in memory.
//!
//! Each thread has series of its own and knows what must be in them after each of its steps, whatever the
//! others do meanwhile. `SOAK_SEED` repeats a run, `SOAK_ROUNDS` makes it longer.

use crate::support::{Server, encoded};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

const THREADS: u64 = 4;
const ROUNDS: u64 = 6;
const STEPS: u64 = 25;
/// Series of one thread.
const SERIES: u64 = 3;
/// Instants that may have a point: few, so that points are overwritten and deletions meet some.
const INSTANTS: u64 = 4_000;
/// Between two instants, so that points fall into several shards of an hour.
const STEP_NS: u64 = 7_000_000_000;
const WINDOW_NS: u64 = 600_000_000_000;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

/// What a point has; a field that was not written is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
struct Row {
    i: Option<i64>,
    f: Option<f64>,
    s: Option<String>,
    b: Option<bool>,
}

impl Row {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

struct Thread {
    number: u64,
    random: Random,
    /// By series and time in nanoseconds.
    model: BTreeMap<u64, BTreeMap<u64, Row>>,
    steps: BTreeMap<&'static str, u64>,
}

impl Thread {
    fn run(&mut self, server: &Server) {
        for _ in 0..STEPS {
            let step = match self.random.below(10) {
                0..=4 => self.write(server),
                5 => self.delete(server),
                6 | 7 => self.read_rows(server),
                _ => self.read_windows(server),
            };
            *self.steps.entry(step).or_default() += 1;
        }
    }

    fn write(&mut self, server: &Server) -> &'static str {
        let mut lines = String::new();
        let points = 1 + self.random.below(1_500);
        // In order from somewhere on, or anywhere.
        let in_order = self.random.below(3) > 0;
        let start = self.random.below(INSTANTS);
        for n in 0..points {
            let series = self.random.below(SERIES);
            let instant = match in_order {
                true => (start + n / SERIES) % INSTANTS,
                false => self.random.below(INSTANTS),
            };
            let time = instant * STEP_NS;
            let row = self
                .model
                .entry(series)
                .or_default()
                .entry(time)
                .or_default();
            let mut fields = Vec::new();
            let which = 1 + self.random.below(15);
            if which & 1 != 0 {
                let value = self.random.below(1_000) as i64 - 500;
                row.i = Some(value);
                fields.push(format!("i={value}i"));
            }
            if which & 2 != 0 {
                let value = self.random.below(100_000) as f64 / 100.0;
                row.f = Some(value);
                fields.push(format!("f={value}"));
            }
            if which & 4 != 0 {
                let value = format!("text {}", self.random.below(50));
                fields.push(format!("s=\"{value}\""));
                row.s = Some(value);
            }
            if which & 8 != 0 {
                let value = self.random.below(2) == 1;
                row.b = Some(value);
                fields.push(format!("b={value}"));
            }
            let fields = fields.join(",");
            writeln!(
                lines,
                "m,thread=t{},line=s{series} {fields} {time}",
                self.number
            )
            .unwrap();
        }
        server.write(&lines).expect(204);
        "writes"
    }

    fn delete(&mut self, server: &Server) -> &'static str {
        let series = self.random.below(SERIES);
        let from = self.random.below(INSTANTS) * STEP_NS;
        let to = from + (1 + self.random.below(INSTANTS / 4)) * STEP_NS;
        let field = ["", "i", "f", "s", "b"][self.random.below(5) as usize];
        let mut predicate = format!("thread=\"t{}\" AND line=\"s{series}\"", self.number);
        if !field.is_empty() {
            write!(predicate, " AND _field=\"{field}\"").unwrap();
        }
        let time = rfc3339;
        // The end of a deletion belongs to it.
        let body = json!({"start": time(from), "stop": time(to - 1), "predicate": predicate});
        server
            .post("/api/v2/delete?org=org&bucket=bucket")
            .json(body)
            .send()
            .expect(204);
        let rows = self.model.entry(series).or_default();
        for (_, row) in rows.range_mut(from..to) {
            match field {
                "" => *row = Row::default(),
                "i" => row.i = None,
                "f" => row.f = None,
                "s" => row.s = None,
                _ => row.b = None,
            }
        }
        rows.retain(|_, row| !row.is_empty());
        "deletions"
    }

    fn ask(&self, server: &Server, query: &str) -> Vec<Vec<Value>> {
        let path = format!("/query?db=bucket&epoch=ns&q={}", encoded(query));
        let answer = server.get(&path).send().expect(200).json();
        let result = &answer["results"][0];
        assert!(result["error"].is_null(), "{query}: {result}");
        let rows = result["series"][0]["values"].as_array().cloned();
        let rows = rows.unwrap_or_default().into_iter();
        rows.map(|row| row.as_array().unwrap().clone()).collect()
    }

    fn read_rows(&mut self, server: &Server) -> &'static str {
        let series = self.random.below(SERIES);
        let from = self.random.below(INSTANTS) * STEP_NS;
        let to = from + self.random.below(INSTANTS) * STEP_NS;
        let query = format!(
            "SELECT i, f, s, b FROM m WHERE thread = 't{}' AND line = 's{series}' \
             AND time >= {from} AND time < {to}",
            self.number
        );
        let found = self.ask(server, &query);
        let rows = self.model.entry(series).or_default();
        let expected: Vec<Vec<Value>> = rows
            .range(from..to)
            .map(|(time, row)| {
                vec![
                    json!(time),
                    json!(row.i),
                    json!(row.f),
                    json!(row.s),
                    json!(row.b),
                ]
            })
            .collect();
        compare(&query, &found, &expected);
        "reads of rows"
    }

    fn read_windows(&mut self, server: &Server) -> &'static str {
        let series = self.random.below(SERIES);
        let query = format!(
            "SELECT count(i), sum(i), min(i), max(i), first(i), last(i) FROM m \
             WHERE thread = 't{}' AND line = 's{series}' AND time >= 0 AND time < {} \
             GROUP BY time(10m) fill(none)",
            self.number,
            INSTANTS * STEP_NS
        );
        let found = self.ask(server, &query);
        let mut windows: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
        for (time, row) in self.model.entry(series).or_default() {
            if let Some(value) = row.i {
                windows
                    .entry(time / WINDOW_NS * WINDOW_NS)
                    .or_default()
                    .push(value);
            }
        }
        let expected: Vec<Vec<Value>> = windows
            .into_iter()
            .map(|(start, values)| {
                vec![
                    json!(start),
                    json!(values.len()),
                    json!(values.iter().sum::<i64>()),
                    json!(values.iter().min()),
                    json!(values.iter().max()),
                    json!(values.first()),
                    json!(values.last()),
                ]
            })
            .collect();
        compare(&query, &found, &expected);
        "reads of windows"
    }

    fn check_all(&mut self, server: &Server) {
        for series in 0..SERIES {
            let query = format!(
                "SELECT i, f, s, b FROM m WHERE thread = 't{}' AND line = 's{series}'",
                self.number
            );
            let found = self.ask(server, &query);
            let rows = self.model.entry(series).or_default();
            let expected: Vec<Vec<Value>> = rows
                .iter()
                .map(|(time, row)| {
                    vec![
                        json!(time),
                        json!(row.i),
                        json!(row.f),
                        json!(row.s),
                        json!(row.b),
                    ]
                })
                .collect();
            compare(&query, &found, &expected);
        }
    }
}

fn compare(query: &str, found: &[Vec<Value>], expected: &[Vec<Value>]) {
    let differs = found.iter().zip(expected).position(|(a, b)| !equal(a, b));
    if let Some(at) = differs {
        panic!(
            "{query}\nrow {at}: {:?} instead of {:?}",
            found[at], expected[at]
        );
    }
    assert_eq!(found.len(), expected.len(), "{query}");
}

/// A whole float is written without a point.
fn equal(a: &[Value], b: &[Value]) -> bool {
    let same = |(a, b): (&Value, &Value)| a == b || (a.is_number() && a.as_f64() == b.as_f64());
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// RFC 3339 of a time in the first days of 1970.
fn rfc3339(ns: u64) -> String {
    let (seconds, nanos) = (ns / 1_000_000_000, ns % 1_000_000_000);
    let (days, seconds) = (seconds / 86_400, seconds % 86_400);
    let (hour, minute) = (seconds / 3_600, seconds / 60 % 60);
    format!(
        "1970-01-{:02}T{hour:02}:{minute:02}:{:02}.{nanos:09}Z",
        days + 1,
        seconds % 60
    )
}

#[test]
fn all_that_happens_at_once_agrees_with_a_plain_model() {
    let variable = |name: &str| Some(std::env::var(name).ok()?.parse::<u64>().unwrap());
    let seed = variable("SOAK_SEED").unwrap_or_else(|| u64::from(std::process::id()) * 7919 + 1);
    let rounds = variable("SOAK_ROUNDS").unwrap_or(ROUNDS);
    eprintln!("SOAK_SEED={seed}");
    let mut random = Random(seed);
    let mut server = Server::builder()
        .flag("storage-head-max-bytes", "1MiB")
        .start();
    let mut threads: Vec<Thread> = (0..THREADS)
        .map(|number| Thread {
            number,
            random: Random(seed.wrapping_mul(31).wrapping_add(number + 1)),
            model: BTreeMap::new(),
            steps: BTreeMap::new(),
        })
        .collect();
    for round in 1..=rounds {
        std::thread::scope(|scope| {
            let server = &server;
            for thread in &mut threads {
                scope.spawn(move || thread.run(server));
            }
        });
        let end = random.below(3);
        match end {
            0 => {}
            1 => server = server.stop_and_restart(),
            _ => server = server.kill_and_restart(),
        }
        threads
            .iter_mut()
            .for_each(|thread| thread.check_all(&server));
        let how = ["goes on", "was stopped", "was killed"][end as usize];
        eprintln!("round {round} agrees; the server {how}");
    }
    let mut steps: BTreeMap<&str, u64> = BTreeMap::new();
    for (step, times) in threads.iter().flat_map(|thread| &thread.steps) {
        *steps.entry(step).or_default() += times;
    }
    eprintln!("{steps:?}");
    assert_eq!(steps.len(), 4, "{steps:?}");
}
