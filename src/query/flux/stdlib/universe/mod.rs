//! What every program has without an import.

mod aggregate;
mod columns;
mod convert;
mod inspect;
mod joining;
mod rows;
pub mod series;
pub mod source;
mod states;
mod statistics;
mod window;

pub use inspect::{HIDE_BOUNDS, RESTORE_BOUNDS};
pub use rows::{FILL, predicate};
pub use series::{cells_of, invalid, numbers, replace, times};
pub use source::{BUCKETS, FROM, bounded_scan, narrowed, range_bounds};
pub use statistics::one;

use super::{Constant, Member, Package};

macro_rules! functions {
    ($($name:literal => $builtin:path,)* text $($written:literal => $text:literal,)*) => {
        &[
            $(($name, Member::Function(&$builtin)),)*
            $(($written, Member::Text($text)),)*
            ("true", Member::Constant(Constant::Boolean(true))),
            ("false", Member::Constant(Constant::Boolean(false))),
        ]
    };
}

pub static PACKAGE: Package = Package {
    path: "universe",
    name: "universe",
    members: functions! {
        "_lastWeekDay" => super::zone::LAST_WEEK_DAY,
        "_week" => super::zone::WEEK_BOUNDS,
        "_month" => super::zone::MONTH_BOUNDS,
        "_yesterday" => super::zone::YESTERDAY,
        "_truncated" => super::zone::TRUNCATE,
        "_mapArray" => super::array::MAP,
        "_convertValues" => inspect::CONVERT_VALUES,
        "_hideBounds" => inspect::HIDE_BOUNDS,
        "_restoreBounds" => inspect::RESTORE_BOUNDS,
        "aggregateWindow" => window::AGGREGATE_WINDOW,
        "bool" => convert::BOOL,
        "bottom" => rows::BOTTOM,
        "buckets" => source::BUCKETS,
        "bytes" => super::json::BYTES,
        "chandeMomentumOscillator" => series::CHANDE,
        "columns" => inspect::COLUMNS,
        "contains" => convert::CONTAINS,
        "count" => aggregate::COUNT,
        "covariance" => statistics::COVARIANCE,
        "cumulativeSum" => series::CUMULATIVE_SUM,
        "derivative" => series::DERIVATIVE,
        "die" => convert::DIE,
        "difference" => series::DIFFERENCE,
        "display" => super::plain::DISPLAY,
        "distinct" => rows::DISTINCT,
        "drop" => columns::DROP,
        "duplicate" => columns::DUPLICATE,
        "duration" => convert::DURATION,
        "elapsed" => series::ELAPSED,
        "exponentialMovingAverage" => series::EXPONENTIAL_MOVING_AVERAGE,
        "fill" => rows::FILL,
        "filter" => rows::FILTER,
        "findColumn" => inspect::FIND_COLUMN,
        "findRecord" => inspect::FIND_RECORD,
        "first" => aggregate::FIRST,
        "float" => convert::FLOAT,
        "from" => source::FROM,
        "getColumn" => inspect::GET_COLUMN,
        "getRecord" => inspect::GET_RECORD,
        "group" => columns::GROUP,
        "histogram" => statistics::HISTOGRAM,
        "histogramQuantile" => statistics::HISTOGRAM_QUANTILE,
        "holtWinters" => super::forecast::HOLT_WINTERS,
        "hourSelection" => series::HOUR_SELECTION,
        "int" => convert::INT,
        "integral" => statistics::INTEGRAL,
        "join" => joining::JOIN,
        "kaufmansAMA" => series::KAUFMANS_AMA,
        "kaufmansER" => series::KAUFMANS_ER,
        "keep" => columns::KEEP,
        "keyValues" => inspect::KEY_VALUES,
        "keys" => inspect::KEYS,
        "last" => aggregate::LAST,
        "length" => convert::LENGTH,
        "limit" => rows::LIMIT,
        "linearBins" => statistics::LINEAR_BINS,
        "logarithmicBins" => statistics::LOGARITHMIC_BINS,
        "map" => rows::MAP,
        "max" => aggregate::MAX,
        "mean" => aggregate::MEAN,
        "median" => statistics::MEDIAN,
        "min" => aggregate::MIN,
        "mode" => statistics::MODE,
        "movingAverage" => series::MOVING_AVERAGE,
        "now" => source::NOW,
        "pivot" => columns::PIVOT,
        "quantile" => statistics::QUANTILE,
        "range" => source::RANGE,
        "reduce" => states::REDUCE,
        "relativeStrengthIndex" => series::RELATIVE_STRENGTH_INDEX,
        "rename" => columns::RENAME,
        "sample" => series::SAMPLE,
        "set" => columns::SET,
        "skew" => statistics::SKEW,
        "sort" => rows::SORT,
        "spread" => statistics::SPREAD,
        "stateCount" => states::STATE_COUNT,
        "stateDuration" => states::STATE_DURATION,
        "stateTracking" => states::STATE_TRACKING,
        "stddev" => statistics::STDDEV,
        "string" => convert::STRING,
        "sum" => aggregate::SUM,
        "tableFind" => inspect::TABLE_FIND,
        "tail" => rows::TAIL,
        "time" => convert::TIME,
        "timeShift" => series::TIME_SHIFT,
        "to" => super::to::TO,
        "today" => source::TODAY,
        "top" => rows::TOP,
        "tripleExponentialDerivative" => series::TRIPLE_EXPONENTIAL_DERIVATIVE,
        "uint" => convert::UINT,
        "union" => rows::UNION,
        "unique" => rows::UNIQUE,
        "window" => window::WINDOW,
        "yield" => source::YIELD,
        text
        "cov" => "(x, y, on, pearsonr=false) => join(tables: {x: x, y: y}, on: on) |> covariance(pearsonr: pearsonr, columns: [\"_value_x\", \"_value_y\"])",
        "doubleEMA" => "(n, tables=<-) => tables |> exponentialMovingAverage(n: n) |> duplicate(column: \"_value\", as: \"__ema\") |> exponentialMovingAverage(n: n) |> map(fn: (r) => ({r with _value: 2.0 * r.__ema - r._value})) |> drop(columns: [\"__ema\"])",
        "highestAverage" => "(n, column=\"_value\", groupColumns=[], tables=<-) => tables |> group(columns: groupColumns) |> mean(column: column) |> group() |> sort(columns: [column], desc: true) |> limit(n: n)",
        "highestCurrent" => "(n, column=\"_value\", groupColumns=[], tables=<-) => tables |> group(columns: groupColumns) |> last(column: column) |> group() |> sort(columns: [column], desc: true) |> limit(n: n)",
        "highestMax" => "(n, column=\"_value\", groupColumns=[], tables=<-) => tables |> group(columns: groupColumns) |> max(column: column) |> group() |> sort(columns: [column], desc: true) |> limit(n: n)",
        "increase" => "(tables=<-, columns=[\"_value\"]) => tables |> difference(nonNegative: true, columns: columns, keepFirst: true, initialZero: true) |> cumulativeSum(columns: columns)",
        "lowestAverage" => "(n, column=\"_value\", groupColumns=[], tables=<-) => tables |> group(columns: groupColumns) |> mean(column: column) |> group() |> sort(columns: [column], desc: false) |> limit(n: n)",
        "lowestCurrent" => "(n, column=\"_value\", groupColumns=[], tables=<-) => tables |> group(columns: groupColumns) |> last(column: column) |> group() |> sort(columns: [column], desc: false) |> limit(n: n)",
        "lowestMin" => "(n, column=\"_value\", groupColumns=[], tables=<-) => tables |> group(columns: groupColumns) |> min(column: column) |> group() |> sort(columns: [column], desc: false) |> limit(n: n)",
        "pearsonr" => "(x, y, on) => cov(x: x, y: y, on: on, pearsonr: true)",
        "timeWeightedAvg" => "(unit, tables=<-) => tables |> integral(unit: unit, interpolate: \"linear\") |> map(fn: (r) => ({r with _value: r._value * float(v: uint(v: unit)) / float(v: int(v: r._stop) - int(v: r._start))}))",
        "timedMovingAverage" => "(every, period, column=\"_value\", tables=<-) => tables |> _hideBounds() |> window(every: every, period: period) |> mean(column: column) |> duplicate(column: \"_stop\", as: \"_time\") |> _restoreBounds()",
        "truncateTimeColumn" => "(unit, timeColumn=\"_time\", tables=<-) => tables |> duplicate(column: timeColumn, as: \"__time\") |> map(fn: (r) => ({r with __time: _truncated(t: r.__time, unit: unit)})) |> duplicate(column: \"__time\", as: timeColumn) |> drop(columns: [\"__time\"])",
        "inf" => "9223372036854775807ns",
        "toBool" => "(tables=<-) => tables |> _convertValues(type: \"bool\")",
        "toFloat" => "(tables=<-) => tables |> _convertValues(type: \"float\")",
        "toInt" => "(tables=<-) => tables |> _convertValues(type: \"int\")",
        "toString" => "(tables=<-) => tables |> _convertValues(type: \"string\")",
        "toTime" => "(tables=<-) => tables |> _convertValues(type: \"time\")",
        "toUInt" => "(tables=<-) => tables |> _convertValues(type: \"uint\")",
        "tripleEMA" => "(n, tables=<-) => tables |> exponentialMovingAverage(n: n) |> duplicate(column: \"_value\", as: \"__ema1\") |> exponentialMovingAverage(n: n) |> duplicate(column: \"_value\", as: \"__ema2\") |> exponentialMovingAverage(n: n) |> map(fn: (r) => ({r with _value: 3.0 * r.__ema1 - 3.0 * r.__ema2 + r._value})) |> drop(columns: [\"__ema1\", \"__ema2\"])",
    },
};

/// The name of the column that most functions work on.
const VALUE: &str = "_value";

/// A function of tables with parameters of its own.
macro_rules! transformation {
    ($constant:ident, $name:literal, $run:path, [$($parameter:expr),* $(,)?]) => {
        pub static $constant: Builtin = Builtin {
            name: $name,
            parameters: &[Parameter::TABLES, $($parameter),*],
            run: $run,
        };
    };
}
use transformation;
