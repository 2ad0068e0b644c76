"""Five processes compete for one lock and record changes under it, while they are killed and stopped at random. The
test checks what they did against what the server recorded. It also shows that the check detects a lock that is broken
on purpose."""
import collections
import itertools
import os
import random
import re
import signal
import tempfile
import time
import unittest

from support.redis_proxy import RedisProxy
from support.redis_server import Redis
from support.scenario import Scenario, eventually, main

WORKER = os.path.join(os.environ.get("WEIR_BUILD", "build/dev"), "tests", "lock_worker")
RECORD = re.compile(r'lua\] "HSET" "weir:{test}:applied" "fence" "(\d+)" "hash" "([^"]+)"')
GOOD = re.compile(r'lua\] "LPUSH" "weir:{test}:changes" "(.*)"$')

Operation = collections.namedtuple("Operation", "began ended name operation result fence hash deadline")
Event = collections.namedtuple("Event", "kind fence hash")  # as the server carried it out: "begun" or "good"


def read_history(path):
    with open(path) as f:
        for line in f:
            began, ended, name, operation, result, fence, hash_, deadline = line.split()
            yield Operation(int(began), int(ended), name, operation, result, int(fence), hash_, int(deadline))


def read_events(path):
    with open(path, encoding="latin-1") as f:
        for line in f:
            if record := RECORD.search(line):
                yield Event("begun", int(record[1]), record[2])
            elif (good := GOOD.search(line)) and '\\"verdict\\":\\"good\\"' in good[1]:
                fence, hash_ = re.search(r'\\"fence\\":(\d+),\\"hash\\":\\"([^\\]+)\\"', good[1]).groups()
                yield Event("good", int(fence), hash_)


def violations(operations, events):
    """Returns the guarantees that the history violates."""
    found = []
    begun = [e for e in events if e.kind == "begun"]
    for one, other in itertools.pairwise(begun):
        if other.fence < one.fence:
            found.append(f"order: {other} is recorded after {one}")
        if other.fence == one.fence and other.hash != one.hash:
            found.append(f"one fence: {one} and {other}")
    last = None
    for event in events:
        if event.kind == "begun":
            last = event
        elif last is None or event.hash != last.hash:
            found.append(f"verdict: {event} is recorded as good after {last} has begun")
    leases = sorted((o for o in operations if o.operation == "acquire" and o.result == "ok"), key=lambda o: o.ended)
    for fence, count in collections.Counter(o.fence for o in leases).items():
        if count > 1:
            found.append(f"fence: {count} leases have {fence}")
    released = {o.fence: o.began for o in operations if o.operation == "giving"}
    renewed = collections.defaultdict(list)
    for o in operations:
        if o.operation == "renew" and o.result == "ok":
            renewed[o.fence].append(o)
    for name in {o.name for o in leases}:
        fences = [o.fence for o in leases if o.name == name]
        if fences != sorted(fences):
            found.append(f"fence: it goes back at {name}")
    for one, other in itertools.pairwise(leases):
        # A process surely holds the lease from its answer to its deadline, or until it begins to release it.
        until = max([one.deadline, *(o.deadline for o in renewed[one.fence] if o.ended < other.began)])
        until = min(until, released.get(one.fence, until))
        if one.ended < other.began and other.ended < until:
            found.append(f"lease: {other} is given while {one} stands until {until}")
    return found


