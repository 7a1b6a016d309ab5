package oee

import "contrib/tomhollingworth/events"
import "experimental"

grown = (tables=<-, column) =>
    tables
        |> difference(columns: [column], nonNegative: true)
        |> sum(column: column)
        |> duplicate(column: "_stop", as: "_time")

computeAPQ = (productionEvents, partEvents, runningState, plannedTime, idealCycleTime) => {
    planned = float(v: int(v: plannedTime))
    ideal = float(v: int(v: idealCycleTime))
    running =
        productionEvents
            |> events.duration(unit: 1ns, columnName: "runTime")
            |> filter(fn: (r) => r.state == runningState)
            |> sum(column: "runTime")
            |> duplicate(column: "_stop", as: "_time")
            |> map(fn: (r) => ({r with availability: float(v: r.runTime) / planned}))
    made = partEvents |> grown(column: "partCount")
    bad = partEvents |> grown(column: "badCount")
    speed =
        experimental.join(
            left: running,
            right: made,
            fn: (left, right) => ({left with
                _parts: right.partCount,
                performance: float(v: right.partCount) * ideal / float(v: left.runTime),
            }),
        )

    return
        experimental.join(
            left: speed,
            right: bad,
            fn: (left, right) => ({left with
                quality: float(v: left._parts - right.badCount) / float(v: left._parts),
            }),
        )
            |> map(fn: (r) => ({r with oee: r.availability * r.performance * r.quality}))
            |> drop(columns: ["_parts"])
}

APQ = (tables=<-, runningState, plannedTime, idealCycleTime) =>
    computeAPQ(
        productionEvents: tables,
        partEvents: tables,
        runningState: runningState,
        plannedTime: plannedTime,
        idealCycleTime: idealCycleTime,
    )
