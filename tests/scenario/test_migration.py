"""Configurations of nginx and HAProxy, and the same for weir: the same requests get the same responses."""
import json
import os
import re

from support.scenario import SOURCE, Scenario, can_connect, eventually, free_port, main

FOLDER = os.path.join(SOURCE, "docs", "migration")
NGINX = """
daemon off; master_process off; pid {d}/pid; error_log {d}/error.log; {user}
events {{}}
http {{
  access_log off; proxy_http_version 1.1; client_body_temp_path {d}/b; proxy_temp_path {d}/p;
  fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
{site}
}}
"""
COMPARED = ("location", "strict-transport-security", "x-frame-options", "x-powered-by", "x-beta", "cache-control")


class Migration(Scenario):
    def setUp(self):
        self.backends = {f"10.0.0.{11 + i}:8080": self.backend(self.answer, name=f"backend{11 + i}") for i in range(4)}

    @staticmethod
    def answer(connection, request):
        head = "HTTP/1.1 200 OK\r\nX-Powered-By: test\r\nCache-Control: public\r\nContent-Type: text/html\r\n"
        body = b"" if request["method"] == "HEAD" else b"page"
        connection.sendall(f"{head}Content-Length: 4\r\n\r\n".encode() + body)

    def text(self, name, file, port):
        """Returns a configuration with the ports and addresses of this test."""
        with open(os.path.join(FOLDER, name, file)) as f:
            text = f.read()
        for address, backend in self.backends.items():
            text = text.replace(address, f"127.0.0.1:{backend.port}")
        for listener in ("listen 80", "bind :80", "0.0.0.0:80"):
            text = text.replace(
                listener, listener.split(" ")[0] + f" 127.0.0.1:{port}" if " " in listener else f"127.0.0.1:{port}"
            )
        return text

    def start_nginx(self, name, port):
        folder = self.folder()
        os.chmod(folder, 0o755)
        user = "user root;" if os.getuid() == 0 else ""
        with open(f"{folder}/nginx.conf", "w") as f:
            f.write(NGINX.format(d=folder, user=user, site=self.text(name, "nginx.conf", port)))
        self.start("nginx", "-c", f"{folder}/nginx.conf", "-p", folder)

    def start_haproxy(self, name, port):
        path = f"{self.folder()}/haproxy.cfg"
        with open(path, "w") as f:
            f.write(self.text(name, "haproxy.cfg", port))
        self.start("haproxy", "-db", "-f", path)

    def ask(self, port, request):
        """Returns what the client gets and what a backend got."""
        for backend in self.backends.values():
            backend.requests.clear()
        method = request.get("method", "GET")
        body = request.get("body", "x" * request.get("body_size", 0))
        lines = [f"{name}: {value}\r\n" for name, value in request.get("headers", {}).items()]
        lines += [f"Content-Length: {len(body)}\r\n"] if body else []
        client = self.client(port)
        client.send(
            f"{method} {request['target']} HTTP/1.1\r\nHost: {request.get('host', 'example.com')}\r\n"
            f"{''.join(lines)}\r\n{body}"
        )
        answer = client.reader.response(method)
        seen = {
            backend.name: (
                one["method"],
                one["target"],
                one["body"],
                {name: one["fields"].get(name) for name in request.get("seen", [])},
            )
            for backend in self.backends.values()
            for one in backend.requests
        }
        fields = {name: [] for name in COMPARED}
        for line in answer["lines"]:
            name, _, value = line.partition(": ")
            if name.lower() in fields:
                # nginx completes a Location that is a path
                fields[name.lower()].append(re.sub(r"^http://example\.com(:\d+)?/", "/", value))
        own_page = answer["status"] >= 300
        if own_page:
            del fields["cache-control"]  # HAProxy forbids caches to keep its own pages
        return answer["status"], fields, None if own_page else answer["body"], seen

    def compare(self, name, start):
        theirs, ours = free_port(), free_port()
        start(name, theirs)
        eventually(lambda: can_connect(theirs), "the other proxy answers")
        self.weir(self.text(name, "weir.yaml", ours))
        with open(os.path.join(FOLDER, name, "requests.json")) as f:
            requests = json.load(f)
        self.assertGreater(len(requests), 5)
        for request in requests:
            self.assertEqual(self.ask(ours, request), self.ask(theirs, request), request)

    def test_every_folder_is_compared(self):
        folders = {name for name in os.listdir(FOLDER) if os.path.isdir(os.path.join(FOLDER, name))}
        tested = {name[5:].replace("_", "-") for name in dir(self) if re.match("test_(nginx|haproxy)_", name)}
        self.assertEqual(tested, folders)
        with open(os.path.join(FOLDER, "README.md")) as f:
            self.assertEqual(set(re.findall(r"^- \[(.+?)\]", f.read(), re.M)), folders)

    def test_nginx_site(self):
        self.compare("nginx-site", self.start_nginx)

    def test_nginx_admin(self):
        self.compare("nginx-admin", self.start_nginx)

    def test_haproxy_acls(self):
        self.compare("haproxy-acls", self.start_haproxy)

    def test_haproxy_edge(self):
        self.compare("haproxy-edge", self.start_haproxy)


if __name__ == "__main__":
    main()
