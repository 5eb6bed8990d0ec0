"""sdnb against what a user would write instead: `python -m benchmarks`.

`plain` holds the scripts that sdnb is held against, `rows` one function per row of the table, `kernel`
the processes they run in and the order of the runs.
"""
