"""Debian's nginx, as scenarios run it: one process in the foreground, with all its files in one folder."""
import os

from support.scenario import can_connect, eventually

CONFIG = """
daemon off; master_process off; pid {d}/pid; error_log {d}/error.log; {user}
events {{}}
http {{
  access_log off; client_body_temp_path {d}/body; proxy_temp_path {d}/proxy;
  fastcgi_temp_path {d}/fastcgi; uwsgi_temp_path {d}/uwsgi; scgi_temp_path {d}/scgi;
{http}
}}
"""


def start_nginx(test, folder, port, http):
    """Starts nginx, which ends with the test, and waits until it accepts connections on `port`.

    `http` is the content of its http block.
    """
    os.chmod(folder, 0o755)
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w") as f:
        f.write(CONFIG.format(d=folder, user="user root;" if os.getuid() == 0 else "", http=http))
    test.start("nginx", "-c", path, "-p", folder)
    eventually(lambda: can_connect(port), "nginx accepts connections")
