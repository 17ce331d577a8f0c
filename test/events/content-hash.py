"""Computes content hashes and event ids as docs/event-identity.md describes them, from canonical fields."""

import hashlib
import json
import struct
import sys

FIELDS = ["client", "metric", "amount", "occurred_at", "path", "user_id"]


def digest(parts):
    message = b""
    for part in parts:
        if part is None:
            message += b"\xff\xff\xff\xff"
        else:
            encoded = part.encode("utf-8")
            message += struct.pack(">I", len(encoded)) + encoded
    return hashlib.sha256(message).digest()


answers = []
for vector in json.load(sys.stdin):
    content = digest(["tally.event.content.1"] + [vector["sent"][field] for field in FIELDS])
    key = vector.get("idempotency_key")
    named = content if key is None else digest(["tally.event.key.1", key])
    answers.append({"content_hash": content.hex(), "event_id": "evt_" + named[:16].hex()})
json.dump(answers, sys.stdout)
