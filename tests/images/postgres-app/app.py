"""A guest book of one line: GET counts and shows visits. Says that it is ready when it listens (sd_notify)."""

import os
import socket
from http.server import BaseHTTPRequestHandler, HTTPServer

import psycopg2


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with self.server.database as database, database.cursor() as cursor:
            cursor.execute("insert into visits default values returning number")
            body = f"visit {cursor.fetchone()[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = HTTPServer(("127.0.0.1", 8000), Handler)
server.database = psycopg2.connect(dbname="app")
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
server.serve_forever()
