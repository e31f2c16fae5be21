"""Follow every event of Annals with kafka-python alone, in the order in which they happened, without missing any.

    pip install kafka-python crc32c lz4
    python consumer.py localhost:9092

What is on the topics is described in asyncapi.yaml. One line of JSON is printed for each event. A program of your own
would keep what it makes of the events together with the position and the offsets, in one transaction of its own
database, and begin there again; this one begins at the first event.
"""

import argparse
import hashlib
import json
import re

from kafka import KafkaConsumer, TopicPartition


def follow(servers, prefix):
    """Every event as its position, its hash and its document, in order, for ever."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers.split(","),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        # What a transaction that failed has left is not for us.
        isolation_level="read_committed",
    )
    topics = [topic for topic in consumer.topics() if re.fullmatch(rf"{re.escape(prefix)}\.[a-z]+", topic)]
    partitions = [TopicPartition(topic, n) for topic in topics for n in consumer.partitions_for_topic(topic)]
    consumer.assign(partitions)

    # Each partition is in order; positions put them together: 1, 2, 3, … over all topics, without a gap.
    waiting, position = {}, 0
    while True:
        for records in consumer.poll(timeout_ms=1000).values():
            for record in records:
                headers = dict(record.headers)
                # Somebody else may have written to the topic, be it a copy of what is there.
                try:
                    at, hash = int(headers["position"]), headers["hash"].decode()
                except (KeyError, ValueError, TypeError, AttributeError):
                    continue
                if headers.get("content-type") == b"application/cloudevents+json" and at > position:
                    waiting.setdefault(at, (hash, record.value))
        while position + 1 in waiting:
            position += 1
            yield position, *waiting.pop(position)


def main():
    """Print the events, and stop at the first that does not continue the history."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("servers", help="where Kafka answers: host:port, several with commas between")
    parser.add_argument("--prefix", default="crm", help="what the topics begin with")
    parser.add_argument("--until", type=int, help="the position to stop at; default: never")
    arguments = parser.parse_args()
    before = bytes(32)
    for position, hash, document in follow(arguments.servers, arguments.prefix):
        before = hashlib.sha256(before + document).digest()
        if before.hex() != hash:
            raise SystemExit(f"the event at position {position} does not continue the history")
        event = json.loads(document)
        print(json.dumps({name: event[name] for name in ("sequence", "type", "subject", "time", "data")}))
        if position == arguments.until:
            return


if __name__ == "__main__":
    main()
