use super::super::ast::{Expr, Fill, Literal, Order, Statement};
use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Result<Query> {
    parse_query(text, &Params::default())
}

fn error(text: &str) -> String {
    parse(text).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn errors_say_what_was_found_and_expected_and_where() {
    for (text, message) in [
        (
            "SELECT",
            "found EOF, expected identifier, string, number, bool at line 1, char 8",
        ),
        (
            "SELECT time FROM myseries WHERE",
            "found EOF, expected identifier, string, number, bool at line 1, char 33",
        ),
        (
            "SELECT field1 X",
            "found X, expected FROM at line 1, char 15",
        ),
        (
            "SELECT field1 FROM \"series\" WHERE X +;",
            "found ;, expected identifier, string, number, bool at line 1, char 38",
        ),
        (
            "SELECT field1 FROM myseries GROUP",
            "found EOF, expected BY at line 1, char 35",
        ),
        (
            "SELECT field1 FROM myseries LIMIT",
            "found EOF, expected integer at line 1, char 35",
        ),
        (
            "SELECT field1 FROM myseries LIMIT 10.5",
            "found 10.5, expected integer at line 1, char 35",
        ),
        (
            "SELECT field1 FROM myseries ORDER BY /",
            "found /, expected identifier, ASC, DESC at line 1, char 38",
        ),
        (
            "SELECT field1 AS",
            "found EOF, expected identifier at line 1, char 18",
        ),
        (
            "SELECT field1 FROM 12",
            "found 12, expected identifier at line 1, char 20",
        ),
        (
            "blah blah",
            "found blah, expected SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, ALTER, SET, KILL at line 1, char 1",
        ),
        (
            "SELECT field1 FROM myseries ORDER BY 1",
            "found 1, expected identifier, ASC, DESC at line 1, char 38",
        ),
        (
            "SHOW RETENTION ON",
            "found ON, expected POLICIES at line 1, char 16",
        ),
        (
            "SELECT a FROM b; SELECT",
            "found EOF, expected identifier, string, number, bool at line 1, char 25",
        ),
        (
            "SELECT a FROM b SELECT a FROM b",
            "found SELECT, expected ; at line 1, char 17",
        ),
        (
            "SELECT value > 2 FROM cpu",
            "invalid operator > in SELECT clause at line 1, char 8; operator is intended for WHERE clause",
        ),
        ("SELECT a FROM b WHERE c = $d", "missing parameter: d"),
        (
            "DROP SERIES",
            "found EOF, expected FROM, WHERE at line 1, char 13",
        ),
        (
            "KILL QUERY",
            "found EOF, expected integer at line 1, char 12",
        ),
    ] {
        assert_eq!(error(text), message, "{text}");
    }
}

#[test]
fn every_kind_of_statement_is_read() {
    for text in [
        "SELECT * FROM cpu",
        "SELECT mean(value) AS m, max(value) FROM a",
        "SELECT value::float, host::tag, *::field FROM db.rp.cpu, db..mem, /x.*/, db.rp./y/",
        "SELECT mean(a) FROM (SELECT max(b) AS a FROM c GROUP BY d) WHERE time > now() - 1h GROUP BY time(1m, 10s), *, /h.*/ fill(linear) ORDER BY time DESC LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4 tz('Europe/Berlin')",
        "SELECT a INTO b FROM c",
        "SELECT a INTO db.rp.:MEASUREMENT FROM /.*/",
        "SELECT count(distinct(a)), DISTINCT b FROM c",
        "SELECT -a, -(b), +3 * c % 2 & 1 | 4 ^ 5 FROM d",
        "EXPLAIN SELECT a FROM b; EXPLAIN ANALYZE SELECT a FROM b",
        "SHOW DATABASES; SHOW RETENTION POLICIES ON a; SHOW RETENTION POLICIES",
        "SHOW MEASUREMENTS ON *.* WITH MEASUREMENT =~ /a/ WHERE b = 'c' ORDER BY ASC LIMIT 1 OFFSET 2",
        "SHOW SERIES ON a FROM b WHERE c = 'd' ORDER BY DESC LIMIT 1 OFFSET 2",
        "SHOW TAG KEYS ON a FROM b WITH KEY IN (c, d) WHERE e !~ /f/ LIMIT 1 SLIMIT 2 SOFFSET 3",
        "SHOW TAG VALUES FROM a WITH KEY =~ /b/; SHOW TAG VALUES WITH KEY != c",
        "SHOW FIELD KEYS FROM a, /b/ LIMIT 3",
        "SHOW SERIES CARDINALITY; SHOW SERIES EXACT CARDINALITY ON a FROM b WHERE c = 'd' GROUP BY e",
        "SHOW MEASUREMENT CARDINALITY; SHOW MEASUREMENT EXACT CARDINALITY",
        "SHOW TAG KEY CARDINALITY; SHOW TAG KEY EXACT CARDINALITY FROM a",
        "SHOW TAG VALUES CARDINALITY WITH KEY = a; SHOW TAG VALUES EXACT CARDINALITY WITH KEY = a",
        "SHOW FIELD KEY CARDINALITY; SHOW FIELD KEY EXACT CARDINALITY",
        "SHOW QUERIES; SHOW STATS; SHOW STATS FOR 'a'; SHOW DIAGNOSTICS; SHOW SHARDS; SHOW SHARD GROUPS",
        "SHOW CONTINUOUS QUERIES; SHOW SUBSCRIPTIONS; SHOW USERS; SHOW GRANTS FOR a",
        "KILL QUERY 4; KILL QUERY 4 ON \"host:8088\"",
        "DELETE FROM a WHERE time < '2000-01-01'; DELETE WHERE b = 'c'; DROP SERIES FROM a WHERE b = 'c'",
        "DROP MEASUREMENT a; DROP SHARD 3; DROP DATABASE a; DROP RETENTION POLICY a ON b; DROP USER a",
        "CREATE DATABASE a; CREATE DATABASE a WITH DURATION 1h REPLICATION 1 SHARD DURATION 30m NAME b",
        "CREATE RETENTION POLICY a ON b DURATION 1h REPLICATION 1 SHARD DURATION 30m DEFAULT",
        "ALTER RETENTION POLICY a ON b DURATION INF DEFAULT",
        "CREATE USER a WITH PASSWORD 'b' WITH ALL PRIVILEGES; SET PASSWORD FOR a = 'b'",
        "GRANT READ ON a TO b; GRANT ALL PRIVILEGES TO b; REVOKE WRITE ON a FROM b; REVOKE ALL FROM b",
        "CREATE CONTINUOUS QUERY a ON b RESAMPLE EVERY 1h FOR 2h BEGIN SELECT mean(c) INTO d FROM e GROUP BY time(1h) END",
        "DROP CONTINUOUS QUERY a ON b",
        "CREATE SUBSCRIPTION a ON b.c DESTINATIONS ALL 'd', 'e'; DROP SUBSCRIPTION a ON b.c",
    ] {
        assert!(parse(text).is_ok(), "{text}: {}", error(text));
    }
}

#[test]
fn clauses_of_select_arrive_in_the_tree() {
    let text = "SELECT a FROM b GROUP BY time(5s), c fill(3) ORDER BY time DESC LIMIT 1 SOFFSET 2";
    let query = parse(text).unwrap();
    let [Statement::Select(select)] = query.as_slice() else {
        panic!("{query:?}")
    };
    assert_eq!(select.fill, Fill::Number(Literal::Integer(3)));
    assert_eq!(select.order, Some(Order::Descending));
    assert_eq!((select.limits.limit, select.limits.series_offset), (1, 2));
    assert_eq!(select.group_by.len(), 2);
}

fn folded(text: &str) -> String {
    // Parentheses around every operation show the tree.
    fn show(expr: &Expr) -> String {
        match expr {
            Expr::Binary(b) => format!("[{} {} {}]", show(&b.left), b.op.symbol(), show(&b.right)),
            Expr::Paren(inner) => show(inner),
            other => other.to_string(),
        }
    }
    let query = parse(&format!("SELECT x FROM m WHERE {text}")).unwrap();
    let [Statement::Select(select)] = query.as_slice() else {
        panic!("{query:?}")
    };
    show(select.condition.as_ref().unwrap())
}

#[test]
fn operators_bind_by_precedence_and_to_the_left() {
    assert_eq!(folded("a + b * c - d > 1"), "[[[a + [b * c]] - d] > 1]");
    assert_eq!(
        folded("a = 'x' OR b = 'y' AND c = 'z'"),
        "[[a = 'x'] OR [[b = 'y'] AND [c = 'z']]]"
    );
    assert_eq!(
        folded("a / b / c = 1 AND d =~ /x/"),
        "[[[[a / b] / c] = 1] AND [d =~ /x/]]"
    );
}

#[test]
fn parameters_stand_for_values() {
    let params = serde_json::json!({"v": 3, "s": "x", "r": {"regex": "a.*"}, "i": {"identifier": "f"}, "d": {"duration": "5m"}});
    let params = Params::from_json(&params).unwrap();
    let text = "SELECT $i FROM m WHERE a > $v AND b = $s AND c =~ $r GROUP BY time($d)";
    let query = parse_query(text, &params).unwrap();
    let [Statement::Select(select)] = query.as_slice() else {
        panic!("{query:?}")
    };
    assert_eq!(
        select.condition.as_ref().unwrap().to_string(),
        "a > 3 AND b = 'x' AND c =~ /a.*/"
    );
    assert_eq!(select.group_by[0].to_string(), "time(5m)");
}

#[test]
fn nesting_is_bounded() {
    let deep = format!(
        "SELECT {}a{} FROM b",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    assert!(error(&deep).contains("nested deeper than"));
    let deep = format!("SELECT {}a FROM b", "-".repeat(100_001));
    assert!(parse(&deep).is_err());
    let deep = format!("{}a{}", "SELECT x FROM (".repeat(5_000), ")".repeat(5_000));
    assert!(error(&deep).contains("nested deeper than"));
    let deep = format!(
        "SELECT x FROM m WHERE a = 1{}",
        " AND a = 1 + 2 * 3".repeat(20_000)
    );
    let _ = parse(&deep);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_mix_of_words_makes_the_parser_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "SELECT", "FROM", "WHERE", "GROUP", "BY", "time", "(", ")", ",", "*", "/", "a", "\"b\"",
                "'c'", "1", "1.5", "3h", "=", "=~", "/x/", "AND", "OR", "-", "+", "::", "float", ";",
                "SHOW", "TAG", "VALUES", "WITH", "KEY", "fill", "none", "ORDER", "DESC", "LIMIT", ".",
                "DISTINCT", "count", "$p", "INTO", ":", "MEASUREMENT", "DROP", "CREATE", "DATABASE",
            ]),
            0..40,
        ),
        separator in prop::sample::select(vec!["", " "]),
    ) {
        let _ = parse(&words.join(separator));
    }
}
