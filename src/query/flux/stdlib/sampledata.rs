//! `import "sampledata"`: small tables to try functions on.

use super::tables::literal;
use super::{Accepts, Builtin, Call, Member, Package, Parameter};
use crate::query::flux::value::Value;
use crate::query::table::{Cells, Column, GroupKey, Kind, Table, Value as Cell};

/// 2021-01-01T00:00:00Z
const START: i64 = 1_609_459_200_000_000_000;
const STEP: i64 = 10_000_000_000;
/// Rows without a value where nulls are asked for, of both tables.
const NULLS: [[bool; 6]; 2] = [
    [false, true, false, true, true, false],
    [true, false, false, false, true, false],
];
const FLOATS: [[f64; 6]; 2] = [
    [-2.18, 10.92, 7.35, 17.53, 15.23, 4.43],
    [19.85, 4.97, -3.75, 19.77, 13.86, 1.86],
];
const BOOLEANS: [[bool; 6]; 2] = [
    [true, true, false, true, false, false],
    [false, true, false, true, true, false],
];
const STRINGS: [[&str; 6]; 2] = [
    [
        "smpl_g9qczs",
        "smpl_0mgv9n",
        "smpl_phw664",
        "smpl_guvzy4",
        "smpl_5v3cce",
        "smpl_s9fmgy",
    ],
    [
        "smpl_b5eida",
        "smpl_eu4oxp",
        "smpl_5g7tz4",
        "smpl_sox1ut",
        "smpl_wfm757",
        "smpl_dtn2bv",
    ],
];

fn sample(call: &Call, value: impl Fn(usize, usize) -> Cell) -> Value {
    let with_nulls = call.boolean_or("includeNull", false);
    let tables = (0..2_usize).map(|table| {
        let kind = value(table, 0).kind().unwrap_or(Kind::String);
        let (mut times, mut values) = (Cells::new(Kind::Time), Cells::new(kind));
        let mut time = START;
        for row in 0..6_usize {
            times.push(Cell::Time(time));
            time += STEP;
            let absent = NULLS.get(table).and_then(|nulls| nulls.get(row)) == Some(&true);
            values.push(if with_nulls && absent {
                Cell::Null
            } else {
                value(table, row)
            });
        }
        let tag = Cell::string(if table == 0 { "t1" } else { "t2" });
        Table {
            key: GroupKey::new(vec![("tag".into(), tag.clone())]),
            columns: vec![
                Column::new("_time", times),
                Column::constant("tag", tag, 6),
                Column::new("_value", values),
            ],
        }
    });
    literal(tables.collect())
}

fn at<T: Copy>(values: &[[T; 6]; 2], table: usize, row: usize) -> Option<T> {
    values.get(table)?.get(row).copied()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the samples are small; their fractions are cut off"
)]
fn whole(table: usize, row: usize) -> i64 {
    at(&FLOATS, table, row).map_or(0, |value| value as i64)
}

macro_rules! samples {
    ($($constant:ident $name:literal $value:expr;)*) => {
        $(
            static $constant: Builtin = Builtin {
                name: $name,
                parameters: &[Parameter::optional("includeNull", Accepts::Boolean)],
                run: |_, call| Ok(sample(call, $value)),
            };
        )*
    };
}

samples! {
    BOOL "bool" |table, row| at(&BOOLEANS, table, row).map_or(Cell::Null, Cell::Boolean);
    FLOAT "float" |table, row| at(&FLOATS, table, row).map_or(Cell::Null, Cell::Float);
    INT "int" |table, row| Cell::Integer(whole(table, row));
    UINT "uint" |table, row| Cell::Unsigned(whole(table, row).cast_unsigned());
    STRING "string" |table, row| at(&STRINGS, table, row).map_or(Cell::Null, Cell::string);
    NUMERIC_BOOL "numericBool" |table, row| {
        at(&BOOLEANS, table, row).map_or(Cell::Null, |value| Cell::Integer(i64::from(value)))
    };
}

pub static PACKAGE: Package = Package {
    path: "sampledata",
    name: "sampledata",
    members: &[
        ("bool", Member::Function(&BOOL)),
        ("float", Member::Function(&FLOAT)),
        ("int", Member::Function(&INT)),
        ("numericBool", Member::Function(&NUMERIC_BOOL)),
        ("start", Member::Text("2021-01-01T00:00:00Z")),
        ("stop", Member::Text("2021-01-01T00:01:00Z")),
        ("string", Member::Function(&STRING)),
        ("uint", Member::Function(&UINT)),
    ],
};
