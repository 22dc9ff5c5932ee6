"""A server of ours under load: started with a limit on its address space, asked over loopback, measured from outside."""
import http.client
import json
import re
import subprocess
import time

PATIENCE = 30  # seconds
# The queue takes turns by address: the second client has one of its own.
SECOND = ("127.0.0.2", 0)


class Server:
    def __init__(self, malkin, data, space, settings=()):
        limit = ["prlimit", "--as=%d" % space] if space else []
        self.process = subprocess.Popen(limit + [malkin, "serve", "--listen", "127.0.0.1:0", "--data", data, *settings], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if "listens on" not in line:
            raise SystemExit("the server does not start: %r" % line)
        self.host, port = line.strip().rsplit("//", 1)[1].split(":")
        self.port = int(port)

    def is_alive(self):
        return self.process.poll() is None

    def resident(self):
        try:
            with open("/proc/%d/status" % self.process.pid) as status:
                found = re.search(r"VmRSS:\s+(\d+)", status.read())
        except OSError:
            return 0
        return int(found.group(1)) << 10 if found else 0

    def get(self, path, method="GET", source=None, body=None, headers=None, patience=PATIENCE):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=patience, source_address=source)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def data(self, path, method="GET", source=None, body=None):
        return json.loads(self.get(path, method, source, body)[1])["data"]

    def examine(self, content, source, patience=PATIENCE):
        """Status of an upload to triage."""
        head = b'--part\r\nContent-Disposition: form-data; name="file"; filename="upload"\r\n\r\n'
        headers = {"Content-Type": "multipart/form-data; boundary=part"}
        return self.get("/analyze/upload", "POST", source, head + content + b"\r\n--part--\r\n", headers, patience)[0]

    def wait_for(self, job, source, patience=PATIENCE):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            record = self.data("/jobs/%s" % job, source=source)
            if record["finished_at"] or record["attempts_left"] <= 0:
                return
            time.sleep(0.02)
        raise OSError("the job does not end")
