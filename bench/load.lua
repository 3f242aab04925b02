-- For wrk: one request, made once, sent again and again; the figures as one line of JSON at the end.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
local file = assert(io.open(os.getenv("BENCH_BODY"), "rb"))
wrk.body = file:read("*a")
file:close()

function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format(
        '\nFIGURES {"requests":%d,"micros":%d,"p50":%.1f,"p99":%.1f,"refused":%d,"broken":%d,"late":%d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        e.status, e.connect + e.read + e.write, e.timeout))
end
