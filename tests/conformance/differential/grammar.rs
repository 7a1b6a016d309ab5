//! Random SELECT and SHOW statements over the generated data.

use super::data::{SECOND, SPAN, START};
use super::random::Random;

/// What a statement is selected from: its fields by type, and its tags.
#[derive(Clone)]
struct Source {
    text: String,
    numbers: Vec<String>,
    others: Vec<String>,
    tags: Vec<String>,
}

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

fn stored(random: &mut Random) -> Source {
    let (text, numbers, others, tags): (&str, &[&str], &[&str], &[&str]) = match random.below(20) {
        0..=9 => ("cpu", &["usage", "n"], &["ok", "s"], &["host", "region"]),
        10..=12 => ("mem", &["free", "n", "total"], &[], &["host", "rack"]),
        13 => ("daily", &["v", "w"], &[], &["kind"]),
        14 => ("plain", &["v"], &[], &["host"]),
        15 => ("flat", &["v", "f"], &[], &["host"]),
        16 => ("cpu, mem", &["n", "free"], &["s"], &["host", "rack"]),
        17 => ("/^(cpu|mem)$/", &["n", "usage"], &["ok"], &["host"]),
        18 => (
            "\"db\".\"autogen\".cpu",
            &["usage", "n"],
            &["s"],
            &["host", "region"],
        ),
        _ => (
            "\"autogen\".mem",
            &["free", "total"],
            &[],
            &["host", "rack"],
        ),
    };
    Source {
        text: text.to_owned(),
        numbers: names(numbers),
        others: names(others),
        tags: names(tags),
    }
}

fn one(random: &mut Random, from: &[String]) -> String {
    from[random.below(from.len())].clone()
}

pub struct Grammar {
    pub random: Random,
}

/// What the clauses after FROM hold.
struct Shape {
    interval: Option<i64>,
    selects: String,
    /// Columns by name that an enclosing query can use.
    columns: Vec<String>,
}

impl Grammar {
    pub fn statement(&mut self) -> String {
        if self.random.chance(6) {
            return self.show();
        }
        self.select(2).0
    }

    /// A SELECT with at most `depth` subqueries inside, and what it offers to an outer one.
    fn select(&mut self, depth: usize) -> (String, Source) {
        let source = if depth > 0 && self.random.chance(22) {
            let (inner, mut source) = self.select(depth - 1);
            source.text = format!("({inner})");
            source
        } else {
            stored(&mut self.random)
        };
        let shape = self.fields(&source);
        let mut text = format!("SELECT {} FROM {}", shape.selects, source.text);
        let daily = source.text.contains("daily");
        if let Some(condition) = self.condition(&source, shape.interval.is_some(), daily) {
            text += &format!(" WHERE {condition}");
        }
        let (dimensions, kept) = self.dimensions(&source, shape.interval);
        text += &dimensions;
        if self.random.chance(15) {
            text += " ORDER BY time DESC";
        }
        if self.random.chance(25) {
            text += &format!(" LIMIT {}", self.random.between(1, 6));
            // Without LIMIT, OFFSET has inconsistent results, as InfluxDB's documentation says.
            if self.random.chance(30) {
                text += &format!(" OFFSET {}", self.random.between(1, 4));
            }
        }
        if self.random.chance(8) {
            text += &format!(" SLIMIT {}", self.random.between(1, 3));
            if self.random.chance(40) {
                text += &format!(" SOFFSET {}", self.random.between(1, 2));
            }
        }
        let offered = Source {
            text: String::new(),
            numbers: if shape.columns.is_empty() {
                source.numbers.clone()
            } else {
                shape.columns
            },
            others: Vec::new(),
            tags: if kept.is_empty() { source.tags } else { kept },
        };
        (text, offered)
    }

    fn fields(&mut self, source: &Source) -> Shape {
        match self.random.below(100) {
            0..=29 => self.raw(source),
            30..=69 => self.aggregates(source),
            70..=82 => self.transforms(source),
            83..=84 => self.forecast(source),
            _ => self.selectors(source),
        }
    }

    fn interval(&mut self) -> Option<i64> {
        let seconds = [7, 10, 20, 30, 60, 90, 120, 300];
        self.random
            .chance(60)
            .then(|| seconds[self.random.below(seconds.len())])
    }