class History(Scenario):
    def fight(self, operations, rewrite=None, seed=7):
        """Runs five processes with this many operations each. Returns their history and the server's."""
        redis = Redis(self)
        events = self.monitor(redis)
        proxy = RedisProxy(self, redis.port)
        proxy.rewrite = rewrite
        port = proxy.port if rewrite else redis.port
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        rng = random.Random(seed)
        paths = [os.path.join(directory.name, f"history-{i}") for i in range(5)]

        def done(i):
            if not os.path.exists(paths[i]):
                return 0
            return sum(o.operation != "giving" for o in read_history(paths[i]))

        def begin(i):
            state = os.path.join(directory.name, f"state-{i}")
            os.makedirs(state, exist_ok=True)
            return self.start(
                WORKER,
                f"redis://127.0.0.1:{port}",
                state,
                paths[i],
                f"p{i}",
                str(operations - done(i)),
                str(rng.randrange(10**6)),
            )

        workers = [begin(i) for i in range(5)]
        kills = stops = 0
        deadline = time.monotonic() + 240
        while any(w.poll() is None for w in workers):
            self.assertLess(time.monotonic(), deadline, "they do not come to an end")
            i = rng.randrange(5)
            if workers[i].poll() is None and rng.random() < 0.5:
                workers[i].kill()
                workers[i].wait()
                kills += 1
                if done(i) < operations:
                    workers[i] = begin(i)
            elif workers[i].poll() is None:
                workers[i].send_signal(signal.SIGSTOP)
                time.sleep(rng.uniform(0.02, 0.3))  # the length of the fault
                workers[i].send_signal(signal.SIGCONT)
                stops += 1
            time.sleep(rng.uniform(0.02, 0.2))  # the time between faults
        history = [o for path in paths for o in read_history(path)]
        for i in range(5):
            self.assertGreaterEqual(done(i), operations)
        return history, events(), kills, stops

    def monitor(self, redis):
        path = redis.monitor(self)

        def events():
            redis.call("SET", "the-end", "1")  # once this is written, so is everything before it

            def is_written():
                with open(path, "rb") as f:
                    return b'"the-end"' in f.read()[-4000:]

            eventually(is_written, "all is written")
            return list(read_events(path))

        return events

    def test_five_killed_and_stopped_processes_do_1000_operations_each(self):
        history, events, kills, stops = self.fight(1000)
        self.assertEqual(violations(history, events), [])
        count = collections.Counter((o.operation, o.result) for o in history if o.operation != "giving")
        self.assertGreater(min(kills, stops), 3)
        self.assertGreater(
            count["begin", "3"] + count["renew", "3"], 10, count
        )  # leases were lost, and their holders noticed
        self.assertGreater(sum(e.kind == "good" for e in events), 100)
        print(f"\n{count.total()} operations, {len(events)} records, {kills} kills, {stops} stops: {dict(count)}")

    def test_a_lock_that_does_not_compare_tokens_is_found_out(self):
        history, events, *_ = self.fight(
            400, lambda word: word.replace(b"if redis.call('GET', KEYS[1]) == ARGV[1] then", b"if true then")
        )
        self.assertIn("lease", {v.split(":")[0] for v in violations(history, events)})

    def test_a_renewal_that_does_not_renew_is_found(self):
        history, events, *_ = self.fight(
            400, lambda word: word.replace(b"return redis.call('PEXPIRE', KEYS[1], ARGV[2])", b"return 1")
        )
        self.assertIn("lease", {v.split(":")[0] for v in violations(history, events)})

    def test_records_that_do_not_compare_fences_are_found_out(self):
        broken = {
            b"if fence < known or (fence == known and last[2] ~= ARGV[2]) then return 0 end": b"",
            b"if known >= fence and last[2] ~= ARGV[2] then return 0 end": b"",
        }

        def rewrite(word):
            for whole, part in broken.items():
                word = word.replace(whole, part)
            return word

        history, events, *_ = self.fight(400, rewrite)
        found = {v.split(":")[0] for v in violations(history, events)}
        self.assertIn("order", found)
        self.assertIn("verdict", found)


class Violations(unittest.TestCase):
    """Tests of `violations` itself, by examples."""

    def lease(self, began, ended, name, fence, deadline):
        return Operation(began, ended, name, "acquire", "ok", fence, "-", deadline)

    def test_it_finds_each_violation_in_an_example(self):
        good = [Event("begun", 1, "a"), Event("good", 1, "a"), Event("begun", 2, "b")]
        self.assertEqual(violations([self.lease(0, 1, "p", 1, 100), self.lease(120, 130, "q", 2, 220)], good), [])
        for events, word in (
            ([Event("begun", 2, "b"), Event("begun", 1, "a")], "order"),
            ([Event("begun", 2, "b"), Event("begun", 2, "a")], "one fence"),
            ([Event("begun", 1, "a"), Event("begun", 2, "b"), Event("good", 1, "a")], "verdict"),
        ):
            self.assertEqual([v.split(":")[0] for v in violations([], events)], [word])
        for leases, word in (
            ([self.lease(0, 1, "p", 1, 100), self.lease(10, 20, "q", 2, 120)], "lease"),
            ([self.lease(0, 1, "p", 1, 5), self.lease(10, 20, "q", 1, 120)], "fence"),
            ([self.lease(0, 1, "p", 2, 5), self.lease(10, 20, "p", 1, 120)], "fence"),
        ):
            self.assertEqual([v.split(":")[0] for v in violations(leases, [])], [word])


if __name__ == "__main__":
    main()
