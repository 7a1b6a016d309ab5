package promql

import "date"
import "internal/rows"
import "math"

timestamp = (tables=<-) => tables |> map(fn: (r) => ({r with _value: float(v: int(v: r._time)) / 1000000000.0}))

instant = (timestamp) => time(v: int(v: timestamp) * 1000000000)
promqlMinute = (timestamp) => float(v: date.minute(t: instant(timestamp: timestamp)))
promqlHour = (timestamp) => float(v: date.hour(t: instant(timestamp: timestamp)))
promqlDayOfWeek = (timestamp) => float(v: date.weekDay(t: instant(timestamp: timestamp)))
promqlDayOfMonth = (timestamp) => float(v: date.monthDay(t: instant(timestamp: timestamp)))
promqlMonth = (timestamp) => float(v: date.month(t: instant(timestamp: timestamp)))
promqlYear = (timestamp) => float(v: date.year(t: instant(timestamp: timestamp)))
promqlDaysInMonth = (timestamp) => {
    first = date.truncate(t: instant(timestamp: timestamp), unit: 1mo)

    return float(v: int(v: date.add(d: 1mo, to: first)) - int(v: first)) / 86400000000000.0
}

join = (left, right, fn) => rows.join(left: left, right: right, on: ["_time"], fn: fn)

ordinary = quantile
quantile = (tables=<-, q) =>
    if q < 0.0 or q > 1.0 then
        tables |> reduce(identity: {_value: 0.0}, fn: (r, accumulator) => ({_value: 0.0})) |> map(fn: (r) => ({r with _value: if q < 0.0 then math.mInf(sign: -1) else math.mInf(sign: 1)}))
    else
        tables |> ordinary(q: q, method: "exact_mean")
