"""Writes runs with their metrics straight into the SQLite database of an MLflow server: by its API two million numbers take an hour.

python mlflow_seed.py DATABASE EXPERIMENT_ID RUNS STEPS KEYS
"""

import math
import sqlite3
import sys
import uuid

database, experiment, runs, steps, keys = sys.argv[1], *map(int, sys.argv[2:])
connection = sqlite3.connect(database, timeout=60)
begin = 1_795_000_000_000
names = [f"base/metric{key}" for key in range(keys)]
for index in range(runs):
    run = uuid.uuid4().hex
    connection.execute(
        "INSERT INTO runs (run_uuid, name, user_id, status, start_time, end_time, lifecycle_stage, experiment_id, artifact_uri)"
        " VALUES (?, ?, 'bench', 'FINISHED', ?, ?, 'active', ?, ?)",
        (run, f"run-{index}", begin + index, begin + index + steps, experiment, f"mlflow-artifacts:/{experiment}/{run}/artifacts"),
    )
    connection.executemany(
        "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", [(f"train.p{number}", str(index * number), run) for number in range(20)]
    )
    for name in names:
        rows = [(name, math.exp(-step / steps) + index, begin + step, run, step, False) for step in range(1, steps + 1)]
        connection.executemany("INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.execute("INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)", rows[-1])
connection.commit()
