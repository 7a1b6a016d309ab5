package tasks

import "experimental"

option lastSuccessTime = time(v: 0)

lastSuccess = (orTime) =>
    if lastSuccessTime == time(v: 0) then experimental.subDuration(d: 0s, from: orTime) else lastSuccessTime
