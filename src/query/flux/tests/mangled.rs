//! Programs that are nearly right: whatever a mistake makes of one, it is an answer or an error, in bounded
//! time and memory, and never a panic.

use super::memory::context;
use super::{POINTS, dialect};
use crate::query::flux::{FluxRequest, analyze, ast_json, execute};
use proptest::prelude::*;

const SEEDS: [&str; 24] = [
    "from(bucket: \"b\") |> range(start: 0, stop: 1h) |> filter(fn: (r) => r._field == \"usage\" and r.host != \"x\") |> mean()",
    "from(bucket: \"b\") |> range(start: -1h) |> aggregateWindow(every: 1m, fn: max, createEmpty: true) |> fill(usePrevious: true)",
    "from(bucket: \"b\") |> range(start: 0) |> map(fn: (r) => ({r with x: float(v: r._value) * 2.0, y: if exists r.kind then \"a\" else \"b\"}))",
    "from(bucket: \"b\") |> range(start: 0) |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\") |> sort(columns: [\"_time\"], desc: true)",
    "from(bucket: \"b\") |> range(start: 0) |> group(columns: [\"host\"]) |> reduce(identity: {n: 0, s: 0.0}, fn: (r, accumulator) => ({n: accumulator.n + 1, s: accumulator.s + float(v: r._value)}))",
    "a = from(bucket: \"b\") |> range(start: 0) b = a |> limit(n: 2, offset: 1) join(tables: {a: a, b: b}, on: [\"_time\", \"host\"])",
    "import \"array\" array.from(rows: [{a: 1, b: \"x\", c: 2.5, d: true, e: 2020-01-01T00:00:00Z}, {a: 2, b: \"y\", c: -1.0, d: false, e: 2021-01-01T00:00:00Z}]) |> sum(column: \"a\")",
    "import \"strings\" import \"array\" array.from(rows: [{v: strings.toUpper(v: strings.substring(v: \"abc\", start: 0, end: 2))}])",
    "import \"date\" import \"timezone\" option location = timezone.location(name: \"Europe/Berlin\") from(bucket: \"b\") |> range(start: date.truncate(t: now(), unit: 1d)) |> window(every: 1mo, offset: -2h)",
    "import \"dict\" d = [\"a\": 1, \"b\": 2] import \"array\" array.from(rows: [{v: dict.get(dict: d, key: \"a\", default: 0)}])",
    "import \"generate\" generate.from(count: 10, fn: (n) => n * n + 1, start: 2020-01-01T00:00:00Z, stop: 2020-01-02T00:00:00Z) |> cumulativeSum() |> derivative(unit: 1s)",
    "import \"csv\" csv.from(csv: \"#datatype,string,long,dateTime:RFC3339,double\\n#group,false,false,false,false\\n#default,_result,,,\\n,result,table,_time,_value\\n,,0,2020-01-01T00:00:00Z,1\\n\") |> holtWinters(n: 2, interval: 1h)",
    "import \"experimental/dynamic\" import \"array\" x = dynamic.jsonParse(data: bytes(v: \"{\\\"a\\\":[1,2]}\")) array.from(rows: [{v: string(v: dynamic.jsonEncode(v: x.a))}])",
    "import \"join\" l = from(bucket: \"b\") |> range(start: 0) join.full(left: l, right: l, on: (l, r) => l._time == r._time, as: (l, r) => ({_time: l._time, v: r._value}))",
    "import \"regexp\" import \"array\" array.from(rows: [{v: regexp.replaceAllString(r: /a(b*)/, v: \"abbb\", t: \"$1\")}]) |> filter(fn: (r) => r.v =~ /b+/)",
    "f = (tables=<-, n=1, g) => tables |> limit(n: n) |> map(fn: g) from(bucket: \"b\") |> range(start: 0) |> f(g: (r) => ({r with z: \"${r.host}: ${string(v: r._value)}\"}))",
    "from(bucket: \"b\") |> range(start: 0) |> histogram(bins: linearBins(start: 0.0, width: 5.0, count: 4)) |> histogramQuantile(quantile: 0.9)",
    "from(bucket: \"b\") |> range(start: 0) |> stateDuration(fn: (r) => r._value > 3.0, column: \"s\", unit: 1s) |> stateTracking(fn: (r) => r._value > 1.0, countColumn: \"c\")",
    "x = from(bucket: \"b\") |> range(start: 0) |> findRecord(fn: (key) => key.host == \"a\", idx: 0) import \"array\" array.from(rows: [{v: x._value}])",
    "union(tables: [from(bucket: \"b\") |> range(start: 0), from(bucket: \"b\") |> range(start: 1m)]) |> distinct(column: \"host\") |> yield(name: \"a\")",
    "import \"influxdata/influxdb/schema\" schema.tagValues(bucket: \"b\", tag: \"host\", predicate: (r) => r._measurement == \"cpu\", start: 0)",
    "import \"math\" from(bucket: \"b\") |> range(start: 0) |> quantile(q: 0.5, method: \"exact_mean\") |> map(fn: (r) => ({r with v: math.pow(x: r._value, y: 2.0)}))",
    "from(bucket: \"b\") |> range(start: 0) |> difference(nonNegative: true, keepFirst: true) |> movingAverage(n: 2) |> timeShift(duration: -1mo3d, columns: [\"_time\"]) |> tail(n: 3)",
    "import \"experimental\" option now = () => 2020-01-01T00:00:00Z from(bucket: \"b\") |> range(start: -50y) |> experimental.unpivot() |> experimental.set(o: {a: \"b\", c: 1})",
];

