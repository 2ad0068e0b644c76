"""docs/admin-api.md: every example is sent to a real weir, and the response has the status, the type and the fields
that it shows."""
import email.utils
import hashlib
import hmac
import http.client
import json
import os
import re
import time

from support.redis_server import Redis
from support.scenario import SOURCE, Scenario, eventually, free_port, main, read_file

DOCUMENT = os.path.join(SOURCE, "docs/admin-api.md")
TOKENS = {
    "/etc/weir/admin.token": "a-token-that-may-do-everything",
    "/etc/weir/metrics.token": "a-token-that-only-reads",
    "/etc/weir/jobs.token": "a-token-for-the-jobs-pool",
}
OPTIONAL = {
    "last_failure",
    "last_check",
    "since",
    "cause",
    "queue",
    "unresolved",
    "host",
    "override",
    "agent_override",
    "problem",
    "watched_for_ms",
    "checks",
    "failed_checks",
    "ejections",
    "passes_in_a_row",
    "failures_in_a_row",
}  # fields that are not always present
BAD = "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9"


OLD_NAMES = {"/forgive"}  # endpoints that still work, but are not documented


def examples(text):
    """Yields requests with their responses: method, target, fields, body, status, reason, type, body."""
    for block in re.findall(r"```http\n(.*?)```", text, re.S):
        request, response = re.split(r"\n(?=HTTP/1\.1 )", block)
        head, _, body = request.partition("\n\n")
        method, target, version = head.splitlines()[0].split(" ")
        assert version == "HTTP/1.1", block
        fields = dict(line.split(": ", 1) for line in head.splitlines()[1:])
        answer, _, shown = response.partition("\n\n")
        shown_fields = dict(line.split(": ", 1) for line in answer.splitlines()[1:])
        yield method, target, fields, body.strip(), int(answer.split(" ")[1]), answer.splitlines()[0].split(" ", 2)[
            2
        ], shown_fields["Content-Type"], shown


def problems(shown, got, where=""):
    """Yields the places where a value differs in shape from the example: missing or extra fields, other types."""
    if shown is None or got is None:
        return
    if type(shown) is not type(got):
        yield f"{where}: {got!r} is of another type than {shown!r}"
    elif isinstance(shown, dict):
        for key in {*shown, *got}:
            if key in shown and key in got:
                yield from problems(shown[key], got[key], f"{where}.{key}")
            elif key not in OPTIONAL:
                yield f"{where}.{key} is only in {'the document' if key in shown else 'the response'}"
    elif isinstance(shown, list) and shown and got:
        yield from problems(shown[0], got[0], f"{where}[0]")


