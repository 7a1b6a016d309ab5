package table

import "internal/rows"

fill = (tables=<-) => tables |> rows.fillEmpty()
