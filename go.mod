module mobula

go 1.26
