"""Translates between Kafka's Metadata 9, which clients of today ask for, and Metadata 2, which the mock of librdkafka 2.0 answers."""
import struct

# API: lowest and highest version: Produce, Metadata, ApiVersions.
VERSIONS = {0: (7, 7), 3: (9, 9), 18: (3, 3)}
NO_TAGS = b"\0"


def versions_answer(number):
    """The answer to ApiVersions 3."""
    apis = [struct.pack(">hhh", api, *span) + NO_TAGS for api, span in VERSIONS.items()]
    return struct.pack(">ih", number, 0) + compact(apis) + struct.pack(">i", 0) + NO_TAGS


def old_metadata_request(number, client, body):
    """Metadata 2 for what was asked with Metadata 9."""
    # Tags of the header, then topics: one more than there are, each with its length plus one and tags of its own.
    count, at, topics = body[1] - 1, 2, []
    for _ in range(max(count, 0)):
        size = body[at] - 1
        topics.append(body[at + 1:at + 1 + size])
        at += size + 2
    names = b"".join(old_text(topic) for topic in topics)
    return struct.pack(">hhi", 3, 2, number) + old_text(client) + struct.pack(">i", len(topics)) + names


def new_metadata_answer(answer):
    """Metadata 9 of what was answered with Metadata 2."""
    read = Reader(answer)
    number = read.number("i")
    brokers = [broker(read) for _ in range(read.number("i"))]
    cluster, controller = read.text(), read.number("i")
    topics = [topic(read) for _ in range(read.number("i"))]
    head = struct.pack(">i", number) + NO_TAGS + struct.pack(">i", 0)
    return head + compact(brokers) + new_text(cluster) + struct.pack(">i", controller) + compact(topics) + struct.pack(">i", 0) + NO_TAGS


def broker(read):
    node, host, port, rack = read.number("i"), read.text(), read.number("i"), read.text()
    return struct.pack(">i", node) + new_text(host) + struct.pack(">i", port) + new_text(rack) + NO_TAGS


def topic(read):
    error, name, internal = read.number("h"), read.text(), read.number("b")
    partitions = [partition(read) for _ in range(read.number("i"))]
    return struct.pack(">h", error) + new_text(name) + struct.pack(">b", internal) + compact(partitions) + struct.pack(">i", 0) + NO_TAGS


def partition(read):
    error, index, leader = read.number("h"), read.number("i"), read.number("i")
    replicas, in_step = ([struct.pack(">i", read.number("i")) for _ in range(read.number("i"))] for _ in range(2))
    return struct.pack(">hiii", error, index, leader, 0) + compact(replicas) + compact(in_step) + compact([]) + NO_TAGS


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, kind):
        (value,) = struct.unpack_from(">" + kind, self.data, self.at)
        self.at += struct.calcsize(">" + kind)
        return value

    def text(self):
        size = self.number("h")
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size:self.at]


def compact(items):
    return varint(len(items) + 1) + b"".join(items)


def new_text(value):
    return b"\0" if value is None else varint(len(value) + 1) + value


def old_text(value):
    return struct.pack(">h", len(value)) + value


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])