/// What may come in the place of a word, or between two.
const WORDS: [&str; 44] = [
    "from",
    "range",
    "r",
    "_value",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "|>",
    "=>",
    "<-",
    "=",
    "==",
    "!=",
    "and",
    "or",
    "not",
    "exists",
    "if",
    "then",
    "else",
    "import",
    "option",
    "return",
    "with",
    "-",
    "+",
    "*",
    "/",
    "0",
    "-1",
    "1.5",
    "9223372036854775807",
    "1mo",
    "-3w2d",
    "\"x\"",
    "true",
    "/(/",
    "now()",
    "\u{e4}\u{1f600}",
];

/// Words, numbers, strings and signs, as a program is written.
fn pieces(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut quoted = false;
    let mut escaped = false;
    let mut wordy = false;
    for c in text.chars() {
        let of_word = c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
        let joins = quoted || (wordy && of_word);
        match out.last_mut() {
            Some(last) if joins => last.push(c),
            _ => out.push(c.to_string()),
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
        wordy = of_word && !quoted;
    }
    out
}

#[derive(Debug, Clone)]
enum Mistake {
    Leave(usize),
    Put(usize, usize),
    Insert(usize, usize),
    Swap(usize, usize),
    Copy(usize, usize),
}

fn mistake() -> impl Strategy<Value = Mistake> {
    let place = || 0..1000_usize;
    prop_oneof![
        place().prop_map(Mistake::Leave),
        (place(), 0..WORDS.len()).prop_map(|(at, word)| Mistake::Put(at, word)),
        (place(), 0..WORDS.len()).prop_map(|(at, word)| Mistake::Insert(at, word)),
        (place(), place()).prop_map(|(a, b)| Mistake::Swap(a, b)),
        (place(), place()).prop_map(|(from, to)| Mistake::Copy(from, to)),
    ]
}

fn mangled(seed: &str, mistakes: &[Mistake]) -> String {
    let mut pieces = pieces(seed);
    for mistake in mistakes {
        let count = pieces.len().max(1);
        match *mistake {
            Mistake::Leave(at) if pieces.len() > 1 => drop(pieces.remove(at % count)),
            Mistake::Leave(_) => {}
            Mistake::Put(at, word) => pieces[at % count] = WORDS[word].to_owned(),
            Mistake::Insert(at, word) => pieces.insert(at % count, format!(" {} ", WORDS[word])),
            Mistake::Swap(a, b) => pieces.swap(a % count, b % count),
            Mistake::Copy(from, to) => {
                let piece = pieces[from % count].clone();
                pieces.insert(to % count, piece);
            }
        }
    }
    pieces.concat()
}

/// An answer or an error; what it is does not matter here.
fn survives(text: &str) {
    analyze(text);
    let _ = ast_json(text);
    let ctx = context(POINTS);
    let mut out = Vec::new();
    let _ = execute(
        &ctx,
        &FluxRequest::new(text.to_owned(), dialect()),
        &mut out,
    );
}

#[test]
fn the_programs_themselves_are_right() {
    for seed in SEEDS {
        let faults = analyze(seed);
        // Some import in the middle, which only a mangled program needs to survive.
        let early = !seed.contains("] import") && !seed.contains(") import");
        assert!(faults.is_empty() || !early, "{seed}: {faults:?}");
        assert_eq!(pieces(seed).concat(), seed);
        survives(seed);
    }
}

/// `MANGLED_CASES` runs more.
fn cases() -> u32 {
    let wanted = std::env::var("MANGLED_CASES").ok();
    wanted.and_then(|cases| cases.parse().ok()).unwrap_or(3000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn mistakes_are_survived(seed in 0..SEEDS.len(), mistakes in prop::collection::vec(mistake(), 1..6)) {
        survives(&mangled(SEEDS[seed], &mistakes));
    }

    #[test]
    fn any_text_is_survived(text in "\\PC{0,80}") {
        survives(&text);
    }

    #[test]
    fn any_words_are_survived(words in prop::collection::vec(0..WORDS.len(), 0..60)) {
        let words: Vec<&str> = words.into_iter().map(|word| WORDS[word]).collect();
        survives(&words.join(" "));
    }
}

#[test]
fn deep_programs_are_refused() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{a: ", "}"),
        ("-", ""),
        ("not ", ""),
        ("() => ", ""),
    ] {
        let text = format!("x = {}1{}", open.repeat(20_000), close.repeat(20_000));
        assert!(!analyze(&text).is_empty(), "{open}");
        survives(&text);
    }
    let calls = "f0 = (x) => x + 1\n".to_owned()
        + &(1..400)
            .map(|n| format!("f{n} = (x) => f{}(x: f{}(x: x))\n", n - 1, n - 1))
            .collect::<String>()
        + "y = f399(x: 1)";
    survives(&calls);
}
