"""Runs web/tests/implementations.html in Firefox without a window, and returns the outcome that it posts."""
import http.server
import json
import os
import shutil
import signal
import subprocess
import threading
import time

from machine import LIMIT, MESA, ROOT, require


class Page(http.server.SimpleHTTPRequestHandler):
    """Serves web/ and takes the outcome that the page posts."""

    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

    def __init__(self, *arguments):
        super().__init__(*arguments, directory=str(ROOT / "web"))

    def do_POST(self):
        self.server.outcome = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def served_to_firefox(profile, **environment):
    """What the page posts. Firefox's profile is made anew; a hang, a crash and an error of the page are failures."""
    shutil.rmtree(profile, ignore_errors=True)
    profile.mkdir(parents=True)
    on = ["dom.webgpu.enabled", "gfx.webgpu.ignore-blocklist"]
    (profile / "user.js").write_text("".join(f'user_pref("{name}", true);\n' for name in on))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.outcome = None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = f"http://127.0.0.1:{server.server_port}/tests/implementations.html"
    with open(profile / "log", "w") as log:
        browser = subprocess.Popen(["firefox-esr", "--headless", "--no-remote", "--profile", profile, page],
                                   env={**os.environ, **MESA, "MOZ_CRASHREPORTER_DISABLE": "1", **environment},
                                   stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + LIMIT
        while server.outcome is None and browser.poll() is None and time.monotonic() < end:
            time.sleep(0.2)
        if browser.poll() is None:
            os.killpg(browser.pid, signal.SIGTERM)
            browser.wait()
    server.shutdown()
    printed = (profile / "log").read_text(errors="replace")[-3000:]
    require(server.outcome, f"Firefox gave no outcome within {LIMIT} s; it printed:\n{printed}")
    require("error" not in server.outcome, f"in Firefox: {server.outcome.get('error')}; it printed:\n{printed}")
    return server.outcome
