"""The brokers: how each is installed, started, asked, and on which port it listens."""
import dataclasses
import glob
import os
import pathlib
import shutil
import subprocess

from build import LAKOU, LOAD, PEERS, build
from processes import Failure, Process

HERE = pathlib.Path(__file__).resolve().parent
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")      # Debian asks it before it starts the service of a package


@dataclasses.dataclass(frozen=True, eq=False)     # each is itself only, and can be a key
class Broker:
    name: str
    kind: str           # how the load generators call it
    load: pathlib.Path  # the one that knows it
    program: str
    package: str        # Debian's; empty for our own
    port: int
    is_synced: bool     # an answer means: on disk
    sync: str = ""      # Lakou's
    start_within: int = 60

    def start(self, core, scratch):
        """Starts it on what its folder holds; returns without waiting until it listens."""
        return Process(self.name, _command(self, scratch), core, scratch, _environment(self, scratch))

    def address(self):
        return f"127.0.0.1:{self.port}"


ALL = (
    Broker("lakou each", "lakou", LOAD, "dotnet", "", 19540, True, "each"),
    Broker("lakou group", "lakou", LOAD, "dotnet", "", 19541, True, "group"),
    Broker("lakou os", "lakou", LOAD, "dotnet", "", 19542, False, "os"),
    Broker("redis", "redis", LOAD, "redis-server", "redis-server", 19550, True),
    Broker("rabbitmq", "rabbitmq", PEERS, "/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server", 19560, True),
    Broker("postgres", "postgres", PEERS, "postgres", "postgresql", 19570, True),
    Broker("nats os", "nats", LOAD, "nats-server", "nats-server", 19580, False),
)

ADMIN_OFFSET = 5        # Lakou's admin listener, from its port
EPMD_PORT = 19562       # names of Erlang nodes; started first, else RabbitMQ leaves one of its own behind
DISTRIBUTION_PORT = 19563
AS_POSTGRES = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups")     # it refuses to be root


def missing(broker):
    """Why the broker cannot take part, or None."""
    if broker.package and not _program(broker) and os.geteuid() == 0 and shutil.which("apt-get"):
        _install(broker.package)
    if not _program(broker):
        return f"{broker.program} is not installed, and is not to be had as Debian's {broker.package}"
    return build(broker.load) or (build(LAKOU) if broker.kind == "lakou" else None)


def prepare(broker, core, scratch):
    """Makes its folder. Returns the processes that it needs beside itself."""
    if broker.kind == "rabbitmq":
        shutil.copy(HERE / "rabbitmq.conf", scratch)
        (scratch / "enabled_plugins").write_text("[].\n")
        epmd = Process("epmd", ("epmd", "-port", str(EPMD_PORT), "-address", "127.0.0.1"), core, scratch)
        epmd.wait_for(EPMD_PORT, 10)
        return [epmd]
    if broker.kind == "postgres":
        folder = scratch / "postgres"
        folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        made = subprocess.run((*_as_postgres(), _program(broker, "initdb"), "-D", folder, "-U", "postgres", "-A", "trust", "--no-sync"),
                              cwd=scratch, capture_output=True, text=True)
        if made.returncode:
            raise Failure(f"initdb: {made.stderr.strip()}")
        shutil.copy(HERE / "postgresql.conf", folder)
    elif broker.kind == "redis":
        (scratch / "redis").mkdir()
    if broker.kind in ("redis", "nats", "lakou"):
        shutil.copy(HERE / {"redis": "redis.conf", "nats": "nats.conf", "lakou": "lakou.yaml"}[broker.kind], scratch)
    return []


def _command(broker, scratch):
    return {
        "lakou": ("dotnet", str(LAKOU), "run", "lakou.yaml"),
        "redis": ("redis-server", "redis.conf", "--dir", str(scratch / "redis")),
        "rabbitmq": (broker.program,),
        "postgres": (*_as_postgres(), _program(broker), "-D", str(scratch / "postgres")),
        "nats": ("nats-server", "-c", "nats.conf"),
    }[broker.kind]


def _environment(broker, scratch):
    if broker.kind == "lakou":
        return {"DOTNET_PROCESSOR_COUNT": "1", "BENCH_PORT": str(broker.port), "BENCH_ADMIN_PORT": str(broker.port + ADMIN_OFFSET),
                "BENCH_SYNC": broker.sync, "BENCH_FOLDER": str(scratch / broker.name.replace(" ", "-"))}
    if broker.kind == "rabbitmq":
        return {"HOME": str(scratch), "ERL_EPMD_PORT": str(EPMD_PORT), "RABBITMQ_DIST_PORT": str(DISTRIBUTION_PORT), "RABBITMQ_NODENAME": "bench@localhost",
                "RABBITMQ_CONFIG_FILE": str(scratch / "rabbitmq.conf"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(scratch / "enabled_plugins"),
                "RABBITMQ_MNESIA_BASE": str(scratch / "rabbitmq"), "RABBITMQ_LOG_BASE": str(scratch), "RABBITMQ_PID_FILE": str(scratch / "rabbitmq.pid"),
                # As many schedulers as cores, and none that spins while it has nothing to do.
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"}
    return {"GOMAXPROCS": "1"} if broker.kind == "nats" else {}


def _program(broker, name=None):
    found = shutil.which(name or broker.program)
    if not found and broker.kind == "postgres":
        # Debian keeps these out of the PATH, a folder for each version.
        found = next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name or broker.program}"), reverse=True)), None)
    return found


def _as_postgres():
    return AS_POSTGRES if os.geteuid() == 0 else ()


def _install(package):
    """Without starting its service, which is not the one that is measured."""
    print(f"installing {package} …", flush=True)
    is_ours = not POLICY.exists()
    try:
        if is_ours:
            POLICY.write_text("#!/bin/sh\nexit 101\n")
            POLICY.chmod(0o755)
        for command in ("update", "-qq"), ("install", "-y", "-qq", "--no-install-recommends", package):
            subprocess.run(("apt-get", *command), capture_output=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, timeout=600)
    except subprocess.TimeoutExpired:
        pass    # whoever asked sees that the program is not there
    finally:
        if is_ours:
            POLICY.unlink(missing_ok=True)