    fn raw(&mut self, source: &Source) -> Shape {
        let mut parts = Vec::new();
        let mut columns = Vec::new();
        for at in 0..self.random.between(1, 3) {
            let number = one(&mut self.random, &source.numbers);
            match self.random.below(12) {
                0 => parts.push("*".to_owned()),
                1 => {
                    let tag = one(&mut self.random, &source.tags);
                    parts.push(format!("{number}, {tag}"));
                    columns.push(number);
                }
                2 if !source.others.is_empty() => {
                    parts.push(one(&mut self.random, &source.others));
                }
                3 => {
                    let math = self.math(&number);
                    parts.push(format!("{math} AS x{at}"));
                    columns.push(format!("x{at}"));
                }
                4 => {
                    let cast = self
                        .random
                        .pick(&["float", "integer", "field", "tag", "string"]);
                    parts.push(format!("{number}::{cast}"));
                    columns.push(number);
                }
                5 => parts.push("/^[nuv]/".to_owned()),
                6 => {
                    let function = self.random.pick(&["abs", "floor", "ceil", "round", "sqrt"]);
                    parts.push(format!("{function}({number}) AS y{at}"));
                    columns.push(format!("y{at}"));
                }
                7 => {
                    let other = one(&mut self.random, &source.numbers);
                    let op = self.random.pick(&["+", "-", "*", "/", "%"]);
                    parts.push(format!("{number} {op} {other} AS z{at}"));
                    columns.push(format!("z{at}"));
                }
                _ => {
                    parts.push(number.clone());
                    columns.push(number);
                }
            }
        }
        Shape {
            interval: None,
            selects: parts.join(", "),
            columns,
        }
    }

    fn math(&mut self, operand: &str) -> String {
        let number = self.random.pick(&["2", "3", "0.5", "-1", "10"]);
        match self.random.below(6) {
            0 => format!("{operand} + {number}"),
            1 => format!("{operand} * {number}"),
            2 => format!("({operand} - {number}) * 2"),
            3 => format!("{operand} / {number}"),
            4 => format!("-{operand}"),
            _ => format!("{number} - {operand}"),
        }
    }

    fn aggregate(&mut self, source: &Source) -> (String, &'static str) {
        let number = one(&mut self.random, &source.numbers);
        let name = self.random.pick(&[
            "count",
            "sum",
            "mean",
            "min",
            "max",
            "first",
            "last",
            "spread",
            "median",
            "mode",
            "stddev",
            "count",
            "mean",
            "max",
            "last",
            "percentile",
            "integral",
            "distinct",
        ]);
        if !source.others.is_empty() && self.random.chance(10) {
            let other = one(&mut self.random, &source.others);
            let name = self
                .random
                .pick(&["count", "first", "last", "mode", "distinct"]);
            return (format!("{name}({other})"), name);
        }
        let text = match name {
            "percentile" => {
                let percent = self.random.pick(&["10", "50", "90", "99.5", "100"]);
                format!("percentile({number}, {percent})")
            }
            "integral" => match self.random.below(3) {
                0 => format!("integral({number})"),
                1 => format!("integral({number}, 1m)"),
                _ => format!("integral({number}, 10s)"),
            },
            "count" if self.random.chance(25) => format!("count(distinct({number}))"),
            name => format!("{name}({number})"),
        };
        (text, name)
    }

    fn aggregates(&mut self, source: &Source) -> Shape {
        let mut parts = Vec::new();
        let mut columns = Vec::new();
        let several = self.random.between(1, 3);
        for at in 0..several {
            let (call, name) = self.aggregate(source);
            match self.random.below(10) {
                0 => {
                    let math = self.math(&call);
                    parts.push(format!("{math} AS x{at}"));
                    columns.push(format!("x{at}"));
                }
                1 => {
                    let (other, _) = self.aggregate(source);
                    let op = self.random.pick(&["+", "-", "*", "/"]);
                    parts.push(format!("{call} {op} {other} AS z{at}"));
                    columns.push(format!("z{at}"));
                }
                2 if several == 1 => {
                    let name = self.random.pick(&["mean", "count", "max", "last", "sum"]);
                    parts.push(format!("{name}(*)"));
                }
                3 => {
                    parts.push(format!("{call} AS c{at}"));
                    columns.push(format!("c{at}"));
                }
                _ => {
                    parts.push(call);
                    columns.push(name.to_owned());
                }
            }
        }
        columns.dedup();
        Shape {
            interval: self.interval(),
            selects: parts.join(", "),
            columns,
        }
    }

