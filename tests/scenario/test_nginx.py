"""Real web servers behind weir: Debian's nginx, with large bodies both ways."""
import hashlib
import os
import shutil
import subprocess
import tempfile

from support.nginx import start_nginx
from support.scenario import SANITIZED, Scenario, free_port, main, web

NGINX = """
  client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    root {d}/www;
    location /upload/ {{ dav_methods PUT; create_full_put_path on; alias {d}/www/up/; }}
  }}
"""


class LargeBodies(Scenario):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="weir-nginx-")
        self.addCleanup(shutil.rmtree, self.directory, True)
        os.makedirs(os.path.join(self.directory, "www", "up"))
        nginx_port = free_port()
        start_nginx(self, self.directory, nginx_port, NGINX.format(d=self.directory, port=nginx_port))
        self.port = free_port()
        self.proxy = self.weir(web(self.port, [f"127.0.0.1:{nginx_port}"]))
        self.size = (20 if SANITIZED else 100) << 20
        self.file = os.path.join(self.directory, "www", "large")
        with open(self.file, "wb") as f:
            for _ in range(self.size >> 20):
                f.write(os.urandom(1 << 20))
        self.digest = self.digest_of(self.file)

    @staticmethod
    def digest_of(path):
        with open(path, "rb") as f:
            return hashlib.file_digest(f, "blake2b").hexdigest()

    def curl(self, *args):
        return subprocess.run(["curl", "-sS", "--fail", *args], capture_output=True, text=True, timeout=120)

    def test_a_large_download_arrives_whole(self):
        out = os.path.join(self.directory, "out")
        done = self.curl("-o", out, f"http://127.0.0.1:{self.port}/large")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.digest_of(out), self.digest)

    def test_a_large_chunked_upload_arrives_whole(self):
        done = self.curl(
            "-X",
            "PUT",
            "-T",
            self.file,
            "-H",
            "Transfer-Encoding: chunked",
            f"http://127.0.0.1:{self.port}/upload/there",
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.digest_of(os.path.join(self.directory, "www", "up", "there")), self.digest)

    def test_ranges_and_conditions_pass(self):
        out = os.path.join(self.directory, "part")
        self.assertEqual(self.curl("-r", "1000-1999", "-o", out, f"http://127.0.0.1:{self.port}/large").returncode, 0)
        with open(self.file, "rb") as f:
            f.seek(1000)
            with open(out, "rb") as part:
                self.assertEqual(part.read(), f.read(1000))


if __name__ == "__main__":
    main()
