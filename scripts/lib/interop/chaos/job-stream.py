"""Publishes jobs one after the other through Salt's own LocalClient, until its input or itself ends. Nobody waits for their returns.

In, one line: {"target": id, "first": number of the first job, "count": how many or null, "pause": seconds between them}
Out, per job: {"jid": ..., "number": ..., "text": what it returns} before the master is asked, {"jid": ..., "taken": true or false} after.
"""
import json
import os
import sys
import time

import salt

if not os.path.isdir(os.path.join(os.path.dirname(salt.__file__), "ext", "tornado")):
    import tornado.queues  # noqa: F401  (3007 uses it without importing it)

import salt.client
import salt.config
import salt.utils.jid

def new_client():
    return salt.client.LocalClient(mopts=salt.config.client_config(sys.argv[1]))


client = new_client()
print(json.dumps({"ready": True}), flush=True)
order = json.loads(sys.stdin.readline())
number = order["first"]
last = None if order["count"] is None else number + order["count"]

while last is None or number < last:
    text = "job {}".format(number)
    # Every fourth takes a second: some returns are finished while the master is away.
    fun, arg = ("cmd.run", ["sleep 1; echo " + text]) if number % 4 == 3 else ("test.echo", [text])
    jid = salt.utils.jid.gen_jid(client.opts)
    print(json.dumps({"jid": jid, "number": number, "text": text}), flush=True)
    try:
        answer = client.pub([order["target"]], fun, arg, tgt_type="list", jid=jid, timeout=5)
        taken = isinstance(answer, dict) and answer.get("jid") == jid
    except Exception:  # pylint: disable=broad-except
        # No master there, or one that went away with the question.
        taken = False
    print(json.dumps({"jid": jid, "taken": taken}), flush=True)
    number += 1
    if taken:
        time.sleep(order["pause"])
    else:
        time.sleep(0.2)
        # A master that starts makes a new key for its local clients, and a client reads it once.
        client = new_client()