    fn transforms(&mut self, source: &Source) -> Shape {
        let interval = self.interval();
        let number = one(&mut self.random, &source.numbers);
        let argument = match interval {
            Some(_) => {
                let name = self.random.pick(&[
                    "mean", "sum", "max", "min", "count", "first", "last", "median",
                ]);
                format!("{name}({number})")
            }
            None => number,
        };
        let name = self.random.pick(&[
            "derivative",
            "non_negative_derivative",
            "difference",
            "non_negative_difference",
            "moving_average",
            "cumulative_sum",
            "elapsed",
        ]);
        let text = match name {
            "moving_average" => {
                format!("moving_average({argument}, {})", self.random.between(2, 4))
            }
            "derivative" | "non_negative_derivative" | "elapsed" if self.random.chance(50) => {
                let unit = self.random.pick(&["1s", "10s", "1m"]);
                format!("{name}({argument}, {unit})")
            }
            name => format!("{name}({argument})"),
        };
        let (selects, column) = if self.random.chance(20) {
            (format!("{text} * 2 AS x"), "x".to_owned())
        } else {
            (text, name.to_owned())
        };
        Shape {
            interval,
            selects,
            columns: vec![column],
        }
    }

    fn forecast(&mut self, source: &Source) -> Shape {
        let number = one(&mut self.random, &source.numbers);
        let name = self.random.pick(&["holt_winters", "holt_winters_with_fit"]);
        let inner = self.random.pick(&["mean", "first", "max", "sum"]);
        let (horizon, season) = (self.random.between(1, 5), self.random.between(0, 4));
        let seconds = [20, 30, 60][self.random.below(3)];
        Shape {
            interval: Some(seconds),
            selects: format!("{name}({inner}({number}), {horizon}, {season})"),
            columns: vec![name.to_owned()],
        }
    }

    /// One selector, alone or with other columns of its point.
    fn selectors(&mut self, source: &Source) -> Shape {
        let number = one(&mut self.random, &source.numbers);
        let tag = one(&mut self.random, &source.tags);
        let other = one(&mut self.random, &source.numbers);
        let name =
            self.random
                .pick(&["min", "max", "first", "last", "percentile", "top", "bottom"]);
        let count = self.random.between(1, 4);
        let call = match name {
            "percentile" => format!("percentile({number}, 70)"),
            "top" | "bottom" if self.random.chance(30) => {
                format!("{name}({number}, {tag}, {count})")
            }
            "top" | "bottom" => format!("{name}({number}, {count})"),
            name => format!("{name}({number})"),
        };
        let selects = match self.random.below(4) {
            0 => call,
            1 => format!("{call}, {tag}"),
            2 => format!("{call}, {other}"),
            _ => format!("{other}, {call}, {tag}"),
        };
        let interval = if self.random.chance(50) {
            self.interval()
        } else {
            None
        };
        Shape {
            interval,
            selects,
            columns: vec![name.to_owned()],
        }
    }

    fn condition(&mut self, source: &Source, bounded: bool, daily: bool) -> Option<String> {
        let mut parts = Vec::new();
        let unit = if daily && !bounded { 5000 } else { 1 };
        let from = START + self.random.between(-30, SPAN / 2) * unit * SECOND;
        let to = from + self.random.between(60, SPAN) * unit * SECOND;
        if bounded {
            let open = self.random.chance(8);
            if !open {
                parts.push(format!("time >= {from}"));
            }
            let op = self.random.pick(&["<", "<="]);
            parts.push(format!("time {op} {to}"));
        } else if self.random.chance(50) {
            if self.random.chance(80) {
                let op = self.random.pick(&[">", ">="]);
                parts.push(format!("time {op} {from}"));
            }
            if self.random.chance(60) {
                parts.push(format!("time < {to}"));
            }
        }
        if self.random.chance(45) {
            let condition = self.comparison(source);
            parts.push(condition);
            if self.random.chance(30) {
                let (a, b) = (self.comparison(source), self.comparison(source));
                parts.push(format!("({a} OR {b})"));
            }
        }
        (!parts.is_empty()).then(|| parts.join(" AND "))
    }

