//! Parquet: a file for each measurement, a row for each point.
//!
//! The columns of a file must be known before its first row, so tags, fields and types are asked for first.
//! Points come as one row for each field; those of a window are put together by series and time, and go out
//! in groups of rows of about the same size.

use super::{Export, Sink, partial};
use crate::cli::annotated::{self, Columns};
use crate::cli::{CliError, flux};
use ::parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::ByteArray;
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;
use influxd::query::text::{parse_rfc3339, rfc3339};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

/// Rows of a group: enough to be packed well, and few enough to be held.
const GROUP_ROWS: usize = 200_000;

/// Name in Flux's `types`, in annotations, and as InfluxDB calls it.
const TYPES: [(&str, &str, &str); 5] = [
    ("float", "double", "float"),
    ("int", "long", "integer"),
    ("uint", "unsignedLong", "unsigned"),
    ("bool", "boolean", "boolean"),
    ("string", "string", "string"),
];

/// Where a measurement's tags and fields go.
struct Layout {
    tags: Vec<String>,
    /// Name and place in [`TYPES`], with the name of the column.
    fields: Vec<((String, usize), String)>,
}

/// Values of a column, with a level for each row: 1 where there is one.
struct Column {
    levels: Vec<i16>,
    values: Values,
}

enum Values {
    Floats(Vec<f64>),
    Integers(Vec<i64>),
    Booleans(Vec<bool>),
    Texts(Vec<ByteArray>),
}

type Tags = Vec<(usize, String)>;
/// Fields by their place in the layout.
type Point = BTreeMap<usize, String>;

struct Rows<'a> {
    layout: &'a Layout,
    writer: SerializedFileWriter<BufWriter<File>>,
    /// Of this window.
    window: BTreeMap<Tags, BTreeMap<i64, Point>>,
    /// Of this group.
    times: Vec<i64>,
    columns: Vec<Column>,
}

pub fn to_directory(
    export: &mut Export<'_>,
    measurements: &[String],
    directory: &Path,
) -> Result<(), CliError> {
    std::fs::create_dir_all(directory)
        .map_err(|error| CliError::file("can't make", directory, error))?;
    for measurement in measurements {
        let path = directory.join(file_name(measurement));
        to_file(export, measurement, &path)?;
    }
    Ok(())
}

/// Letters and digits of any script stay; other characters become `%` and their number, so that two
/// measurements never have the same file.
fn file_name(measurement: &str) -> String {
    let mut name = String::new();
    for c in measurement.chars() {
        if c.is_alphanumeric() || "-_ ".contains(c) || (c == '.' && !name.is_empty()) {
            name.push(c);
        } else {
            name.push_str(&format!("%{:X}.", u32::from(c)));
        }
    }
    name + ".parquet"
}

pub fn to_file(export: &mut Export<'_>, measurement: &str, path: &Path) -> Result<(), CliError> {
    let layout = Layout::of(export, measurement)?;
    let failed = |error| CliError::file("can't write", path, error);
    let partial = partial(path);
    let file = File::create(&partial).map_err(failed)?;
    let out = BufWriter::with_capacity(1 << 18, file);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("influxd ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let schema = layout.schema().map_err(broken)?;
    let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties));
    let mut rows = Rows {
        layout: &layout,
        writer: writer.map_err(broken)?,
        window: BTreeMap::new(),
        times: Vec::new(),
        columns: layout.columns(),
    };
    export.write(&[measurement.to_owned()], &mut rows)?;
    rows.write_group()?;
    let out = rows.writer.into_inner().map_err(broken)?;
    let file = out
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&partial, path).map_err(failed)
}

fn broken(error: ParquetError) -> CliError {
    CliError::Failed(format!("can't write Parquet: {error}"))
}

fn values(export: &Export<'_>, query: &str, column: &str) -> Result<Vec<String>, CliError> {
    let mut found = Vec::new();
    let answer = export.client.flux(query)?;
    annotated::rows(export.client, answer, |columns, cells| {
        let cell = columns.position(column).and_then(|at| cells.get(at));
        found.extend(cell.cloned());
        Ok(())
    })?;
    found.sort();
    found.dedup();
    Ok(found)
}

