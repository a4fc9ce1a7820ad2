import time, signal, os
from test_application import *
def test_x(lake, postgres, start, gate):
    a = start(lake.spec(query=GATED, fetchsize=1000, partition={"column": "id", "num": 2}))
    t=time.time()
    while time.time()-t<30:
        time.sleep(3)
        print(int(time.time()-t), a.process.poll(), postgres.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()[0], [(p.name[:20], p.stat().st_size) for p in lake.root.parent.rglob("*.parquet")], postgres.sql("select state, wait_event, left(query,200) from pg_stat_activity where application_name='sparkingest'").fetchall())
    print(a.output.read_text()[-1500:])
def test_y(lake, postgres, start):
    a = start(lake.spec(query="SELECT g AS id, repeat('x', 300000000) AS big FROM generate_series(1, 4) g"))
    print(a.wait())
    print('\n'.join(l[:300] for l in a.output.read_text().splitlines() if 'INFO' not in l and not l.startswith('	'))[-6000:])
