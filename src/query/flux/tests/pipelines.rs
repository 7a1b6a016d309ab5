//! Random points and random Flux pipelines over them, the same for the same seed.

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

const HOUR: u64 = 3600;
/// Points lie in so many seconds from the epoch on.
const SPAN: u64 = 3 * HOUR;

/// Lines of the line protocol with times in seconds. Some points are written again and again.
pub fn lines(random: &mut Random, count: usize) -> String {
    let mut out = String::new();
    for _ in 0..count {
        let time = match random.below(4) {
            // Long regular stretches, and what comes anywhere.
            0 => random.below(SPAN),
            _ => random.below(SPAN / 10) * 10,
        };
        let host = random.below(4);
        let region = match random.below(3) {
            0 => String::new(),
            n => format!(",region=r{n}"),
        };
        let mut fields = Vec::new();
        if random.once_in(4) {
            // Another measurement, where `a` has another type.
            fields.push(format!("a={}", random.below(40) as f64 / 4.0));
            out.push_str(&format!("n,host=h{host} {} {time}\n", fields.join(",")));
            continue;
        }
        fields.push(format!("a={}i", random.below(20)));
        if !random.once_in(5) {
            fields.push(format!("b={}", random.below(400) as f64 / 4.0));
        }
        if random.once_in(2) {
            fields.push(format!("c={}", random.next() as f64 / 1e15));
        }
        if random.once_in(4) {
            fields.push(format!("s=\"x{}\"", random.below(4)));
            fields.push(format!("t={}", random.once_in(2)));
        }
        if random.once_in(3) {
            fields.push(format!("u={}u", random.below(9)));
        }
        let line = format!("m,host=h{host}{region} {} {time}\n", fields.join(","));
        out.push_str(&line);
    }
    out
}

/// A whole query.
pub fn pipeline(random: &mut Random) -> String {
    let start = random.below(SPAN / 2);
    let stop = start + 1 + random.below(SPAN);
    let mut out = format!("from(bucket: \"b\")\n  |> range(start: {start}, stop: {stop})\n");
    let filter = match random.below(8) {
        0 => "true".to_owned(),
        1 => "r._measurement == \"n\"".to_owned(),
        2 => "r._field == \"a\"".to_owned(),
        3 => "r._measurement == \"m\"".to_owned(),
        _ => {
            let field = random.one(&["a", "b", "c", "u", "s", "t"]);
            let other = random.one(&["a", "b", "b", "u"]);
            format!(
                "r._measurement == \"m\" and (r._field == \"{field}\" or r._field == \"{other}\")"
            )
        }
    };
    out.push_str(&format!("  |> filter(fn: (r) => {filter})\n"));
    if random.once_in(3) {
        let tags = random.one(&[
            "r.host == \"h1\"",
            "r.host != \"h1\"",
            "r.host =~ /h[12]/",
            "exists r.region",
            "not exists r.region",
            "r.region == \"r1\" or r.host == \"h0\"",
        ]);
        out.push_str(&format!("  |> filter(fn: (r) => {tags})\n"));
    }
    match random.below(6) {
        0 => template(random, &mut out),
        _ => {
            for _ in 0..random.below(5) {
                step(random, &mut out);
            }
        }
    }
    out
}

/// Shapes that dashboards use, and that have a shorter way.
fn template(random: &mut Random, out: &mut String) {
    let n = 1 + random.below(12);
    let desc = random.one(&["true", "false"]);
    let last = format!(
        "  |> group()\n  |> sort(columns: [\"_time\"], desc: {desc})\n  |> limit(n: {n}, offset: {})\n",
        random.below(3)
    );
    match random.below(5) {
        0 => out.push_str(&last),
        1 => {
            out.push_str("  |> filter(fn: (r) => r._value > 5)\n");
            out.push_str(&last);
        }
        2 => {
            window(random, out);
            out.push_str("  |> group(columns: [\"_time\", \"_field\"])\n  |> max()\n");
            out.push_str(&last);
        }
        3 => {
            window(random, out);
            out.push_str(&last);
        }
        _ => {
            out.push_str(PIVOT);
            let test = random.one(&[
                "r.a > 10",
                "r.a > 10.0 and r.host == \"h1\"",
                "r.a > 15 or r.b < 20.0",
                "r.host == \"h2\"",
                "exists r.c",
                "r.a > 3 or not exists r.b",
                "r.s == \"x1\"",
                "r.zz > 3",
            ]);
            out.push_str(&format!("  |> filter(fn: (r) => {test})\n"));
        }
    }
}