impl Layout {
    fn of(export: &Export<'_>, measurement: &str) -> Result<Self, CliError> {
        let (start, stop) = export.range;
        let query = format!(
            "import \"influxdata/influxdb/schema\"\nschema.measurementTagKeys(bucket: {}, measurement: {}, \
             start: {}, stop: {})",
            flux::string(&export.bucket),
            flux::string(measurement),
            rfc3339(start),
            rfc3339(stop)
        );
        let mut tags = values(export, &query, "_value")?;
        tags.retain(|tag| !matches!(tag.as_str(), "_start" | "_stop" | "_field" | "_measurement"));
        let source = export.source(measurement, start, stop);
        let mut fields = Vec::new();
        for (place, (name, ..)) in TYPES.iter().enumerate() {
            let query = format!(
                "import \"types\"\n{source} |> first() \
                 |> filter(fn: (r) => types.isType(v: r._value, type: \"{name}\")) \
                 |> keep(columns: [\"_field\"]) |> distinct(column: \"_field\")"
            );
            let names = values(export, &query, "_value")?;
            fields.extend(names.into_iter().map(|name| (name, place)));
        }
        fields.sort();
        Ok(Self::named(tags, fields))
    }

    /// Each column gets a name of its own; where a field would have a tag's, the field gives way.
    fn named(tags: Vec<String>, fields: Vec<(String, usize)>) -> Self {
        let several = |name: &str| fields.iter().filter(|(other, _)| other == name).count() > 1;
        let mut taken: Vec<String> = tags.clone();
        taken.push("time".to_owned());
        let mut named = Vec::new();
        for (name, place) in &fields {
            let kind = TYPES.get(*place).map_or("", |(_, _, kind)| kind);
            let mut column = match several(name) {
                true => format!("{name}_{kind}"),
                false => name.clone(),
            };
            while taken.contains(&column) {
                column.push_str("_field");
            }
            taken.push(column.clone());
            named.push(((name.clone(), *place), column));
        }
        Self {
            tags,
            fields: named,
        }
    }

    fn schema(&self) -> Result<Type, ParquetError> {
        let nanoseconds = LogicalType::timestamp(true, TimeUnit::NANOS);
        let time = Type::primitive_type_builder("time", Physical::INT64)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(nanoseconds))
            .build()?;
        let mut columns = vec![Arc::new(time)];
        let optional = |name: &str, physical, logical| {
            Type::primitive_type_builder(name, physical)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(logical)
                .build()
        };
        for tag in &self.tags {
            let tag = optional(tag, Physical::BYTE_ARRAY, Some(LogicalType::String))?;
            columns.push(Arc::new(tag));
        }
        let unsigned = LogicalType::integer(64, false);
        for ((_, place), name) in &self.fields {
            let (physical, logical) = match place {
                0 => (Physical::DOUBLE, None),
                1 => (Physical::INT64, None),
                2 => (Physical::INT64, Some(unsigned.clone())),
                3 => (Physical::BOOLEAN, None),
                _ => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            };
            columns.push(Arc::new(optional(name, physical, logical)?));
        }
        Type::group_type_builder("points")
            .with_fields(columns)
            .build()
    }

    fn columns(&self) -> Vec<Column> {
        let tags = self.tags.iter().map(|_| Values::Texts(Vec::new()));
        let fields = self.fields.iter().map(|((_, place), _)| match place {
            0 => Values::Floats(Vec::new()),
            1 | 2 => Values::Integers(Vec::new()),
            3 => Values::Booleans(Vec::new()),
            _ => Values::Texts(Vec::new()),
        });
        tags.chain(fields)
            .map(|values| Column {
                levels: Vec::new(),
                values,
            })
            .collect()
    }
}

fn changed(what: &str, name: &str) -> CliError {
    CliError::Failed(format!(
        "the {what} {name:?} came while the export was running; run it again, or with --stop"
    ))
}

impl Sink for Rows<'_> {
    fn row(&mut self, columns: &Columns, cells: &[String]) -> Result<(), CliError> {
        let (mut tags, mut field, mut value, mut time) = (Tags::new(), "", "", None);
        let mut kind = "";
        // Annotation, result and table come first.
        for (at, (name, cell)) in columns.names.iter().zip(cells).enumerate().skip(3) {
            match name.as_str() {
                "_start" | "_stop" | "_measurement" => {}
                "_field" => field = cell,
                "_time" => time = parse_rfc3339(cell),
                "_value" => {
                    value = cell;
                    kind = columns.types.get(at).map_or("", String::as_str);
                }
                _ if cell.is_empty() => {}
                tag => {
                    let place = self.layout.tags.iter().position(|own| own == tag);
                    let place = place.ok_or_else(|| changed("tag", tag))?;
                    tags.push((place, cell.clone()));
                }
            }
        }
        let time = time.ok_or_else(|| CliError::Failed("a row has no time".to_owned()))?;
        let kind = TYPES
            .iter()
            .position(|(_, annotated, _)| *annotated == kind);
        let place = self
            .layout
            .fields
            .iter()
            .position(|((name, place), _)| name == field && Some(*place) == kind);
        let place = place.ok_or_else(|| changed("field", field))?;
        tags.sort_unstable();
        let points = self.window.entry(tags).or_default();
        points
            .entry(time)
            .or_default()
            .insert(place, value.to_owned());
        Ok(())
    }

    fn keep(&mut self) -> Result<(), CliError> {
        for (tags, points) in std::mem::take(&mut self.window) {
            for (time, point) in points {
                self.push(time, &tags, &point)?;
                if self.times.len() >= GROUP_ROWS {
                    self.write_group()?;
                }
            }
        }
        Ok(())
    }

    fn discard(&mut self) {
        self.window.clear();
    }
}

