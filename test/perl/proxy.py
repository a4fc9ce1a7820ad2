#!/usr/bin/env python3
"""A man in the middle between the dispatcher and the Kubernetes API, for faults that a real server cannot be made to show.

  proxy.py --upstream https://127.0.0.1:PORT --ca FILE --dir D

Ends TLS with a certificate of its own (D/proxy.crt), forwards each request over a connection of its own, and does to it what
the first matching rule says. Writes D/proxy.json {"port", "control"} when it serves. `control` speaks plain HTTP and JSON:

  POST /rule     {"method", "path": regex, "action", "times" (default: always), "status", "headers", "body"} -> {"rule": n}
  POST /release  {"forward": true | false}   lets go on what is held; false = its connection is cut instead
  POST /clear    removes all rules; what is held stays held
  POST /sever    cuts all connections of clients
  GET  /log      [{"n", "at", "method", "path", "action", "rule", "stage", "status"}], in order of arrival

Actions: hold (before it is forwarded), hold_reply (after the API answered), cut (not forwarded), cut_reply (forwarded, not a
byte of the answer), cut_half (forwarded, half of the answer), twice (forwarded twice, the second answer counts), answer
(status, headers and body of the rule, not forwarded), pass. Stages: arrived, held, forwarded, answered, cut.
"""
import argparse
import http.client
import http.server
import json
import re
import select
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class Script:
    """Rules and the log, shared by all threads under one lock."""

    def __init__(self):
        self.change = threading.Condition()
        self.rules, self.entries, self.connections = [], [], set()
        self.releases = 0  # counts releases: what is held waits for the next one
        self.forward = True

    def arrive(self, method, path):
        with self.change:
            for number, rule in enumerate(self.rules):
                if rule["times"] != 0 and rule["method"] in (method, "*") and re.search(rule["path"], path):
                    rule["times"] -= 1
                    break
            else:
                number, rule = None, {"action": "pass"}
            entry = {"n": len(self.entries), "at": time.time(), "method": method, "path": path, "action": rule["action"],
                     "rule": number, "stage": "arrived", "status": None}
            self.entries.append(entry)
            return entry, rule

    def stage(self, entry, stage, status=None):
        with self.change:
            entry["stage"] = stage
            entry["status"] = status if status is not None else entry["status"]

    def hold(self, entry):
        """Whether it may go on, after the next release."""
        with self.change:
            entry["stage"], seen = "held", self.releases
            self.change.wait_for(lambda: self.releases > seen)
            return self.forward

    def add(self, rule):
        with self.change:
            self.rules.append({"method": "*", "path": "", "times": -1, "status": 200, "headers": {}, "body": "", **rule})
            return {"rule": len(self.rules) - 1}

    def release(self, forward):
        with self.change:
            self.forward = forward
            self.releases += 1
            self.change.notify_all()

    def clear(self):
        with self.change:
            for rule in self.rules:
                rule["times"] = 0  # they keep their numbers

    def sever(self):
        with self.change:
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script = upstream = trust = None

    def setup(self):
        self.request.settimeout(30)
        self.request.do_handshake()
        self.request.settimeout(None)
        super().setup()
        with self.script.change:
            self.script.connections.add(self.request)

    def finish(self):
        with self.script.change:
            self.script.connections.discard(self.request)
        super().finish()

    def log_message(self, *_):
        pass

    def cut(self, entry):
        self.script.stage(entry, "cut")
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def ask(self, body):
        """The API's answer, its body not read yet."""
        connection = http.client.HTTPSConnection(self.upstream.hostname, self.upstream.port, context=self.trust, timeout=60)
        headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP_BY_HOP and key.lower() != "host"}
        connection.request(self.command, self.path, body=body or None, headers={**headers, "Connection": "close"})
        return connection.getresponse()

    def head(self, status, headers, framing):
        self.send_response_only(status)
        for key, value in headers:
            if key.lower() not in HOP_BY_HOP:
                self.send_header(key, value)
        self.send_header(*framing)
        self.end_headers()

    def stream(self, entry, answer):
        """A watch: each piece at once, until one side ends it."""
        source = answer.fp.raw._sock

        def end_with_client():
            select.select([self.connection], [], [])  # one that watches sends nothing more: what can be read is its end
            source.shutdown(socket.SHUT_RDWR)

        self.head(answer.status, answer.getheaders(), ("Transfer-Encoding", "chunked"))
        self.script.stage(entry, "answered", answer.status)
        threading.Thread(target=end_with_client, daemon=True).start()
        while piece := answer.read1(65536):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        entry, rule = self.script.arrive(self.command, self.path)
        action = rule["action"]
        if action == "answer":
            text = rule["body"].encode()
            self.head(rule["status"], rule["headers"].items(), ("Content-Length", str(len(text))))
            self.wfile.write(text)
            self.script.stage(entry, "answered", rule["status"])
            return
        if action == "cut" or (action == "hold" and not self.script.hold(entry)):
            self.cut(entry)
            return
        self.script.stage(entry, "forwarded")
        try:
            answer = self.ask(body)
            if action == "twice":
                answer.read()
                answer = self.ask(body)
        except OSError:
            self.cut(entry)
            return
        if "watch=1" in self.path and answer.status == 200 and action == "pass":
            self.stream(entry, answer)
            return
        text = answer.read()
        self.script.stage(entry, "forwarded", answer.status)
        if action == "cut_reply" or (action == "hold_reply" and not self.script.hold(entry)):
            self.cut(entry)
            return
        self.head(answer.status, answer.getheaders(), ("Content-Length", str(len(text))))
        if action == "cut_half":
            self.wfile.write(text[:len(text) // 2])
            self.cut(entry)
            return
        self.wfile.write(text)
        self.script.stage(entry, "answered", answer.status)

    def guarded(self):
        try:
            self.one()
        except (OSError, http.client.HTTPException):
            self.close_connection = True

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = guarded


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    context = None

    def get_request(self):
        connection, address = super().get_request()
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, *_):
        pass  # a client that went away


class Control(http.server.BaseHTTPRequestHandler):
    script = None

    def log_message(self, *_):
        pass

    def reply(self, document):
        text = json.dumps(document).encode()
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        with self.script.change:
            self.reply(self.script.entries)

    def do_POST(self):
        given = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if self.path == "/rule":
            self.reply(self.script.add(given))
            return
        {"/release": lambda: self.script.release(given.get("forward", True)), "/clear": self.script.clear,
         "/sever": self.script.sever}[self.path]()
        self.reply({})


def main():
    parser = argparse.ArgumentParser()
    for name in ("upstream", "ca", "dir"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    folder = Path(options.dir)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=proxy", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "proxy.key", "-out",
                    folder / "proxy.crt"], check=True, capture_output=True)
    script = Script()
    Handler.script = Control.script = script
    Handler.upstream = urlsplit(options.upstream)
    Handler.trust = ssl.create_default_context(cafile=options.ca)
    Server.context = None
    control = Server(("127.0.0.1", 0), Control)
    front = Server(("127.0.0.1", 0), Handler)
    front.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    front.context.load_cert_chain(folder / "proxy.crt", folder / "proxy.key")
    threading.Thread(target=control.serve_forever, daemon=True).start()
    new = folder / "proxy.json.new"
    new.write_text(json.dumps({"port": front.server_address[1], "control": control.server_address[1]}))
    new.replace(folder / "proxy.json")
    front.serve_forever()


if __name__ == "__main__":
    main()
