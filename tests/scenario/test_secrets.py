"""Secrets appear nowhere: not in the debug log, the admin API or the output of commands."""
import base64
import json
import os
import signal
import subprocess

from support.peers import Client
from support.redis_server import Redis
from support.scenario import WEIR, Scenario, eventually, free_port, main

FROM_ENVIRONMENT = {
    "API_TOKEN": "environment-secret-1",
    "PLAIN": "environment-secret-2",
    "CHECK_TOKEN": "environment-secret-3",
    "REDIS_PASSWORD": "environment-secret-4",
    "PART": "environment-secret-5",
    "NEXT": "environment-secret-6",
    "WORD": "environment-secret-7",
}
BASIC = base64.b64encode(b"user:clear-secret-1").decode()
IN_THE_FILE = {BASIC, "clear-secret-2", "clear-secret-3", "clear-secret-4"}
TOKENS = {"admin": "a-token-secret-of-admin", "read": "a-token-secret-to-read", "beats": "a-token-secret-for-beats"}
URL_PASSWORDS = {"url-secret-1", "url-secret-2"}
OF_CLIENTS = {"client-secret-1", "client-secret-2"}
ALL = {*FROM_ENVIRONMENT.values(), *IN_THE_FILE, *TOKENS.values(), *URL_PASSWORDS, *OF_CLIENTS}

# Mistakes in values that are secret, all in one file: weir reports every error of a file at once.
WRONG_HEADERS = ', X-Token: "clear-secret-2\\u0001", "X-To ken": clear-secret-2, Cookie: clear-secret-3'
WRONG_KEYS = """limits: {nonsense: "${NEXT}", header_count: "${NEXT}"}
timeouts: {connect: "${PLAIN}"}
retries: {budget: "x${NEXT}"}
"""
WRONG_SERVERS = """
    - {url: "redis://127.0.0.1:1/0", password: [clear-secret-2]}
    - {url: "redis://127.0.0.1:1/0", password: {a: "${NEXT}"}}
    - {url: "redis://user:url-secret-1@127.0.0.1:1/0"}
    - {url: "redis://:url-secret-2@127.0.0.1:1/0"}
    - {url: "redis://127.0.0.1:1/url-secret-1"}
    - {url: url-secret-2}
    - {url: "http://user:url-secret-1@127.0.0.1:1"}"""
WRONG_PLACES = (
    "routes[0].request_headers.set.X-Token: ",
    "routes[0].request_headers.set.X-To ken: ",
    'routes[0].request_headers.set: duplicate key "Cookie"',
    'limits: unknown key "nonsense"',
    "limits.header_count: ",
    "timeouts.connect: ",
    "retries.budget: ",
    *(f"reload.lock.servers[{i}].password: " for i in (0, 1)),
    *(f"reload.lock.servers[{i}].url: " for i in (2, 3, 4, 5, 6)),
)


