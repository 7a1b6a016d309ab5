//! `influxd recover` on databases with damaged files.

use crate::damage::{Damage, POINTS, apply, copy_directory, database, files};
use crate::support::{Server, binary, encoded, wait_for};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

/// Fields of each point.
const FIELDS: u64 = 2;

fn recover(directory: &Path) -> Output {
    let mut command = binary();
    command
        .args(["recover", "--storage-path"])
        .arg(directory)
        .stdin(Stdio::null());
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn start(directory: &Path) -> Server {
    let mut start = binary();
    let arguments = [
        "run",
        "--http-bind-address",
        "127.0.0.1:0",
        "--storage-path",
    ];
    start.args(arguments).arg(directory).stdin(Stdio::null());
    let server = Server::attach(start).expect("a recovered database can be opened");
    wait_for("the replay of the journal", 30, || {
        let answer = server.get("/ready").send();
        assert_ne!(answer.status, 500, "{}", answer.text());
        (answer.status == 200).then_some(())
    });
    server
}

/// Values of the database, whatever their buckets, measurements and fields are called now.
fn values(server: &Server, token: Option<&str>) -> u64 {
    let ask = |path: &str| {
        let request = server.get(path);
        let answer = match token {
            Some(token) => request.token(token).send(),
            None => request.send(),
        };
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    };
    let mut sum = 0;
    for bucket in ask("/api/v2/buckets?limit=100")["buckets"]
        .as_array()
        .unwrap()
    {
        let name = bucket["name"].as_str().unwrap();
        if name.starts_with('_') {
            continue;
        }
        let query = encoded("SELECT count(*) FROM /.*/");
        let answer = ask(&format!("/query?db={}&q={query}", encoded(name)));
        let result = &answer["results"][0];
        assert!(result["error"].is_null(), "{result}");
        for series in result["series"].as_array().into_iter().flatten() {
            let row = series["values"][0].as_array().unwrap();
            sum += row[1..]
                .iter()
                .filter_map(serde_json::Value::as_u64)
                .sum::<u64>();
        }
    }
    sum
}

/// Damages each file that is `wanted`, recovers, and tells `check` how many values there are then.
fn each(
    sealed: bool,
    wanted: impl Fn(&str) -> bool,
    damages: &[Damage],
    check: impl Fn(&str, u64),
) {
    let mut server = database(sealed);
    let original = server.data_directory();
    if sealed {
        assert_eq!(server.terminate().code(), Some(0));
    } else {
        server.killer()();
        server.wait();
    }
    let kept = tempfile::tempdir().unwrap();
    let found = files(&original, wanted);
    assert!(!found.is_empty(), "no such file in {original:?}");
    let mut number = 0;
    for file in &found {
        for damage in damages {
            number += 1;
            let name = file.file_name().unwrap();
            let what = format!("{damage:?} of {}", name.display());
            let copy = kept.path().join(number.to_string());
            copy_directory(&original, &copy);
            apply(*damage, &copy.join(name));
            let damaged = contents(&copy);
            let output = recover(&copy);
            let said = text(&output);
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{what}: {said}{errors}");
            let kept_at = PathBuf::from(said.trim().rsplit_once(" kept in ").unwrap().1);
            assert!(
                damaged == contents(&kept_at),
                "{what}: the original was changed"
            );
            let token = said
                .lines()
                .find_map(|line| line.strip_prefix("new operator token, shown this once: "));
            let server = start(&copy);
            let values = values(&server, token);
            eprintln!(
                "{what}: {values} values; {}",
                said.trim().replace('\n', "\n    ")
            );
            if values < POINTS as u64 * FIELDS {
                assert!(said.contains("lost: "), "{what}: {said}");
            }
            check(&what, values);
            // What is written afterwards is newer than all there was.
            assert_eq!(server.write_again(token), 200, "{what}");
        }
    }
}

/// Names and bytes of a database's own files.
fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let of_data = |name: &str| name != "LOCK" && !name.starts_with("LOG");
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        (path.file_name().unwrap().into(), bytes)
    };
    files(directory, of_data).into_iter().map(read).collect()
}

