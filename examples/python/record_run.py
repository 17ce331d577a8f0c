"""Streams the results of a run as they come, and asks what became of them. Usage: see run.sh beside this file."""

import os
import sys
import time
from urllib.parse import urlsplit

import grpc
from tally.v1 import ingest_service_pb2 as ingest
from tally.v1 import ingest_service_pb2_grpc as ingest_grpc
from tally.v1 import run_pb2 as run
from tally.v1 import stats_service_pb2 as stats
from tally.v1 import stats_service_pb2_grpc as stats_grpc

# A call without a deadline may wait for ever.
TIMEOUT_S = 60
TOKEN = [("authorization", f"Bearer {os.environ['TALLY_TOKEN']}")]


def results_of(suite):
    """Stands for a test framework: a suite of ten tests, of which one fails and one has no name."""
    for index in range(10):
        result = run.TestResult(
            test=run.Test(suite=f"suite {suite}", name="" if index == 9 else f"test {index}"),
            status=run.STATUS_FAILED if index == 3 else run.STATUS_PASSED,
        )
        result.duration.FromMilliseconds(5)
        if index == 3:
            result.failure.message = "expected 1, got 2"
        yield result


def frames(run_id, unacknowledged):
    """Whose results follow, the batches, the end."""
    opened = ingest.UploadOpen(
        run=run.Run(run_id=run_id, framework="example", source=run.Source(branch="main")),
        part=run.Part(job="python"),
    )
    yield ingest.PublishResultsRequest(open=opened)
    count = 0
    for sequence in range(5):
        batch = ingest.UploadBatch(sequence=sequence, results=results_of(sequence))
        unacknowledged[sequence] = batch
        count += len(batch.results)
        yield ingest.PublishResultsRequest(batch=batch)
    yield ingest.PublishResultsRequest(finish=ingest.UploadFinish(expected_result_count=count))


def record(client, run_id):
    """Sends everything, and forgets what is acknowledged: it is committed. Answers the counts."""
    unacknowledged = {}
    counts = {"stored": 0, "known": 0, "refused": 0}
    answers = client.PublishResults(
        frames(run_id, unacknowledged), metadata=TOKEN, timeout=TIMEOUT_S
    )
    for answer in answers:
        if answer.HasField("committed_sequence"):
            for sequence in [each for each in unacknowledged if each <= answer.committed_sequence]:
                del unacknowledged[sequence]
        counts["stored"] += answer.accepted_count
        counts["known"] += answer.duplicate_count
        counts["refused"] += answer.rejected_count
        for refused in answer.rejections:
            why = ", ".join(f"{v.field} {v.description}" for v in refused.field_violations)
            print(f"  result {refused.index} is refused and kept: {why}")
    assert not unacknowledged, "not everything was acknowledged"
    return counts


def main():
    run_id = sys.argv[1] if len(sys.argv) > 1 else f"python-{time.time_ns()}"
    address = urlsplit(os.environ.get("TALLY_URL", "http://127.0.0.1:8080"))
    secure = address.scheme == "https"
    channel = (
        grpc.secure_channel(address.netloc, grpc.ssl_channel_credentials())
        if secure
        else grpc.insecure_channel(address.netloc)
    )
    with channel:
        uploads = ingest_grpc.IngestServiceStub(channel)
        print(f"run {run_id}")
        first = record(uploads, run_id)
        print(f"  first: {first}")
        assert first == {"stored": 45, "known": 0, "refused": 5}
        # Sent again after any doubt, nothing counts twice.
        again = record(uploads, run_id)
        print(f"  again: {again}")
        assert again == {"stored": 0, "known": 45, "refused": 5}

        answers = stats_grpc.StatsServiceStub(channel)
        request = stats.GetRunRequest(run_id=run_id)
        stored = answers.GetRun(request, metadata=TOKEN, timeout=TIMEOUT_S).run
        print(f"  {run.RunState.Name(stored.state)}, {run.Status.Name(stored.status)}")
        assert stored.state == run.RUN_STATE_FINISHED
        assert stored.status == run.STATUS_FAILED
        assert stored.totals.result_count == 45

        request = stats.ListResultsRequest(run_id=run_id, statuses=[run.STATUS_FAILED])
        failed = answers.ListResults(request, metadata=TOKEN, timeout=TIMEOUT_S).results
        for each in failed:
            result = each.result
            print(f"  {result.test.suite}, {result.test.name}: {result.failure.message}")
        assert len(failed) == 5

        # What does not make sense is refused with every field at fault.
        try:
            uploads.IngestRun(ingest.IngestRunRequest(), metadata=TOKEN, timeout=TIMEOUT_S)
            raise AssertionError("a call without a run was taken")
        except grpc.RpcError as error:
            print(f"  {error.code().name}: {error.details()}")
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT


main()