class Documents(Scenario):
    def serve(self):
        folder, text = self.folder(), read_file(DOCUMENT)
        config = re.search(r"```yaml\n(.*?)```", text, re.S)[1]
        for path, token in TOKENS.items():
            here = os.path.join(folder, os.path.basename(path))
            with open(here, "w") as f:
                f.write(token + "\n")
            config = config.replace(path, here)
        self.redis, self.admin_port = Redis(self), free_port()
        for old, new in (
            ("127.0.0.1:8081", self.backend().address),
            ("127.0.0.1:8082", self.backend().address),
            ("127.0.0.1:8080", f"127.0.0.1:{free_port()}"),
            ("127.0.0.1:6379", f"127.0.0.1:{self.redis.port}"),
            ("127.0.0.1:9901", f"127.0.0.1:{self.admin_port}"),
        ):
            self.assertIn(old, config)
            config = config.replace(old, new)
        self.proxy = self.weir(config, admin_port=self.admin_port)
        self.redis.call(
            "HSET",
            "weir:{prod}:bad",
            BAD,
            json.dumps({"hash": BAD, "why": "web was sick", "author": "lb-2", "since": 1}),
        )
        self.redis.call("SET", "weir:{prod}:fence", "7")
        return text

    def ask(self, method, target, fields, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=60)
        try:
            connection.request(
                method,
                target,
                body=body or None,
                headers={k: v for k, v in fields.items() if k not in ("Host", "Content-Length")},
            )
            response = connection.getresponse()
            return response, response.read().decode()
        finally:
            connection.close()

    def status(self):
        return json.loads(
            self.ask("GET", "/api/v1/status", {"Authorization": f"Bearer {TOKENS['/etc/weir/metrics.token']}"}, "")[1]
        )

    def is_checked(self):
        status = self.status()
        return all("last_check" in b for b in status["pools"][0]["backends"]) and status["lock"]["heard_at"]

    def signed(self, body):
        """Returns the heartbeat of the document, signed for the present time."""
        beat = json.loads(body)

        def sign():
            text = "".join(
                f"{value}\n"
                for value in (
                    beat["pool"],
                    beat["backend"],
                    beat["sequence"],
                    beat["time"],
                    beat["weight"],
                    int(beat["drain"]),
                )
            )
            return hmac.new(TOKENS["/etc/weir/jobs.token"].encode(), text.encode(), hashlib.sha256).hexdigest()

        self.assertEqual(beat["signature"], sign())
        beat["time"] = int(time.time() * 1000)
        beat["signature"] = sign()
        return json.dumps(beat)

    def bundle(self):
        text = self.proxy.configuration() + "limits: {header_count: 50}\n"
        rest = f"hash {hashlib.sha256(text.encode()).hexdigest()}\nfile {len(text.encode())} {self.proxy.path}\n{text}"
        return f"weir last-good 1\nsha256 {hashlib.sha256(rest.encode()).hexdigest()}\n{rest}"

    def test_every_example_gets_the_response_that_it_shows(self):
        text, asked = self.serve(), 0
        eventually(self.is_checked, "the backends are checked, and the servers of the lock have answered")
        for method, target, fields, body, status, reason, kind, shown in examples(text):
            if target == "/api/v1/beat":
                body = self.signed(body)
            if body.startswith("weir last-good"):
                body = self.bundle()
            response, got = self.ask(method, target, fields, body)
            where = f"{method} {target}: {got}"
            self.assertEqual(
                (response.status, response.reason, response.getheader("Content-Type")), (status, reason, kind), where
            )
            self.assertEqual(response.getheader("Cache-Control"), "no-store", where)
            self.assertLess(
                abs(email.utils.parsedate_to_datetime(response.getheader("Date")).timestamp() - time.time()), 60, where
            )
            if kind == "application/json":
                self.assertEqual(list(problems(json.loads(shown), json.loads(got))), [], where)
                if status != 200:
                    self.assertEqual(json.loads(shown), json.loads(got), where)
            elif kind == "text/plain":
                self.assertEqual(got, shown, where)
            else:
                for line in shown.splitlines():
                    self.assertIn(line, got)
            asked += 1
        self.assertGreaterEqual(asked, 17)

    def test_a_beat_over_a_kept_connection_has_a_date_too(self):
        text = self.serve()
        body = next(e[3] for e in examples(text) if e[1] == "/api/v1/beat")
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=60)
        self.addCleanup(connection.close)
        for _ in range(3):  # the others are answered by the heartbeat connection: 409, as they are replays
            connection.request("POST", "/api/v1/beat", body=self.signed(body))
            response = connection.getresponse()
            response.read()
            self.assertRegex(response.getheader("Date"), r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")

    def test_no_endpoint_is_missing_and_the_document_is_linked(self):
        text = read_file(DOCUMENT)
        for name in ("api", "fleet_api"):
            source = read_file(os.path.join(SOURCE, f"proxy/admin/{name}.cpp"))
            for path in set(re.findall(r'"(/[a-z][a-z0-9/-]+)"', source)) - OLD_NAMES:
                self.assertRegex(text, rf"(?m)^(GET|POST) (/api/v1/fleet)?{re.escape(path)}", f"an example of {path}")
        for name in ("README.md", "docs/configuration.md", "docs/architecture.md"):
            self.assertIn("admin-api.md", read_file(os.path.join(SOURCE, name)), name)
        linked = set(re.findall(r"\((?:docs/)?([a-z-]+\.md)\)", read_file(os.path.join(SOURCE, "README.md"))))
        self.assertIn("admin-api.md", linked)


if __name__ == "__main__":
    main()
