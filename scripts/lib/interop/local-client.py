"""Publishes jobs through Salt's own LocalClient and gives back what the master's bus shows: one JSON line in, one out.

In:  {"tgt": [...], "tgt_type": "list", "fun": ..., "arg": [...] or "packed": base64 of msgpack, "kwarg": {...}, "expect": [ids], "timeout": s, "linger": s}
Out: {"jid": ..., "returns": base64 of msgpack [[seconds, load] ...]}; seconds count from the publication.
"""
import base64
import json
import sys
import time

import salt.client
import salt.config
import salt.exceptions
import salt.payload
import salt.utils.jid

client = salt.client.LocalClient(mopts=salt.config.client_config(sys.argv[1]), listen=True)
print(json.dumps({"ready": True}), flush=True)

for line in sys.stdin:
    job = json.loads(line)
    jid = salt.utils.jid.gen_jid(client.opts)
    tag = "salt/job/{}/ret/".format(jid)
    client.event.subscribe(tag)
    client.event.connect_pub()
    began = time.perf_counter()
    try:
        published = client.run_job(
            job["tgt"], job["fun"], salt.payload.loads(base64.b64decode(job["packed"])) if "packed" in job else job.get("arg", []), job.get("tgt_type", "list"), job.get("ret", ""),
            timeout=5, jid=jid, kwarg=job.get("kwarg"), listen=True, **job.get("more", {})
        )
    except salt.exceptions.SaltClientError:
        # No master there: the job was not published.
        published = None
    missing = set(job["expect"])
    returns = []
    end = time.perf_counter() + job.get("timeout", 30)
    while published and time.perf_counter() < end:
        # A wait that ends in vain connects to the bus anew, and what is sent meanwhile is lost: one wait until the end.
        wait = max(0.05, end - time.perf_counter())
        event = client.event.get_event(wait=wait, tag=tag, full=True, no_block=False, auto_reconnect=True)
        if event is None:
            continue
        load = event["data"]
        load.pop("_stamp", None)
        returns.append([time.perf_counter() - began, load])
        missing.discard(load["id"])
        if not missing:
            end = min(end, time.perf_counter() + job.get("linger", 0))
    client.event.unsubscribe(tag)
    packed = salt.payload.dumps(returns, use_bin_type=True)
    print(json.dumps({"jid": jid, "published": bool(published), "returns": base64.b64encode(packed).decode()}), flush=True)
