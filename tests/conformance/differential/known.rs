//! Answers of InfluxDB 1.6.7 that differ from ours on purpose, and why.

use regex::Regex;
use serde_json::Value;

/// Queries for which InfluxDB's answer is not what it documents, or depends on chance: a pattern, and why.
const KNOWN: [(&str, &str); 12] = [
    (
        r"FROM \(SELECT [^()]*::\w+, \*",
        "one name twice in a subquery: InfluxDB takes the type of one and the values of the other",
    ),
    (
        r"integral\((n|total|v|w)\b.*GROUP BY.*time\(",
        "integral() of integers by time: InfluxDB goes on from a wrong value after each window",
    ),
    (
        r"integral\(.*(GROUP BY .*(host|region|rack|kind|\*)|FROM cpu, mem|FROM /)",
        "integral() of several series by time: InfluxDB puts all last windows after all series, in random order",
    ),
    (
        r"integral\(.*ORDER BY time DESC",
        "integral() by falling time: InfluxDB has the area negative",
    ),
    (
        r"(top|bottom)\(.*ORDER BY time DESC",
        "top() and bottom() by falling time: InfluxDB 1.6 has the points of a window by rising time",
    ),
    (
        r"(top|bottom)\(.* LIMIT ",
        "top() and bottom() with LIMIT: InfluxDB looks at the first LIMIT points only",
    ),
    (
        r"percentile\(|mode\(",
        "percentile() and mode() of equal or equally frequent values: InfluxDB's sort is unstable, any may be taken",
    ),
    (
        r"FROM \(.*(GROUP BY .*|FROM cpu, mem|FROM /.*)(LIMIT|fill\((previous|linear|[0-9.]+)\)).*\)|LIMIT \d.*\).*GROUP BY",
        "LIMIT and fill() in a subquery: InfluxDB starts anew whenever the series alternate",
    ),
    (
        r"WHERE time <=? .*GROUP BY.* ?time\(",
        "windows without a lower bound of time: InfluxDB fills from the year 1677, or overflows",
    ),
    (
        r"FROM \(.*time\(\d+s.*WHERE time >",
        "windows of a subquery that begin before the outer range: InfluxDB stops at the first one",
    ),
    (
        r"abs\(",
        "abs() of negative integers: InfluxDB 1.6 leaves them negative",
    ),
    (
        r"FROM \(SELECT .*GROUP BY .*(host|region|rack|kind|\*).*\)",
        "rows of a grouped subquery at one time: InfluxDB has no order for them",
    ),
];

/// Why a difference is expected, if it is.
pub fn explanation(query: &str, theirs: &Value) -> Option<&'static str> {
    let error = theirs["results"][0]["error"].as_str().unwrap_or_default();
    if error.contains("[panic:") {
        return Some("InfluxDB panics");
    }
    if query.starts_with("SHOW SERIES EXACT CARDINALITY") {
        return Some("InfluxDB counts a series once for each shard");
    }
    let found = KNOWN
        .iter()
        .find(|(pattern, _)| Regex::new(pattern).unwrap().is_match(query));
    found.map(|(_, why)| *why)
}

/// Why two refusals of a statement may differ, if they may.
pub fn refusal(query: &str, theirs: Option<&str>, ours: Option<&str>) -> Option<&'static str> {
    if query.starts_with("SHOW TAG KEYS") && theirs.is_some_and(|text| text.contains("found WITH"))
    {
        return Some("SHOW TAG KEYS WITH KEY came with InfluxDB 1.8");
    }
    if query.starts_with("SHOW MEASUREMENTS ON")
        && ours.is_some_and(|text| text.contains("identifier or *"))
    {
        return Some("SHOW MEASUREMENTS ON * came with InfluxDB 1.8");
    }
    if query.matches('"').count() % 2 == 1 {
        return Some("what of a name without end is told first");
    }
    None
}
