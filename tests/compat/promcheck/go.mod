module spanloom.dev/compat/promcheck

go 1.25.8

require github.com/prometheus/prometheus v0.314.0
