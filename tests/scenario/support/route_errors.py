"""What weir check says about a route."""
import json
import os
import subprocess

from support.scenario import WEIR, free_port, web


def route_errors(test, route):
    """Returns the errors of a configuration with this route, which must be refused."""
    path = os.path.join(test.folder(), "weir.yaml")
    with open(path, "w") as f:
        f.write(web(free_port(), ["127.0.0.1:1"], more=f"routes: [{json.dumps(route)}]\n"))
    done = subprocess.run([WEIR, "check", "-c", path], capture_output=True, text=True, timeout=30)
    test.assertEqual(done.returncode, 1, done.stdout)
    return done.stdout + done.stderr