    fn comparison(&mut self, source: &Source) -> String {
        let number = one(&mut self.random, &source.numbers);
        let tag = one(&mut self.random, &source.tags);
        let value = self.random.between(-2, 15);
        match self.random.below(12) {
            0..=1 => format!(
                "{tag} = '{}'",
                self.random.pick(&["a", "b", "east", "", "r1", "k1"])
            ),
            2 => format!(
                "{tag} != '{}'",
                self.random.pick(&["a", "c", "west", "", "r0"])
            ),
            3 => format!(
                "{tag} =~ /{}/",
                self.random.pick(&["a|b", "^e", ".", "[0-9]", "^$"])
            ),
            4 => format!("{tag} !~ /{}/", self.random.pick(&["a|b", "^w", "1$"])),
            5..=7 => {
                let op = self.random.pick(&["=", "!=", "<", "<=", ">", ">="]);
                format!("{number} {op} {value}")
            }
            8 => format!("{number} * 2 > {value}"),
            9 if !source.others.is_empty() => self
                .random
                .pick(&[
                    "s = 'red'",
                    "s != 'red'",
                    "ok = true",
                    "s =~ /^[rg]/",
                    "ok != false",
                ])
                .to_owned(),
            10 => {
                let other = one(&mut self.random, &source.numbers);
                format!("{number} > {other}")
            }
            _ => format!("{number} > {value}.5"),
        }
    }

    /// The GROUP BY clause with fill(), and the tags that it keeps.
    fn dimensions(&mut self, source: &Source, interval: Option<i64>) -> (String, Vec<String>) {
        let mut parts = Vec::new();
        let mut kept = Vec::new();
        if let Some(seconds) = interval {
            parts.push(match self.random.below(6) {
                0 => format!("time({seconds}s, 3s)"),
                1 => format!("time({seconds}s, -4s)"),
                _ => format!("time({seconds}s)"),
            });
        }
        match self.random.below(10) {
            0..=2 => {
                let tag = one(&mut self.random, &source.tags);
                parts.push(tag.clone());
                kept.push(tag);
            }
            3 => {
                parts.extend(source.tags.iter().cloned());
                kept = source.tags.clone();
            }
            4 => {
                parts.push("*".to_owned());
                kept = source.tags.clone();
            }
            5 if self.random.chance(30) => parts.push("/host|kind/".to_owned()),
            _ => {}
        }
        if parts.is_empty() {
            return (String::new(), kept);
        }
        let mut text = format!(" GROUP BY {}", parts.join(", "));
        if interval.is_some() && self.random.chance(60) {
            let fill = self
                .random
                .pick(&["none", "null", "previous", "linear", "0", "7", "1.5"]);
            text += &format!(" fill({fill})");
        }
        (text, kept)
    }

    fn show(&mut self) -> String {
        let tag = self.random.pick(&["host", "region", "rack", "kind"]);
        let from = match self.random.below(4) {
            0 => " FROM cpu",
            1 => " FROM /c|m/",
            2 => " FROM cpu, mem",
            _ => "",
        };
        let condition = match self.random.below(5) {
            0 => format!(
                " WHERE {tag} = '{}'",
                self.random.pick(&["a", "east", "r1", ""])
            ),
            1 => format!(" WHERE {tag} =~ /[a-e]/"),
            2 => format!(" WHERE {tag} != 'a'"),
            _ => String::new(),
        };
        let limit = match self.random.below(3) {
            0 => format!(" LIMIT {}", self.random.between(1, 5)),
            1 => format!(" LIMIT 3 OFFSET {}", self.random.between(1, 3)),
            _ => String::new(),
        };
        match self.random.below(12) {
            0 => format!("SHOW SERIES{from}{condition}{limit}"),
            1 => format!("SHOW TAG KEYS{from}{condition}{limit}"),
            2 => format!("SHOW TAG VALUES{from} WITH KEY = {tag}{condition}{limit}"),
            3 => format!("SHOW TAG VALUES{from} WITH KEY IN (host, region){condition}{limit}"),
            4 => format!("SHOW FIELD KEYS{from}{limit}"),
            5 => format!("SHOW MEASUREMENTS{condition}{limit}"),
            6 => "SHOW MEASUREMENTS WITH MEASUREMENT =~ /^[cd]/".to_owned(),
            7 => format!("SHOW FIELD KEY EXACT CARDINALITY{from}"),
            8 => format!("SHOW TAG VALUES EXACT CARDINALITY{from} WITH KEY = {tag}{condition}"),
            9 => "SHOW MEASUREMENT EXACT CARDINALITY".to_owned(),
            10 => format!("SHOW SERIES EXACT CARDINALITY{from}{condition}"),
            _ => format!("SHOW TAG KEY EXACT CARDINALITY{from}{condition}"),
        }
    }
}
