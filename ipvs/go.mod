module github.com/moby/ipvs

go 1.17
