#!/usr/bin/env bash
# Records runs with nothing but curl, and asks about them: every RPC is a POST of JSON. Ends with exit code 1 at
# the first answer that is not the expected one.
#
#   TALLY_URL=http://127.0.0.1:8080 TALLY_TOKEN=… examples/curl.sh
set -euo pipefail
: "${TALLY_TOKEN:?}"
url="${TALLY_URL:-http://127.0.0.1:8080}"
id="curl-$(date +%s)-$$"

# call METHOD JSON: prints the answer, of an error too.
call() {
  curl -sS --max-time 60 "$url/tally.v1.$1" -H "authorization: Bearer $TALLY_TOKEN" \
    -H 'content-type: application/json' --data-binary "$2"
}

# expect TEXT: fails unless the answer on standard input contains it.
expect() {
  local answer
  answer="$(cat)"
  printf '  %s\n' "$answer"
  if [[ $answer != *"$1"* ]]; then
    printf 'expected %s\n' "$1" >&2
    exit 1
  fi
}

echo "a run by its outcome alone; the second time it is a duplicate, and a success"
run="{\"run\":{\"runId\":\"$id\",\"status\":\"STATUS_PASSED\",\"duration\":\"5s\",\"finishTime\":\"2026-01-12T10:00:00Z\"}}"
call IngestService/IngestRun "$run" | expect "\"runId\":\"$id\""
call IngestService/IngestRun "$run" | expect '"runDuplicate":true'

echo "a run with results, one of which is bad: it is refused alone, and kept"
call IngestService/IngestRun "{\"run\":{\"runId\":\"$id-results\",\"status\":\"STATUS_FAILED\"},\"results\":[
  {\"test\":{\"suite\":\"cart\",\"name\":\"adds\"},\"status\":\"STATUS_PASSED\",\"duration\":\"0.005s\"},
  {\"test\":{\"suite\":\"cart\",\"name\":\"pays\"},\"status\":\"STATUS_FAILED\",\"failure\":{\"message\":\"1 is not 2\"}},
  {\"test\":{\"suite\":\"cart\"},\"status\":\"STATUS_PASSED\"}]}" | expect '"rejectedCount":"1"'

echo "a report file as it is"
printf '<testsuite name="cart"><testcase name="adds" classname="cart" time="0.1"/></testsuite>' |
  curl -sS --max-time 60 "$url/v1/runs/$id-file/reports?format=junit&branch=main&job=curl" \
    -H "authorization: Bearer $TALLY_TOKEN" --data-binary @- | expect '"acceptedCount":"1"'

echo "what became of them"
call StatsService/GetRun "{\"runId\":\"$id-results\"}" | expect '"failedCount":"1"'
call StatsService/ListResults "{\"runId\":\"$id-results\",\"statuses\":[\"STATUS_FAILED\"]}" |
  expect '"message":"1 is not 2"'

echo "a value that makes no sense is named"
call IngestService/IngestRun '{"run":{"runId":"x","status":"broken"}}' | expect 'run.status'
