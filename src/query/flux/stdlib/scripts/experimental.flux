package experimental

import "internal/rows"

diff = (want, got) => rows.diff(want: want, got: got)
fill = (tables=<-, column="_value", value="", usePrevious=false) =>
    tables |> rows.fill(column: column, value: value, usePrevious: usePrevious)
join = (left, right, fn) => rows.join(left: left, right: right, on: ["_time"], fn: fn)
alignTime = (tables=<-, alignTo=time(v: 0)) =>
    tables
        |> stateDuration(fn: (r) => true, column: "____elapsed", unit: 1ns)
        |> map(fn: (r) => ({r with _time: time(v: int(v: alignTo) + r.____elapsed)}))
        |> drop(columns: ["____elapsed"])
