//! Whatever text comes in, reading it ends, soon, and without a panic.

use super::{Params, parse_query};
use proptest::prelude::*;

const WORDS: [&str; 60] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "time(",
    "10m",
    ")",
    "(",
    ",",
    ";",
    "*",
    "/re/",
    "/",
    "'text'",
    "\"name\"",
    "name",
    "AND",
    "OR",
    "=",
    "!=",
    "<>",
    "=~",
    "!~",
    "<",
    ">=",
    "+",
    "-",
    "%",
    "&",
    "|",
    "^",
    "1",
    "-1",
    "1.5",
    "99999999999999999999",
    "1e9",
    "$p",
    "$",
    "::",
    ".",
    ":",
    "fill(",
    "null",
    "ORDER BY time",
    "DESC",
    "LIMIT",
    "SLIMIT",
    "tz('UTC')",
    "INTO",
    "SHOW",
    "TAG VALUES",
    "WITH KEY IN",
    "CARDINALITY",
    "ON",
    "CREATE DATABASE",
    "DELETE",
    "DROP SERIES",
    "EXPLAIN",
    "--",
    "/*",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = parse_query(&text, &Params::default());
    }

    #[test]
    fn any_words_are_read_or_refused(words in prop::collection::vec(0..WORDS.len(), 0..60)) {
        let text: Vec<&str> = words.iter().map(|at| WORDS[*at]).collect();
        let _ = parse_query(&text.join(" "), &Params::default());
        let _ = parse_query(&text.concat(), &Params::default());
    }

    #[test]
    fn bytes_that_are_cut_anywhere_are_read_or_refused(cut in 0_usize..400) {
        let text = "SELECT mean(\"é\"), top(v, 'ü', 3) AS \"µ\" INTO :MEASUREMENT FROM /a\\/b/, (SELECT * FROM m) \
                    WHERE time > now() - 1h30m AND (x =~ /^.*$/ OR y != $p) GROUP BY time(1µs, -3s), * \
                    fill(-1.5) ORDER BY time DESC LIMIT 3 OFFSET 1 SLIMIT 2 SOFFSET 1 tz('Europe/Berlin')";
        if let Some(cut) = text.get(..cut) {
            let _ = parse_query(cut, &Params::default());
        }
    }
}

/// Deep nesting and long chains: refused or read, on any thread's stack.
#[test]
fn depth_and_length_are_bounded() {
    let deep = [
        format!(
            "SELECT {}v{} FROM m",
            "(".repeat(50_000),
            ")".repeat(50_000)
        ),
        format!(
            "SELECT v FROM {}m{}",
            "(SELECT v FROM ".repeat(50_000),
            ")".repeat(50_000)
        ),
        format!("SELECT {}v FROM m", "abs(".repeat(50_000)),
        format!("SELECT {}v FROM m", "-".repeat(50_000)),
        format!("SELECT v FROM m WHERE {}", "NOT ".repeat(50_000)),
        format!("SELECT v {} FROM m", "+ 1 ".repeat(50_000)),
        format!("SELECT v FROM m WHERE a = 1{}", " AND a = 1".repeat(50_000)),
        format!("SELECT v FROM m WHERE {}a = 1", "(a = 1 OR ".repeat(50_000)),
        "SHOW DATABASES;".repeat(50_000),
        format!("SELECT {}v FROM m", "v, ".repeat(50_000)),
        format!("SELECT v FROM m WHERE t =~ /{}/", "(a*)*".repeat(20_000)),
        "/*".repeat(50_000),
    ];
    for text in deep {
        let read = std::thread::Builder::new()
            .stack_size(1 << 20)
            .spawn(move || drop(parse_query(&text, &Params::default())));
        assert!(read.unwrap().join().is_ok());
    }
}
