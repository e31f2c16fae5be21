"""Prove that an export of Annals as CloudEvents is complete and was not altered, with the standard library alone.

    python verify_export.py FOLDER [--checkpoint FILE]

A checkpoint that you kept proves more: that the history up to it is still the one that was signed. Its signature is
checked by openssl, with the public key that you were given:

    head -4 FILE > text; tail -1 FILE | cut -d' ' -f3 | base64 -d | tail -c 64 > signature
    openssl pkeyutl -verify -pubin -inkey checkpoint.pub -rawin -in text -sigfile signature
"""

import argparse
import base64
import hashlib
import json
import pathlib


def verify(folder, checkpoint=None):
    """Go through all events; the position and the hash of the last one. A ValueError says what is wrong, and where.

    Each hash covers the one before, so the last one covers everything.
    """
    manifest = json.loads(folder.joinpath("manifest.json").read_bytes())
    known = [("the manifest", manifest["position"], bytes.fromhex(manifest["hash"]))]
    if checkpoint is not None:
        _, position, hash, *_ = checkpoint.read_text(encoding="utf-8").splitlines()
        known.append(("the checkpoint", int(position), base64.b64decode(hash)))
    position, hash, versions, digest = 0, bytes(32), {}, hashlib.sha256()
    with folder.joinpath("events.jsonl").open("rb") as lines:
        for position, line in enumerate(lines, 1):
            digest.update(line)
            hash = hashlib.sha256(hash + line.removesuffix(b"\n")).digest()
            event = json.loads(line)
            versions[stream] = versions.get(stream := event["subject"], 0) + 1
            if (event["sequence"], event["version"]) != (f"{position:020}", versions[stream]):
                raise ValueError(f"line {position} is another event than number {position}, or of {stream}")
            for name, at, said in known:
                if at == position and said != hash:
                    raise ValueError(f"{name} says another history up to position {position}")
    for name, at, _ in known:
        if at > position or (name == "the manifest" and at < position):
            raise ValueError(f"the events end at position {position}, {name} says {at}")
    if manifest["files"] != {"events.jsonl": digest.hexdigest()} or manifest["events"] != position:
        raise ValueError("the manifest says that events.jsonl is another file")
    return position, hash


def main():
    """Verify what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--checkpoint", type=pathlib.Path)
    try:
        position, hash = verify(**vars(parser.parse_args()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SystemExit(f"not as it was exported: {error}") from error
    print(f"{position} events, the last one with the hash {hash.hex()}: complete and unaltered")


if __name__ == "__main__":
    main()
