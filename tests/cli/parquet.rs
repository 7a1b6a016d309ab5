//! `influxd export --format parquet`, read back by the crate's own reader of rows.

use crate::run::run;
use crate::support::Server;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use std::fs::File;
use std::path::Path;

fn open(path: &Path) -> SerializedFileReader<File> {
    SerializedFileReader::new(File::open(path).unwrap()).unwrap()
}

fn rows(path: &Path) -> Vec<Row> {
    open(path)
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// The value of a column; `None` where there is none.
fn value<'a>(row: &'a Row, column: &str) -> Option<&'a Field> {
    let found = row.get_column_iter().find(|(name, _)| *name == column);
    let (_, field) = found.unwrap_or_else(|| panic!("no column {column} in {row}"));
    Some(field).filter(|field| **field != Field::Null)
}

fn time(row: &Row) -> i64 {
    match value(row, "time") {
        Some(Field::Long(time)) => *time,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_measurement_is_a_file_with_a_row_for_each_point() {
    let server = Server::start();
    let lines = "m,t=a\\ b,u=v f=1.5,i=-2i,n=18446744073709551615u,b=true,s=\"x\ny\" 1700000000000000001\n\
                 m,t=a\\ b,u=v f=2.5 -5\n\
                 m,t=c i=3i,s=\"\" 7\n\
                 m,t=d i=0.25 8\n\
                 a/b f=1 9";
    server.write(lines).expect(204);
    let directory = server.directory().join("out");
    let output = directory.to_str().unwrap();
    let export = [
        "export", "--bucket", "bucket", "--format", "parquet", "--output",
    ];
    let told = run(&server, &[&export[..], &[output]].concat())
        .expect(0)
        .err;
    assert!(told.contains("exported 10 values"), "{told}");
    let path = directory.join("m.parquet");
    let schema = open(&path);
    let schema = schema.metadata().file_metadata().schema_descr_ptr();
    let names: Vec<&str> = schema
        .columns()
        .iter()
        .map(|column| column.name())
        .collect();
    let want = ["time", "t", "u", "b", "f", "i_float", "i_integer", "n", "s"];
    assert_eq!(names, want);
    let nanoseconds = LogicalType::timestamp(true, TimeUnit::NANOS);
    assert_eq!(schema.column(0).logical_type_ref(), Some(&nanoseconds));
    let mut found = rows(&path);
    found.sort_by_key(time);
    let times: Vec<i64> = found.iter().map(time).collect();
    assert_eq!(times, [-5, 7, 8, 1_700_000_000_000_000_001]);
    let text = |text: &str| Field::Str(text.to_owned());
    let last = &found[3];
    for (column, want) in [
        ("t", text("a b")),
        ("u", text("v")),
        ("f", Field::Double(1.5)),
        ("i_integer", Field::Long(-2)),
        ("n", Field::ULong(u64::MAX)),
        ("b", Field::Bool(true)),
        ("s", text("x\ny")),
    ] {
        assert_eq!(value(last, column), Some(&want), "{last}");
    }
    assert_eq!(value(last, "i_float"), None);
    assert_eq!(value(&found[0], "f"), Some(&Field::Double(2.5)));
    assert_eq!(value(&found[0], "s"), None);
    assert_eq!(value(&found[1], "u"), None);
    assert_eq!(
        value(&found[1], "s"),
        Some(&text("")),
        "empty is not missing"
    );
    assert_eq!(value(&found[2], "i_float"), Some(&Field::Double(0.25)));
    assert_eq!(rows(&directory.join("a%2F.b.parquet")).len(), 1);

    // One that is named is the file itself.
    let one = server.directory().join("one.parquet");
    let output = [
        "--output",
        one.to_str().unwrap(),
        "--measurement",
        "m",
        "--stop",
        "1970-01-01T00:00:01Z",
    ];
    run(&server, &[&export[..5], &output].concat()).expect(0);
    assert_eq!(rows(&one).len(), 3);
    let without = run(&server, &export[..5]).expect(2);
    assert!(without.err.contains("--output"), "{}", without.err);
}

#[test]
fn many_points_make_several_groups_of_rows() {
    let server = Server::start();
    let points = 250_000_i64;
    for start in (0..points).step_by(10_000) {
        let line = |n: i64| {
            format!(
                "m,host=h{} f={n}i,g={} {}\n",
                n % 3,
                n as f64 / 4.0,
                n * 1_000_000_000
            )
        };
        let lines: String = (start..start + 10_000).map(line).collect();
        server.write(&lines).expect(204);
    }
    let path = server.directory().join("m.parquet");
    let export = [
        "export",
        "--bucket",
        "bucket",
        "--measurement",
        "m",
        "--format",
        "parquet",
        "--output",
    ];
    run(&server, &[&export[..], &[path.to_str().unwrap()]].concat()).expect(0);
    assert!(open(&path).num_row_groups() > 1);
    let mut seen = vec![false; points as usize];
    for row in rows(&path) {
        let second = time(&row) / 1_000_000_000;
        assert_eq!(value(&row, "f"), Some(&Field::Long(second)));
        assert_eq!(value(&row, "g"), Some(&Field::Double(second as f64 / 4.0)));
        assert_eq!(
            value(&row, "host"),
            Some(&Field::Str(format!("h{}", second % 3)))
        );
        assert!(
            !std::mem::replace(&mut seen[second as usize], true),
            "twice"
        );
    }
    assert!(seen.iter().all(|seen| *seen), "a point is missing");
}
