#!/usr/bin/env python3
"""Records what exporters say, each 15 s, for the `real` part of bench_tsdb: DIR/NAME-MILLISECONDS.gz

    bench/record_metrics.py DIR NAME=URL [NAME=URL …]      until it is interrupted
"""
import gzip
import os
import sys
import time
import urllib.request


def main():
    folder, *pairs = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    while True:
        time.sleep(15 - time.time() % 15)
        for pair in pairs:
            name, url = pair.split("=", 1)
            stamp = int(time.time() * 1000)
            try:
                body = urllib.request.urlopen(url, timeout=5).read()
            except OSError as e:
                print(f"{name}: {e}", file=sys.stderr)
                continue
            with gzip.open(f"{folder}/{name}-{stamp}.gz", "wb", 1) as f:
                f.write(body)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
