package sample

import "array"

list = () =>
    array.from(
        rows: [
            {name: "airSensor", description: "temperature, humidity and carbon monoxide of simulated offices", type: "live"},
            {name: "birdMigration", description: "tracks of birds over Africa in 2019", type: "static"},
            {name: "bitcoin", description: "prices of the last 30 days", type: "live"},
            {name: "machineProduction", description: "four grinding stations on 2021-08-01", type: "static"},
            {name: "noaa", description: "latest buoy observations", type: "live"},
            {name: "noaaWater", description: "water levels at two stations in 2019", type: "static"},
            {name: "usgs", description: "earthquakes of the last week", type: "live"},
        ],
    )
data = (set) => die(msg: "sample.data fetches data set " + set + " from the network, which is not allowed here")
alignToNow = (tables=<-) => {
    newest = tables |> keep(columns: ["_time"]) |> group() |> max(column: "_time") |> findRecord(fn: (key) => true, idx: 0)

    return tables |> timeShift(duration: duration(v: int(v: now()) - int(v: newest._time)))
}
