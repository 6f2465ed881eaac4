"""Imports models one by one, each in a forked child of its own, and reports what each cost.

Reads paths from standard input; answers each with one line of JSON: error (None where the model was accepted), seconds
of processor time, and growth of the resident memory in bytes.
"""

import json
import os
import resource
import sys
import time

import fovea

TIMEOUT_SECONDS = 20


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def examine(path):
    before, start, error = resident_bytes(), time.process_time(), None
    try:
        fovea.convert(path)
    except fovea.Error as refusal:
        error = str(refusal)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"error": error, "seconds": seconds, "growth": peak - before}


def main():
    for line in sys.stdin:
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT_SECONDS, TIMEOUT_SECONDS))
            os.write(write_end, json.dumps(examine(line.rstrip("\n"))).encode())
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            answer = pipe.read()
        status = os.waitpid(child, 0)[1]
        print(answer or json.dumps({"crash": status}), flush=True)


main()
