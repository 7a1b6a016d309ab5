package monitor

import "experimental"
import "influxdata/influxdb/v1"
import "internal/rows"

bucket = "_monitoring"
levelOK = "ok"
levelInfo = "info"
levelWarn = "warn"
levelCrit = "crit"
levelUnknown = "unknown"

option write = (tables=<-) => tables |> to(bucket: bucket)
option log = (tables=<-) => tables |> to(bucket: bucket)

storedIn = from

stored = (measurement, start, stop, fn) =>
    storedIn(bucket: bucket)
        |> range(start: start, stop: stop)
        |> filter(fn: (r) => r._measurement == measurement)
        |> filter(fn: fn)
        |> v1.fieldsAsCols()

logs = (start, stop=now(), fn) => stored(measurement: "notifications", start: start, stop: stop, fn: fn)
from = (start, stop=now(), fn=(r) => true) => stored(measurement: "statuses", start: start, stop: stop, fn: fn)

check = (tables=<-, data, messageFn, crit=(r) => false, warn=(r) => false, info=(r) => false, ok=(r) => true) =>
    tables
        |> experimental.set(o: data.tags)
        |> experimental.group(mode: "extend", columns: experimental.objectKeys(o: data.tags))
        |> map(
            fn: (r) => ({r with
                _measurement: "statuses",
                _source_measurement: r._measurement,
                _source_timestamp: int(v: r._time),
                _time: now(),
                _check_id: data._check_id,
                _check_name: data._check_name,
                _type: data._type,
                _level: if crit(r: r) then levelCrit
                    else if warn(r: r) then levelWarn
                    else if info(r: r) then levelInfo
                    else if ok(r: r) then levelOK
                    else levelUnknown,
            }),
        )
        |> map(fn: (r) => ({r with _message: messageFn(r: r)}))
        |> experimental.group(
            mode: "extend",
            columns: ["_source_measurement", "_type", "_check_id", "_check_name", "_level"],
        )
        |> write()

notify = (tables=<-, endpoint, data) =>
    tables
        |> experimental.set(o: data)
        |> experimental.group(mode: "extend", columns: experimental.objectKeys(o: data))
        |> map(
            fn: (r) => ({r with
                _measurement: "notifications",
                _status_timestamp: int(v: r._time),
                _time: now(),
            }),
        )
        |> endpoint()
        |> experimental.group(mode: "extend", columns: ["_sent"])
        |> log()

deadman = (tables=<-, t) =>
    tables
        |> max(column: "_time")
        |> map(fn: (r) => ({r with dead: r._time < t}))

stateChanges = (tables=<-, fromLevel="any", toLevel="any") =>
    tables
        |> duplicate(column: "_level", as: "____level")
        |> drop(columns: ["_level"])
        |> rename(columns: {____level: "_level"})
        |> sort(columns: ["_source_timestamp", "_time"])
        |> rows.changes(column: "_level", from: fromLevel, to: toLevel)
        |> experimental.group(mode: "extend", columns: ["_level"])

stateChangesOnly = (tables=<-) => tables |> stateChanges()