impl Server {
    /// Writes a point and reads it back; the status of the answer that has it.
    fn write_again(&self, token: Option<&str>) -> u16 {
        let token = token.unwrap_or("operator-token-of-the-tests");
        let orgs = self.get("/api/v2/orgs").token(token).send().json();
        let org = orgs["orgs"][0]["id"].as_str().unwrap().to_owned();
        let create = serde_json::json!({"orgID": org, "name": "after"});
        self.post("/api/v2/buckets")
            .token(token)
            .json(create)
            .send()
            .expect(201);
        let path = format!("/api/v2/write?org={org}&bucket=after");
        self.post(&path)
            .token(token)
            .body("n v=1 1")
            .send()
            .expect(204);
        let query = encoded("SELECT v FROM n");
        let answer = self
            .get(&format!("/query?db=after&q={query}"))
            .token(token)
            .send();
        assert!(
            answer
                .text()
                .contains("[\"1970-01-01T00:00:00.000000001Z\",1]"),
            "{}",
            answer.text()
        );
        answer.status
    }
}

/// Promise: the list of files can be made anew, and nothing is lost with it.
#[test]
fn lists_of_files_are_made_anew() {
    let wanted = |name: &str| name == "CURRENT" || name.starts_with("MANIFEST");
    let damages = [Damage::Flip(0.3), Damage::Truncate(0.5), Damage::Empty];
    for sealed in [true, false] {
        each(sealed, wanted, &damages, |what, values| {
            assert_eq!(values, POINTS as u64 * FIELDS, "{what}");
        });
    }
}

/// Promise: a damaged table file costs at most what is in it, and records that others tell come back.
#[test]
fn damaged_table_files_lose_no_more_than_they_hold() {
    let damages = [Damage::Flip(0.1), Damage::Flip(0.5), Damage::Truncate(0.5)];
    let whole = std::cell::Cell::new(0);
    let all = std::cell::Cell::new(0);
    each(
        true,
        |name| name.ends_with(".sst"),
        &damages,
        |_, values| {
            all.set(all.get() + 1);
            whole.set(whole.get() + usize::from(values == POINTS as u64 * FIELDS));
        },
    );
    let (whole, all) = (whole.get(), all.get());
    eprintln!("{whole} of {all} damaged files cost no point");
    // All but the one file with the blocks, by each of the damages.
    assert!(whole + damages.len() >= all, "{whole} of {all}");
}

/// Promise: damage in the log costs the batches around it, not those before and after.
#[test]
fn damaged_logs_lose_only_the_damaged_batches() {
    let damages = [Damage::Flip(0.2), Damage::Flip(0.6), Damage::Truncate(0.7)];
    each(
        false,
        |name| name.ends_with(".log"),
        &damages,
        |what, values| {
            let batch = POINTS as u64 * FIELDS / 3;
            // Each batch is written to the log in two parts, one for each writer, after series and fields.
            assert!(values >= batch, "{what}: {values} values are left");
        },
    );
}

/// Promise: one bad byte in a large file costs little of it.
#[test]
fn one_bad_byte_costs_one_part_of_a_file() {
    let points = 200_000;
    let mut server = Server::start();
    for batch in 0..10 {
        let lines: String = (batch * points / 10..(batch + 1) * points / 10)
            .map(|n: u64| {
                let noise = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
                format!("m,host=h{} v={noise}i {}\n", n % 20, n + 1)
            })
            .collect();
        server.write(&lines).expect(204);
    }
    assert_eq!(server.terminate().code(), Some(0));
    let directory = server.data_directory();
    let tables = files(&directory, |name| name.ends_with(".sst"));
    let length = |path: &PathBuf| std::fs::metadata(path).unwrap().len();
    let largest = tables.iter().max_by_key(|path| length(path)).unwrap();
    assert!(length(largest) > 500_000, "{tables:?}");
    apply(Damage::Flip(0.5), largest);
    let output = recover(&directory);
    let said = text(&output);
    assert!(said.contains("lost: blocks between bucket "), "{said}");
    let left = values(&start(&directory), None);
    eprintln!("{left} of {points} values are left; {said}");
    assert!(
        left < points && left > points * 9 / 10,
        "{left} of {points}"
    );
}

/// Promise: what is not damaged is not changed, what is no database is not made one, and what is in use is
/// left alone.
#[test]
fn only_a_database_that_nobody_uses_is_recovered() {
    let server = database(true);
    let refused = recover(&server.data_directory());
    assert_eq!(refused.status.code(), Some(5));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("another process uses it"), "{said}");

    let mut server = server;
    assert_eq!(server.terminate().code(), Some(0));
    let directory = server.data_directory();
    let output = recover(&directory);
    assert!(
        text(&output).contains("; 0 losses, 0 repairs;"),
        "{}",
        text(&output)
    );
    assert_eq!(values(&start(&directory), None), POINTS as u64 * FIELDS);

    let empty = tempfile::tempdir().unwrap();
    let refused = recover(empty.path());
    assert_eq!(refused.status.code(), Some(5));
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
}
