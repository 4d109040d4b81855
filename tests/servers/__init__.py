"""Real servers for tests and benchmarks: started on a free port of this machine, gone afterwards.

Each is a context manager that yields an address and can be used without pytest:

    with postgres_server(fsync=True) as server: ...   # server.url, server.tool("pgbench")
    with redis_server() as url: ...
"""

from tests.servers.postgres import Postgres, postgres_server
from tests.servers.processes import ServerUnavailable
from tests.servers.redis import redis_server

__all__ = ["Postgres", "ServerUnavailable", "postgres_server", "redis_server"]
