package anomalydetection

import "math"

mad = (table=<-, threshold=3.0) => {
    atTimes = table |> group(columns: ["_time"])
    middle = atTimes |> median()
    distance =
        join(tables: {data: atTimes, med: middle}, on: ["_time"])
            |> map(fn: (r) => ({r with _value: math.abs(x: r._value_data - r._value_med)}))
            |> drop(columns: ["_start", "_stop", "_value_med", "_value_data"])
    // 1.4826 makes it comparable to a standard deviation of normally distributed values.
    typical =
        distance
            |> median()
            |> map(fn: (r) => ({r with MAD: 1.4826 * r._value}))
            |> filter(fn: (r) => r.MAD > 0.0)

    return
        join(tables: {diff: distance, diff_med: typical}, on: ["_time"])
            |> map(fn: (r) => ({r with _value: r._value_diff / r._value_diff_med}))
            |> map(fn: (r) => ({r with level: if r._value >= threshold then "anomaly" else "normal"}))
}