impl Rows<'_> {
    fn push(&mut self, time: i64, tags: &Tags, point: &Point) -> Result<(), CliError> {
        self.times.push(time);
        let mut columns = self.columns.iter_mut();
        for (place, column) in (0..self.layout.tags.len()).zip(&mut columns) {
            let tag = tags.iter().find(|(at, _)| *at == place);
            column.push(tag.map(|(_, value)| value.as_str()), false)?;
        }
        for ((place, ((_, kind), _)), column) in self.layout.fields.iter().enumerate().zip(columns)
        {
            let unsigned = *kind == 2;
            column.push(point.get(&place).map(String::as_str), unsigned)?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), CliError> {
        if self.times.is_empty() {
            return Ok(());
        }
        self.try_write_group().map_err(broken)
    }

    fn try_write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        if let Some(mut column) = group.next_column()? {
            if let ColumnWriter::Int64ColumnWriter(writer) = column.untyped() {
                writer.write_batch(&self.times, None, None)?;
            }
            column.close()?;
        }
        for Column { levels, values } in &self.columns {
            let Some(mut column) = group.next_column()? else {
                break;
            };
            let levels = Some(levels.as_slice());
            match (column.untyped(), values) {
                (ColumnWriter::DoubleColumnWriter(writer), Values::Floats(values)) => {
                    writer.write_batch(values, levels, None)?;
                }
                (ColumnWriter::Int64ColumnWriter(writer), Values::Integers(values)) => {
                    writer.write_batch(values, levels, None)?;
                }
                (ColumnWriter::BoolColumnWriter(writer), Values::Booleans(values)) => {
                    writer.write_batch(values, levels, None)?;
                }
                (ColumnWriter::ByteArrayColumnWriter(writer), Values::Texts(values)) => {
                    writer.write_batch(values, levels, None)?;
                }
                _ => {
                    let what = "a column is of another type than its values".to_owned();
                    return Err(ParquetError::General(what));
                }
            }
            column.close()?;
        }
        group.close()?;
        self.times.clear();
        self.columns = self.layout.columns();
        Ok(())
    }
}

impl Column {
    /// Appends a value, or none.
    fn push(&mut self, text: Option<&str>, unsigned: bool) -> Result<(), CliError> {
        self.levels.push(i16::from(text.is_some()));
        let Some(text) = text else {
            return Ok(());
        };
        let wrong = || CliError::Failed(format!("{text:?} is no value of its column"));
        match &mut self.values {
            Values::Floats(values) => values.push(text.parse().map_err(|_| wrong())?),
            Values::Integers(values) if unsigned => {
                let value: u64 = text.parse().map_err(|_| wrong())?;
                values.push(value.cast_signed());
            }
            Values::Integers(values) => values.push(text.parse().map_err(|_| wrong())?),
            Values::Booleans(values) => values.push(text == "true"),
            Values::Texts(values) => values.push(text.into()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_names_of_their_own() {
        let fields = [("f", 0), ("f", 1), ("t", 4), ("time", 0), ("t_field", 0)];
        let fields = fields.map(|(name, place)| (name.to_owned(), place));
        let layout = Layout::named(vec!["t".to_owned()], fields.to_vec());
        let names: Vec<&str> = layout
            .fields
            .iter()
            .map(|(_, name)| name.as_str())
            .collect();
        let want = [
            "f_float",
            "f_integer",
            "t_field",
            "time_field",
            "t_field_field",
        ];
        assert_eq!(names, want);
    }

    #[test]
    fn files_of_measurements_have_names_of_their_own() {
        assert_eq!(file_name("a b.c-ü"), "a b.c-ü.parquet");
        assert_eq!(file_name("../a"), "%2E..%2F.a.parquet");
        assert_eq!(file_name("."), "%2E..parquet");
    }
}
