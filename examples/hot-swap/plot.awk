# Draws two files. The first has the events: second, tab, text. The second has the figures of each second, as
# `spanloom generate --every 1s` prints them:
#   ` 12.0 s  20,000 spans  20,000/s  p99 1.23 ms  3 failed`

function bar(value, most, width,    text, i) {
    for (i = 0; i < width * value / most; i++) text = text "#"
    return sprintf("%-" width "s", text)
}

# The events.
NR == FNR {
    at = index($0, "\t")
    second = substr($0, 1, at - 1) + 0
    events[second, ++count[second]] = substr($0, at + 1)
    if (second > last) last = second
    next
}

$2 == "s" {
    second = int($1 + 0.5)
    for (i = 3; i <= NF; i++) {
        figure = $i
        gsub(/,/, "", figure)
        if (figure ~ /^[0-9]+\/s$/) rate[second] = figure + 0
        if ($i == "p99") p99[second] = $(i + 1)
        if ($i == "failed" || $i == "rejected") { gsub(/,/, "", $(i - 1)); failed[second] += $(i - 1) }
    }
    if (rate[second] > most) most = rate[second]
    if (p99[second] > slowest) slowest = p99[second]
    if (second > last) last = second
}

END {
    if (most == 0 || slowest == 0) { print "nothing was sent"; exit 1 }
    printf "%4s %10s %-25s %8s %-13s %6s\n", "s", "spans/s", "", "p99 ms", "", "errors"
    for (second = 0; second <= last; second++) {
        line = sprintf("%4d", second)
        if (second in rate)
            line = line sprintf(" %10d %s %8.2f %s %6d", rate[second], bar(rate[second], most, 25), p99[second], bar(p99[second], slowest, 13), failed[second])
        else
            line = line sprintf("%68s", "")
        print line (count[second] ? "  " events[second, 1] : "")
        for (i = 2; i <= count[second]; i++) printf "%72s  %s\n", "", events[second, i]
    }
}
