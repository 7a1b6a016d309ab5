//! Statements of every kind, most of them broken in one or two places.

use super::grammar::Grammar;
use super::random::Random;

/// Well-formed statements on a database that is not there.
const STATEMENTS: [&str; 48] = [
    "SELECT mean(v), max(w) AS top FROM \"a\".\"b\".m WHERE time > now() - 1h AND host = 'x' GROUP BY time(10m, 3m), host fill(previous) ORDER BY time DESC LIMIT 5 OFFSET 2 SLIMIT 3 SOFFSET 1 tz('UTC')",
    "SELECT v::float, host::tag INTO \"a\".\"b\".n FROM m WHERE v =~ /a.*b/ AND (w > 3 OR s != 'x')",
    "SELECT * FROM /cpu.*/ WHERE time >= '2000-01-01T00:00:00Z' GROUP BY *",
    "SELECT top(v, host, 3), host FROM (SELECT max(v) FROM m GROUP BY time(1m), host) WHERE v > 1.5",
    "SELECT count(distinct(v)), percentile(v, 90), derivative(mean(v), 10s) FROM m GROUP BY time(1d)",
    "SELECT DISTINCT v FROM m; SHOW DATABASES",
    "SELECT -v + 3 * (w - 2) / 4 % 5 & 6 | 7 ^ 8 FROM m, n",
    "EXPLAIN ANALYZE SELECT v FROM m",
    "SHOW DATABASES",
    "SHOW MEASUREMENTS ON db WITH MEASUREMENT =~ /h.*/ WHERE a = 'b' LIMIT 3 OFFSET 2",
    "SHOW SERIES ON db FROM m WHERE a = 'b' ORDER BY ASC LIMIT 3 OFFSET 1",
    "SHOW TAG KEYS ON db FROM m, /n/ WITH KEY IN (a, b) WHERE c !~ /d/ LIMIT 1 SLIMIT 2",
    "SHOW TAG VALUES ON db FROM m WITH KEY = host WHERE a <> 'b' LIMIT 3",
    "SHOW TAG VALUES WITH KEY =~ /h.*/",
    "SHOW FIELD KEYS ON db FROM \"rp\".m LIMIT 2",
    "SHOW RETENTION POLICIES ON db",
    "SHOW SERIES EXACT CARDINALITY ON db FROM m WHERE a = 'b' GROUP BY c LIMIT 1 OFFSET 2",
    "SHOW MEASUREMENT CARDINALITY",
    "SHOW TAG KEY EXACT CARDINALITY FROM m",
    "SHOW TAG VALUES CARDINALITY WITH KEY = a",
    "SHOW FIELD KEY CARDINALITY ON db",
    "SHOW QUERIES",
    "SHOW STATS FOR 'runtime'",
    "SHOW DIAGNOSTICS FOR 'build'",
    "SHOW SHARDS",
    "SHOW SHARD GROUPS",
    "SHOW SUBSCRIPTIONS",
    "SHOW CONTINUOUS QUERIES",
    "SHOW USERS",
    "SHOW GRANTS FOR u",
    "KILL QUERY 99999999 ON 'host'",
    "DELETE FROM m WHERE host = 'a' AND time < '2000-01-01'",
    "DROP SERIES FROM m WHERE host = 'a'",
    "DROP MEASUREMENT m",
    "DROP DATABASE nothing",
    "DROP RETENTION POLICY rp ON nothing",
    "DROP CONTINUOUS QUERY c ON nothing",
    "DROP SUBSCRIPTION s ON nothing.rp",
    "DROP USER u",
    "DROP SHARD 9999999",
    "ALTER RETENTION POLICY rp ON nothing DURATION 3d REPLICATION 1 SHARD DURATION 1d DEFAULT",
    "CREATE RETENTION POLICY rp ON nothing DURATION 1w REPLICATION 1 SHARD DURATION 1h DEFAULT",
    "SELECT v FROM m WHERE a = $param AND b > -3.5e2",
    "GRANT READ ON nothing TO nobody",
    "REVOKE ALL PRIVILEGES FROM nobody",
    "SET PASSWORD FOR nobody = 'secret'",
    "SELECT \"a b\".\"c\" , 'text' FROM \"m\" WHERE \"x\" = TRUE AND time < 1546300800000ms",
    "SELECT holt_winters(mean(v), 3, 4), sample(v, 2), elapsed(v, 1s) FROM m GROUP BY time(1m)",
];

/// Words that may come in the place of others.
const WORDS: [&str; 40] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "BY",
    "time(",
    ")",
    "(",
    ",",
    ";",
    "*",
    "fill(none)",
    "LIMIT",
    "-1",
    "3",
    "1.5",
    "'text'",
    "\"ident\"",
    "ident",
    "/regex/",
    "AND",
    "OR",
    "=",
    "!=",
    "=~",
    "10m",
    "1h30m",
    "ON",
    "WITH",
    "KEY",
    "AS",
    "INTO",
    "DESC",
    "tz(",
    "::",
    ".",
    ":",
    "$x",
    "!",
    "'open",
];

pub fn statement(random: &mut Random) -> String {
    let text = if random.chance(40) {
        let seed = random.next();
        Grammar {
            random: Random::new(seed),
        }
        .statement()
    } else {
        random.pick(&STATEMENTS).to_owned()
    };
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    for _ in 0..random.between(0, 2) {
        let at = random.below(words.len());
        match random.below(6) {
            0 => drop(words.remove(at)),
            1 => words.insert(at, words[at].clone()),
            2 => words[at] = random.pick(&WORDS).to_owned(),
            3 => words.insert(at, random.pick(&WORDS).to_owned()),
            4 => words.truncate(at + 1),
            _ => {
                let cut = random.below(words[at].len().max(1));
                if words[at].is_char_boundary(cut) {
                    words[at].truncate(cut);
                }
            }
        }
        if words.is_empty() {
            break;
        }
    }
    words.join(" ")
}
