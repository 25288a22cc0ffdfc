"""The mock cluster of librdkafka, an implementation of Kafka's protocol of its own, behind a port that stays.

kafka_mock.py PORT TLS_PORT CERTIFICATE KEY

The mock takes a port of its own choice and names it to its clients: what goes through here names this port instead. What a broker refuses
for reasons that the mock has not is asked of the mock by the name of the topic: see TOPICS and REFUSALS. The mock speaks older versions of
two questions than today's brokers, ApiVersions and Metadata: these are translated. All that is produced goes through as it is.
"""
import asyncio
import ctypes
import ssl
import struct
import sys

from kafka_metadata import new_metadata_answer, old_metadata_request, versions_answer

library = ctypes.CDLL("librdkafka.so.1")
for name in ("rd_kafka_new", "rd_kafka_mock_cluster_new", "rd_kafka_mock_cluster_bootstraps"):
    getattr(library, name).restype = ctypes.c_void_p
library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p

PRODUCE, METADATA, API_VERSIONS = 0, 3, 18
# What the cluster says of these topics whenever it is asked for them.
TOPICS = {b"missing": 3, b"forbidden": 29}
# What it answers to a return for these.
REFUSALS = {b"few-replicas": 19, b"read-only": 29}
# One partition of this topic has too few replicas: its name, one partition in the request, its number.
HALF = b"half" + struct.pack(">ii", 1, 0)
# A record with this in it breaks a rule of the topic `strict`.
FORBIDDEN = b"forbidden by a rule"
INVALID_RECORD = 87
TOO_LARGE = 10
# Largest request that the topic `small` takes.
SMALL_REQUEST = 20_000

text = ctypes.create_string_buffer(512)
client = library.rd_kafka_new(0, None, text, 512)
cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1))
for topic, error in TOPICS.items():
    library.rd_kafka_mock_topic_set_error(cluster, topic, error)
for topic in [b"small", b"strict", b"half", *REFUSALS]:
    library.rd_kafka_mock_topic_create(cluster, topic, 4, 1)
host, port = library.rd_kafka_mock_cluster_bootstraps(cluster).decode().split(",")[0].split(":")
INSIDE = host.encode() + struct.pack(">i", int(port))


def header(request):
    """API, version, number and client of a request, and where its body begins."""
    (length, api, version, number, size) = struct.unpack(">ihhih", request[:14])
    return length, api, version, number, request[14:14 + max(size, 0)], 14 + max(size, 0)


def refusal(length, api, request):
    """The error that this request gets: 0 for none."""
    if api != PRODUCE:
        return 0
    head = request[:200]
    error = next((error for topic, error in REFUSALS.items() if topic in head), 0)
    if HALF in head:
        error = REFUSALS[b"few-replicas"]
    if b"strict" in head and FORBIDDEN in request:
        error = INVALID_RECORD
    if b"small" in head and length > SMALL_REQUEST:
        error = TOO_LARGE
    return error


class Conversation:
    """What is under way on one connection."""

    def __init__(self):
        # Numbers of questions whose answers are to be translated.
        self.translated = set()
        self.unanswered = 0
        self.quiet = asyncio.Event()
        self.quiet.set()

    def asked(self):
        self.unanswered += 1
        self.quiet.clear()

    def answered(self):
        self.unanswered -= 1
        if self.unanswered == 0:
            self.quiet.set()


def framed(body):
    return struct.pack(">i", len(body)) + body


async def frame(reader):
    size = await reader.readexactly(4)
    return size + await reader.readexactly(struct.unpack(">i", size)[0])


async def requests(reader, writer, back, talk):
    while True:
        request = await frame(reader)
        length, api, version, number, client, body = header(request)
        if api == API_VERSIONS and client == b"brine":
            back.write(framed(versions_answer(number)))
            continue
        if api == METADATA and version == 9:
            talk.translated.add(number)
            request = framed(old_metadata_request(number, client, request[body:]))
        error = refusal(length, api, request)
        if error:
            # The mock gives an error to the request that it handles next: it must be this one.
            await talk.quiet.wait()
            library.rd_kafka_mock_push_request_errors(cluster, PRODUCE, ctypes.c_size_t(1), error)
        talk.asked()
        writer.write(request)
        await writer.drain()
        if error:
            await talk.quiet.wait()


async def answers(reader, writer, outside, talk):
    while True:
        answer = (await frame(reader)).replace(INSIDE, outside)
        (number,) = struct.unpack(">i", answer[4:8])
        if number in talk.translated:
            talk.translated.discard(number)
            answer = framed(new_metadata_answer(answer[4:]))
        talk.answered()
        writer.write(answer)
        await writer.drain()


def front(number):
    outside = host.encode() + struct.pack(">i", number)

    async def join(reader, writer):
        inside_reader, inside_writer = await asyncio.open_connection(host, int(port))
        talk = Conversation()
        both = [
            asyncio.ensure_future(requests(reader, inside_writer, writer, talk)),
            asyncio.ensure_future(answers(inside_reader, writer, outside, talk)),
        ]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        inside_writer.close()
        writer.close()

    return join


async def main():
    number, tls_number = int(sys.argv[1]), int(sys.argv[2])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    await asyncio.start_server(front(tls_number), "127.0.0.1", tls_number, ssl=context)
    plain = await asyncio.start_server(front(number), "127.0.0.1", number)
    await plain.serve_forever()

asyncio.run(main())
