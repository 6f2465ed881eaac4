import threading
import time

import numpy as np
from contestants import Contestant, Runner
from rounds import idle_share, measure, prepare_fastest


def sleeper(seconds, log=None, name=""):
    def run():
        if log is not None:
            log.append(name)
        time.sleep(seconds)

    return Runner(run=run, outputs=dict, setting=name)


def test_contestants_take_turns_in_rotating_order():
    log = []
    times = measure({name: sleeper(0, log, name) for name in "abc"}, rounds=3, limit_seconds=60)
    assert "".join(log) == "aabbcc" "bbccaa" "ccaabb"
    assert {name: len(values) for name, values in times.items()} == {"a": 3, "b": 3, "c": 3}


def test_limit_stops_after_a_whole_round():
    times = measure({name: sleeper(0.01) for name in "ab"}, rounds=1000, limit_seconds=0.2)
    assert len(times["a"]) == len(times["b"]) < 100


def test_fastest_variant_takes_part():
    def prepare(model, image, threads, precision, variant):
        return sleeper({"slow": 0.02, "fast": 0.001}[variant], name=variant)

    for variants in (("slow", "fast"), ("fast", "slow")):
        contestant = Contestant("x", "x", "fp32", prepare, variants)
        assert prepare_fastest(contestant, None, np.zeros(1), 1).setting == "fast"


def test_idle_share_finds_a_spinning_thread():
    stop = threading.Event()

    def spin():
        while not stop.is_set():
            pass

    assert idle_share(sleeper(0)) < 0.2
    thread = threading.Thread(target=spin)
    thread.start()
    try:
        assert any(idle_share(sleeper(0)) > 0.5 for _ in range(10))  # others may use the cores for a while
    finally:
        stop.set()
        thread.join()