class Secrets(Scenario):
    def serve(self):
        self.folder_ = self.folder()
        for name, text in TOKENS.items():
            with open(os.path.join(self.folder_, name), "w") as f:
                f.write(text + "\n")
        self.redis = Redis(self, arguments=("--requirepass", FROM_ENVIRONMENT["REDIS_PASSWORD"]))
        self.port, self.admin_port, self.seen = free_port(), free_port(), {}
        self.good, self.angry = self.backend(), self.backend(self.refuse)
        self.proxy = self.weir(self.config(), environment=FROM_ENVIRONMENT, admin_port=self.admin_port)

    def refuse(self, connection, request):
        """Serves as a backend that echoes the request, as careless ones do."""
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def path(self, name):
        return os.path.join(self.folder_, name)

    def config(self, variable="API_TOKEN", password='"${REDIS_PASSWORD}"', servers="", more="", set_more="", admin=""):
        servers = servers or f'[{{url: "redis://127.0.0.1:{self.redis.port}/0", password: {password}}}]'
        return f"""listeners: {{web: {{address: "127.0.0.1:{self.port}", pool: web}}}}
routes:
  - name: api
    match: {{path_prefix: /api/}}
    pool: web
    request_headers:
      set: {{Authorization: "Bearer ${{{variable}}}", X-Api-Key: clear-secret-2,
            X-Plain: "a ${{PLAIN}} ${{PART:-none}}", Cookie: "id=clear-secret-3"{set_more}}}
  - name: basic
    match: {{path_prefix: /basic/}}
    pool: web
    request_headers: {{set: {{Proxy-Authorization: "Basic {BASIC}"}}}}
pools:
  web:
    backends: ["{self.good.address}"]
    health_check:
      path: /health
      interval: 1s
      headers: {{Authorization: "Bearer ${{CHECK_TOKEN}}", X-Secret: clear-secret-4}}
  angry:
    backends: ["{self.angry.address}"]
    health_check: {{path: /health, interval: 1s, fall: 1, headers: {{Authorization: "Bearer ${{CHECK_TOKEN}}"}}}}
  wordless:
    backends: ["{self.good.address}"]
    health_check: {{path: /health, interval: 1s, fall: 1, expect_body: "${{WORD}}"}}
  pushed:
    backends: [{{name: b, address: "127.0.0.1:1"}}]
    health_check: {{type: heartbeat, mode: push, interval: 1s, token_file: {self.path("beats")}}}
logging: {{level: debug, access: {{output: stdout, format: json}}}}
reload:
  watch: false
  lock:
    type: redis
    fleet: test
    ttl: 6s
    wait: 1s
    servers: {servers}
admin:
  address: "{admin or f'127.0.0.1:{self.admin_port}'}"
  token_file: {self.path("admin")}
  read_token_file: {self.path("read")}
{more}"""

    def command(self, *args, environment=None):
        done = subprocess.run(
            [WEIR, *args], capture_output=True, text=True, timeout=120, env=environment or self.proxy.environment
        )
        self.keep("weir " + " ".join(args), done.stdout + done.stderr)
        return done.returncode

    def keep(self, where, text):
        self.seen[f"{len(self.seen)}: {where}"] = text

    def ask(self, method, target, token="admin"):
        status, body = self.proxy.admin(method, target, {"Authorization": f"Bearer {TOKENS.get(token, token)}"})
        self.keep(f"{method} {target}", body)
        return status

    def status(self):
        return json.loads(self.proxy.admin("GET", "/api/v1/status", {"Authorization": f"Bearer {TOKENS['read']}"})[1])

    def status_of(self, pool):
        return next(each for each in self.status()["pools"] if each["name"] == pool)

    def look_at_file(self):
        """Collects everything that shows what the file on disk would change."""
        self.ask("POST", "/api/v1/plan")
        others = dict(os.environ), dict(os.environ, **{name: "client-secret-2" for name in FROM_ENVIRONMENT})
        for command in (["plan"], ["plan", "--json"], ["check"]):
            self.command(*command, "-c", self.proxy.path)
        for environment in others:
            self.command("plan", "-c", self.proxy.path, environment=environment)
        self.command("fleet", "push", self.proxy.path, "--dry-run")

    def look_at_process(self):
        """Collects everything that shows what is in force, and how the last reload ended."""
        for target in ("/api/v1/status", "/api/v1/config", "/metrics"):
            self.assertEqual(self.ask("GET", target), 200, target)
        self.ask("GET", "/api/v1/fleet")
        for command in (["status"], ["status", "--json"], ["fleet", "status"], ["fleet", "status", "--json"]):
            self.command(*command, "--admin", f"127.0.0.1:{self.admin_port}", "--token-file", self.path("admin"))

    def reload(self, *args, **kwargs):
        """Reloads this configuration and collects the output of all commands; returns the verdict and the errors."""
        self.proxy.write(self.config(*args, **kwargs))
        self.look_at_file()
        self.command("reload", "--wait", "-c", self.proxy.path)
        self.look_at_process()
        last = self.status()["reload"]["last"]
        return last["verdict"], last["errors"]

    def check_all(self):
        self.proxy.stop()
        self.keep("the log", self.proxy.log())
        self.keep("the access log", self.proxy.access_log())
        for where, text in self.seen.items():
            for secret in ALL:
                self.assertNotIn(secret, text, where)
            for name, value in FROM_ENVIRONMENT.items():  # nor in an encoded form
                self.assertNotIn(base64.b64encode(value.encode()).decode().rstrip("="), text, f"{where}: {name}")

    def test_secrets_arrive_where_they_belong_and_nowhere_else(self):
        self.serve()
        with Client(self.port) as client:
            for target in ("/api/x", "/basic/x", "/other"):
                self.assertEqual(
                    client.get(target, extra="Authorization: Bearer client-secret-1\r\nCookie: a=client-secret-2\r\n")[
                        "status"
                    ],
                    200,
                )
        for malformed in ("A: \x01\r\n", "Cookie: a=client-secret-2; \x01\r\n", "Host: b\r\n"):
            with Client(self.port) as client:
                client.send(
                    "GET / HTTP/1.1\r\nAuthorization: Bearer client-secret-1\r\nHost: a\r\n" + malformed + "\r\n"
                ).rest()
        eventually(
            lambda: "does not contain expect_body" in json.dumps(self.status_of("wordless")), "the check has failed"
        )
        sent = [r for r in self.good.requests if r["target"].startswith("/api/")][0]["fields"]
        self.assertEqual(sent["authorization"], f"Bearer {FROM_ENVIRONMENT['API_TOKEN']}")
        self.assertEqual(sent["x-plain"], f"a {FROM_ENVIRONMENT['PLAIN']} {FROM_ENVIRONMENT['PART']}")
        self.look_at_file()
        self.look_at_process()
        for token in ("url-secret-1 is no token", TOKENS["read"], ""):
            self.ask("POST", "/api/v1/reload", token)
        self.command("status", "-c", self.proxy.path, "--token-file", self.path("beats"))
        self.check_all()

    def test_good_and_bad_changes_do_not_show_secrets(self):
        self.serve()
        self.assertEqual(self.reload("NEXT"), ("applied", []))
        self.assertEqual(self.reload("NEXT", more="process: {workers: 7}\n")[0], "refused")
        verdict, errors = self.reload(servers=WRONG_SERVERS, more=WRONG_KEYS, set_more=WRONG_HEADERS)
        self.assertEqual(verdict, "refused")
        for place in WRONG_PLACES:
            self.assertTrue(any(place in error for error in errors), f"{place} in {errors}")
        self.check_all()

    def test_a_password_in_an_admin_address_does_not_show(self):
        self.serve()
        self.proxy.write(self.config(admin="http://user:url-secret-1@127.0.0.1:1"))
        for command in ("check", "status"):
            self.assertEqual(self.command(command, "-c", self.proxy.path), 1)
        self.check_all()

    def test_a_password_that_the_lock_server_refuses_does_not_show(self):
        self.serve()
        self.assertEqual(self.reload(password="clear-secret-2")[0], "applied")  # under the previous lock
        eventually(
            lambda: "the username or the password is wrong" in json.dumps(self.status()["lock"]),
            "the server refuses it",
        )
        self.assertEqual(self.reload("NEXT", password="clear-secret-2")[0], "refused")
        self.check_all()

    def test_a_start_that_is_refused_does_not_show_them(self):
        self.serve()
        self.proxy.stop()
        self.keep("the first log", self.proxy.log())
        self.proxy.write(self.config(more=WRONG_KEYS))
        self.assertEqual(self.command("run", "-c", self.proxy.path), 1)
        self.assertEqual(
            self.command("run", "--last-good", "-c", self.path("nowhere"), "--state-dir", self.proxy.state_dir), 1
        )
        self.check_all()

    def test_what_is_kept_on_disk_has_no_values_of_variables(self):
        self.serve()
        self.proxy.write(self.config("NEXT"))
        self.assertEqual(self.ask("POST", "/api/v1/reload?wait=1"), 200)
        self.proxy.signal(signal.SIGHUP)
        self.proxy.stop()
        for name in os.listdir(self.proxy.state_dir):
            with open(os.path.join(self.proxy.state_dir, name), "rb") as f:
                text = f.read().decode("latin-1")
            for secret in (*FROM_ENVIRONMENT.values(), *TOKENS.values()):
                self.assertNotIn(secret, text, name)


if __name__ == "__main__":
    main()
