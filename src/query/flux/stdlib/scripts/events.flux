package events

import "internal/rows"

duration = (tables=<-, unit=1s, columnName="duration", timeColumn="_time", stopColumn="_stop", stop=time(v: 0)) =>
    tables
        |> sort(columns: [timeColumn])
        |> rows.lasting(unit: unit, column: columnName, timeColumn: timeColumn, stopColumn: stopColumn, stop: stop)
