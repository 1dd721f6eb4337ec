-- What wrk asks for, and what it counts as wrong. Arguments behind "--":
--   count   0: the URL as it is; else any of so many, "%o%v" in it being a number whose last digit is "%v"
--   type    every answer has to be a 200 of this Content-Type with its whole body; "-": statuses only

local threads = {}
wrong = 0 -- global, so that `done`, which runs elsewhere, can ask for it

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local count, wanted = tonumber(args[1]), args[2]
  local whole = wrk.format("GET")
  math.randomseed(os.time()) -- or every round would ask for the same few thousand again
  request = function()
    if count == 0 then return whole end
    local number = math.random(0, count - 1)
    local parts = { o = math.floor(number / 10), v = number % 10 }
    return wrk.format("GET", (wrk.path:gsub("%%(%l)", parts)))
  end
  if wanted == "-" then return end
  response = function(status, headers, body)
    local kind = headers["Content-Type"] or headers["content-type"]
    local length = tonumber(headers["Content-Length"] or headers["content-length"])
    if status ~= 200 or kind ~= wanted or #body == 0 or (length and length ~= #body) then
      wrong = wrong + 1
    end
  end
end

function done(summary, latency, requests)
  local errors, bad = summary.errors, 0
  for _, thread in ipairs(threads) do bad = bad + thread:get("wrong") end
  bad = bad + errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "received": %d, "p50": %.4f, "p99": %.4f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, bad))
end
