//! Bytes that change or go missing on the disk.

use crate::support::{Server, binary};
use std::path::{Path, PathBuf};
use std::process::Stdio;

pub const POINTS: usize = 3000;

#[derive(Debug, Clone, Copy)]
pub enum Damage {
    Flip(f64),
    Truncate(f64),
    Empty,
}

/// A database with sealed points (in table files) or with journaled ones (in the write-ahead log).
pub fn database(sealed: bool) -> Server {
    let server = Server::builder().flag("storage-sync", "always").start();
    for batch in 0..3 {
        let mut lines = String::new();
        for n in batch * POINTS / 3..(batch + 1) * POINTS / 3 {
            lines += &format!("m,host=h{} f={}i,text=\"t{n}\" {}\n", n % 7, n * n, n + 1);
        }
        server.write(&lines).expect(204);
    }
    if sealed {
        server.stop_and_restart()
    } else {
        server
    }
}

pub fn files(directory: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| wanted(path.file_name().unwrap().to_str().unwrap()))
        .filter(|path| std::fs::metadata(path).unwrap().len() > 0)
        .collect();
    files.sort();
    files
}

pub fn apply(damage: Damage, file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let place = |part: f64| ((bytes.len() - 1) as f64 * part) as usize;
    match damage {
        Damage::Flip(part) => {
            let at = place(part);
            bytes[at] ^= 0x41;
        }
        Damage::Truncate(part) => bytes.truncate(place(part)),
        Damage::Empty => bytes.clear(),
    }
    std::fs::write(file, bytes).unwrap();
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The start was refused with a text that names the directory.
    Refused,
    /// A query was answered with an error.
    Failed,
    /// This many of the points are there, each as it was written.
    Points(usize),
}

fn outcome(directory: &Path, what: &str) -> Outcome {
    let mut start = binary();
    start
        .args([
            "run",
            "--http-bind-address",
            "127.0.0.1:0",
            "--storage-path",
        ])
        .arg(directory)
        .stdin(Stdio::null());
    let Some(server) = Server::attach(start) else {
        return Outcome::Refused;
    };
    let answer = server.influxql_text("bucket", "SELECT f, text, host FROM m");
    if answer.status != 200 {
        assert_eq!(answer.status, 500, "{what}: {}", answer.text());
        return Outcome::Failed;
    }
    let result = answer.json()["results"][0].clone();
    if let Some(error) = result["error"].as_str() {
        assert!(!error.is_empty());
        return Outcome::Failed;
    }
    let rows = result["series"][0]["values"].as_array().cloned();
    let rows = rows.unwrap_or_default();
    for row in &rows {
        let n = row[0].as_u64().unwrap() - 1;
        assert_eq!(row[1], n * n, "{what}: a wrong value {row}");
        assert_eq!(row[2], format!("t{n}"), "{what}: a wrong value {row}");
        assert_eq!(row[3], format!("h{}", n % 7), "{what}: a wrong value {row}");
    }
    Outcome::Points(rows.len())
}

/// Damages copies of each file in each way and hands over what came of it.
fn each(
    sealed: bool,
    wanted: impl Fn(&str) -> bool,
    damages: &[Damage],
    check: impl Fn(&Path, Damage, Outcome),
) {
    let server = database(sealed);
    let original = server.data_directory();
    let kept = tempfile::tempdir().unwrap();
    let mut server = server;
    if sealed {
        assert_eq!(server.terminate().code(), Some(0));
    } else {
        server.killer()();
        server.wait();
    }
    let found = files(&original, wanted);
    assert!(!found.is_empty(), "no such file in {original:?}");
    let mut number = 0;
    for file in &found {
        for damage in damages {
            number += 1;
            let copy = kept.path().join(number.to_string());
            copy_directory(&original, &copy);
            apply(*damage, &copy.join(file.file_name().unwrap()));
            let what = format!("{damage:?} of {}", file.display());
            let outcome = outcome(&copy, &what);
            eprintln!("{what}: {outcome:?}");
            check(file, *damage, outcome);
        }
    }
}

pub fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Promise: a damaged table file is an error, or does not matter; it is never another answer.
#[test]
fn damaged_table_files_are_noticed() {
    let damages = [Damage::Flip(0.1), Damage::Flip(0.5), Damage::Truncate(0.5)];
    each(
        true,
        |name| name.ends_with(".sst"),
        &damages,
        |file, damage, outcome| {
            if let Outcome::Points(points) = outcome {
                assert_eq!(points, POINTS, "{damage:?} of {}", file.display());
            }
        },
    );
}

/// Promise: damage in the middle of the log is an error. A torn end is what a crash leaves: whole batches
/// may be missing there, none is half.
#[test]
fn damaged_logs_are_noticed() {
    let damages = [Damage::Flip(0.2), Damage::Flip(0.6), Damage::Truncate(0.7)];
    each(
        false,
        |name| name.ends_with(".log"),
        &damages,
        |file, damage, outcome| match (damage, outcome) {
            (_, Outcome::Refused | Outcome::Failed) => {}
            (Damage::Truncate(_), Outcome::Points(points)) => {
                assert_eq!(points % (POINTS / 3), 0, "{}", file.display());
            }
            (damage, Outcome::Points(points)) => {
                assert_eq!(points, POINTS, "{damage:?} of {}", file.display());
            }
        },
    );
}

/// Promise: without a sound list of files nothing is opened that could be half of a database.
#[test]
fn damaged_lists_of_files_are_noticed() {
    let wanted = |name: &str| name == "CURRENT" || name.starts_with("MANIFEST");
    let damages = [Damage::Flip(0.3), Damage::Truncate(0.5), Damage::Empty];
    each(true, wanted, &damages, |file, damage, outcome| {
        if let Outcome::Points(points) = outcome {
            assert_eq!(points, POINTS, "{damage:?} of {}", file.display());
        }
    });
}
