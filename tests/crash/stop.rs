//! A clean stop seals: the next start has nothing to replay.

use crate::support::Server;

/// The value of the first metric whose name contains `part`.
fn metric(server: &Server, part: &str) -> f64 {
    let metrics = server.metrics();
    let line = metrics
        .lines()
        .find(|line| !line.starts_with('#') && line.contains(part));
    let line = line.unwrap_or_else(|| panic!("no metric {part} in\n{metrics}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn after_sigterm_the_journal_is_empty_and_the_points_are_there() {
    let server = Server::start();
    let lines: String = (0..5_000)
        .map(|n| format!("m,t=s{} f={n}i {n}\n", n % 10))
        .collect();
    server.write(&lines).expect(204);
    assert!(metric(&server, "journal_entries") >= 1.0);
    let server = server.stop_and_restart();
    let entries = metric(&server, "journal_entries");
    assert!(entries == 0.0, "{entries} entries left in the journal");
    let rows =
        server.flux("from(bucket: \"bucket\") |> range(start: 0) |> count() |> group() |> sum()");
    assert_eq!(rows.column("_value"), ["5000"]);
}
