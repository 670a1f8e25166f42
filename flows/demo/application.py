"""The sample shop's application: reads and writes without rest, and says how well it is. Run as a program of its own.

It stands for what a release must not break: it knows the columns of its version, it does not know of Gate, and when it
is thrown out it knocks again. Standard input is its leash: it ends when that closes.
"""

import argparse
import json
import os
import random
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
from psycopg import errors

URL = "SHOP_DATABASE_URL"
REST_SECONDS = 0.02  # between two pages
KNOCK_SECONDS = 0.05  # between two attempts to get in again
WRITE_EVERY = 3  # pages a new order

# What each version of the application knows of a customer. 2.3 still greets people by the old column.
GREETING = {"2.3": "c.name", "2.4": "concat_ws(' ', c.given_name, c.family_name)"}
PAGE = """
SELECT {greeting}, o.total, count(i.id)
  FROM orders AS o
  JOIN customers AS c ON c.id = o.customer_id
  LEFT JOIN order_items AS i ON i.order_id = o.id
 WHERE o.id = %s
 GROUP BY 1, 2
"""
HOW_MANY = "SELECT (SELECT max(id) FROM orders), (SELECT max(id) FROM customers), (SELECT max(id) FROM products)"
ORDER = "INSERT INTO orders (customer_id, total) VALUES (%s, %s) RETURNING id"
LINE = """
INSERT INTO order_items (order_id, product_id, quantity, price)
SELECT %s, id, 1, price FROM products WHERE id = %s
"""
WELL = PAGE.replace("WHERE o.id = %s", "WHERE o.id = (SELECT max(id) FROM orders)")


class Tally:
    """What happened since somebody last asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._counts = {"reads": 0, "writes": 0, "errors": 0, "thrown_out": 0}
        self._gap = 0.0
        self._last = time.monotonic()
        self._complaint = ""

    def note(self, what: str, complaint: str = "") -> None:
        """Count one page read, order written, error, or eviction."""
        with self._lock:
            self._counts[what] += 1
            self._complaint = complaint or self._complaint
            if what in {"reads", "writes"}:
                self._measure()

    def take(self) -> dict[str, Any]:
        """Everything since the last time, and start anew."""
        with self._lock:
            self._measure()
            taken = {**self._counts, "longest_gap_seconds": round(self._gap, 3), "complaint": self._complaint}
            self._reset()
            return taken

    def _measure(self) -> None:
        now = time.monotonic()
        self._gap, self._last = max(self._gap, now - self._last), now


class Shop:
    """One busy worker of the shop."""

    def __init__(self, url: str, version: str, tally: Tally) -> None:
        self._url = url
        self._page = PAGE.format(greeting=GREETING[version])
        self._well = WELL.format(greeting=GREETING[version])
        self._tally = tally
        self._random = random.Random(7)  # noqa: S311 (which order somebody looks at is no secret)

    def work(self, stop: threading.Event) -> None:
        """Read pages and write orders until told to stop, knocking again whenever the connection is lost."""
        while not stop.is_set():
            try:
                with connect(self._url) as connection:
                    self._serve(connection, stop)
            except psycopg.OperationalError:
                self._tally.note("thrown_out")
                stop.wait(KNOCK_SECONDS)

    def _serve(self, connection: psycopg.Connection[Any], stop: threading.Event) -> None:
        orders, *others = connection.execute(HOW_MANY).fetchone() or (1, 1, 1)
        for number in range(sys.maxsize):
            if stop.wait(REST_SECONDS):
                return
            try:
                connection.execute(self._page, (self._random.randint(1, orders),)).fetchall()
                self._tally.note("reads")
            except psycopg.OperationalError:
                raise
            except psycopg.Error as error:
                self._tally.note("errors", said(error))
            if number % WRITE_EVERY == 0:
                self._order(connection, *others)

    def _order(self, connection: psycopg.Connection[Any], customers: int, products: int) -> None:
        try:
            with connection.transaction():
                found = connection.execute(ORDER, (self._random.randint(1, customers), 24.5)).fetchone()
                connection.execute(LINE, (found and found[0], self._random.randint(1, products)))
            self._tally.note("writes")
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            self._tally.note("errors", said(error))

    def is_well(self) -> str:
        """Empty when the newest order can be shown as this version shows it, else what the database said."""
        try:
            with connect(self._url) as connection:
                connection.execute(self._well).fetchall()
        except (psycopg.Error, errors.Error) as error:
            return said(error)
        return ""


def connect(url: str) -> psycopg.Connection[Any]:
    """A connection as an application has it: in autocommit mode, without prepared statements."""
    return psycopg.connect(url, autocommit=True, prepare_threshold=None, connect_timeout=2, application_name="shop 2")


def said(error: psycopg.Error) -> str:
    """The first line of what the database said."""
    return (error.diag.message_primary or str(error).partition("\n")[0] or type(error).__name__).strip()


def door(shop: Shop, version: str, tally: Tally) -> ThreadingHTTPServer:
    """The application's HTTP side, on a port of the system's choosing: /health, /version, /tally."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            complaint = shop.is_well() if self.path == "/health" else ""
            if self.path == "/health":
                self._answer(500 if complaint else 200, {"well": not complaint}, complaint)
            elif self.path == "/version":
                self._answer(200, {"version": version})
            elif self.path == "/tally":
                self._answer(200, tally.take())
            else:
                self._answer(404, {"complaint": "no such page"})

        def _answer(self, status: int, content: dict[str, Any], reason: str = "") -> None:
            body = json.dumps({**content, "complaint": reason} if reason else content).encode()
            self.send_response(status, reason if reason.isascii() and reason.isprintable() and reason else None)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: the terminal belongs to the demo."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Door)


def main() -> None:
    """Work until standard input closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", choices=sorted(GREETING), required=True)
    parser.add_argument("--idle", action="store_true", help="only answer; read and write nothing")
    wanted = parser.parse_args()
    tally, stop = Tally(), threading.Event()
    shop = Shop(os.environ[URL], wanted.version, tally)
    server = door(shop, wanted.version, tally)
    threads = [threading.Thread(target=server.serve_forever, daemon=True)]
    if not wanted.idle:
        threads.append(threading.Thread(target=shop.work, args=(stop,), daemon=True))
    for thread in threads:
        thread.start()
    print(json.dumps({"port": server.server_port}), flush=True)  # noqa: T201
    sys.stdin.read()
    stop.set()
    server.shutdown()


if __name__ == "__main__":
    main()
