//! `kill -9` in the middle of a deletion.

use crate::support::Server;
use std::time::Duration;

const SERIES: usize = 400;
const ROUNDS: u64 = 8;

fn counted(server: &Server) -> u64 {
    let rows = server.flux(
        "from(bucket: \"bucket\") |> range(start: 0) |> filter(fn: (r) => r._measurement == \"m\") \
         |> count() |> group() |> sum()",
    );
    rows.column("_value")
        .first()
        .map_or(0, |count| count.parse().unwrap())
}

#[test]
fn a_deletion_that_a_kill_cuts_off_is_done_wholly_or_not_at_all_and_never_undone() {
    let mut server = Server::start();
    let mut cut_off = 0;
    for round in 0..ROUNDS {
        let mut lines = String::new();
        for n in 0..SERIES {
            for time in 1..=20 {
                lines += &format!("m,host=h{n} f={time}i,g={n}i {time}\n");
            }
        }
        server.write(&lines).expect(204);
        // Every other time the points are in blocks already.
        if round % 2 == 1 {
            server = server.stop_and_restart();
        }
        assert_eq!(counted(&server), 2 * 20 * SERIES as u64);
        let kill = server.killer();
        let request = server.post("/api/v2/delete?org=org&bucket=bucket").body(
            r#"{"start":"1970-01-01T00:00:00Z","stop":"1970-01-01T00:00:01Z","predicate":"_field=f"}"#,
        );
        let answer = std::thread::scope(|scope| {
            let deletion = scope.spawn(|| request.try_send());
            std::thread::sleep(Duration::from_millis(1 + 2 * round));
            kill();
            deletion.join().unwrap()
        });
        server = server.kill_and_restart();
        let left = counted(&server);
        let all = 2 * 20 * SERIES as u64;
        match answer {
            Ok(answer) if answer.status == 204 => assert_eq!(left, all / 2, "round {round}"),
            _ => {
                cut_off += 1;
                assert!(
                    left == all || left == all / 2,
                    "round {round}: {left} of {all}"
                );
            }
        }
        // Whatever it was: not undone by another start.
        server = server.kill_and_restart();
        assert_eq!(counted(&server), left, "round {round}");
    }
    eprintln!("{cut_off} of {ROUNDS} deletions were cut off");
}
