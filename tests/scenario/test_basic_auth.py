"""Routes that ask for a user name and a password."""
import base64
import json
import os
import re
import select
import subprocess
import threading

from support.route_errors import route_errors
from support.scenario import SANITIZED, Scenario, eventually, free_port, main, web

PASSWORDS = {"ann": "open sesame", "bob": "se:cret", "zoë": "pässword"}


def bcrypt(password, cost=5):
    """Returns the hash that `htpasswd -B` writes."""
    done = subprocess.run(
        ["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", password, f"$2y${cost:02}$abcdefghijklmnopqrstuu"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def sha512(password):
    return subprocess.run(
        ["openssl", "passwd", "-6", password], capture_output=True, text=True, check=True
    ).stdout.strip()


def credentials(user, password):
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() + "\r\n"


class BasicAuth(Scenario):
    def setUp(self):
        self.users = os.path.join(self.folder(), "users")
        hashes = {user: bcrypt(password) for user, password in PASSWORDS.items()}
        hashes["sha"] = sha512("six")
        self.write_users(hashes)

    def write_users(self, hashes):
        with open(self.users + ".new", "w") as f:
            f.write("# staff\n" + "".join(f"{user}:{text}\n" for user, text in hashes.items()))
        os.rename(self.users + ".new", self.users)

    def serve(self, route=None, more="", **keys):
        self.port = free_port()
        self.seen = self.backend()
        auth = {"basic_auth": {"realm": "staff only", "users_file": self.users}}
        routes = [{"match": {"path_prefix": "/in"}, **(route or {"pool": "web"}), **auth}]
        self.proxy = self.weir(web(self.port, [self.seen], more=f"routes: {json.dumps(routes)}\n{more}"), **keys)

    def ask(self, user=None, password="", target="/in"):
        return self.client(self.port).get(target, extra=credentials(user, password) if user is not None else "")

    def test_only_users_with_their_passwords_get_in(self):
        self.serve()
        answer = self.ask()
        self.assertEqual((answer["status"], answer["body"]), (401, b"401 Unauthorized\n"))
        self.assertEqual(answer["fields"]["www-authenticate"], 'Basic realm="staff only", charset="UTF-8"')
        for user, password in (*PASSWORDS.items(), ("sha", "six")):
            for _ in range(2):  # the second time, the verdict is known
                self.assertEqual(self.ask(user, password)["status"], 200, user)
                self.assertEqual(self.ask(user, password + "x")["status"], 401, user)
        for user, password in (
            ("eve", "open sesame"),
            ("", ""),
            ("ann", ""),
            ("ann", "se:cret"),
            ("ANN", "open sesame"),
        ):
            self.assertEqual(self.ask(user, password)["status"], 401, user)
        self.assertEqual(self.ask(target="/out")["status"], 200)
        self.assertEqual(len(self.seen.requests), 9)

    def test_malformed_credentials_are_none(self):
        self.serve()
        good = credentials("ann", "open sesame")
        for lines in (
            "Authorization: Basic\r\n",
            "Authorization: Bearer x\r\n",
            "Authorization: Basic !!!\r\n",
            good * 2,
        ):
            self.assertEqual(self.client(self.port).get("/in", extra=lines)["status"], 401, lines)
        self.assertEqual(self.client(self.port).get("/in", extra=good.replace("Basic", "bAsIc"))["status"], 200)

    def test_the_connection_stays_open_and_the_user_is_logged(self):
        self.serve()
        client = self.client(self.port)
        self.assertEqual(client.get("/in")["status"], 401)
        self.assertEqual(client.get("/in", extra=credentials("bob", "se:cret"))["status"], 200)
        eventually(
            lambda: re.search(r"127\.0\.0\.1 - bob \[.*\] \"GET /in HTTP/1.1\" 200", self.proxy.access_log()), "200"
        )
        self.assertRegex(self.proxy.access_log(), r"127\.0\.0\.1 - - \[.*\] \"GET /in HTTP/1.1\" 401 .* unauthorized")
        self.assertNotIn("sesame", self.proxy.log())

    def test_redirects_and_fixed_responses_are_protected_too(self):
        self.serve({"respond": {"body": "secret"}})
        self.assertEqual(self.ask()["status"], 401)
        self.assertEqual(self.ask("ann", "open sesame")["body"], b"secret")

    def test_a_request_with_a_body_waits_for_its_check(self):
        self.serve()
        for _ in range(3):
            client = self.client(self.port)
            body = b"x" * 100_000
            lines = credentials("ann", "open sesame") + f"Content-Length: {len(body)}\r\n"
            client.send(f"POST /in HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode() + body)
            self.assertEqual(client.reader.response()["status"], 200)
            self.assertEqual(self.seen.requests[-1]["body"], body)

    def test_a_changed_password_holds_at_once(self):
        self.serve(watch=True)
        self.assertEqual(self.ask("ann", "open sesame")["status"], 200)
        self.write_users({"ann": bcrypt("new")})
        eventually(lambda: self.ask("ann", "new")["status"] == 200, "the new password holds")
        self.assertEqual(self.ask("ann", "open sesame")["status"], 401)
        self.assertEqual(self.ask("bob", "se:cret")["status"], 401)

    def test_a_password_can_be_withdrawn_while_the_configuration_is_refused(self):
        self.serve(watch=True)
        self.assertEqual(self.ask("bob", "se:cret")["status"], 200)
        self.proxy.write("listeners: [")
        self.proxy.wait_logged("not valid YAML")
        self.write_users({"ann": bcrypt("open sesame")})
        eventually(lambda: self.ask("bob", "se:cret")["status"] == 401, "the password holds no more")
        self.assertEqual(self.ask("ann", "open sesame")["status"], 200)
        self.write_users({"ann": "no hash"})
        self.proxy.wait_logged("unsupported password hash.*the earlier files stay in force")
        self.assertEqual(self.ask("ann", "open sesame")["status"], 200)

    def test_a_withdrawn_password_does_not_come_back_with_a_rollback(self):
        check = {"type": "http", "path": "/", "interval": "100ms", "timeout": "100ms", "fall": 1, "rise": 1}
        rules = "reload: {watch: false, rollback: {window: 20s}}\n"
        self.port, self.seen = free_port(), self.backend()
        route = {"pool": "web", "basic_auth": {"users_file": self.users}}
        more = f"routes: {json.dumps([route])}\n{rules}"
        self.proxy = self.weir(web(self.port, [self.seen], check, more))
        self.proxy.wait_up(1)
        self.assertEqual(self.ask("bob", "se:cret")["status"], 200)
        self.write_users({"ann": bcrypt("open sesame")})
        bad = web(self.port, [f"127.0.0.1:{free_port()}"], check, more)
        self.assertEqual(self.proxy.reload(bad)["verdict"], "rolled_back")
        self.assertEqual(self.ask("bob", "se:cret")["status"], 401)
        eventually(lambda: self.ask("ann", "open sesame")["status"] == 200, "ann is served")

    def test_checks_hold_up_nobody_else(self):
        self.write_users({"slow": bcrypt("right", cost=10 if SANITIZED else 13)})
        self.serve(workers=1)
        over, slow = threading.Event(), []

        def guess(number):
            slow.append(self.ask("slow", f"wrong{number}")["status"])
            if len(slow) == 4:
                over.set()

        threads = [threading.Thread(target=guess, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        answered, other = 0, self.client(self.port)
        while not over.is_set():
            self.assertEqual(other.get("/out")["status"], 200)
            answered += 1
        for thread in threads:
            thread.join()
        self.assertEqual(slow, [401] * 4)
        self.assertGreater(answered, 0)

    def test_clients_that_leave_during_a_check_leave_nothing_behind(self):
        self.write_users({"slow": bcrypt("right", cost=10)})
        self.serve(workers=1)
        for i in range(20):
            client = self.client(self.port)
            client.send(f"GET /in HTTP/1.1\r\nHost: a\r\n{credentials('slow', f'wrong{i}')}\r\n")
            client.close()
        with self.client(self.port) as client:
            self.assertEqual(client.get("/in", extra=credentials("slow", "right"))["status"], 200)
        name = 'weir_connections_active{listener="web"}'
        eventually(lambda: self.proxy.metrics().get(name, 0) == 0, "no connection is left")
        self.assertEqual(self.seen.requests[-1]["target"], "/in")
        self.assertEqual(len(self.seen.requests), 1)

    def test_weir_stops_in_the_middle_of_checks(self):
        self.write_users({"slow": bcrypt("right", cost=13)})
        self.serve(workers=2, more="process: {drain_timeout: 100ms}\n")
        for i in range(30):
            client = self.client(self.port)
            client.send(f"GET /in HTTP/1.1\r\nHost: a\r\n{credentials('slow', f'wrong{i}')}\r\n")
        name = 'weir_connections_active{listener="web"}'
        eventually(lambda: self.proxy.metrics().get(name, 0) >= 20, "most checks wait")
        self.proxy.stop()

    def test_many_requests_with_one_password_wait_for_one_check(self):
        self.write_users({"slow": bcrypt("right", cost=10)})
        self.serve(workers=1)
        clients = [self.client(self.port) for _ in range(300)]  # more than checks may wait
        for client in clients:
            client.send(f"GET /in HTTP/1.1\r\nHost: a\r\n{credentials('slow', 'right')}\r\n")
        self.assertEqual({client.reader.response()["status"] for client in clients}, {200})

    def test_a_flood_of_guesses_is_refused_with_a_reason(self):
        self.write_users({"slow": bcrypt("right", cost=12)})
        self.serve(workers=1)
        clients = [self.client(self.port) for _ in range(200)]
        for i, client in enumerate(clients):
            client.send(f"GET /in HTTP/1.1\r\nHost: a\r\n{credentials('slow', f'wrong{i}')}\r\n")
        self.proxy.wait_logged("too_many_logins: the password check queue is full")
        waiting, refused = {client.sock: client for client in clients}, None
        while not refused:  # weir need not accept them in their order
            self.assertTrue(waiting, "some are refused")
            for sock in select.select(list(waiting), [], [], 30)[0]:
                answer = waiting.pop(sock).reader.response()
                refused = answer if answer["status"] == 503 else refused
        self.assertEqual(refused["fields"]["retry-after"], "1")
        self.assertEqual(self.ask(target="/out")["status"], 200)
        for client in clients:  # nobody waits for these checks any more
            client.close()
        eventually(lambda: self.ask("slow", "right")["status"] == 200, "a user gets in")

    def test_a_route_may_change_how_it_asks(self):
        self.serve({"pool": "web", "response_headers": {"set": {"WWW-Authenticate": 'X realm="a"'}}})
        lines = [line for line in self.ask()["lines"] if line.lower().startswith("www-authenticate")]
        self.assertEqual(lines, ['WWW-Authenticate: X realm="a"'])
        self.serve({"pool": "web", "response_headers": {"remove": ["WWW-Authenticate"]}})
        self.assertNotIn("www-authenticate", self.ask()["fields"])

    def test_a_file_of_hashes_that_everyone_can_read_is_warned_of(self):
        warning = f"the users file {self.users} can be read by all users"
        os.chmod(self.users, 0o640)
        self.serve(watch=True)
        self.assertNotIn(warning, self.proxy.log())
        self.addCleanup(os.umask, os.umask(0o022))
        self.write_users({"ann": bcrypt("new")})
        self.proxy.wait_logged(warning)

    def test_files_that_cannot_work_are_refused_with_their_line(self):
        def errors(text):
            with open(self.users, "w") as f:
                f.write(text)
            return route_errors(self, {"pool": "web", "basic_auth": {"users_file": self.users}})

        self.assertIn(
            f"basic_auth.users_file: {self.users}, line 2: unsupported password hash", errors("# x\nann:secret\n")
        )
        self.assertIn('line 1: write "user:hash"', errors("ann\n"))
        self.assertIn("basic_auth.users_file", errors(""))
        missing = route_errors(self, {"pool": "web", "basic_auth": {"users_file": "/no/such/file"}})
        self.assertIn("/no/such/file", missing)
        os.mkfifo(self.users + ".pipe")
        pipe = route_errors(self, {"pool": "web", "basic_auth": {"users_file": self.users + ".pipe"}})
        self.assertIn(f"{self.users}.pipe cannot be read: it is not a regular file; put one there", pipe)
        quoted = route_errors(self, {"pool": "web", "basic_auth": {"realm": 'a"b', "users_file": self.users}})
        self.assertIn("basic_auth.realm: write ASCII characters without quotes", quoted)


if __name__ == "__main__":
    main()
