package tickscript

import "array"
import "experimental"
import "influxdata/influxdb/monitor"
import "universe"

defineCheck = (id, name, type="custom") => ({_check_id: id, _check_name: name, _type: type, tags: {}})

about = (topic) => (tables=<-) =>
    if topic == "" then
        tables
    else
        tables
            |> set(key: "_topic", value: topic)
            |> experimental.group(mode: "extend", columns: ["_topic"])

alert = (
    tables=<-,
    check,
    id=(r) => "${r._check_id}",
    details=(r) => "",
    message=(r) => "Threshold Check: ${r._check_name} is: ${r._level}",
    crit=(r) => false,
    warn=(r) => false,
    info=(r) => false,
    ok=(r) => true,
    topic="",
) => {
    addTopic = about(topic: topic)

    return
        tables
            |> drop(columns: ["_start", "_stop"])
            |> map(fn: (r) => ({r with _check_id: check._check_id, _check_name: check._check_name}))
            |> map(fn: (r) => ({r with id: id(r: r)}))
            |> map(fn: (r) => ({r with details: details(r: r)}))
            |> addTopic()
            |> monitor.check(
                data: check,
                messageFn: message,
                crit: crit,
                warn: warn,
                info: info,
                ok: ok,
            )
}

deadman = (
    tables=<-,
    check,
    measurement,
    threshold=0,
    id=(r) => "${r._check_id}",
    message=(r) => "Deadman Check: ${r._check_name} is: " + (if r.dead then "dead" else "alive"),
    topic="",
) => {
    counted =
        tables
            |> duplicate(column: "_time", as: "__rows")
            |> count(column: "__rows")
            |> drop(columns: ["_start", "_stop"])
    any = counted |> group() |> findRecord(fn: (key) => true, idx: 0)
    seen = if exists any.__rows then counted else array.from(rows: [{__rows: 0}])

    return
        seen
            |> map(
                fn: (r) => ({r with
                    _measurement: measurement,
                    _time: now(),
                    dead: r.__rows <= threshold,
                }),
            )
            |> drop(columns: ["__rows"])
            |> experimental.group(mode: "extend", columns: ["_measurement"])
            |> alert(
                check: check,
                id: id,
                message: message,
                crit: (r) => r.dead,
                topic: topic,
            )
}

select = (tables=<-, column="_value", fn=(tables=<-, column) => tables, as) => {
    c = column
    a = as

    return tables |> fn(column: column) |> rename(fn: (column) => if column == c then a else column)
}

selectWindow = (tables=<-, column="_value", fn, as, every, defaultValue) => {
    c = column
    a = as

    return
        tables
            |> aggregateWindow(every: every, fn: fn, column: column, createEmpty: true)
            |> fill(column: column, value: defaultValue)
            |> rename(fn: (column) => if column == c then a else column)
}

compute = select

groupBy = (tables=<-, columns) =>
    tables
        |> group(columns: columns)
        |> experimental.group(mode: "extend", columns: ["_measurement"])

join = (tables, on=["_time"], measurement) =>
    universe.join(tables: tables, on: on)
        |> map(fn: (r) => ({r with _measurement: measurement}))
        |> experimental.group(mode: "extend", columns: ["_measurement"])