const PIVOT: &str =
    "  |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")\n";

fn window(random: &mut Random, out: &mut String) {
    let every = random.one(&["10s", "1m", "7m", "1h", "1d", "1mo"]);
    let function = random.one(&[
        "max", "min", "mean", "sum", "count", "first", "last", "median", "spread",
    ]);
    out.push_str(&format!(
        "  |> aggregateWindow(every: {every}, fn: {function}, createEmpty: {}{}{})\n",
        random.once_in(3),
        random.one(&["", "", ", timeSrc: \"_start\""]),
        random.one(&["", "", "", ", offset: 3s", ", period: 90s"]),
    ));
}

fn step(random: &mut Random, out: &mut String) {
    let n = random.below(9);
    let text = match random.below(22) {
        0..=2 => return window(random, out),
        3 => format!("group(columns: [{}])", columns(random)),
        4 => "group()".to_owned(),
        5 => format!("group(columns: [{}], mode: \"except\")", columns(random)),
        6 | 7 => {
            let function = random.one(&["first", "last", "min", "max", "count", "sum", "mean"]);
            format!("{function}()")
        }
        8 => format!(
            "sort(columns: [{}], desc: {})",
            columns(random),
            random.once_in(2)
        ),
        9 | 10 => format!("limit(n: {n}, offset: {})", random.below(3)),
        11 => format!("tail(n: {n}, offset: {})", random.below(3)),
        12 => {
            out.push_str(PIVOT);
            return;
        }
        13 => format!(
            "filter(fn: (r) => {}, onEmpty: \"{}\")",
            random.one(&[
                "r._value > 5",
                "r._value <= 7.5 and r.host != \"h3\"",
                "r._field == \"a\" or r._value > 3",
                "exists r._value",
                "r._value == \"x1\"",
                "not (r._value > 5)",
            ]),
            random.one(&["drop", "drop", "keep"])
        ),
        14 => format!("keep(columns: [{}])", columns(random)),
        15 => format!("drop(columns: [{}])", columns(random)),
        16 => format!(
            "map(fn: (r) => ({{{}}}))",
            random.one(&[
                "r with _value: r._value",
                "r with x: 1",
                "r with host: \"h\"",
                "_time: r._time, _value: r._value, host: r.host",
            ])
        ),
        17 => format!("distinct(column: \"{}\")", random.one(&["_value", "host"])),
        18 => format!("unique(column: \"{}\")", random.one(&["_value", "host"])),
        19 => random
            .one(&[
                "fill(usePrevious: true)",
                "duplicate(column: \"_time\", as: \"at\")",
                "rename(columns: {host: \"server\"})",
                "set(key: \"x\", value: \"y\")",
            ])
            .to_owned(),
        20 => format!("window(every: {})", random.one(&["1m", "1h"])),
        _ => format!("{}(n: {n})", random.one(&["top", "bottom"])),
    };
    out.push_str(&format!("  |> {text}\n"));
}

fn columns(random: &mut Random) -> String {
    let mut all = vec![
        "_time",
        "_value",
        "_field",
        "_measurement",
        "host",
        "region",
        "_start",
    ];
    let mut out = Vec::new();
    for _ in 0..1 + random.below(4) {
        let at = random.below(all.len() as u64) as usize;
        out.push(format!("\"{}\"", all.remove(at)));
    }
    out.join(", ")
}
