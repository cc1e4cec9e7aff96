-- POST of 64 KiB; loaded together with report.lua's done()
dofile(os.getenv("BENCH_FOLDER") .. "/report.lua")
wrk.method = "POST"
wrk.body = string.rep("x", 64 * 1024)
wrk.headers["Content-Type"] = "application/octet-stream"
